"""Trees of frozen dataclasses <-> TOML: strict, with overrides and help. Knows no component.

A recipe's values come in layers, each a nested dict: the file, then the command line, then what is
derived from them. `build` turns the merged layers into dataclasses; every mistake in them is a
RecipeError that names the dotted path, the value and the nearest remedy.

A field may be a bool, int, float, str, Literal, `X | None`, `tuple[X, ...]`, another dataclass, or
a *variant*: a class with a classmethod `variants()` that maps names to sibling classes, picked by
the key `kind`. A class with a classmethod `from_text(text)` can be written as a plain string.
"""

import contextlib
import dataclasses
import json
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from textus.errors import RecipeError
from textus.plugins import did_you_mean, lookup

T = TypeVar("T")
Tree = dict[str, Any]
KIND = "kind"
NONE = "none"
"""Stands for None, which TOML cannot write."""


class Text(str):
    """A value typed on a command line: the field's type decides what it means."""


def read_toml(path: Path) -> Tree:
    """Parses a TOML file; RecipeError names the file, and the line where it is malformed."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(
            f"there is no recipe {path}; recipes/ holds those that come along"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RecipeError(f"{path} is not a readable recipe: {error}") from error


def parse_overrides(arguments: list[str]) -> Tree:
    """`["--train.steps", "100", "--a.b=c"]` as a tree; an option given several times becomes a
    list. What is set below a value, `--a x --a.b c`, is set of it: of each where there are several.
    """
    found: list[tuple[list[str], Text]] = []
    rest = list(arguments)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--") or option == "--":
            raise RecipeError(
                f"{option!r} is not an option; settings are written --part.name value"
            )
        name, equals, value = option[2:].partition("=")
        if not equals:
            if not rest or (rest[0].startswith("--") and len(rest[0]) > 2):
                raise RecipeError(f"--{name} needs a value, such as --{name} 1")
            value = rest.pop(0)
        found.append((name.replace("-", "_").split("."), Text(value)))
    tree: Tree = {}
    for path, text in sorted(found, key=lambda option: len(option[0])):
        _put(tree, path, text)
    return tree


def _put(tree: Tree, path: list[str], value: Text) -> None:
    """Puts a value at its place; those nearer to the root have been put before."""
    key, *rest = path
    if rest:
        inner = tree.setdefault(key, {})
        if isinstance(inner, list):
            inner[:] = [_as_table(item) for item in inner]
        else:
            tree[key] = _as_table(inner)
        for table in inner if isinstance(inner, list) else [tree[key]]:
            _put(table, rest, value)
    elif key in tree:
        earlier = tree[key]
        tree[key] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
    else:
        tree[key] = value


def _are_tables(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(v, Mapping | str) for v in value)
    )


def _as_table(value: Any) -> Any:
    """A table that is named by a text alone, in the form in which more can be set of it."""
    return {KIND: value} if isinstance(value, str) else value


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """`base` with the values of `over` in place of its own; tables are merged, lists replaced.

    A table whose `kind` changes starts afresh: the settings of another variant mean nothing to it.
    A table without a `kind` changes each table of a list.
    """
    merged = dict(base)
    for key, value in over.items():
        mine = merged.get(key)
        if isinstance(value, Mapping):
            mine = _as_table(mine)
        elif isinstance(value, str) and isinstance(mine, Mapping) and KIND in mine:
            value = {KIND: value}
        if isinstance(value, Mapping) and isinstance(mine, Mapping):
            changed = KIND in value and value[KIND] != mine.get(KIND, value[KIND])
            merged[key] = dict(value) if changed else merge(mine, value)
        elif isinstance(value, Mapping) and KIND not in value and mine and _are_tables(mine):
            merged[key] = [merge(_as_table(item), value) for item in mine]
        else:
            merged[key] = value
    return merged


def build(cls: type[T], tree: Mapping[str, Any], path: str = "", *, checked: bool = True) -> T:
    """The dataclass `cls` with the values of `tree`; every key must be a field of it.

    With checked=False keys and types are still judged, but not whether the values go together: that
    is for a tree in which some are yet to be derived from others.
    """
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(typing.cast(Any, cls))]
    values = {}
    for key, value in tree.items():
        where = f"{path}.{key}" if path else key
        if key not in names:
            raise RecipeError(f"unknown setting {where}{_nearest(cls, path, key)}")
        values[key] = _convert(value, hints[key], where, checked)
    for f in dataclasses.fields(typing.cast(Any, cls)):
        required = f.default is f.default_factory is dataclasses.MISSING
        if required and f.name not in values:
            raise RecipeError(f"{path}.{f.name} is not set, and has no default".lstrip("."))
    if not checked:
        return _without_checks(cls, values)
    with _located(path):
        return cls(**values)


def _nearest(cls: Any, path: str, key: str) -> str:
    """The end of the message about a setting that `cls` at `path` does not have: those of the same
    name further in, or a similar one of its own."""
    same = dict.fromkeys(p for p in _paths(cls, path) if p.endswith(f".{key}"))
    if same:
        return f"; did you mean {' or '.join(same)}?"
    return did_you_mean(key, (f.name for f in dataclasses.fields(cls)))


def _paths(cls: Any, path: str) -> Iterator[str]:
    """Every setting of `cls` at `path`, and of the tables in it but for those in lists."""
    hints = typing.get_type_hints(cls)
    for f in dataclasses.fields(cls):
        hint, where = hints[f.name], f"{path}.{f.name}".lstrip(".")
        yield where
        options = () if typing.get_origin(hint) is tuple else (hint, *typing.get_args(hint))
        for option in options:
            kinds = option.variants().values() if hasattr(option, "variants") else [option]
            for kind in filter(dataclasses.is_dataclass, kinds):
                yield from _paths(kind, where)


@contextlib.contextmanager
def _located(path: str) -> Iterator[None]:
    """Puts the place in the recipe before what a component says of its settings."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(f"[{path}] {error}" if path else str(error)) from error


def _without_checks(cls: type[T], values: Mapping[str, Any]) -> T:
    instance = object.__new__(cls)
    for f in dataclasses.fields(typing.cast(Any, cls)):
        default = f.default_factory() if callable(f.default_factory) else f.default
        object.__setattr__(instance, f.name, values.get(f.name, default))
    return instance


def _convert(value: Any, hint: Any, path: str, checked: bool) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, arguments, path, checked)
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(
            _convert(v, arguments[0], f"{path}[{i}]", checked) for i, v in enumerate(items)
        )
    if isinstance(value, list) and value and isinstance(value[0], Text):
        raise RecipeError(f"--{path} is given {len(value)} times; it takes one value")
    if origin is Literal:
        for choice in arguments:
            typed = isinstance(value, Text) and value == str(choice)
            if typed or (type(value) is type(choice) and value == choice):
                return choice
        raise RecipeError(f"{path}={value!r} is none of {', '.join(map(repr, arguments))}")
    if dataclasses.is_dataclass(hint) or hasattr(hint, "variants"):
        return _convert_dataclass(value, hint, path, checked)
    return _convert_scalar(value, hint, path)


def _convert_union(value: Any, options: tuple[Any, ...], path: str, checked: bool) -> Any:
    option = next(o for o in options if o is not type(None))
    kinds = option.variants() if hasattr(option, "variants") else {}
    if value is None or (isinstance(value, str) and value.lower() == NONE and NONE not in kinds):
        return None
    return _convert(value, option, path, checked)


def _convert_dataclass(value: Any, cls: Any, path: str, checked: bool) -> Any:
    value = _as_table(value)
    if not isinstance(value, Mapping):
        raise RecipeError(f"{path}={value!r} should be a table of settings")
    if not hasattr(cls, "variants"):
        return build(cls, _without_text(value, cls, path), path, checked=checked)
    rest = dict(value)
    kind = str(rest.pop(KIND, None) or _default_kind(cls, path))
    variant = lookup(kind, cls.variants(), what=f"{path}.{KIND}")
    if not dataclasses.is_dataclass(variant):
        raise RecipeError(f"{path}.{KIND} {kind!r} is no dataclass, so it cannot hold settings")
    return build(variant, rest, path, checked=checked)


def _without_text(value: Mapping[str, Any], cls: Any, path: str) -> Tree:
    """The table with what its text says of the class, where it begins with one."""
    rest = dict(value)
    text = rest.pop(KIND, None)
    if text is None:
        return rest
    if not hasattr(cls, "from_text"):
        raise RecipeError(f"{path}={text!r} should be a table of settings")
    with _located(path):
        return to_tree(cls.from_text(str(text))) | rest


def _default_kind(cls: Any, path: str) -> str:
    default = getattr(cls, "default_kind", None)
    if default is None:
        raise RecipeError(f"{path}.{KIND} is not set; use one of {', '.join(cls.variants())}")
    return default


_NOUNS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _convert_scalar(value: Any, hint: type, path: str) -> Any:
    problem = RecipeError(f"{path}={value!r} should be {_NOUNS.get(hint, hint)}")
    if isinstance(value, Text):
        try:
            return _from_text(value, hint)
        except ValueError:
            raise problem from None
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        raise problem
    if hint is float and not math.isfinite(value):
        raise problem
    return value


def _from_text(text: str, hint: type) -> Any:
    if hint is bool:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in known:
            raise ValueError(text)
        return known[text.lower()]
    if hint is float and not math.isfinite(float(text)):
        raise ValueError(text)
    return hint(text)


def to_tree(value: Any) -> Any:
    """Dataclasses as nested dicts that `build` reads back; None is left out where it is the
    default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = kind_of(value)
        tree: Tree = {KIND: kind} if kind else {}
        for f in dataclasses.fields(value):
            inner = getattr(value, f.name)
            if inner is not None or f.default is not None:
                tree[f.name] = NONE if inner is None else to_tree(inner)
        return tree
    if isinstance(value, tuple | list):
        return [to_tree(item) for item in value]
    return value


def kind_of(value: Any) -> str | None:
    """The name that picks the class of this variant in a recipe; None for an ordinary dataclass."""
    if not hasattr(value, "variants"):
        return None
    cls = type(value)
    known = {klass: name for name, klass in value.variants().items()}
    return known.get(cls, f"{cls.__module__}:{cls.__qualname__}")


def flatten(tree: Any, path: str = "") -> dict[str, Any]:
    """Nested dicts and lists as dotted path -> value."""
    if isinstance(tree, Mapping):
        items = [(f"{path}.{k}" if path else k, v) for k, v in tree.items()]
    elif isinstance(tree, list) and any(isinstance(v, Mapping) for v in tree):
        items = [(f"{path}[{i}]", v) for i, v in enumerate(tree)]
    else:
        return {path: tree}
    return {p: v for key, value in items for p, v in flatten(value, key).items()}


def diff(left: Any, right: Any) -> list[str]:
    """What differs between two trees, a line each: `train.steps: 100 -> 200`."""
    a, b = flatten(left), flatten(right)
    absent = "(not set)"
    keys = [*a, *(key for key in b if key not in a)]
    return [
        f"{key}: {a.get(key, absent)!s} -> {b.get(key, absent)!s}"
        for key in keys
        if a.get(key, absent) != b.get(key, absent)
    ]


def to_toml(tree: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> str:
    """A tree as TOML text; `notes` (dotted path -> text) become comments behind the values."""
    return "\n".join(_toml_lines(tree, "", notes or {})).strip() + "\n"


def _toml_lines(tree: Mapping[str, Any], path: str, notes: Mapping[str, str]) -> Iterator[str]:
    """`path` numbers the tables of a list, as `notes` do; the headers of TOML do not."""
    for key, value in tree.items():
        if not _is_table(value):
            note = notes.get(f"{path}.{key}".lstrip("."))
            yield f"{key} = {_toml_value(value)}" + (f"  # {note}" if note else "")
    for key, value in tree.items():
        where = f"{path}.{key}".lstrip(".")
        header = re.sub(r"\[\d+\]", "", where)
        if isinstance(value, Mapping):
            yield from ("", f"[{header}]", *_toml_lines(value, where, notes))
        elif _is_table(value):
            for i, item in enumerate(value):
                yield from ("", f"[[{header}]]", *_toml_lines(item, f"{where}[{i}]", notes))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) for v in value)
    )


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return repr(value)
