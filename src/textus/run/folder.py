"""Finding and loading what is in a run folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from textus.errors import StoreError
from textus.model.files import CONFIG, load_model
from textus.model.transformer import Transformer
from textus.recipe import build, read_toml
from textus.run.names import CHECKPOINTS, RECIPE
from textus.run.settings import Recipe
from textus.store import verify
from textus.tokenizer.tokenizer import Tokenizer
from textus.train.checkpoint import newest_checkpoint


@dataclass(frozen=True)
class Loaded:
    """A model and its tokenizer, ready to write."""

    model: Transformer
    tokenizer: Tokenizer


def check_run(run: Path) -> None:
    """StoreError unless `run` is a run folder."""
    if not (run / RECIPE).is_file():
        raise StoreError(
            f"{run} is not a run folder: there is no {RECIPE} in it. "
            f"Make one with: textus run recipes/quickstart.toml --run {run}"
        )


def load_recipe(run: Path) -> Recipe:
    """The resolved recipe that a run folder was made with."""
    check_run(run)
    return build(Recipe, read_toml(run / RECIPE))


def find_weights(path: Path, say: Callable[[str], None]) -> Path:
    """The folder with the weights that `path` stands for, its checksums verified.

    `path` is a run folder (its finished model, or else its newest undamaged checkpoint), or a
    folder with a model.
    """
    if (path / CONFIG).is_file():
        verify(path)
        return path
    if (path / "model" / CONFIG).is_file():
        verify(path / "model")
        return path / "model"
    newest = newest_checkpoint(path / CHECKPOINTS, say)
    if newest is None:
        raise StoreError(
            f"{path} holds no trained model and no checkpoint; "
            f"train one with: textus run recipes/quickstart.toml --run {path}"
        )
    say(f"training has not finished; taking {newest.name}")
    return newest


def _silent(text: str) -> None:
    """Says nothing."""


def load_run(
    path: Path, *, device: torch.device | str = "cpu", say: Callable[[str], None] = _silent
) -> Loaded:
    """Model and tokenizer of a run folder, of one of its checkpoints, or of a model folder."""
    if not path.is_dir():
        raise StoreError(f"there is no folder {path}")
    weights = find_weights(path, say)
    return Loaded(load_model(weights, device=device), Tokenizer.load(weights))
