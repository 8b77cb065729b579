"""Cuts words at random, compiled: the fast twin of `sample_word`, which explains how."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.engine.cutting import cuts
from textus.tokenizer.native import COUNTED, INNER, UNCOUNTED
from textus.tokenizer.sampling_kernels import next_draw
from textus.tokenizer.unigram.kernels import BASE, CHECK, ID, UnigramTables, character_length
from textus.tokenizer.unigram.sampling import SPAN, UNIT

_U = np.uint64
_ROOT = _U(0)
_POWERS = 2.0 ** np.arange(2, -SPAN, -1)
_IN_SCRATCH = 2047  # as for the likeliest cut


class SamplingTables(NamedTuple):
    """Pieces and their weights; see `Weights`."""

    pieces: UnigramTables
    numbers: np.ndarray
    exponents: np.ndarray
    state: np.ndarray
    """uint64 (1,): that of the random numbers."""


@cuts(SamplingTables)
@njit(cache=True, **UNCOUNTED)
def cut_word(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    """Appends the ids of a cut of data[start:end] to `out`; returns the place behind the last."""
    if end - start > _IN_SCRATCH:
        at = _cut_long(data, start, end, tables, out, at)
    else:
        at = _cut(data, start, end, tables, scratch, out, at)
    return at


@njit(**COUNTED, **INNER)
def _cut_long(data: Any, start: Any, end: Any, tables: Any, out: Any, at: Any) -> Any:
    scratch = np.empty(2 * (end - start) + 2, dtype=np.uint64)
    return _cut(data, start, end, tables, scratch, out, at)


@njit(**UNCOUNTED, **INNER)
def _cut(data: Any, start: Any, end: Any, tables: Any, scratch: Any, out: Any, at: Any) -> Any:
    places = end - start + 1
    numbers = scratch[:places].view(np.float64)
    exponents = scratch[places : 2 * places].view(np.int64)
    _sum_rests(data, start, end, tables, numbers, exponents)
    return _walk(data, start, end, tables, numbers, exponents, out, at)


@njit(**UNCOUNTED, **INNER)
def _sum_rests(data: Any, start: Any, end: Any, tables: Any, numbers: Any, exponents: Any) -> None:
    """How likely the rest from each place of the word is."""
    pieces, slots, unknown = tables.pieces, tables.pieces.slots, len(tables.numbers) - 1
    _mark_characters(data, start, end, pieces.characters, numbers)
    exponents[end - start] = 1
    for place in range(end - 1, start - 1, -1):
        if numbers[place - start] == 0.0:
            continue
        behind = place + _step(data, place, end, pieces.characters)
        total, highest = 0.0, 0
        known = False
        node = _ROOT
        for at in range(place, end):
            slot = _U(slots[node, BASE]) + _U(data[_U(at)])
            if _U(slots[slot, CHECK]) != node:
                break
            node = slot
            id_ = np.int64(slots[node, ID])
            if id_ >= 0:
                known |= at + 1 == behind
                rest = _U(at + 1 - start)
                number = tables.numbers[_U(id_)] * numbers[rest]
                exponent = tables.exponents[_U(id_)] + exponents[rest]
                total, highest = _add(total, highest, number, exponent)
        if not known:
            number = tables.numbers[unknown] * numbers[behind - start]
            exponent = tables.exponents[unknown] + exponents[behind - start]
            total, highest = _add(total, highest, number, exponent)
        while total >= 1.0:
            total *= 0.5
            highest += 1
        while total < 0.5:
            total *= 2.0
            highest -= 1
        numbers[place - start], exponents[place - start] = total, highest


@njit(**UNCOUNTED, **INNER)
def _mark_characters(data: Any, start: Any, end: Any, characters: Any, numbers: Any) -> None:
    """0.5 where a character begins and at the end of the word, 0 elsewhere."""
    for i in range(end - start):
        numbers[i] = 0.0
    place = start
    while place < end:
        numbers[place - start] = 0.5
        place += _step(data, place, end, characters)
    numbers[end - start] = 0.5


@njit(**UNCOUNTED, **INNER)
def _step(data: Any, place: Any, end: Any, characters: Any) -> Any:
    return min(character_length(data[place]), end - place) if characters else 1


@njit(**UNCOUNTED, **INNER)
def _add(total: Any, highest: Any, number: Any, exponent: Any) -> Any:
    """A sum and its power of two, with a number and its power of two added."""
    if total == 0.0:
        return number, exponent
    if exponent > highest:
        return _scaled(total, highest - exponent) + number, exponent
    return total + _scaled(number, exponent - highest), highest


@njit(**UNCOUNTED, **INNER)
def _scaled(number: Any, exponent: Any) -> Any:
    """The twin of `scaled`."""
    return number * _POWERS[_U(2 - exponent)] if -SPAN < exponent <= 2 else 0.0


@njit(**UNCOUNTED, **INNER)
def _walk(
    data: Any, start: Any, end: Any, tables: Any, numbers: Any, exponents: Any, out: Any, at: Any
) -> Any:
    """Draws pieces from left to right and writes their ids."""
    pieces = tables.pieces
    place = start
    after_unknown = False
    while place < end:
        id_, behind = _draw(data, start, place, end, tables, numbers, exponents)
        if id_ >= 0:
            out[at] = id_
            at += 1
        elif len(pieces.byte_ids):
            for i in range(place, behind):
                out[at] = pieces.byte_ids[data[i]]
                at += 1
        elif not after_unknown:
            out[at] = pieces.unknown
            at += 1
        after_unknown = id_ < 0
        place = behind
    return at


@njit(**UNCOUNTED, **INNER)
def _draw(
    data: Any, start: Any, place: Any, end: Any, tables: Any, numbers: Any, exponents: Any
) -> Any:
    """The id of one of the pieces that begin at a place, -1 for an unknown character; its end."""
    pieces, slots = tables.pieces, tables.pieces.slots
    first = place - start
    left = next_draw(tables.state) * UNIT * numbers[first]
    character_end = place + _step(data, place, end, pieces.characters)
    known = False
    drawn, behind = np.int64(-1), character_end
    node = _ROOT
    for at in range(place, end):
        slot = _U(slots[node, BASE]) + _U(data[_U(at)])
        if _U(slots[slot, CHECK]) != node:
            break
        node = slot
        id_ = np.int64(slots[node, ID])
        if id_ >= 0:
            known |= at + 1 == character_end
            number = tables.numbers[id_] * numbers[at + 1 - start]
            exponent = tables.exponents[id_] + exponents[at + 1 - start]
            share = _scaled(number, exponent - exponents[first])
            if share > 0.0:
                drawn, behind = id_, at + 1
            left -= share
            if left < 0.0:
                return drawn, behind
    if not known:
        number = tables.numbers[len(tables.numbers) - 1] * numbers[character_end - start]
        exponent = tables.exponents[len(tables.numbers) - 1] + exponents[character_end - start]
        if _scaled(number, exponent - exponents[first]) > 0.0:
            drawn, behind = np.int64(-1), character_end
    return drawn, behind
