"""A model in a folder: `config.json` and `model.safetensors`. Nothing in it can run code."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from textus.errors import DamagedError, RecipeError, StoreError
from textus.model.config import ModelConfig
from textus.model.position import Alibi, Rotary
from textus.model.transformer import Transformer
from textus.recipe import build, to_tree

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save_model(model: Transformer, folder: Path) -> None:
    """Writes configuration and weights into an existing folder; a tied head is stored once."""
    (folder / CONFIG).write_text(json.dumps(to_tree(model.config), indent=1) + "\n", "utf-8")
    save_tensors(weights_of(model), folder / WEIGHTS)


def load_model(folder: Path, *, device: torch.device | str = "cpu") -> Transformer:
    """The model that `save_model` wrote, in evaluation mode, on `device`.

    Raises StoreError where there is none, DamagedError where its parts do not fit together.
    """
    config = read_config(folder)
    with torch.device("meta"):  # where initialising draws nothing
        model = Transformer(config)
    model.to_empty(device=device)
    for module in model.modules():
        if isinstance(module, Rotary | Alibi):
            module.compute()
    if config.head.tied:  # to_empty gives each name a tensor of its own
        model.head.weight = model.embedding.weight
    load_weights(model, folder)
    return model.eval()


def read_config(folder: Path) -> ModelConfig:
    """The configuration in a model's folder."""
    try:
        values = json.loads((folder / CONFIG).read_text("utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{folder} holds no model: there is no {CONFIG} in it") from error
    except ValueError as error:
        raise DamagedError(f"{folder / CONFIG} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise DamagedError(f"{folder / CONFIG} cannot be read: it is no table of settings")
    try:
        return build(ModelConfig, values)
    except RecipeError as error:
        raise StoreError(
            f"{folder / CONFIG} does not fit this Textus: {error}; another version wrote it"
        ) from error


def load_weights(model: Transformer, folder: Path) -> None:
    """Fills `model` with the weights in `folder`; names and shapes must agree one by one."""
    found = load_tensors(folder / WEIGHTS)
    wanted = weights_of(model)
    odd = sorted(set(found) ^ set(wanted))
    odd += [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
    if odd:
        raise StoreError(
            f"the weights in {folder} are of another model: "
            f"{', '.join(odd[:5])} do not fit its settings"
        )
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(found[name])


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter once, by name: what is shared appears under its first name only."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def save_tensors(tensors: dict[str, Tensor], file: Path) -> None:
    """Writes named tensors as safetensors."""
    try:
        save_file({name: t.contiguous() for name, t in tensors.items()}, file)
    except SafetensorError as error:
        raise StoreError(
            f"no room to write {file} ({error}); what was finished before is intact. "
            "Free some space and start again."
        ) from error


def load_tensors(file: Path) -> dict[str, Tensor]:
    """Reads a safetensors file; DamagedError names a broken one."""
    try:
        return load_file(file)
    except FileNotFoundError as error:
        raise StoreError(f"{file} is missing") from error
    except (SafetensorError, OSError) as error:
        raise DamagedError(f"{file} cannot be read: {error}") from error
