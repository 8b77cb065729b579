"""Cuts words as `Unigram.encode_word` does, with the pieces in a double array.

A double array (Aoe 1989) is a trie in two columns: the child of node `n` for byte `b` is slot
`base[n] + b`, if the column `check` of that slot says that it belongs to `n`.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.engine.cutting import cuts
from textus.tokenizer.unigram.model import Unigram

BASE, CHECK, ID = 0, 1, 2
_NO_PIECE = 0x7FFFFFFF
_CROWDED = 0.95
_IN_SCRATCH = 2047
"""The longest word that the engine's scratch memory of 4096 numbers is enough for."""


class UnigramTables(NamedTuple):
    """A `Unigram` as arrays: the double array's slots as rows (base, check, id of the piece that
    ends there or -1), int32; the scores by id; and the other settings, -1 for None."""

    slots: np.ndarray
    scores: np.ndarray
    byte_ids: np.ndarray
    unknown: int
    unknown_score: float
    characters: bool
    single_precision: bool


def tables(model: Unigram) -> UnigramTables:
    """The arrays for `cut_word`."""
    pieces = sorted(model.ids)
    data = np.frombuffer(b"".join(pieces), dtype=np.uint8)
    offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    ids = np.array([model.ids[piece] for piece in pieces], dtype=np.int32)
    return UnigramTables(
        slots=_build_trie(data, offsets, ids),
        scores=np.array(model.scores, dtype=np.float64),
        byte_ids=np.array(model.byte_ids or (), dtype=np.int64),
        unknown=-1 if model.unknown is None else model.unknown,
        unknown_score=model.unknown_score,
        characters=model.characters,
        single_precision=model.single_precision,
    )


@njit(cache=True, nogil=True)
def _build_trie(data: Any, offsets: Any, ids: Any) -> Any:
    """The double array of sorted pieces; every slot that a node may ask for exists."""
    slots = _free_slots(4096, np.empty((0, 3), dtype=np.int32))
    slots[0, CHECK] = 0
    # what is left to place: pieces[low:high] share their first `depth` bytes, which lead to `node`
    todo = [(0, len(ids), 0, 0)]
    labels = np.empty(256, dtype=np.int64)
    first_free = 1
    if len(ids) == 0:
        todo.pop()
        slots[0, BASE] = 1
    while todo:
        low, high, depth, node = todo.pop()
        if offsets[low] + depth == offsets[low + 1]:
            slots[node, ID] = ids[low]
            low += 1
        if low == high:
            slots[node, BASE] = 0
            continue
        count = 0
        for piece in range(low, high):
            label = data[offsets[piece] + depth]
            if count == 0 or labels[count - 1] != label:
                labels[count] = label
                count += 1
        base, first_free = _find_room(slots, labels[:count], first_free)
        while base + 256 >= len(slots):
            slots = _free_slots(2 * len(slots), slots)
        slots[node, BASE] = base
        for label in labels[:count]:
            slots[base + label, CHECK] = node
        begin = low
        for piece in range(low, high):
            label = data[offsets[piece] + depth]
            if piece + 1 == high or data[offsets[piece + 1] + depth] != label:
                todo.append((begin, piece + 1, depth + 1, base + label))
                begin = piece + 1
    return slots


@njit(cache=True, nogil=True)
def _free_slots(size: int, before: Any) -> Any:
    """As many slots, the first ones as they were before, the others free."""
    slots = np.empty((size, 3), dtype=np.int32)
    for i in range(size):
        for column in range(3):
            slots[i, column] = before[i, column] if i < len(before) else -1
    return slots


@njit(cache=True, nogil=True)
def _find_room(slots: Any, labels: Any, first_free: int) -> Any:
    """The lowest base from `first_free` on that puts every label on a free slot, and where to
    begin the next time: behind stretches that are almost full."""
    slot = max(first_free, labels[0] + 1)
    taken = 0
    begin = slot
    while True:
        base = slot - labels[0]
        free = True
        for label in labels:
            if base + label < len(slots) and slots[base + label, CHECK] >= 0:
                free = False
                break
        if free:
            break
        if slots[slot, CHECK] >= 0:
            taken += 1
        slot += 1
    if taken >= _CROWDED * (slot - begin + 1):
        first_free = slot
    return base, first_free


@cuts(UnigramTables)
@njit(cache=True, nogil=True)
def cut_word(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    """Appends the ids of the word data[start:end] to `out` from `at` on; returns the place after
    the last."""
    size = end - start
    if size > _IN_SCRATCH:
        scratch = np.empty(2 * size + 2, dtype=np.uint64)
    best = scratch[: size + 1].view(np.float64)
    # what ends at each place: the id in the upper half, the beginning in the lower; -1 for nothing
    last = scratch[size + 1 : 2 * size + 2].view(np.int64)
    best[0] = 0.0
    for i in range(size + 1):
        last[i] = -1
    _fill(data, start, end, tables, best, last)
    return _walk_back(data, start, size, tables, last, out, at)


@njit(cache=True, nogil=True)
def _fill(data: Any, start: int, end: int, tables: Any, best: Any, last: Any) -> None:
    """The score of the best cut up to each place of the word, and its last piece."""
    slots, scores, single = tables.slots, tables.scores, tables.single_precision
    place = start
    while place < end:
        step = 1
        if tables.characters:
            step = min(character_length(data[place]), end - place)
        so_far = best[place - start]
        known = False
        node = 0
        for at in range(place, end):
            slot = slots[node, BASE] + data[at]
            if slots[slot, CHECK] != node:
                break
            node = slot
            id_ = np.int64(slots[node, ID])
            if id_ >= 0:
                to = at + 1 - start
                known |= at + 1 == place + step
                score = so_far + scores[id_]
                if single:
                    score = np.float64(np.float32(score))
                if last[to] == -1 or score > best[to]:
                    best[to] = score
                    last[to] = (id_ << 32) | (place - start)
        if not known:
            to = place + step - start
            score = so_far + tables.unknown_score
            if single:
                score = np.float64(np.float32(score))
            if last[to] == -1 or score > best[to]:
                best[to] = score
                last[to] = (_NO_PIECE << 32) | (place - start)
        place += step


@njit(cache=True, nogil=True)
def _walk_back(data: Any, start: int, size: int, tables: Any, last: Any, out: Any, at: int) -> int:
    """Writes the ids of the best cut, from its end to its beginning, and turns them round."""
    end = at
    place = size
    after_unknown = False
    while place > 0:
        id_, begin = last[place] >> 32, last[place] & 0xFFFFFFFF
        if id_ != _NO_PIECE:
            out[end] = id_
            end += 1
        elif len(tables.byte_ids):
            for byte in range(place - 1, begin - 1, -1):
                out[end] = tables.byte_ids[data[start + byte]]
                end += 1
        elif not after_unknown:
            out[end] = tables.unknown
            end += 1
        after_unknown = id_ == _NO_PIECE
        place = begin
    for i in range((end - at) // 2):
        out[at + i], out[end - 1 - i] = out[end - 1 - i], out[at + i]
    return end


@njit(cache=True, nogil=True)
def character_length(lead: int) -> int:
    """Bytes of the UTF-8 character that begins with the byte `lead`."""
    if lead < 0xC0:
        return 1
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
