"""Cuts short words by merges, many at a time: while the answer of a table for one word is on its
way from memory, the others go on, which takes less than half as long as one word after another.

Each word has a lane: its symbols stand at the places 1 to n, between two that no pair has. A merge
leaves its symbol at the left place of the two. For each place there is the rank of its symbol with
the next one.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.bpe.pairs import (
    LIMIT,
    NO_PAIR,
    NO_RANK,
    packed_rank,
    pair_key,
    prefetch_pair,
    rank_of_key,
)
from textus.tokenizer.bpe.tokens import find_hashed, hash_token, prefetch_token
from textus.tokenizer.native import INNER, UNCOUNTED, leading_zeros, least16, trailing_zeros

LANES = 32
"""Words under way at once: from eight on, more are hardly faster."""

IDS = 16
"""Room for the ids of a word."""

_U = np.uint64
_ONE, _TWO = _U(1), _U(2)
_PLACES = 32  # of a lane's symbols and ranks
_END = _U(5)  # numbers that a lane has beside


class _Lanes(NamedTuple):
    """Arrays in the scratch memory."""

    numbers: np.ndarray
    """uint64 (LANES, 5), flat: the places that are left as bits; where the last merge was and the
    place before; the keys of the pairs that begin at both."""
    order: np.ndarray
    """uint64 (LANES,): the lanes under way."""
    hashes: np.ndarray
    """uint64 (LANES,): of the words as a whole."""
    symbols: np.ndarray
    """uint32 (LANES, _PLACES), flat."""
    ranks: np.ndarray
    """uint32 (LANES, _PLACES), flat: see `packed_rank`."""


@njit(**UNCOUNTED, **INNER)
def cut_lanes(
    data: Any, words: Any, first: Any, num: Any, tables: Any, scratch: Any, out: Any, counts: Any
) -> None:
    """Cuts `num` words from word `first` on, at most LANES; see `cut_short_words`."""
    lanes, pairs = _lanes(scratch), tables.pairs
    running = _start_lanes(data, words, first, num, tables, lanes, out, counts)
    while running:
        for j in range(running):
            _rate(lanes.order[_U(j)], pairs, lanes)
        left = 0
        for j in range(running):
            lane = lanes.order[_U(j)]
            merged = _merge(lane, pairs, lanes)
            if not merged:
                word = first + np.int64(lane)
                counts[word] = _write(lane, pairs.ids, lanes, out, IDS * word)
            lanes.order[_U(left)] = lane
            left += merged
        running = left


@njit(**UNCOUNTED, **INNER)
def _lanes(scratch: Any) -> Any:
    room = scratch[7 * LANES :].view(np.uint32)
    half = LANES * _PLACES
    return _Lanes(
        scratch[: 5 * LANES],
        scratch[5 * LANES : 6 * LANES],
        scratch[6 * LANES : 7 * LANES],
        room[:half],
        room[half : 2 * half],
    )


@njit(**UNCOUNTED, **INNER)
def _start_lanes(
    data: Any,
    words: Any,
    first: Any,
    num: Any,
    tables: Any,
    lanes: Any,
    out: Any,
    counts: Any,
) -> Any:
    """Writes the ids of words that are tokens, starts the others; returns how many these are."""
    for lane in range(num):
        w = 2 * (first + lane)
        lanes.hashes[lane] = hash_token(data, words[w], words[w + 1])
        prefetch_token(tables.words, lanes.hashes[lane])
    running = 0
    for lane in range(num):
        w = 2 * (first + lane)
        start, end = words[w], words[w + 1]
        whole = find_hashed(tables.words, lanes.hashes[lane], data, start, end)
        if whole >= 0:
            out[IDS * (first + lane)] = whole
            counts[first + lane] = 1
        else:
            _start(data, start, end - start, lane, tables, lanes)
            lanes.order[running] = _U(lane)
            running += 1
    return running


@njit(**UNCOUNTED, **INNER)
def _start(data: Any, start: Any, n: Any, lane: Any, tables: Any, lanes: Any) -> None:
    """The symbols of `n` bytes, and the ranks of each with the next."""
    symbols, ranks, numbers = lanes.symbols, lanes.ranks, lanes.numbers
    base, own = _U(lane * _PLACES), _U(lane) * _END
    for i in range(16):
        ranks[base + _U(i)] = NO_RANK
    left = data[_U(start)]
    symbols[base] = symbols[base + _U(n + 1)] = LIMIT
    symbols[base + _ONE] = tables.byte_symbols[_U(left)]
    for i in range(1, n):
        right = data[_U(start + i)]
        symbols[base + _U(i + 1)] = tables.byte_symbols[_U(right)]
        ranks[base + _U(i)] = packed_rank(tables.byte_ranks[(_U(left) << _U(8)) | _U(right)], i)
        left = right
    numbers[own] = (_ONE << _U(n + 2)) - _ONE
    numbers[own + _ONE] = numbers[own + _TWO] = _U(0)
    numbers[own + _U(3)] = numbers[own + _U(4)] = NO_PAIR


@njit(**UNCOUNTED, **INNER)
def _rate(lane: Any, pairs: Any, lanes: Any) -> None:
    """Looks up the ranks of the two pairs that the last merge made."""
    base, own, numbers = lane * _U(_PLACES), lane * _END, lanes.numbers
    for side in range(2):
        place, key = numbers[own + _U(1 + side)], numbers[own + _U(3 + side)]
        lanes.ranks[base + place] = packed_rank(rank_of_key(key, pairs), place)


@njit(**UNCOUNTED, **INNER)
def _merge(lane: Any, pairs: Any, lanes: Any) -> Any:
    """Merges the pair of the smallest rank, asks for those that this makes; 0 where none is left.

    Whether there is a symbol before or behind is no branch here: processors guess those wrong.
    """
    symbols, ranks, numbers = lanes.symbols, lanes.ranks, lanes.numbers
    base, own = lane * _U(_PLACES), lane * _END
    best = least16(ranks, np.int64(base))
    if best == NO_RANK:
        return 0
    place, rank = _U(best) & _U(63), _U(best) >> _U(6)
    symbol = rank + _U(pairs.first)
    if pairs.first < 0:
        symbol = _U(pairs.joined[rank])
    left = numbers[own]
    behind = left & ~((_TWO << place) - _ONE)
    right = trailing_zeros(behind)
    behind &= behind - _ONE
    before = _U(63) - leading_zeros(left & ((_ONE << place) - _ONE))
    ranks[base + right] = NO_RANK
    symbols[base + place] = np.uint32(symbol)
    forth = pair_key(symbol, symbols[base + trailing_zeros(behind)])
    back = pair_key(symbols[base + before], symbol)
    prefetch_pair(forth, pairs)
    prefetch_pair(back, pairs)
    numbers[own] = left ^ (_ONE << right)
    numbers[own + _ONE], numbers[own + _TWO] = place, before
    numbers[own + _U(3)], numbers[own + _U(4)] = forth, back
    return 1


@njit(**UNCOUNTED, **INNER)
def _write(lane: Any, ids: Any, lanes: Any, out: Any, at: Any) -> Any:
    """Writes the ids of the symbols that are left to `out` from `at` on; returns how many."""
    left = lanes.numbers[lane * _END]
    left &= left - _ONE
    count = 0
    while left & (left - _ONE):
        symbol = lanes.symbols[lane * _U(_PLACES) + trailing_zeros(left)]
        out[_U(at + count)] = ids[_U(symbol)]
        count += 1
        left &= left - _ONE
    return count
