"""Names that stand for objects: the built-in ones, and, with permission, a user's own code.

A recipe can name a class of the user's as `package.module:Class`. Importing it runs code, so a
recipe from somebody else could do anything; that is why it needs `--allow-code` (or `allow_code()`)
in this process.
"""

import difflib
import importlib
import operator
from collections.abc import Iterable, Mapping
from typing import TypeVar

from textus.errors import RecipeError

T = TypeVar("T")
_allowed = False


def allow_code(allowed: bool = True) -> None:
    """Lets this process import code that a recipe names, or forbids it again."""
    global _allowed
    _allowed = allowed


def lookup(name: str, table: Mapping[str, T], *, what: str) -> T:
    """The entry of `table` called `name`, or the object that `package.module:Name` stands for.

    Raises RecipeError for an unknown name (with the nearest known one) and for code without
    permission.
    """
    if name in table:
        return table[name]
    if ":" not in name:
        raise RecipeError(f"unknown {what} {name!r}{did_you_mean(name, table)}")
    if not _allowed:
        raise RecipeError(
            f"{what} {name!r} is code outside Textus; importing it runs it. "
            "If you trust it, add --allow-code."
        )
    module, _, attribute = name.partition(":")
    if not module or not attribute or module.startswith("."):
        raise RecipeError(f"{what} {name!r} should be written package.module:Name")
    try:
        return operator.attrgetter(attribute)(importlib.import_module(module))
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"{what} {name!r} cannot be loaded: {error}. Is its folder on PYTHONPATH?"
        ) from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message about a misspelt name: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return "; known: " + ", ".join(names)
