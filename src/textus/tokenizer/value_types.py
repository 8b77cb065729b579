"""Whether settings have values of the types that their class states."""

import dataclasses
import types
import typing
from numbers import Integral, Real
from typing import Any, Literal

from textus.errors import RecipeError

_NOUNS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: 'a tuple of texts, such as ("<|endoftext|>",)',
}


def check_types(settings: Any) -> None:
    """RecipeError for the first field of a dataclass that has a value of another type, or none of
    its choices.

    Checked are Literal, int, float, str, tuples, which are of str, and these or None. A recipe's
    values were checked before; those that Python code gives are not.
    """
    hints = typing.get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        _check(field.name, getattr(settings, field.name), hints[field.name])


def _check(name: str, value: Any, hint: Any) -> None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise RecipeError(f"{name}={value!r} is none of {', '.join(map(repr, arguments))}.")
    elif origin is types.UnionType:
        if value is not None:
            _check(name, value, arguments[0])
    elif (origin or hint) in _NOUNS and not _has_type(value, origin or hint):
        raise RecipeError(f"{name}={value!r} should be {_NOUNS[origin or hint]}.")


def _has_type(value: Any, hint: type) -> bool:
    if hint is tuple:
        return isinstance(value, tuple | list) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return False
    return isinstance(value, {int: Integral, float: Real}.get(hint, hint))
