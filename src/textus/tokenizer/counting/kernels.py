"""The compiled part of counting words: a hash table whose keys are the words' bytes.

A slot is three numbers: `low`, `high`, `count`. A word of up to 15 bytes lies in `low` and `high`
itself, its length in the uppermost byte. Of a longer word `low` is a hash and `high` where it lies
among the long words, marked by 255 in the uppermost byte: there eight bytes of length come first.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.counting.parts import PARTS
from textus.tokenizer.native import UNCOUNTED, call_kernel, load64, prefetch
from textus.tokenizer.split.kernels import SLACK, word_starts

# Without a way in from Python, whose code takes longer to compile than many a function itself.
_OPTIONS: Any = {**UNCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_inner = njit(**_OPTIONS)

CHUNK = 1 << 14  # bytes that are cut at once; their starts stay in the cache
GROUP = 32  # words that are looked up together, so that their slots come from memory together
_ONE, _TWO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_LONG = np.uint64(255)
_MARK = np.uint64(255 << 56)


class Table(NamedTuple):
    """Counted words; a power of two of slots, of which two thirds may be used."""

    slots: np.ndarray  # uint64, (n, 3); low and high are 0 where free
    long_words: np.ndarray  # uint8
    used: np.ndarray  # int64: slots, bytes of `long_words`
    parts: np.ndarray  # int64, (PARTS, 2): how many words each part has, and how many bytes


class Scratch(NamedTuple):
    """What counting writes to and forgets; see `new_scratch`."""

    starts: np.ndarray  # int64: where words begin
    once: np.ndarray  # int64: the number 1, which each of them counts
    keys: np.ndarray  # uint64, (32, 2): `low` and `high` of a group of words


def new_scratch() -> Scratch:
    """Room for one thread's counting."""
    return Scratch(
        np.empty(CHUNK + SLACK, np.int64), np.ones(1, np.int64), np.empty((GROUP, 2), np.uint64)
    )


@njit(cache=True, **UNCOUNTED)
def count_document(cutter, add, data, begin, position, end, table, scratch):
    """Counts the words of the document data[begin:end] from `position` on.

    add: the address of `add_words`. Returns `end`, or from where to go on when there is room.
    """
    starts = scratch.starts
    while position < end:
        num = word_starts(cutter, data, begin, position, position + CHUNK, end, starts)
        done = call_kernel(add, (table, data, starts, scratch.once, 0, num, scratch.keys))
        position = starts[done]
        if done < num:
            return position
    return position


@njit(cache=True, **UNCOUNTED)
def add_words(table, data, starts, counts, first, last, keys):
    """Adds words number `first` to `last` - 1; returns the number to go on with when there is room.

    Word i is data[starts[i] : starts[i + 1]] and counts counts[i], or counts[0] where there is no
    other. keys, (32, 2), is room for those of words that are looked up together.
    """
    slots = table.slots
    each = np.int64(counts.size > 1)
    while first < last:
        size = min(GROUP, last - first)
        if not _has_room(table, size, starts[first + size] - starts[first] + 8 * size):
            return first
        for i in range(size):
            start = starts[first + i]
            keys[i, 0], keys[i, 1] = _key(data, start, starts[first + i + 1] - start)
            home = _home(slots, _hash(keys[i, 0], keys[i, 1]))
            prefetch(slots, np.int64(3 * home))
        for i in range(size):
            low, high = keys[i, 0], keys[i, 1]
            count = np.uint64(counts[each * (first + i)])
            home = _home(slots, _hash(low, high))
            if slots[home, 0] == low and slots[home, 1] == high:  # most words
                slots[home, 2] += count
            else:
                start = starts[first + i]
                _add(table, data, start, starts[first + i + 1] - start, low, high, count)
        first += size
    return first


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
    return mixed ^ (mixed >> np.uint64(29)), _MARK


@_inner
def _hash(low, high):
    mixed = (low * _ONE) ^ (high * _TWO)
    return (mixed ^ (mixed >> np.uint64(29))) * _ONE


@_inner
def _home(slots, hashed):
    """The slot where the search for a word begins."""
    return (hashed >> np.uint64(32)) & np.uint64(slots.shape[0] - 1)


@_inner
def _part(hashed):
    """The part that a word belongs to, by other bits than its slot."""
    return np.int64((hashed >> np.uint64(22)) & np.uint64(PARTS - 1))


@_inner
def _add(table, data, start, length, low, high, count):
    slots = table.slots
    hashed = _hash(low, high)
    slot = _home(slots, hashed)
    is_long = high == _MARK
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
        part = _part(hashed)
        table.parts[part, 0] += 1
        table.parts[part, 1] += length
    slots[slot, 2] += count


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
        low, high = slots[old, 0], slots[old, 1]
        if high != 0:
            slot = _home(larger, _hash(low, _key_part(high)))
            while larger[slot, 1] != 0:
                slot = (slot + np.uint64(1)) & np.uint64(larger.shape[0] - 1)
            for i in range(3):
                larger[slot, i] = slots[old, i]


@_inner
def _key_part(high):
    """A slot's `high` without the place of a long word."""
    return _MARK if high >> np.uint64(56) == _LONG else high


@njit(cache=True, **UNCOUNTED)
def write_words(table, ends, data, lengths, counts):
    """All words, part after part; ends, (parts, 2), is where the words and bytes of each part go.

    Afterwards it is where they end.
    """
    for slot in range(table.slots.shape[0]):
        low, high = table.slots[slot, 0], table.slots[slot, 1]
        if high == 0:
            continue
        place, length = _long_word(table, high)
        part = _part(_hash(low, _key_part(high)))
        word, target = ends[part, 0], ends[part, 1]
        if length:
            for i in range(length):
                data[target + i] = table.long_words[place + i]
        else:
            length = np.int64(high >> np.uint64(56))
            for i in range(length):
                eight = low if i < 8 else high
                data[target + i] = (eight >> np.uint64(8 * (i & 7))) & np.uint64(255)
        lengths[word], counts[word] = length, table.slots[slot, 2]
        ends[part, 0], ends[part, 1] = word + 1, target + length
