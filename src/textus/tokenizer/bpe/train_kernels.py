"""The compiled part of training byte-pair encoding: merging the most frequent pairs.

All words lie in one array of symbols, one slot each at first, with a SEPARATOR before, between and
after them. A token that was merged from several slots stands in the first of them; the last holds
minus its length, so that the neighbour behind it finds its beginning; what is in between is
negative and never read:

    t h e    SEPARATOR 5 6 7 SEPARATOR   ->   he = 8   SEPARATOR 5 8 -2 SEPARATOR

Only pairs that occur at least `threshold` times are kept, with their places; a pair occurs less and
less often once it is there, so those below wait until no pair above is left. Then the threshold is
lowered, the symbols are closed up and all pairs are counted anew. So the tables hold a small part
of all pairs, and mostly fit into the processor's cache.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.bpe.rows import SEPARATOR
from textus.tokenizer.bpe.spans import BEGINS, ENDS, WORDS
from textus.tokenizer.native import UNCOUNTED, prefetch

# Without a way in from Python, whose code takes longer to compile than many a function itself.
_OPTIONS: Any = {**UNCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_inner = njit(**_OPTIONS)

EMPTY = -1
"""The key of a free slot."""

NO_PAIR, NO_ROOM, PAUSE = 0, 1, 2
"""Why `merge_pairs` came back: no pair reaches the threshold, an array is full, it worked long."""

BLOCK_BITS = 5
BLOCK = 1 << BLOCK_BITS
"""How many slots share an entry of `step_of_block`."""

_AHEAD = 16  # places between asking for a cache line and using it


START, COUNT = 0, 1
"""Columns of `Words.steps`."""

KEY, TIMES, FIRST, SIZE = 0, 1, 2, 3
"""Columns of `Pairs.table`: the pair, how often it occurs, its first entry in `places`, and the
number of entries there, some of which may be out of date."""


class Words(NamedTuple):
    """The symbols of all words, and how often the word around each slot occurs.

    Words of the same count lie together, so the count is a step function of the slot.
    """

    symbols: np.ndarray  # int32
    steps: np.ndarray  # int64, (n, 2): first slot and count of each step; last, where all end
    step_of_block: np.ndarray  # int32: the step at slot 0, 32, 64, ...


class Pairs(NamedTuple):
    """The pairs that reach the threshold: a hash table, their places, and a heap of them.

    A key is (left id << 32) | right id. The arrays are few because each is seven arguments of every
    function that it is handed to, which take long to compile.
    """

    table: np.ndarray  # int64, (a power of two, 4): a pair's columns share a cache line
    places: np.ndarray  # int32: slots of the left symbols, ascending for each pair
    heap: np.ndarray  # int64, (n, 2): count, too high where not corrected yet, and key
    used: np.ndarray  # int64: entries in use of the table, of `places`, of the heap


class Neighbours(NamedTuple):
    """What stands left (row 0) and right (row 1) of the pair being merged."""

    sums: np.ndarray  # int64, (2, vocabulary, 2): count and number of places; then where they go
    met: np.ndarray  # int32, (2, vocabulary): the ids that were met
    found: np.ndarray  # int32, (2, places, 2): in order of place: id, left symbol of the new pair
    nums: np.ndarray  # int64, (2, 2): how much there is of `found` and of `met`


_TABLE, _PLACES, _HEAP = 0, 1, 2


@_inner
def _find(table, key):
    """The key's slot in the table, or the free one where it belongs."""
    mask = np.uint64(table.shape[0] - 1)
    slot = ((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask
    while table[slot, KEY] != key and table[slot, KEY] != EMPTY:
        slot = (slot + np.uint64(1)) & mask
    return slot


@_inner
def _key(left, right):
    return (left << 32) | right


@_inner
def _before(count, key, other):
    """Whether a pair is merged before the heap's entry `other`."""
    return count > other[0] or (count == other[0] and key < other[1])


@_inner
def _push(pairs, count, key):
    heap = pairs.heap
    child = pairs.used[_HEAP]
    pairs.used[_HEAP] += 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _before(count, key, (heap[parent, 0], heap[parent, 1])):
            break
        heap[child, 0], heap[child, 1] = heap[parent, 0], heap[parent, 1]
        child = parent
    heap[child, 0], heap[child, 1] = count, key


@_inner
def _replace_first(pairs, count, key):
    """Puts another pair in place of the heap's first one."""
    heap = pairs.heap
    size = pairs.used[_HEAP]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        best = (heap[child, 0], heap[child, 1])
        if child + 1 < size and _before(heap[child + 1, 0], heap[child + 1, 1], best):
            child += 1
            best = (heap[child, 0], heap[child, 1])
        if not _before(best[0], best[1], (count, key)):
            break
        heap[parent, 0], heap[parent, 1] = best
        parent = child
    heap[parent, 0], heap[parent, 1] = count, key


@njit(cache=True, **UNCOUNTED)
def merge_pairs(words, lengths, spans, pairs, near, merges, state, threshold, max_words, budget):
    """Merges pairs, the most frequent first, until there is a reason to stop, which it returns.

    lengths (int32) holds the slots of each token by id, spans (int32, (vocabulary, 3)) what
    `spans.py` says, merges (int32, (n, 2)) the pairs. state is int64: merges done so far, and the
    id of the next token. Pairs of more than `max_words` words are left alone. It pauses after some
    `budget` places.
    """
    heap = pairs.heap
    while state[0] < merges.shape[0]:
        if pairs.used[_HEAP] == 0:
            return NO_PAIR
        key = heap[0, 1]
        slot = _find(pairs.table, key)
        count = pairs.table[slot, TIMES]
        left, right = key >> 32, key & 0x7FFFFFFF
        num_words = spans[left, WORDS] + spans[right, WORDS]
        num_words -= spans[left, ENDS] & spans[right, BEGINS]
        merged = count >= threshold and num_words <= max_words
        if merged and count == heap[0, 0]:
            size = pairs.table[slot, SIZE]
            if not _has_room(pairs, size, min(2 * count // threshold, 2 * lengths.size)):
                return NO_ROOM
            if budget < 0:
                return PAUSE
            budget -= size + 100
        elif merged:
            _replace_first(pairs, count, key)
            continue
        pairs.used[_HEAP] -= 1
        last = pairs.used[_HEAP]
        _replace_first(pairs, heap[last, 0], heap[last, 1])
        if merged:
            spans[state[1], WORDS] = num_words
            spans[state[1], BEGINS], spans[state[1], ENDS] = spans[left, BEGINS], spans[right, ENDS]
            _merge(words, lengths, pairs, near, slot, left, right, state[1], threshold)
            merges[state[0], 0], merges[state[0], 1] = left, right
            state[0] += 1
            state[1] += 1
    return NO_PAIR


@_inner
def _has_room(pairs, size, fresh):
    """Whether the next merge, with so many places and new pairs at most, fits into the arrays."""
    return (
        pairs.used[_PLACES] + 2 * size <= pairs.places.size
        and pairs.used[_HEAP] + fresh <= pairs.heap.shape[0]
        and 2 * (pairs.used[_TABLE] + fresh) <= pairs.table.shape[0]
    )


@_inner
def _merge(words, lengths, pairs, near, slot, left, right, joined, threshold):
    """Replaces one pair wherever it still stands, and counts the pairs that come and go."""
    symbols, table = words.symbols, pairs.table
    length = np.int64(lengths[left])
    whole = length + np.int64(lengths[right])
    lengths[joined] = whole
    near.nums[:] = 0
    repeated = np.int64(0)  # how often two merged pairs touch: their (right, left) is gone
    step_end, count = np.int64(-1), np.int64(0)
    begin = table[slot, FIRST]
    end = begin + table[slot, SIZE]
    for i in range(begin, end):
        if i + _AHEAD < end:
            prefetch(symbols, np.int64(pairs.places[i + _AHEAD]))
        place = np.int64(pairs.places[i])
        if symbols[place] != left or symbols[place + length] != right:
            continue
        if place >= step_end:
            step = np.int64(words.step_of_block[place >> BLOCK_BITS])
            while words.steps[step + 1, START] <= place:
                step += 1
            step_end, count = words.steps[step + 1, START], words.steps[step, COUNT]
        symbols[place + length] = -1
        symbols[place + whole - 1] = -whole
        symbols[place] = joined
        before = place - 1
        if symbols[before] < 0:
            before += np.int64(symbols[before]) + 1
        other = np.int64(symbols[before])
        side = np.int64(0)
        if other == joined:  # the pair behind that one is no (joined, left) any more
            side = np.int64(1)
            near.sums[1, left, 0] -= count
            repeated += count
        for _ in range(2):
            if other != SEPARATOR:
                _note(near, side, other, before, count)
            side, other, before = np.int64(1), np.int64(symbols[place + whole]), place
    # All old pairs before the new ones: where merged pairs touch, (right, joined) is no old pair.
    for side in range(2):
        for i in range(near.nums[side, 1]):
            other = np.int64(near.met[side, i])
            key = _key(other, left) if side == 0 else _key(right, other)
            gone = near.sums[side, other, 0]
            if side == 1 and other == left:  # met wherever merged pairs touch
                gone += repeated
            old = _find(table, key)
            if table[old, KEY] == key:
                table[old, TIMES] -= gone
    table[slot, TIMES] = 0
    for side in range(2):
        _settle(pairs, near, side, joined, threshold)


@_inner
def _note(near, side, other, place, count):
    """Counts a neighbour and the new pair that it makes, whose left symbol is at `place`."""
    if near.sums[side, other, 1] == 0:
        near.met[side, near.nums[side, 1]] = other
        near.nums[side, 1] += 1
    near.sums[side, other, 0] += count
    near.sums[side, other, 1] += 1
    num = near.nums[side, 0]
    near.found[side, num, 0], near.found[side, num, 1] = other, place
    near.nums[side, 0] = num + 1


@_inner
def _settle(pairs, near, side, joined, threshold):
    """Gives the new pairs that are frequent their room, and writes their places into it."""
    table, sums = pairs.table, near.sums
    for i in range(near.nums[side, 1]):
        other = np.int64(near.met[side, i])
        count, size = sums[side, other, 0], sums[side, other, 1]
        sums[side, other, 0], sums[side, other, 1] = 0, -1
        if count < threshold:
            continue
        key = _key(other, joined) if side == 0 else _key(joined, other)
        slot = _find(table, key)
        room = pairs.used[_PLACES]
        table[slot, KEY], table[slot, TIMES] = key, count
        table[slot, FIRST], table[slot, SIZE] = room, size
        sums[side, other, 1] = room
        pairs.used[_PLACES] += size
        pairs.used[_TABLE] += 1
        _push(pairs, count, key)
    for i in range(near.nums[side, 0]):
        other = near.found[side, i, 0]
        room = sums[side, other, 1]
        if room >= 0:
            pairs.places[room] = near.found[side, i, 1]
            sums[side, other, 1] = room + 1
    for i in range(near.nums[side, 1]):
        sums[side, near.met[side, i], 1] = 0


@njit(cache=True, **UNCOUNTED)
def close_up(words, lengths):
    """Moves the tokens together, one slot each; returns the number of slots left.

    The steps' starts are moved along; `step_of_block` and `lengths` are out of date afterwards.
    """
    symbols = words.symbols
    source, target, step = 0, 0, 0
    while source < symbols.size:
        if words.steps[step, START] <= source:
            words.steps[step, START] = target
            step += 1
        symbol = symbols[source]
        symbols[target] = symbol
        target += 1
        source += 1 if symbol == SEPARATOR else lengths[symbol]
    words.steps[step, START] = target
    return target


@njit(cache=True, **UNCOUNTED)
def sketch_counts(words, sketch):
    """Adds every pair's count to an entry of `sketch` (int64) picked by its hash.

    So no pair occurs more often than its entry says. Expects closed words.
    """
    symbols = words.symbols
    for step in range(words.steps.shape[0] - 1):
        count = words.steps[step, COUNT]
        for i in range(words.steps[step, START], words.steps[step + 1, START] - 1):
            left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
            if left != SEPARATOR and right != SEPARATOR:
                sketch[_entry(sketch, _key(left, right))] += count


@_inner
def _entry(sketch, key):
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(30)) & np.uint64(sketch.size - 1)


@njit(cache=True, **UNCOUNTED)
def find_pairs(words, sketch, pairs, threshold, listing):
    """Looks up the pairs whose entry in the sketch reaches the threshold: counts them, and then,
    `listing`, puts the places of those that reach it themselves where FIRST and SIZE say.

    Returns whether the table had room for all; else it is to be called again with a larger one.
    """
    symbols, table = words.symbols, pairs.table
    for step in range(words.steps.shape[0] - 1):
        count = words.steps[step, COUNT]
        for i in range(words.steps[step, START], words.steps[step + 1, START] - 1):
            left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
            if left == SEPARATOR or right == SEPARATOR:
                continue
            key = _key(left, right)
            if sketch[_entry(sketch, key)] < threshold:
                continue
            slot = _find(table, key)
            if not listing:
                if table[slot, KEY] == EMPTY:
                    if 4 * pairs.used[_TABLE] >= table.shape[0]:
                        return False
                    table[slot, KEY] = key
                    pairs.used[_TABLE] += 1
                table[slot, TIMES] += count
            elif table[slot, TIMES] >= threshold:
                pairs.places[table[slot, FIRST] + table[slot, SIZE]] = i
            else:
                continue
            table[slot, SIZE] += 1
    return True
