"""Models from and to the formats of others.

importing.py    a checkpoint of Hugging Face's transformers -> a model folder
exporting.py    a model folder -> a checkpoint of Hugging Face's transformers
family.py       what is known of one architecture of theirs; families/ has one file for each line
weights.py      rules: which of their tensors hold the numbers of which of ours
catalogue.py    the known families
match.py        the family that can say what a model of ours is
carry.py        all tensors, by a family's rules
tensors.py      safetensors files, tensor by tensor
settings.py     what config.json files have in common; rope.py: rotary positions in them
checkpoint.py   the files of a checkpoint; hub.py: those on the Hugging Face Hub
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textus.convert.exporting import export_model
    from textus.convert.importing import import_model

__all__ = ["export_model", "import_model"]

_HOMES = {
    "export_model": "textus.convert.exporting",
    "import_model": "textus.convert.importing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'textus.convert' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
