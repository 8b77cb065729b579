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

EMPTY = np.uint64(2**64 - 1)

NO_PAIR, NO_ROOM, PAUSE = 0, 1, 2
"""Why `merge_pairs` came back: no pair reaches the threshold, an array is full, it worked long."""

BLOCK_BITS = 5
BLOCK = 1 << BLOCK_BITS
"""How many slots share an entry of `step_of_block`."""

_AHEAD = 16  # places between asking for a cache line and using it


class Words(NamedTuple):
    """The symbols of all words, and how often the word around each slot occurs.

    Words of the same count lie together, so the count is a step function of the slot.
    """

    symbols: np.ndarray  # int32
    step_starts: np.ndarray  # int64: first slot of each step, and a last one beyond all slots
    step_counts: np.ndarray  # int64: how often the words of each step occur
    step_of_block: np.ndarray  # int32: the step at slot 0, 32, 64, ...


class Pairs(NamedTuple):
    """The pairs that reach the threshold: a hash table, their places, and a heap of them.

    A key is (left id << 32) | right id.
    """

    keys: np.ndarray  # uint64, EMPTY where free; a power of two of them
    counts: np.ndarray  # int64
    starts: np.ndarray  # int64: first entry in `places`
    sizes: np.ndarray  # int64: number of entries there, some of which may be out of date
    places: np.ndarray  # int32: slots of the left symbols, ascending for each pair
    heap_counts: np.ndarray  # int64: the most frequent first; too high where not corrected yet
    heap_keys: np.ndarray  # uint64: of equally frequent ones the smallest first
    used: np.ndarray  # int64: entries in use of the table, of `places`, of the heap


class Neighbours(NamedTuple):
    """What stands left (row 0) and right (row 1) of the pair being merged, by id."""

    counts: np.ndarray  # int64, (2, vocabulary)
    sizes: np.ndarray  # int64, (2, vocabulary): first number of places, then where the next goes
    met: np.ndarray  # int32, (2, vocabulary): the ids that were met
    nums: np.ndarray  # int64: how many `places` there are left and right
    mets: np.ndarray  # int64: how many different ids were met left and right
    ids: np.ndarray  # int32, (2, places): the neighbours in order of place
    places: np.ndarray  # int32, (2, places): the left symbol of each new pair


_TABLE, _PLACES, _HEAP = 0, 1, 2


@_inner
def _find(keys, key):
    """The key's slot in the table, or the free one where it belongs."""
    mask = np.uint64(keys.size - 1)
    slot = ((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask
    while keys[slot] != key and keys[slot] != EMPTY:
        slot = (slot + np.uint64(1)) & mask
    return slot


@_inner
def _key(left, right):
    return (np.uint64(left) << np.uint64(32)) | np.uint64(right)


@_inner
def _before(count, key, other_count, other_key):
    """Whether the first pair is merged before the other."""
    return count > other_count or (count == other_count and key < other_key)


@_inner
def _push(pairs, count, key):
    counts, keys = pairs.heap_counts, pairs.heap_keys
    child = pairs.used[_HEAP]
    pairs.used[_HEAP] += 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _before(count, key, counts[parent], keys[parent]):
            break
        counts[child], keys[child] = counts[parent], keys[parent]
        child = parent
    counts[child], keys[child] = count, key


@_inner
def _replace_first(pairs, count, key):
    """Puts another pair in place of the heap's first one."""
    counts, keys = pairs.heap_counts, pairs.heap_keys
    size = pairs.used[_HEAP]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and _before(
            counts[child + 1], keys[child + 1], counts[child], keys[child]
        ):
            child += 1
        if not _before(counts[child], keys[child], count, key):
            break
        counts[parent], keys[parent] = counts[child], keys[child]
        parent = child
    counts[parent], keys[parent] = count, key


@_inner
def _drop_first(pairs):
    pairs.used[_HEAP] -= 1
    last = pairs.used[_HEAP]
    _replace_first(pairs, pairs.heap_counts[last], pairs.heap_keys[last])


@njit(cache=True, **UNCOUNTED)
def merge_pairs(words, lengths, spans, pairs, near, merges, state, threshold, max_words, budget):
    """Merges pairs, the most frequent first, until there is a reason to stop, which it returns.

    lengths (int32) holds the slots of each token by id, spans (int32, (vocabulary, 3)) what
    `spans.py` says, merges (int32, (n, 2)) the pairs. state is int64: merges done so far, and the
    id of the next token. Pairs of more than `max_words` words are left alone. It pauses after some
    `budget` places.
    """
    while state[0] < merges.shape[0]:
        if pairs.used[_HEAP] == 0:
            return NO_PAIR
        key = pairs.heap_keys[0]
        slot = _find(pairs.keys, key)
        count = pairs.counts[slot]
        if count < threshold:
            _drop_first(pairs)
            continue
        if count != pairs.heap_counts[0]:
            _replace_first(pairs, count, key)
            continue
        left, right = np.int64(key >> np.uint64(32)), np.int64(key & np.uint64(0xFFFFFFFF))
        num_words = spans[left, WORDS] + spans[right, WORDS]
        num_words -= spans[left, ENDS] & spans[right, BEGINS]
        if num_words > max_words:
            _drop_first(pairs)
            continue
        size = pairs.sizes[slot]
        if not _has_room(pairs, size, min(2 * count // threshold, 2 * lengths.size)):
            return NO_ROOM
        if budget < 0:
            return PAUSE
        budget -= size + 100
        _drop_first(pairs)
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
        and pairs.used[_HEAP] + fresh <= pairs.heap_keys.size
        and 2 * (pairs.used[_TABLE] + fresh) <= pairs.keys.size
    )


@_inner
def _merge(words, lengths, pairs, near, slot, left, right, joined, threshold):
    """Replaces one pair wherever it still stands, and counts the pairs that come and go."""
    symbols = words.symbols
    length = np.int64(lengths[left])
    whole = length + np.int64(lengths[right])
    lengths[joined] = whole
    num, met = near.nums, near.mets
    for side in range(2):
        num[side], met[side] = 0, 0
    repeated = np.int64(0)  # how often two merged pairs touch: their (right, left) is gone
    step_end, count = np.int64(-1), np.int64(0)
    begin = pairs.starts[slot]
    end = begin + pairs.sizes[slot]
    for i in range(begin, end):
        if i + _AHEAD < end:
            prefetch(symbols, np.int64(pairs.places[i + _AHEAD]))
        place = np.int64(pairs.places[i])
        if symbols[place] != left or symbols[place + length] != right:
            continue
        if place >= step_end:
            step = np.int64(words.step_of_block[place >> BLOCK_BITS])
            while words.step_starts[step + 1] <= place:
                step += 1
            step_end, count = words.step_starts[step + 1], words.step_counts[step]
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
            near.counts[1, left] -= count
            repeated += count
        for _ in range(2):
            if other != SEPARATOR:
                if near.sizes[side, other] == 0:
                    near.met[side, met[side]] = other
                    met[side] += 1
                near.sizes[side, other] += 1
                near.counts[side, other] += count
                near.ids[side, num[side]] = other
                near.places[side, num[side]] = before
                num[side] += 1
            side, other, before = np.int64(1), np.int64(symbols[place + whole]), place
    # All old pairs before the new ones: where merged pairs touch, (right, joined) is no old pair.
    for side in range(2):
        for i in range(met[side]):
            other = np.int64(near.met[side, i])
            key = _key(other, left) if side == 0 else _key(right, other)
            _lower(pairs, key, near.counts[side, other])
    _lower(pairs, _key(right, left), repeated)
    pairs.counts[slot] = 0
    for side in range(2):
        for i in range(met[side]):
            other = np.int64(near.met[side, i])
            key = _key(other, joined) if side == 0 else _key(joined, other)
            _settle(pairs, near, side, other, key, threshold)
        _spread(pairs, near, side, num[side], met[side])


@_inner
def _lower(pairs, key, count):
    slot = _find(pairs.keys, key)
    if pairs.keys[slot] == key:
        pairs.counts[slot] -= count


@_inner
def _settle(pairs, near, side, other, key, threshold):
    """Gives a new pair its room, if it is frequent; `sizes` becomes where its places go, or -1."""
    count, size = near.counts[side, other], near.sizes[side, other]
    near.counts[side, other] = 0
    near.sizes[side, other] = -1
    if count < threshold:
        return
    slot = _find(pairs.keys, key)
    pairs.keys[slot] = key
    pairs.counts[slot] = count
    pairs.starts[slot] = pairs.used[_PLACES]
    pairs.sizes[slot] = size
    near.sizes[side, other] = pairs.used[_PLACES]
    pairs.used[_PLACES] += size
    pairs.used[_TABLE] += 1
    _push(pairs, count, key)


@_inner
def _spread(pairs, near, side, num, met):
    """Writes the places of the new pairs into their rooms."""
    for i in range(num):
        other = near.ids[side, i]
        room = near.sizes[side, other]
        if room >= 0:
            pairs.places[room] = near.places[side, i]
            near.sizes[side, other] += 1
    for i in range(met):
        near.sizes[side, near.met[side, i]] = 0


@njit(cache=True, **UNCOUNTED)
def close_up(words, lengths):
    """Moves the tokens together, one slot each; returns the number of slots left.

    The steps' starts are moved along; `step_of_block` and `lengths` are out of date afterwards.
    """
    symbols = words.symbols
    source, target, step = 0, 0, 0
    while source < symbols.size:
        if words.step_starts[step] <= source:
            words.step_starts[step] = target
            step += 1
        symbol = symbols[source]
        symbols[target] = symbol
        target += 1
        source += 1 if symbol == SEPARATOR else lengths[symbol]
    words.step_starts[step] = target
    return target


@njit(cache=True, **UNCOUNTED)
def sketch_counts(words, sketch):
    """Adds every pair's count to an entry of `sketch` (int64) picked by its hash.

    So no pair occurs more often than its entry says. Expects closed words.
    """
    symbols = words.symbols
    for step in range(words.step_counts.size):
        count = words.step_counts[step]
        for i in range(words.step_starts[step], words.step_starts[step + 1] - 1):
            left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
            if left != SEPARATOR and right != SEPARATOR:
                sketch[_entry(sketch, left, right)] += count


@_inner
def _entry(sketch, left, right):
    mixed = _key(left, right) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(30)) & np.uint64(sketch.size - 1)


@njit(cache=True, **UNCOUNTED)
def count_pairs(words, sketch, pairs, threshold):
    """Counts the pairs whose entry in the sketch reaches the threshold; False if they do not fit.

    Returns whether the table had room for them; else it is to be called again with a larger one.
    """
    symbols = words.symbols
    used = 0
    for step in range(words.step_counts.size):
        count = words.step_counts[step]
        for i in range(words.step_starts[step], words.step_starts[step + 1] - 1):
            left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
            if left == SEPARATOR or right == SEPARATOR:
                continue
            if sketch[_entry(sketch, left, right)] < threshold:
                continue
            slot = _find(pairs.keys, _key(left, right))
            if pairs.keys[slot] == EMPTY:
                pairs.keys[slot] = _key(left, right)
                used += 1
                if 4 * used > pairs.keys.size:
                    return False
            pairs.counts[slot] += count
            pairs.sizes[slot] += 1
    pairs.used[_TABLE] = used
    return True


@njit(cache=True, **UNCOUNTED)
def list_places(words, sketch, pairs, threshold):
    """Puts the pairs that reach the threshold on the heap, and lists the places where they stand.

    Expects `places` and the heap to be large enough.
    """
    symbols = words.symbols
    used = 0
    pairs.used[_HEAP] = 0
    for slot in range(pairs.keys.size):
        if pairs.counts[slot] >= threshold:
            pairs.starts[slot] = used
            used += pairs.sizes[slot]
            pairs.sizes[slot] = 0
            _push(pairs, pairs.counts[slot], pairs.keys[slot])
    pairs.used[_PLACES] = used
    for i in range(symbols.size - 1):
        left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
        if left == SEPARATOR or right == SEPARATOR:
            continue
        if sketch[_entry(sketch, left, right)] < threshold:
            continue
        slot = _find(pairs.keys, _key(left, right))
        if pairs.counts[slot] >= threshold:
            pairs.places[pairs.starts[slot] + pairs.sizes[slot]] = i
            pairs.sizes[slot] += 1
