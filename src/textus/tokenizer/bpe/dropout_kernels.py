"""BPE-dropout, compiled: the fast twin of `cut_with_dropout` for words that start out as bytes."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.bpe.kernels import (
    MergeTables,
    packed_rank,
    push,
    sift_down,
    start_symbols,
)
from textus.tokenizer.bpe.pairs import NO_RANK, rank_of
from textus.tokenizer.engine.cutting import cuts
from textus.tokenizer.native import (
    COUNTED,
    INNER,
    UNCOUNTED,
    leading_zeros,
    least16,
    trailing_zeros,
)
from textus.tokenizer.sampling_kernels import next_draw

_SHORT = 64  # as for merging without dropout

_U = np.uint64
_ONE, _TWO = _U(1), _U(2)
_ALL = ~_U(0)
_PLACE_BITS = _U(40)
_PLACE = _U((1 << 40) - 1)


class DropoutTables(NamedTuple):
    """Merges, and when they are skipped."""

    merges: MergeTables
    threshold: int
    """A merge is skipped if a draw is below it; 0 for none is not the same as without dropout."""
    state: np.ndarray
    """uint64 (1,): that of the random numbers."""


@cuts(DropoutTables)
@njit(cache=True, **UNCOUNTED)
def cut_word(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    """Appends the ids of the word data[start:end] to `out`; returns the place behind the last."""
    n = end - start
    if n <= _SHORT:
        room = scratch.view(np.uint32)
        at = _merge_short(data, start, n, tables, room, out, at)
    else:
        at = _merge_long(data, start, n, tables, out, at)
    return at


@njit(**UNCOUNTED, **INNER)
def _merge_short(data: Any, start: Any, n: Any, tables: Any, room: Any, out: Any, at: Any) -> Any:
    """Merges up to 64 symbols, as without dropout; the ranks of skipped pairs wait in `skipped`."""
    pairs = tables.merges.pairs
    symbols, ranks, skipped = room[:_SHORT], room[_SHORT : 2 * _SHORT], room[2 * _SHORT :]
    num_skipped = 0
    start_symbols(data, start, n, tables.merges, symbols, ranks)
    for i in range(n):
        ranks[_U(i)] = packed_rank(ranks[_U(i)], i)
    width = (n + 15) & ~15
    for i in range(n, width):
        ranks[_U(i)] = NO_RANK
    alive = _ALL >> _U(64 - n)
    while True:
        best = least16(ranks, 0)
        for i in range(16, width, 16):
            best = min(best, least16(ranks, i))
        if best == NO_RANK:
            break
        place, rank = _U(best) & _U(63), _U(best) >> _U(6)
        if next_draw(tables.state) < tables.threshold:
            skipped[_U(num_skipped)] = best
            num_skipped += 1
            ranks[place] = NO_RANK
            continue
        for i in range(num_skipped):
            ranks[_U(skipped[_U(i)]) & _U(63)] = skipped[_U(i)]
        num_skipped = 0
        symbol = pairs.joined[rank]
        behind = alive & ~((_TWO << place) - _ONE)
        right = trailing_zeros(behind)
        alive &= ~(_ONE << right)
        ranks[right] = NO_RANK
        ranks[place] = NO_RANK
        symbols[place] = symbol
        behind &= behind - _ONE
        ahead = alive & ((_ONE << place) - _ONE)
        if behind:
            other = symbols[trailing_zeros(behind)]
            ranks[place] = packed_rank(rank_of(symbol, other, pairs), place)
        if ahead:
            left = _U(63) - leading_zeros(ahead)
            ranks[left] = packed_rank(rank_of(symbols[left], symbol, pairs), left)
    while alive:
        out[_U(at)] = pairs.ids[_U(symbols[trailing_zeros(alive)])]
        at += 1
        alive &= alive - _ONE
    return at


@njit(**COUNTED, **INNER)
def _merge_long(data: Any, start: Any, n: Any, tables: Any, out: Any, at: Any) -> Any:
    """Merges any number of symbols."""
    symbols, ranks = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.uint32)
    following = np.empty(n, dtype=np.int64)
    start_symbols(data, start, n, tables.merges, symbols, ranks)
    _merge_by_heap(symbols, ranks, following, tables)
    place = 0
    while place < n:
        out[at] = tables.merges.pairs.ids[symbols[place]]
        at += 1
        place = following[place]
    return at


@njit(**COUNTED, **INNER)
def _merge_by_heap(symbols: Any, ranks: Any, following: Any, tables: Any) -> None:
    """As `merge_by_heap`; entries of skipped pairs wait until another pair is merged."""
    pairs = tables.merges.pairs
    n = len(symbols)
    preceding = np.empty(n, dtype=np.int64)
    heap, skipped = np.empty(2 * n, dtype=np.uint64), np.empty(n, dtype=np.uint64)
    size = num_skipped = 0
    for i in range(n):
        following[i], preceding[i] = i + 1, i - 1
        size = push(heap, size, ranks[i], i)
    while size:
        best = heap[0]
        size -= 1
        sift_down(heap, size, heap[size])
        place = np.int64(best & _PLACE)
        rank = np.uint32(best >> _PLACE_BITS)
        if ranks[place] != rank:
            continue
        if next_draw(tables.state) < tables.threshold:
            skipped[num_skipped] = best
            num_skipped += 1
            continue
        for i in range(num_skipped):
            again = np.int64(skipped[i] & _PLACE)
            size = push(heap, size, ranks[again], again)
        num_skipped = 0
        right = following[place]
        after, before = following[right], preceding[place]
        symbols[place] = pairs.joined[rank]
        ranks[right] = ranks[place] = NO_RANK
        following[place] = after
        if after < n:
            preceding[after] = place
            ranks[place] = rank_of(symbols[place], symbols[after], pairs)
            size = push(heap, size, ranks[place], place)
        if before >= 0:
            ranks[before] = rank_of(symbols[before], symbols[place], pairs)
            size = push(heap, size, ranks[before], before)
