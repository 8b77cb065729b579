"""Reads back the values and notes that `textus.recipe.to_toml` writes."""

import tomllib
from typing import Any

from textus.recipe import flatten


def read_notes(text: str) -> dict[str, tuple[Any, str]]:
    """Of every value its dotted path, the value, and the note behind it ("" where there is none).

    `to_toml` gives each value and each table a line of its own; its tree and notes come back.
    ValueError where the text is no TOML.
    """
    found: dict[str, tuple[Any, str]] = {}
    table = ""
    seen: dict[str, int] = {}
    for line in text.split("\n"):
        if line.startswith("["):
            table = _table_path(line, seen)
        elif line.strip():
            assignment, note = _split_note(line)
            for path, value in flatten(tomllib.loads(assignment)).items():
                found[f"{table}.{path}".lstrip(".")] = (value, note)
    return found


def _table_path(header: str, seen: dict[str, int]) -> str:
    """`[a.b]` as a.b, and the second `[[a.b]]` as a.b[1]; `seen` has the last number of each."""
    *above, last = header.strip("[]").split(".")
    path = ""
    for part in above:
        path = _numbered(f"{path}.{part}".lstrip("."), seen)
    path = f"{path}.{last}".lstrip(".")
    if header.startswith("[["):
        seen[path] = seen.get(path, -1) + 1
    return _numbered(path, seen)


def _numbered(path: str, seen: dict[str, int]) -> str:
    return f"{path}[{seen[path]}]" if path in seen else path


def _split_note(line: str) -> tuple[str, str]:
    """The assignment in a line, and the comment behind it; a `#` inside a string is none."""
    place = -1
    while (place := line.find("  # ", place + 1)) >= 0:
        try:
            tomllib.loads(line[:place])
        except tomllib.TOMLDecodeError:
            continue
        return line[:place], line[place + 4 :]
    return line, ""
