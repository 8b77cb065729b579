"""The compiled part of counting words: a hash table whose keys are the words' bytes.

A slot is three numbers: `low`, `high`, `count`. A word of up to 15 bytes lies in `low` and `high`
itself, its length in the uppermost byte. Of a longer word `low` is a hash and `high` where it lies
among the long words, marked by 255 in the uppermost byte: there eight bytes of length come first.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.native import UNCOUNTED, load64, prefetch
from textus.tokenizer.split.kernels import SLACK, word_starts

# Without a way in from Python, whose code takes longer to compile than many a function itself.
_OPTIONS: Any = {**UNCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_inner = njit(**_OPTIONS)

CHUNK = 1 << 14  # bytes that are cut at once; their starts stay in the cache
_GROUP = 32  # words that are looked up together, so that their slots come from memory together
_ONE, _TWO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_LONG = np.uint64(255)


class Table(NamedTuple):
    """Counted words; a power of two of slots, of which two thirds may be used."""

    slots: np.ndarray  # uint64, (n, 3); low and high are 0 where free
    long_words: np.ndarray  # uint8
    used: np.ndarray  # int64: slots, bytes of `long_words`


class Scratch(NamedTuple):
    """What counting writes to and forgets; see `new_scratch`."""

    starts: np.ndarray  # int64: where words begin
    lows: np.ndarray  # uint64: the keys of a group of words, and their homes
    highs: np.ndarray
    homes: np.ndarray


def new_scratch() -> Scratch:
    """Room for one thread's counting."""
    keys = [np.empty(_GROUP, np.uint64) for _ in range(3)]
    return Scratch(np.empty(CHUNK + SLACK, np.int64), *keys)


@njit(cache=True, **UNCOUNTED)
def count_document(cutter, data, begin, position, end, table, scratch):
    """Counts the words of the document data[begin:end] from `position` on.

    Returns `end`, or from where to go on when the table has been enlarged.
    """
    starts, lows, highs, homes = scratch
    slots = table.slots
    while position < end:
        num = word_starts(cutter, data, begin, position, position + CHUNK, end, starts)
        if not _has_room(table, num, starts[num] - position + 8 * num):
            return position
        for first in range(0, num, _GROUP):
            size = min(_GROUP, num - first)
            for i in range(size):
                start = starts[first + i]
                lows[i], highs[i] = _key(data, start, starts[first + i + 1] - start)
                homes[i] = _home(slots, lows[i], highs[i])
                prefetch(slots, np.int64(3 * homes[i]))
            for i in range(size):
                home = homes[i]
                if slots[home, 0] == lows[i] and slots[home, 1] == highs[i]:  # most words
                    slots[home, 2] += np.uint64(1)
                else:
                    start = starts[first + i]
                    length = starts[first + i + 1] - start
                    _add(table, data, start, length, lows[i], highs[i], np.int64(1))
        position = starts[num]
    return position


@njit(cache=True, **UNCOUNTED)
def add_words(data, offsets, counts, first, table):
    """Adds counted words from number `first` on; returns the number to go on with, as above."""
    for i in range(first, counts.size):
        start, length = offsets[i], offsets[i + 1] - offsets[i]
        if not _has_room(table, 1, length + 8):
            return i
        low, high = _key(data, start, length)
        _add(table, data, start, length, low, high, counts[i])
    return counts.size


@_inner
def _has_room(table, num, num_bytes):
    return (
        3 * (table.used[0] + num) <= 2 * table.slots.shape[0]
        and table.used[1] + num_bytes <= table.long_words.size
    )


@_inner
def _key(data, start, length):
    """The word's `low` and `high`; for a long one, `high` is only its mark."""
    low = load64(data, start)
    if length < 8:
        mask = (np.uint64(1) << np.uint64(8 * length)) - np.uint64(1)
        return low & mask, np.uint64(length) << np.uint64(56)
    if length < 16:
        mask = (np.uint64(1) << np.uint64(8 * (length - 8))) - np.uint64(1)
        return low, (load64(data, start + 8) & mask) | (np.uint64(length) << np.uint64(56))
    mixed = np.uint64(length)
    for i in range(start, start + length - 8, 8):
        mixed = (mixed ^ load64(data, i)) * _ONE
        mixed ^= mixed >> np.uint64(32)
    mixed = (mixed ^ load64(data, start + length - 8)) * _TWO
    return mixed ^ (mixed >> np.uint64(29)), _LONG << np.uint64(56)


@_inner
def _home(slots, low, high):
    """The slot where the search for a word begins."""
    mixed = (low * _ONE) ^ (high * _TWO)
    mixed ^= mixed >> np.uint64(29)
    return ((mixed * _ONE) >> np.uint64(32)) & np.uint64(slots.shape[0] - 1)


@_inner
def _add(table, data, start, length, low, high, count):
    slots = table.slots
    slot = _home(slots, low, high)
    is_long = high == _LONG << np.uint64(56)
    while slots[slot, 1] != 0:
        if slots[slot, 0] == low:
            if slots[slot, 1] == high:
                break
            if is_long and _same_long(table, slots[slot, 1], data, start, length):
                break
        slot = (slot + np.uint64(1)) & np.uint64(slots.shape[0] - 1)
    if slots[slot, 1] == 0:
        slots[slot, 0], slots[slot, 1] = low, high
        if is_long:
            slots[slot, 1] |= np.uint64(_keep_long(table, data, start, length))
        table.used[0] += 1
    slots[slot, 2] += np.uint64(count)


@_inner
def _keep_long(table, data, start, length):
    """Copies a long word; returns where it lies, never 0."""
    place = table.used[1]
    for i in range(8):
        table.long_words[place + i] = (length >> (8 * i)) & 255
    for i in range(length):  # a slice would take seconds to compile
        table.long_words[place + 8 + i] = data[start + i]
    table.used[1] = place + 8 + length
    return place


@_inner
def _long_word(table, high):
    """Where a long word begins, and its length."""
    if high >> np.uint64(56) != _LONG:
        return 0, 0
    place = np.int64(high & ((np.uint64(1) << np.uint64(56)) - np.uint64(1)))
    return place + 8, np.int64(load64(table.long_words, place))


@_inner
def _same_long(table, high, data, start, length):
    place, kept = _long_word(table, high)
    if kept != length:
        return False
    i = 0
    while i < length and table.long_words[place + i] == data[start + i]:
        i += 1
    return i == length


@njit(cache=True, **UNCOUNTED)
def move_slots(slots, larger):
    """Fills an empty, larger array of slots."""
    for old in range(slots.shape[0]):
        if slots[old, 1] != 0:
            low, high = slots[old, 0], slots[old, 1]
            if high >> np.uint64(56) == _LONG:
                high = _LONG << np.uint64(56)
            slot = _home(larger, low, high)
            while larger[slot, 1] != 0:
                slot = (slot + np.uint64(1)) & np.uint64(larger.shape[0] - 1)
            for part in range(3):
                larger[slot, part] = slots[old, part]


@njit(cache=True, **UNCOUNTED)
def lengths_of(table, counts, lengths):
    """The counts and lengths of all words, in the order of the slots."""
    word = 0
    for slot in range(table.slots.shape[0]):
        high = table.slots[slot, 1]
        if high != 0:
            long_length = _long_word(table, high)[1]
            counts[word] = table.slots[slot, 2]
            lengths[word] = long_length if long_length else np.int64(high >> np.uint64(56))
            word += 1


@njit(cache=True, **UNCOUNTED)
def write_words(table, data):
    """All words end to end, in the order of the slots."""
    target = 0
    for slot in range(table.slots.shape[0]):
        low, high = table.slots[slot, 0], table.slots[slot, 1]
        if high == 0:
            continue
        place, length = _long_word(table, high)
        if length:
            for i in range(length):
                data[target + i] = table.long_words[place + i]
        else:
            length = np.int64(high >> np.uint64(56))
            for i in range(length):
                part = low if i < 8 else high
                data[target + i] = (part >> np.uint64(8 * (i & 7))) & np.uint64(255)
        target += length
