"""A checkpoint of Hugging Face's transformers: config.json and safetensors files in a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textus.errors import ConvertError, DamagedError, StoreError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def read_json(file: Path) -> dict[str, Any]:
    """A table of settings; DamagedError where the file is none."""
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedError(f"{file} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise DamagedError(f"{file} cannot be read: it is no table")
    return values


def read_settings(folder: Path) -> dict[str, Any]:
    """config.json; StoreError where the folder is no such checkpoint."""
    if not (folder / CONFIG).is_file():
        raise StoreError(
            f"{folder} holds no checkpoint of Hugging Face transformers: there is no {CONFIG} in it"
        )
    settings = read_json(folder / CONFIG)
    if "model_type" not in settings:
        raise ConvertError(f"{folder / CONFIG} says no model_type, so that nobody knows what it is")
    return settings


def weight_files(folder: Path) -> Sequence[Path]:
    """The safetensors files of a checkpoint, whole or in shards.

    Raises ConvertError where the weights are a pickle, which could run code.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(read_json(folder / INDEX).get("weight_map", {}).values()))
        files = [folder / name for name in names]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            raise StoreError(f"{folder} lacks {', '.join(missing)}, which its {INDEX} names")
        if any(file.parent != folder for file in files):
            raise ConvertError(f"{folder / INDEX} names files that lie outside of its folder")
        return files
    pickled = sorted(p.name for pattern in ("*.bin", "*.pth", "*.pt") for p in folder.glob(pattern))
    if pickled:
        raise ConvertError(
            f"{folder} has its weights as {pickled[0]}, a pickle, which could run code when it is "
            "read; have transformers write them anew with save_pretrained, as safetensors"
        )
    raise StoreError(f"{folder} holds no weights: there is no {WEIGHTS} and no {INDEX} in it")
