"""Words to ids: looks each word up in the table; those that are not there the model cuts."""

from typing import Any

import numpy as np
from numba import njit

from textus.tokenizer.engine.table import (
    BLOCK,
    LONG_BYTES,
    LONG_IDS,
    MANY,
    RING_SLACK,
    SHORT_BYTES,
    SHORT_IDS,
)
from textus.tokenizer.native import INNER, UNCOUNTED, call_kernel, copy16, load64, prefetch
from textus.tokenizer.split.kernels import word_starts

_U = np.uint64
_M1, _M2 = _U(0x9E3779B97F4A7C15), _U(0xD6E8FEB86659FD93)
_ONE, _TWO, _THREE, _FOUR, _FIVE, _EIGHT = _U(1), _U(2), _U(3), _U(4), _U(5), _U(8)
_LENGTH, _COUNT = _U(56), _U(60)
_NO_KEY = ~_U(0)  # of length 0: no slot has it

CHUNK = 8192
"""Bytes of text that are cut into words before these are looked up."""


@njit(cache=True, **UNCOUNTED)
def encode_texts(
    data: Any, ends: Any, cutter: Any, starts: Any, table: Any, model: Any, out: Any, counts: Any
) -> Any:
    """Writes the ids of texts to `out`, and how many each has to `counts`; returns how many in all.

    Text i is data[ends[i - 1]:ends[i]], uint8 with PADDING zero bytes behind the last. `starts`,
    int64, has room for CHUNK and SLACK entries, `out`, uint32, for as many ids as `data` has bytes.
    """
    at = position = 0
    for i in range(len(ends)):
        begin, before = position, at
        while position < ends[i]:
            limit = position + CHUNK
            num_words = word_starts(cutter, data, begin, position, limit, ends[i], starts)
            at = encode_words(data, starts, 0, num_words, table, model, out, at)
            position = starts[num_words]
        counts[i] = at - before
    return at


@njit(cache=True, inline="always", **UNCOUNTED)
def encode_words(
    data: Any, starts: Any, first: Any, last: Any, table: Any, model: Any, out: Any, at: Any
) -> Any:
    """Appends the ids of the words `first` to `last` - 1 to `out` from `at` on; returns the end.

    Word i is data[starts[i]:starts[i + 1]]. `data` is readable for 32 bytes behind the last word,
    `out` has room for as many ids as there are bytes and 8 more.
    """
    for many in range(first, last, MANY):
        end, waiting = _look_up(data, starts, many, min(last, many + MANY), table, out, at)
        if waiting:
            _learn(data, starts, many, waiting, table, model)
            end = _fill_in(data, starts, many, waiting, table, model, out, at, end)
        at = end
    return at


@njit(cache=True, inline="always", **UNCOUNTED)
def _look_up(data: Any, starts: Any, first: Any, last: Any, table: Any, out: Any, at: Any) -> Any:
    """Copies the ids of the words found at once; (end, number of words left out).

    `table.waiting` tells which words were left out, and where in `out` their ids belong.
    """
    end, waiting = _U(at), _U(0)
    for block in range(first, last, BLOCK):
        size = min(BLOCK, last - block)
        _find_slots(data, starts, block, size, table)
        end, waiting = _copy_known(block - first, size, waiting, table, out, _U(at), end)
    return np.int64(end), np.int64(waiting)


@njit(cache=True, inline="always", **UNCOUNTED)
def _copy_known(
    offset: Any, size: Any, waiting: Any, table: Any, out: Any, at: Any, end: Any
) -> Any:
    """`_look_up` for the words of a block, which begins `offset` words behind the first."""
    keys, short, waits = table.keys, table.short, table.waiting
    for i in range(size):
        k = _U(i) * _FOUR
        low, high, slot = keys[k], keys[k + _ONE], keys[k + _TWO]
        w = waiting * _FIVE
        missed = (short[slot] ^ low) | ((short[slot + _ONE] ^ high) << _FOUR)
        other = (short[slot + _FOUR] ^ low) | ((short[slot + _FOUR + _ONE] ^ high) << _FOUR)
        place = slot
        if missed:
            place += _FOUR
            missed = other
        count = short[place + _ONE] >> _COUNT
        if missed or count > _FOUR:
            waits[w] = _U(offset + i)
            waits[w + _ONE] = end - at
            waits[w + _TWO], waits[w + _THREE], waits[w + _FOUR] = low, high, slot
            waiting += _ONE
        else:
            copy16(out, np.int64(end), short, np.int64(place + _TWO))
            end += count
    return end, waiting


@njit(**UNCOUNTED, **INNER)
def _learn(data: Any, starts: Any, many: Any, waiting: Any, table: Any, model: Any) -> None:
    """Has the model cut the short words that are not in the table together, and keeps them.

    Without this they would be cut one by one (`_encode_word`), to the same ids.
    """
    _, cut_many, tables = model
    if not cut_many:
        return
    num = 0
    new, words, ids, counts = table.new, table.new_words, table.new_ids, table.new_counts
    for w in range(waiting):
        word = many + np.int64(table.waiting[5 * w])
        start, end = starts[word], starts[word + 1]
        if end - start <= SHORT_BYTES and _place_of_short(w, table) < 0:
            new[num], words[2 * num], words[2 * num + 1] = w, start, end
            num += 1
    if num:
        call_kernel(cut_many, (data, words, num, tables, table.scratch, ids, counts))
    for i in range(num):
        if _place_of_short(new[i], table) < 0:  # a word may be new twice
            _keep_short(new[i], table, ids, 16 * i, counts[i])


@njit(cache=True, inline="always", **UNCOUNTED)
def _fill_in(
    data: Any,
    starts: Any,
    many: Any,
    waiting: Any,
    table: Any,
    model: Any,
    out: Any,
    at: Any,
    end: Any,
) -> Any:
    """Works out the words that were left out, and puts their ids among those of the others."""
    known, waits = table.known, table.waiting
    total = end - at
    _copy_ids(known, 0, out, at, total)
    taken = 0
    for w in range(waiting):
        word, before = many + np.int64(waits[5 * w]), np.int64(waits[5 * w + 1])
        _copy_ids(out, at, known, taken, before - taken)
        at += before - taken
        taken = before
        at = _encode_word(data, starts[word], starts[word + 1], w, table, model, out, at)
    _copy_ids(out, at, known, taken, total - taken)
    return at + total - taken


@njit(cache=True, inline="always", **UNCOUNTED)
def _copy_ids(out: Any, at: Any, source: Any, index: Any, count: Any) -> None:
    """Copies ids four at a time, so up to three more than there are."""
    for i in range(0, count, 4):
        copy16(out, at + i, source, index + i)


@njit(cache=True, inline="always", **UNCOUNTED)
def _find_slots(data: Any, starts: Any, block: Any, size: Any, table: Any) -> None:
    """Keys of the words from `block` on, and their sets, which are asked for from memory."""
    keys, masks, short = table.keys, table.masks, table.short
    shift = _U(table.short_shift)
    for i in range(size):
        start = starts[_U(block + i)]
        length = _U(starts[_U(block + i + 1)] - start)
        k = _U(i) * _FOUR
        if length > _U(SHORT_BYTES):
            keys[k] = _NO_KEY
            keys[k + _ONE] = _U(0)
            keys[k + _TWO] = _U(0)
            continue
        low = load64(data, start) & masks[length * _TWO]
        high = (load64(data, start + 8) & masks[length * _TWO + _ONE]) | (length << _LENGTH)
        slot = (((low ^ (high * _M1)) * _M2) >> shift) << _THREE
        prefetch(short, np.int64(slot))
        keys[k] = low
        keys[k + _ONE] = high
        keys[k + _TWO] = slot


@njit(cache=True, inline="always", **UNCOUNTED)
def _encode_word(
    data: Any, start: Any, end: Any, w: Any, table: Any, model: Any, out: Any, at: Any
) -> Any:
    """The ids of a word that is long, has many ids, or is not in the table yet."""
    length = end - start
    if length <= SHORT_BYTES:
        after = _find_short(w, table, out, at)
    elif length <= LONG_BYTES:
        after = _find_long(data, start, length, table, out, at)
    else:
        after = -1
    if after < 0:
        cut, _, tables = model
        after = call_kernel(cut, (data, start, end, tables, table.scratch, out, at))
        if length <= SHORT_BYTES:
            _keep_short(w, table, out, at, after - at)
        elif length <= LONG_BYTES:
            _keep_long(table, out, at, after - at)
    return after


@njit(**UNCOUNTED, **INNER)
def _place_of_short(w: Any, table: Any) -> Any:
    """The slot where the short word that waits as number `w` stands; -1: it is in neither."""
    short, k = table.short, _U(w) * _FIVE + _TWO
    low, high, slot = table.waiting[k], table.waiting[k + _ONE], table.waiting[k + _TWO]
    for place in (slot, slot + _FOUR):
        if not (short[place] ^ low) | ((short[place + _ONE] ^ high) << _FOUR):
            return np.int64(place)
    return -1


@njit(**UNCOUNTED, **INNER)
def _find_short(w: Any, table: Any, out: Any, at: Any) -> Any:
    """Copies the ids of a short word from the table; -1 where it is not there."""
    place = _place_of_short(w, table)
    if place < 0:
        return -1
    count = np.int64(table.short[place + 1] >> _COUNT)
    if count <= SHORT_IDS:
        copy16(out, at, table.short, place + 2)
        return at + count
    return _read_ring(table, table.short[place + 2], count, out, at)


@njit(**UNCOUNTED, **INNER)
def _keep_short(w: Any, table: Any, ids: Any, index: Any, count: Any) -> None:
    """Puts a word and its ids into the first slot of its set, whose word moves to the second."""
    short, k = table.short, _U(w) * _FIVE + _TWO
    slot = table.waiting[k + _TWO]
    copy16(short, np.int64(slot + _FOUR), short, np.int64(slot))
    copy16(short, np.int64(slot + _FOUR + _TWO), short, np.int64(slot + _TWO))
    short[slot] = table.waiting[k]
    short[slot + _ONE] = table.waiting[k + _ONE] | (_U(count) << _COUNT)
    if count <= SHORT_IDS:
        copy16(short, np.int64(slot + _TWO), ids, index)
    else:
        short[slot + _TWO] = _write_ring(table, ids, index, count)


@njit(**UNCOUNTED, **INNER)
def _find_long(data: Any, start: Any, length: Any, table: Any, out: Any, at: Any) -> Any:
    """The same for a word of 16 to 31 bytes; leaves its key and set in `table.long_key`."""
    long, masks, key = table.long, table.masks, table.long_key
    more = _U(length - 16)
    a, b = load64(data, start), load64(data, start + 8)
    c = load64(data, start + 16) & masks[more * _TWO]
    d = (load64(data, start + 24) & masks[more * _TWO + _ONE]) | (more << _LENGTH)
    mixed = (a ^ (b * _M1)) * _M2
    mixed ^= mixed >> _U(32)
    mixed = (mixed ^ c ^ (d * _M1)) * _M2
    slot = (mixed >> _U(table.long_shift)) << _FOUR
    key[0], key[1], key[2], key[3], key[4] = a, b, c, d, slot
    for place in (slot, slot + _EIGHT):
        other = (long[place] ^ a) | (long[place + _ONE] ^ b) | (long[place + _TWO] ^ c)
        count = np.int64(long[place + _THREE] >> _COUNT)
        if count and not other | ((long[place + _THREE] ^ d) << _FOUR):
            if count <= LONG_IDS:
                copy16(out, at, long, np.int64(place + _FOUR))
                copy16(out, at + 4, long, np.int64(place + _FOUR + _TWO))
                return at + count
            count = np.int64(long[place + _FOUR])
            return _read_ring(table, long[place + _FOUR + _ONE], count, out, at)
    return -1


@njit(**UNCOUNTED, **INNER)
def _keep_long(table: Any, out: Any, at: Any, count: Any) -> None:
    long, key = table.long, table.long_key
    slot = key[4]
    for i in range(0, 8, 2):
        copy16(long, np.int64(slot) + 8 + i, long, np.int64(slot) + i)
    long[slot], long[slot + _ONE], long[slot + _TWO] = key[0], key[1], key[2]
    if count <= LONG_IDS:
        long[slot + _THREE] = key[3] | (_U(count) << _COUNT)
        copy16(long, np.int64(slot + _FOUR), out, at)
        copy16(long, np.int64(slot + _FOUR + _TWO), out, at + 4)
    else:
        long[slot + _THREE] = key[3] | (_U(15) << _COUNT)
        long[slot + _FOUR] = _U(count)
        long[slot + _FOUR + _ONE] = _write_ring(table, out, at, count)


@njit(**UNCOUNTED, **INNER)
def _write_ring(table: Any, ids: Any, index: Any, count: Any) -> Any:
    """Puts ids[index:index + count], at most 31, into the ring; returns where they begin."""
    begin = table.written[0]
    size = _U(len(table.ring) - RING_SLACK)
    _copy_ids(table.ring, np.int64(begin & (size - _ONE)), ids, index, count)
    table.written[0] = begin + _U(count)
    return begin


@njit(**UNCOUNTED, **INNER)
def _read_ring(table: Any, begin: Any, count: Any, out: Any, at: Any) -> Any:
    """Copies ids from the ring; -1 where others may have taken their place."""
    size = _U(len(table.ring) - RING_SLACK)
    if table.written[0] - begin > size - _U(RING_SLACK):
        return -1
    _copy_ids(out, at, table.ring, np.int64(begin & (size - _ONE)), count)
    return at + count
