"""The words and their pairs while pieces are learnt by likelihood, compiled.

All symbols of all words lie in one row. A merge visits the places of its pair only, and files the
places of the pairs that arise around it. A pair has all its places from the merge that makes it
on, and loses some as time goes by; so one that is too rare when it arises needs none.

Sizes: S symbols in W words. A merge takes a symbol away and gives rise to two places at most, so
there are never more than 3 S places or pairs; numpy.empty takes memory only for those that come to
be.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

NONE = -1
Int = int | np.integer

inner = njit(cache=True, nogil=True, no_cpython_wrapper=True)  # pyrefly: ignore
"""For kernels that only other kernels call: without the way in from Python they compile faster."""

SYMBOL = np.dtype(
    [
        ("piece", np.int32),  # its id; -1 at places that have become part of one further left
        ("following", np.int32),  # the place of the next symbol of the word; -1 for the last
        ("preceding", np.int32),  # the place of the symbol before; -1 for the first
        ("word", np.int32),
    ]
)
PAIR = np.dtype(
    [
        ("key", np.uint64),  # the two pieces, the left one in the upper half
        ("count", np.int64),  # how often it stands in the text
        ("start", np.int64),  # where its places begin in `place`
        ("num_places", np.int64),
        ("touched", np.int64),  # the last merge that changed it
        # what ranking.py knows of it
        ("hub", np.int64),  # the piece whose heap it is in; -1: in none
        ("rarer", np.int64),  # its other piece
        ("child", np.int64),
        ("next", np.int64),  # sibling to the right in the heap
        ("previous", np.int64),  # sibling to the left, or the parent; -1 for the root
        ("same_rarer", np.int64),  # the next pair with the same rarer piece
    ]
)
PIECE = np.dtype(
    [
        ("count", np.int64),  # how often it stands in the text
        ("left", np.int64),  # the pair it was made of
        ("right", np.int64),
        # what ranking.py knows of it
        ("root", np.int64),  # the best pair of which it is the hub; -1: none
        ("first_rarer", np.int64),  # the first pair of which it is the rarer part; -1: none
        ("changed", np.int64),  # whether the tournament has to look at it again
    ]
)
FRESH_PLACE = np.dtype([("pair", np.int32), ("place", np.int32)])

PIECES, PAIRS, RANKED, PLACES, MERGES, TOUCHED, FRESH, CHANGED = range(8)
"""What the array `sizes` counts; RANKED: the pairs that ranking.py has seen."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class State(NamedTuple):
    """All that is known; `sizes` says how much of each array is in use."""

    symbol: np.ndarray
    """SYMBOL (S,): what stands at each place."""

    frequency: np.ndarray
    """int64 (W,): how often each word occurs."""

    pair: np.ndarray
    """PAIR (3 S,): the pairs of neighbours."""

    place: np.ndarray
    """int32 (3 S,): the places of the left symbols, those of a pair in one stretch from left to
    right."""

    touched: np.ndarray
    """int32 (3 S,): the pairs that the present merge changes."""

    fresh: np.ndarray
    """FRESH_PLACE (2 S,): the places of the pairs that arise in the present merge."""

    piece: np.ndarray
    """PIECE (V,): the vocabulary, symbols first."""

    changed: np.ndarray
    """int64 (V,): pieces whose best pair may be another than the tournament knows."""

    tournament: np.ndarray
    """int64 (2 R,), R a power of two of at least V: piece p at R + p, if it is a hub, and at i the
    one of 2 i and 2 i + 1 that has the better pair; -1: none."""

    sizes: np.ndarray
    """int64 (8,)"""


def new_state(
    symbols: np.ndarray,
    offsets: np.ndarray,
    frequency: np.ndarray,
    *,
    num_symbols: int,
    vocab_size: int,
) -> State:
    """The state before any merge, for words symbols[offsets[i]:offsets[i + 1]] (int32, ids from 0
    to num_symbols - 1) that occur frequency[i] times."""
    size = len(symbols)
    symbol = np.empty(size, dtype=SYMBOL)
    symbol["piece"] = symbols
    symbol["following"] = np.arange(1, size + 1)
    symbol["preceding"] = np.arange(-1, size - 1)
    symbol["word"] = np.repeat(np.arange(len(frequency)), np.diff(offsets))
    filled = offsets[1:] > offsets[:-1]
    symbol["following"][offsets[1:][filled] - 1] = NONE
    symbol["preceding"][offsets[:-1][filled]] = NONE
    room = max(vocab_size, num_symbols)
    piece = np.zeros(room, dtype=PIECE)
    np.add.at(piece["count"], symbols, frequency[symbol["word"]])
    piece["root"] = piece["first_rarer"] = NONE
    sizes = np.zeros(8, dtype=np.int64)
    sizes[PIECES] = num_symbols
    return State(
        symbol=symbol,
        frequency=frequency,
        pair=np.empty(3 * size, dtype=PAIR),
        place=np.empty(3 * size, dtype=np.int32),
        touched=np.empty(3 * size, dtype=np.int32),
        fresh=np.empty(2 * size, dtype=FRESH_PLACE),
        piece=piece,
        changed=np.empty(room, dtype=np.int64),
        tournament=np.full(2 << (room - 1).bit_length(), NONE, dtype=np.int64),
        sizes=sizes,
    )


@inner
def left_of(key: Int) -> Int:
    """The left symbol of a pair's key."""
    return np.int64(key >> _HALF)


@inner
def right_of(key: Int) -> Int:
    """The right symbol of a pair's key."""
    return np.int64(key & _LOW)


@inner
def _key(left: Int, right: Int) -> Int:
    return np.uint64(left) << _HALF | np.uint64(right)


@inner
def _slot(table: np.ndarray, pair: np.ndarray, key: Int) -> Int:
    """Where a pair stands in the table of pairs, or the empty slot where it would."""
    mask = np.uint64(len(table) - 1)
    slot = (key * _MIX >> _HALF) & mask
    while table[slot] != NONE and pair[table[slot]].key != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def grown(table: np.ndarray, state: State) -> np.ndarray:
    """The table of pairs with twice the room."""
    larger = np.full(2 * len(table), np.int32(NONE), dtype=np.int32)
    for index in range(state.sizes[PAIRS]):
        larger[_slot(larger, state.pair, state.pair[index].key)] = index
    return larger


@inner
def _change(state: State, table: np.ndarray, key: Int, change: Int) -> Int:
    """Corrects the count of a pair, which is made if need be; returns its index."""
    slot = _slot(table, state.pair, key)
    index = np.int64(table[slot])
    if index == NONE:
        index = state.sizes[PAIRS]
        table[slot] = index
        state.sizes[PAIRS] += 1
        new = state.pair[index]
        new.key = key
        new.count, new.num_places = 0, 0
        new.touched, new.hub = NONE, NONE
    pair = state.pair[index]
    pair.count += change
    if pair.touched != state.sizes[MERGES]:
        pair.touched = state.sizes[MERGES]
        state.touched[state.sizes[TOUCHED]] = index
        state.sizes[TOUCHED] += 1
    return index


@inner
def _arise(state: State, table: np.ndarray, key: Int, place: Int, frequency: Int) -> None:
    """A pair has come to stand at `place`."""
    index = _change(state, table, key, frequency)
    state.pair[index].num_places += 1
    fresh = state.fresh[state.sizes[FRESH]]
    fresh.pair, fresh.place = index, place
    state.sizes[FRESH] += 1


@inner
def _file_places(state: State, first: int, min_frequency: int) -> None:
    """Puts the places of each pair from `first` on into one stretch, if it is frequent enough."""
    sizes = state.sizes
    for index in range(first, sizes[PAIRS]):
        pair = state.pair[index]
        pair.start = sizes[PLACES]
        if pair.count >= min_frequency:
            sizes[PLACES] += pair.num_places
            pair.num_places = 0
        else:
            pair.num_places = NONE
    for i in range(sizes[FRESH]):
        pair = state.pair[state.fresh[i].pair]
        if pair.num_places != NONE:
            state.place[pair.start + pair.num_places] = state.fresh[i].place
            pair.num_places += 1
    sizes[FRESH] = 0


@njit(cache=True, nogil=True)
def find_pairs(state: State, table: np.ndarray, place: int, min_frequency: int) -> Any:
    """Counts the pairs at the places from `place` on, as far as the table has room; returns the
    next place. All are filed after the last one."""
    until = len(state.symbol)
    while place < until and 2 * (state.sizes[PAIRS] + 1) < len(table):
        symbol = state.symbol[place]
        if symbol.following != NONE:
            key = _key(symbol.piece, state.symbol[symbol.following].piece)
            _arise(state, table, key, place, state.frequency[symbol.word])
        place += 1
    if place == until:
        _file_places(state, 0, min_frequency)
    return place


@inner
def has_room(state: State, table: np.ndarray) -> bool:
    """Whether the table can take the pairs of one merge: the new piece before and behind each."""
    return 2 * (state.sizes[PAIRS] + 2 * state.sizes[PIECES] + 2) < len(table)


@inner
def _merge_place(state: State, table: np.ndarray, place: Int, joined: Int) -> Int:
    """Joins the symbol at `place` and the next one; returns how often their word occurs."""
    left = state.symbol[place]
    right = state.symbol[left.following]
    frequency = state.frequency[left.word]
    old_left, old_right, before, after = left.piece, right.piece, left.preceding, right.following
    left.piece, right.piece, left.following = joined, NONE, after
    if before != NONE:
        other = state.symbol[before].piece
        _change(state, table, _key(other, old_left), -frequency)
        _arise(state, table, _key(other, joined), np.int64(before), frequency)
    if after != NONE:
        state.symbol[after].preceding = place
        other = state.symbol[after].piece
        _change(state, table, _key(old_right, other), -frequency)
        _arise(state, table, _key(joined, other), place, frequency)
    return frequency


@inner
def merge_pair(state: State, table: np.ndarray, index: int, min_frequency: int) -> None:
    """Joins a pair to a new piece wherever it stands; `touched` lists the pairs that changed."""
    pair, sizes = state.pair[index], state.sizes
    left, right = left_of(pair.key), right_of(pair.key)
    joined, first, total = sizes[PIECES], sizes[PAIRS], 0
    sizes[PIECES] += 1
    sizes[MERGES] += 1
    for at in range(pair.start, pair.start + pair.num_places):
        place = np.int64(state.place[at])
        symbol = state.symbol[place]
        if symbol.piece != left or symbol.following == NONE:
            continue
        if state.symbol[symbol.following].piece == right:
            total += _merge_place(state, table, place, joined)
    _change(state, table, pair.key, -pair.count)
    state.piece[left].count -= total
    state.piece[right].count -= total
    new = state.piece[joined]
    new.count, new.left, new.right = total, left, right
    _file_places(state, first, min_frequency)
