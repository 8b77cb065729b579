"""Cuts words by the longest match, compiled; the slow twin is `LongestMatch.encode_word`.

The pieces stand in a trie whose edges lie in one hash table. It has three roots: for the pieces
that begin a word, for those that go on with it, and for white space, which BERT's form leaves out.
A word of n bytes takes at most n steps for each byte of the longest piece.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.engine.cutting import cuts
from textus.tokenizer.wordpiece.model import SPACES, LongestMatch

Int = int | np.integer
_INITIAL, _CONTINUATION, _SPACE, _NUM_ROOTS = 0, 1, 2, 3
_NO_ID = -1
_NO_LIMIT = np.iinfo(np.int64).max
_EMPTY = np.uint64(0)  # an edge leads to a node that is no root, so it is never 0
_BYTE = np.uint64(8)
_CHILD = np.uint64(32)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HASH = np.uint64(20)


class LongestMatchTables(NamedTuple):
    """The trie of a model, and what is true of words as a whole."""

    edges: np.ndarray
    """uint64: the node and byte that an edge goes out from in the upper half, in the lower half the
    node it leads to; 0 where there is none."""

    ids: np.ndarray
    """int64, one for each node: the id of the piece that ends there; -1: none does."""

    unknown: int
    """The id of a word that cannot be spelt; -1: every word can be."""

    max_word_chars: int


def tables(model: LongestMatch) -> LongestMatchTables:
    """The trie that cuts words as `model.encode_word` does."""
    spaces = {} if model.unknown is None else dict.fromkeys(SPACES, 0)
    pieces: list[tuple[int, bytes, int]] = []
    for root, kind in (
        (_INITIAL, model.initial),
        (_CONTINUATION, model.continuation),
        (_SPACE, spaces),
    ):
        pieces += [(root, piece, id_) for piece, id_ in _ordinary(kind).items()]
    roots, spellings, ids = zip(*pieces, strict=True) if pieces else ((), (), ())
    data = np.frombuffer(b"".join(spellings), dtype=np.uint8)
    offsets = np.array([*accumulate(map(len, spellings), initial=0)], dtype=np.int64)
    edges, node_ids = _build(
        data,
        offsets,
        np.array(roots, dtype=np.int64),
        np.array(ids, dtype=np.int64),
    )
    return LongestMatchTables(
        edges=edges,
        ids=node_ids,
        unknown=_NO_ID if model.unknown is None else model.unknown,
        max_word_chars=_NO_LIMIT if model.max_word_chars is None else model.max_word_chars,
    )


def _ordinary(pieces: Mapping[bytes, int]) -> dict[bytes, int]:
    """The pieces that can match at all: an empty one, such as a bare "##", cannot."""
    return {piece: id_ for piece, id_ in pieces.items() if piece}


@njit(cache=True, nogil=True)
def _build(
    data: np.ndarray, offsets: np.ndarray, roots: np.ndarray, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The edges of the trie and the ids of its nodes; piece i is data[offsets[i]:offsets[i + 1]]
    under roots[i]."""
    room = 64
    while room < 2 * len(data):
        room *= 2
    edges = np.zeros(room, dtype=np.uint64)
    node_ids = np.full(len(data) + _NUM_ROOTS, _NO_ID, dtype=np.int64)
    num_nodes = _NUM_ROOTS
    for piece in range(len(ids)):
        node = roots[piece]
        for at in range(offsets[piece], offsets[piece + 1]):
            slot = _find(edges, node, data[at])
            if edges[slot] == _EMPTY:
                edges[slot] = _key(node, data[at]) << _CHILD | np.uint64(num_nodes)
                num_nodes += 1
            node = _child(edges[slot])
        node_ids[node] = ids[piece]
    return edges, node_ids[:num_nodes].copy()


@njit(cache=True, nogil=True)
def _key(node: Int, byte: Int) -> Int:
    return np.uint64(node) << _BYTE | np.uint64(byte)


@njit(cache=True, nogil=True)
def _child(edge: Int) -> Int:
    return np.int64(edge & np.uint64(0xFFFFFFFF))


@njit(cache=True, nogil=True)
def _find(edges: np.ndarray, node: Int, byte: Int) -> Int:
    """The slot of the edge from `node` by `byte`, or the empty slot where it would stand."""
    key = _key(node, byte)
    mask = np.uint64(len(edges) - 1)
    slot = (key * _MIX >> _HASH) & mask
    while edges[slot] != _EMPTY and edges[slot] >> _CHILD != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def _match(
    data: np.ndarray, start: Int, end: Int, root: Int, trie: LongestMatchTables
) -> tuple[Int, Int]:
    """The end and id of the longest piece under `root` that data[start:end] begins with; (start,
    -1) where there is none."""
    node, best_end, best_id = root, start, _NO_ID
    for at in range(start, end):
        edge = trie.edges[_find(trie.edges, node, data[at])]
        if edge == _EMPTY:
            break
        node = _child(edge)
        if trie.ids[node] >= 0:
            best_end, best_id = at + 1, trie.ids[node]
    return best_end, best_id


@njit(cache=True, nogil=True)
def _has_more_chars(data: np.ndarray, start: int, end: int, limit: int) -> bool:
    if end - start <= limit:
        return False
    chars = 0
    for at in range(start, end):
        chars += data[at] & 0xC0 != 0x80
    return chars > limit


@cuts(LongestMatchTables)
@njit(cache=True, nogil=True)
def cut_word(
    data: np.ndarray,
    start: int,
    end: int,
    tables: LongestMatchTables,
    scratch: np.ndarray,
    out: np.ndarray,
    at: int,
) -> int:
    """Appends the ids of the word data[start:end] to `out` from `at` on; returns the place after
    the last."""
    if tables.unknown >= 0 and _match(data, start, end, _SPACE, tables)[1] >= 0:
        return at
    first, root, position = at, _INITIAL, start
    spelt = not _has_more_chars(data, start, end, tables.max_word_chars)
    while spelt and position < end:
        position, id_ = _match(data, position, end, root, tables)
        spelt = id_ >= 0
        if spelt:
            out[at] = id_
            at += 1
            root = _CONTINUATION
    if not spelt:
        out[first] = tables.unknown
        at = first + 1
    return at
