"""The state of training on disk: all that the next step depends on, checked before it is used.

A checkpoint is a folder `step-00000100` with the model (as `textus.model.files` writes it),
`training.safetensors` (optimizer and random state) and `state.json` (counters, place in the data,
length of the metrics). It appears as a whole or not at all; no file in it is a pickle.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from textus.errors import DamagedError
from textus.model.files import load_tensors, load_weights, save_model, save_tensors
from textus.model.transformer import Transformer
from textus.store import Manifest, new_folder, remove_folder, verify

TENSORS = "training.safetensors"
STATE = "state.json"


@dataclass
class TrainState:
    """Counters of a run, and its place in the data."""

    step: int = 0
    """Steps taken."""
    tokens: int = 0
    """Tokens learned from."""
    skipped: int = 0
    """Steps skipped because their loss or gradient was not finite."""
    skipped_in_row: int = 0
    """How many of the latest steps were skipped."""
    seconds: float = 0.0
    """Time spent in steps, over all the processes that worked on this run in turn."""
    loader: dict[str, Any] = field(default_factory=dict)
    """The loader's own state."""
    metrics_bytes: int = 0
    """Length of the metrics when this was written."""


def save_checkpoint(
    folder: Path,
    model: Transformer,
    optimizers: Sequence[Optimizer],
    state: TrainState,
    *,
    keep: int,
    companions: Sequence[Path] = (),
) -> Path:
    """Writes `folder/step-N`, then removes all but the newest `keep` checkpoints.

    `companions` are files that are copied into it, so that it is complete in itself.
    """
    path = folder / f"step-{state.step:08d}"
    manifest = Manifest(kind="checkpoint", counts={"step": state.step, "tokens": state.tokens})
    with new_folder(path, manifest, replace=True) as work:
        save_model(model, work)
        save_tensors(_tensors(model, optimizers), work / TENSORS)
        (work / STATE).write_text(json.dumps(asdict(state)) + "\n", "utf-8")
        for file in companions:
            shutil.copy(file, work)
    remove_older(path, keep)
    return path


def remove_older(path: Path, keep: int) -> None:
    """Removes all but the newest `keep` checkpoints, of which `path` is the first.

    Later ones, which can only be damaged, do not count; training will write them anew.
    """
    for old in [found for found in _checkpoints(path.parent) if found.name <= path.name][keep:]:
        remove_folder(old)


def newest_checkpoint(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The newest checkpoint whose every checksum is right; damaged ones are named through `say`."""
    for path in _checkpoints(folder):
        try:
            verify(path)
        except DamagedError as error:
            say(f"checkpoint {path.name} is damaged and left out: {error}")
        else:
            return path
    return None


def load_checkpoint(path: Path, model: Transformer, optimizers: Sequence[Optimizer]) -> TrainState:
    """Puts model, optimizers and torch's random generators into the state that was saved."""
    load_weights(model, path)
    found = load_tensors(path / TENSORS)
    names = {parameter: name for name, parameter in model.named_parameters()}
    for index, optimizer in enumerate(optimizers):
        for parameter in (p for group in optimizer.param_groups for p in group["params"]):
            prefix = f"optimizer.{index}.{names[parameter]}/"
            optimizer.state[parameter] = {
                name.removeprefix(prefix): tensor.to(parameter.device)
                for name, tensor in found.items()
                if name.startswith(prefix)
            }
    torch.set_rng_state(found["random.cpu"])
    if "random.cuda" in found and torch.cuda.is_available():
        torch.cuda.set_rng_state(found["random.cuda"])
    return TrainState(**json.loads((path / STATE).read_text("utf-8")))


def _checkpoints(folder: Path) -> Iterator[Path]:
    """Checkpoint folders, newest first."""
    yield from sorted(folder.glob("step-*"), reverse=True)


def _tensors(model: Transformer, optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    names: dict[Tensor, str] = {parameter: name for name, parameter in model.named_parameters()}
    tensors = {
        f"optimizer.{index}.{names[parameter]}/{key}": value
        for index, optimizer in enumerate(optimizers)
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    return tensors
