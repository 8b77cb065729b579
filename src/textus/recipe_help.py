"""What can be set: every setting of a tree of dataclasses, as help shows it."""

import ast
import dataclasses
import functools
import inspect
import itertools
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from textus.recipe import KIND, kind_of


@dataclass(frozen=True, kw_only=True)
class Field:
    """One setting, as `--help` shows it."""

    path: str
    type: str
    default: str
    text: str


def describe(cls: Any, path: str = "") -> Iterator[Field]:
    """Every setting below `cls`, depth first, with its type, default and meaning."""
    hints = typing.get_type_hints(cls)
    texts = _docstrings(cls)
    for f in dataclasses.fields(cls):
        where, hint = f"{path}.{f.name}".lstrip("."), hints[f.name]
        inner = next((a for a in typing.get_args(hint) if isinstance(a, type)), hint)
        inner = hint if isinstance(hint, type) and not typing.get_args(hint) else inner
        many = "[]" if typing.get_origin(hint) is tuple else ""
        if hasattr(inner, "variants"):
            yield Field(
                path=where + many, type="table", default=_default(f), text=texts.get(f.name, "")
            )
            for name, variant in inner.variants().items():
                yield from describe(variant, f"{where}{many}({KIND}={name})")
        elif dataclasses.is_dataclass(inner):
            if many:
                yield Field(
                    path=where + many, type="table", default=_default(f), text=texts.get(f.name, "")
                )
            yield from describe(inner, where + many)
        else:
            yield Field(
                path=where, type=_type_name(hint), default=_default(f), text=texts.get(f.name, "")
            )


def _default(f: Any) -> str:
    if f.default is not dataclasses.MISSING:
        value = f.default
    elif f.default_factory is not dataclasses.MISSING:
        value = f.default_factory()
    else:
        return "required"
    if isinstance(value, tuple) and value and kind_of(value[0]):
        return ", ".join(str(kind_of(v)) for v in value)
    return "not set" if value is None else str(kind_of(value) or value)


def _type_name(hint: Any) -> str:
    arguments = [a for a in typing.get_args(hint) if a not in (type(None), ...)]
    if typing.get_origin(hint) is Literal:
        return "|".join(map(str, arguments))
    if arguments:
        return "|".join(_type_name(a) for a in arguments)
    return getattr(hint, "__name__", str(hint))


@functools.cache
def _docstrings(cls: type) -> dict[str, str]:
    """The bare string below each field of a class: Python keeps none of them, so the source is
    read."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        try:
            body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base))).body[0]
        except (OSError, TypeError):  # no source at hand, as for a class typed at a prompt
            continue
        lines = getattr(body, "body", [])
        for statement, following in itertools.pairwise(lines):
            value = getattr(following, "value", None)
            if isinstance(statement, ast.AnnAssign) and isinstance(value, ast.Constant):
                name = getattr(statement.target, "id", "")
                found[name] = " ".join(str(value.value).split())
    return found
