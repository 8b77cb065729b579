"""Kernels that find the repeated substrings of the words, with which training begins.

A place is where a piece may begin: a byte of the corpus, or the first byte of a character. What
follows it, up to the end of its word or the longest piece, is its suffix. Once the places are
sorted by their suffixes, all that begin with a given substring stand together.
"""

from typing import Any

import numpy as np
from numba import njit

KEY_BYTES = 7
"""How many bytes of a suffix are compared at a time."""

_MIXED = 256


@njit(cache=True, nogil=True)
def find_places(data: Any, offsets: Any, max_length: int, characters: bool) -> Any:
    """The places in the words, how long the suffix of each is, and the byte to its left (256 at
    the beginning of a word)."""
    places = np.empty(len(data), dtype=np.int64)
    lengths = np.empty(len(data), dtype=np.int32)
    lefts = np.empty(len(data), dtype=np.int16)
    count = 0
    for word in range(len(offsets) - 1):
        start, end = offsets[word], offsets[word + 1]
        # with characters, `ahead` runs `max_length` characters ahead of the place
        ahead, in_reach = start, 0
        for place in range(start, end):
            if characters and data[place] & 0xC0 == 0x80:
                continue
            while ahead < end and (
                in_reach < max_length or (characters and data[ahead] & 0xC0 == 0x80)
            ):
                if not (characters and data[ahead] & 0xC0 == 0x80):
                    in_reach += 1
                ahead += 1
            in_reach -= 1
            places[count] = place
            lengths[count] = ahead - place
            lefts[count] = _MIXED if place == start else data[place - 1]
            count += 1
    return places[:count], lengths[:count], lefts[:count]


@njit(cache=True, nogil=True)
def suffix_keys(data: Any, places: Any, lengths: Any, depth: int) -> Any:
    """The next 7 bytes of each suffix, the first the most significant, and how many they are.

    uint64; of suffixes that are equal so far, the shorter comes first."""
    keys = np.empty(len(places), dtype=np.uint64)
    for i in range(len(places)):
        rest = min(lengths[i] - depth, KEY_BYTES)
        key = np.uint64(0)
        for j in range(KEY_BYTES):
            byte = data[places[i] + depth + j] if j < rest else np.uint8(0)
            key = (key << np.uint64(8)) | np.uint64(byte)
        keys[i] = (key << np.uint64(8)) | np.uint64(max(rest, 0))
    return keys


@njit(cache=True, nogil=True)
def shared_lengths(data: Any, places: Any, lengths: Any, characters: bool) -> Any:
    """How many bytes each suffix of the sorted ones shares with the one before it, in whole
    characters; one more number, 0, at the end."""
    shared = np.zeros(len(places) + 1, dtype=np.int32)
    for i in range(1, len(places)):
        a, b = places[i - 1], places[i]
        limit = min(lengths[i - 1], lengths[i])
        length = 0
        while length < limit and data[a + length] == data[b + length]:
            length += 1
        if characters and length < limit:
            while length and (data[a + length] & 0xC0 == 0x80 or data[b + length] & 0xC0 == 0x80):
                length -= 1
        shared[i] = length
    return shared


@njit(cache=True, nogil=True)
def first_units(data: Any, places: Any, characters: bool) -> Any:
    """The length in bytes of the unit (byte or character) at each place."""
    units = np.empty(len(places), dtype=np.int32)
    for i in range(len(places)):
        lead = data[places[i]] if characters else np.uint8(0)
        units[i] = 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return units


@njit(cache=True, nogil=True)
def repeated_substrings(
    shared: Any, lengths: Any, lefts: Any, weights: Any, units: Any, longest: int
) -> Any:
    """The substrings that occur at least twice and cannot be made longer without occurring less
    often, and all single units, as rows (length, first, last + 1, occurrences).

    First and last count the sorted suffixes that begin with the substring. These are the inner
    nodes of the suffix tree that have different neighbours to the left, and whole words.
    `longest` is the length of the longest suffix.
    """
    found = np.empty((1024, 4), dtype=np.int64)
    count = 0
    # open substrings, each a beginning of the next: (length, first, occurrences, byte to the left)
    stack = np.empty((longest + 2, 4), dtype=np.int64)
    top = -1
    unit_first, unit_weight = 0, 0
    for i in range(len(lengths)):
        if count + len(stack) + 2 > len(found):
            found = _enlarged(found, 2 * len(found) + len(stack))
        weight = weights[i]
        if top >= 0 and stack[top, 0] == lengths[i]:
            _add(stack, top, weight, lefts[i])
        else:
            top += 1
            _set(stack, top, lengths[i], i, weight, lefts[i])
        unit_weight += weight
        following = shared[i + 1]
        while top >= 0 and stack[top, 0] > following:
            length, first, weight, left = _row(stack, top)
            top -= 1
            if left == _MIXED and weight >= 2 and length > units[i]:
                _set(found, count, length, first, i + 1, weight)
                count += 1
            if top >= 0 and stack[top, 0] >= following:
                _add(stack, top, weight, left)
            elif following:
                top += 1
                _set(stack, top, following, first, weight, left)
        if following < units[i]:
            _set(found, count, units[i], unit_first, i + 1, unit_weight)
            count += 1
            unit_first, unit_weight = i + 1, 0
    return found[:count]


@njit(cache=True, nogil=True)
def _enlarged(rows: Any, size: int) -> Any:
    larger = np.empty((size, 4), dtype=np.int64)
    for i in range(len(rows)):  # a loop compiles in a tenth of the time of a slice
        larger[i, 0], larger[i, 1] = rows[i, 0], rows[i, 1]
        larger[i, 2], larger[i, 3] = rows[i, 2], rows[i, 3]
    return larger


@njit(cache=True, nogil=True)
def _set(rows: Any, at: int, a: int, b: int, c: int, d: int) -> None:
    rows[at, 0], rows[at, 1], rows[at, 2], rows[at, 3] = a, b, c, d


@njit(cache=True, nogil=True)
def _row(rows: Any, at: int) -> Any:
    return rows[at, 0], rows[at, 1], rows[at, 2], rows[at, 3]


@njit(cache=True, nogil=True)
def _add(stack: Any, top: int, weight: int, left: int) -> None:
    """More occurrences of an open substring."""
    stack[top, 2] += weight
    if stack[top, 3] != left:
        stack[top, 3] = _MIXED


@njit(cache=True, nogil=True)
def nest(firsts: Any, ends: Any, num_suffixes: int) -> Any:
    """For substrings sorted by (first, length): the longest other one that each begins with, and
    the longest one that each suffix begins with; -1 for none."""
    parents = np.empty(len(firsts), dtype=np.int64)
    deepest = np.empty(num_suffixes, dtype=np.int32)
    current, following = np.int64(-1), 0
    for i in range(num_suffixes):
        while current >= 0 and ends[current] <= i:
            current = parents[current]
        while following < len(firsts) and firsts[following] == i:
            parents[following] = current
            current = following
            following += 1
        deepest[i] = current
    return parents, deepest
