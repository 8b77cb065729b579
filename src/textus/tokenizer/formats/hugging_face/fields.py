"""Fields of a tokenizer.json whose kind is checked as they are read."""

from collections.abc import Mapping
from typing import Any

from textus.errors import DataError


def flag(content: Mapping[str, Any], name: str, default: bool | None = None) -> bool:
    """The truth value of a field; KeyError where it is missing and has no default."""
    value = content[name] if default is None else content.get(name, default)
    if not isinstance(value, bool):
        raise DataError(f"its {name} is {value!r:.80}, neither true nor false")
    return value


def text(content: Mapping[str, Any], name: str) -> str:
    """The text of a field; KeyError where it is missing."""
    value = content[name]
    if not isinstance(value, str):
        raise DataError(f"its {name} is {value!r:.80}, no text")
    return value


def steps(content: Mapping[str, Any] | None, parts: str) -> list[Mapping[str, Any]]:
    """The steps that a part of the file consists of, in order: those of a Sequence are in its field
    `parts`, and may be Sequences in turn."""
    found: list[Mapping[str, Any]] = []
    waiting = [] if content is None else [content]
    while waiting:
        step = waiting.pop()
        if step["type"] == "Sequence":
            waiting += reversed(step[parts])
        else:
            found.append(step)
    return found
