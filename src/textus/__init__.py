"""Textus builds a GPT from the ground up: from token to text.

    import textus

    textus.build("recipes/quickstart.toml", run="runs/mine")
    print(textus.load("runs/mine").generate("ROMEO:"))

The names below are loaded on first use, so that `import textus` costs nothing. None may be that of
a folder: importing that would put it in the name's place.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textus.errors import TextusError
    from textus.plugins import allow_code
    from textus.run.api import Model, build, load

__all__ = ["Model", "TextusError", "allow_code", "build", "load"]
__version__ = "0.1.0"

_HOMES = {
    "Model": "textus.run.api",
    "TextusError": "textus.errors",
    "allow_code": "textus.plugins",
    "build": "textus.run.api",
    "load": "textus.run.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'textus' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
