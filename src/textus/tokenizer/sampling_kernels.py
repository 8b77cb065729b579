"""Cuts texts at random, compiled: the loop over words, and where random numbers come from."""

from typing import Any

import numpy as np
from numba import njit

from textus.tokenizer.draws import DRAW_BITS, FIRST_FACTOR, SECOND_FACTOR, STEP
from textus.tokenizer.native import INNER, UNCOUNTED, call_kernel
from textus.tokenizer.split.kernels import word_starts

CHUNK = 8192
"""Bytes of text that are cut into words at once."""

_U = np.uint64
_STEP, _FIRST, _SECOND = _U(STEP), _U(FIRST_FACTOR), _U(SECOND_FACTOR)
_SHIFT = _U(64 - DRAW_BITS)
_A, _B, _C = _U(30), _U(27), _U(31)


@njit(**UNCOUNTED, **INNER)
def next_draw(state: Any) -> Any:
    """The next random number of a row whose state is state[0]; the twin of `Draws.next`."""
    state[0] += _STEP
    mixed = state[0]
    mixed = (mixed ^ (mixed >> _A)) * _FIRST
    mixed = (mixed ^ (mixed >> _B)) * _SECOND
    return np.int64((mixed ^ (mixed >> _C)) >> _SHIFT)


@njit(cache=True, **UNCOUNTED)
def sample_texts(
    data: Any, ends: Any, keys: Any, cutter: Any, starts: Any, scratch: Any, model: Any, room: Any
) -> Any:
    """Writes the ids of random cuts of texts; returns how many ids there are in all.

    Text i is data[ends[i - 1]:ends[i]], uint8 with PADDING bytes behind the last; keys[i], uint64,
    decides its cut. `starts`, int64, has room for CHUNK and SLACK entries. `model` is the address
    of a kernel that cuts words (see `engine.cutting`) and its tables, whose `state` is the random
    numbers'. `room` is where the ids go, uint32, as many as `data` has bytes, and how many each
    text has, int64.
    """
    cut, tables = model
    out, counts = room
    at = position = 0
    for i in range(len(ends)):
        begin, before = position, at
        tables.state[0] = keys[i]
        while position < ends[i]:
            num_words = word_starts(
                cutter, data, begin, position, position + CHUNK, ends[i], starts
            )
            for k in range(num_words):
                at = call_kernel(cut, (data, starts[k], starts[k + 1], tables, scratch, out, at))
            position = starts[num_words]
        counts[i] = at - before
    return at
