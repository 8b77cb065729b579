"""Relative paths in a recipe, made absolute: they mean the same wherever it is read again."""

import glob
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from textus.corpus.config import WILDCARD
from textus.recipe import KIND, NONE, Tree

_SOURCE, _START = ("corpus", "source"), ("train", "start")


def absolute(tree: Mapping[str, Any], base: Path) -> Tree:
    """The tree with the paths in it, sources and starting weights, as seen from `base`."""
    tree = _changed(dict(tree), _SOURCE, lambda sources: _of_sources(sources, base))
    return _changed(tree, _START, lambda path: _of_path(path, base))


def _changed(tree: Any, place: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    """A copy of the tree with another value at a place; values of other types than a recipe has
    there are left for its checks."""
    first, *rest = place
    if not isinstance(tree, Mapping) or first not in tree:
        return tree
    value = _changed(tree[first], tuple(rest), change) if rest else change(tree[first])
    return {**tree, first: value}


def _of_sources(value: Any, base: Path) -> Any:
    """Of one source or several, each a table or its address alone."""
    if isinstance(value, list):
        return [_of_sources(source, base) for source in value]
    if isinstance(value, Mapping):
        paths = {key: _of_uri(value[key], base) for key in ("uri", KIND) if key in value}
        return {**value, **paths}
    return _of_uri(value, base)


def _of_uri(uri: Any, base: Path) -> Any:
    is_other = isinstance(uri, str) and ("://" in uri or uri.startswith("package:"))
    return uri if is_other else _of_path(uri, base)


def _of_path(path: Any, base: Path) -> Any:
    """The path in its own type: what a command line says stays known as such."""
    if not isinstance(path, str) or not path.strip() or path.lower() == NONE:
        return path
    folder = glob.escape(str(base)) if WILDCARD.search(path) else str(base)
    return type(path)(os.path.normpath(os.path.join(folder, os.path.expanduser(path))))
