"""Cuts UTF-8 bytes into words, compiled: `word_starts`, for the kernels of encoding and counting.

    cutter = word_cutter("llama3")
    starts = np.empty(CHUNK + SLACK, np.int64)
    position = begin
    while position < end:
        count = word_starts(cutter, data, begin, position, position + CHUNK, end, starts)
        ...  # word k is data[starts[k] : starts[k + 1]], for k from 0 to count - 1
        position = starts[count]

Each family of patterns is compiled by itself, when it is first used, and called through its
address, so that the kernels that call `word_starts` are compiled once for all patterns.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cfunc, njit, types

from textus.tokenizer.native import INNER, call_address, pointer_to, trailing_zeros
from textus.tokenizer.split.blocks import (
    clear_between,
    extract,
    last_start,
    mark_cl100k,
    mark_gpt2,
    mark_o200k,
)
from textus.tokenizer.split.scalar import (
    THREES,
    TRAILING,
    cl100k_end,
    flags_of_characters,
    gpt2_end,
    none_end,
    o200k_end,
    spaces_end,
    superbpe_end,
)

SLACK = 80
"""How many more entries than the bytes of a chunk `starts` must have."""

PADDING = 128
"""How many zero bytes must lie behind the end of the data."""

_ONE = np.uint64(1)


class WordCutter(NamedTuple):
    """A pattern as `word_starts` takes it; made by `word_cutter`, of use in this process alone."""

    cut: int
    """Address of `_cut_words`, compiled."""

    mark: int
    """Address of the family's function for blocks (see `blocks`), or 0 to go word by word."""

    word_end: int
    """Address of the family's function for one word (see `scalar`)."""

    option: int
    """Which member of its family the pattern is."""

    flags: np.ndarray
    """`flags_of_characters()`."""


_FAMILIES: dict[str, tuple[Callable[..., Any] | None, Callable[..., Any], int]] = {
    "gpt2": (mark_gpt2, gpt2_end, 0),
    "cl100k": (mark_cl100k, cl100k_end, 3 | TRAILING),
    "llama3": (mark_cl100k, cl100k_end, 3),
    "qwen2": (mark_cl100k, cl100k_end, 1),
    "digits": (mark_cl100k, cl100k_end, THREES),
    "o200k": (mark_o200k, o200k_end, 0),
    "superbpe": (None, superbpe_end, 0),
    "spaces": (None, spaces_end, 0),
    "none": (None, none_end, 0),
}
"""For each named pattern the functions of its family, and the option that they take."""

_INT, _BYTES, _WORDS = types.int64, types.CPointer(types.uint8), types.CPointer(types.uint64)
_CUT = _INT(_BYTES, _INT, _INT, _INT, _INT, _BYTES, _INT, _INT, _INT, _WORDS)
_MARK = _INT(_BYTES, _BYTES, _INT, _INT, _INT, _WORDS, _WORDS)
_WORD_END = _INT(_BYTES, _BYTES, _INT, _INT, _INT, _INT)


def word_cutter(pattern: str, *, scalar: bool | None = None) -> WordCutter:
    """What `word_starts` needs to cut by a named pattern; compiles it when it is new to this
    machine. KeyError for a pattern without a name: those are cut by `PatternSplitter.split`.

    `scalar` leaves out the work on blocks of 64 bytes; None: as the environment variable
    TEXTUS_SCALAR says. The words are the same.
    """
    mark, word_end, option = _FAMILIES[pattern]
    if scalar is None:
        scalar = os.environ.get("TEXTUS_SCALAR") == "1"
    return WordCutter(
        cut=_address(_cut_words, _CUT),
        mark=0 if scalar or mark is None else _address(mark, _MARK),
        word_end=_address(word_end, _WORD_END),
        option=option,
        flags=_flags(),
    )


def cutter_of(word_end: Callable[..., Any], flags: np.ndarray) -> WordCutter:
    """What `word_starts` needs to cut words by a function and flags of one's own; see `scalar`."""
    return WordCutter(
        cut=_address(_cut_words, _CUT),
        mark=0,
        word_end=_address(word_end, _WORD_END),
        option=0,
        flags=flags,
    )


def _address(function: Callable[..., Any], signature: Any) -> int:
    return _compiled(function, signature).address


@cache
def _compiled(function: Callable[..., Any], signature: Any) -> Any:
    return cfunc(signature, cache=True)(function)  # kept: its code lives as long as it does


@cache
def _flags() -> np.ndarray:
    return flags_of_characters()


@njit(nogil=True, **INNER)
def word_starts(cutter, data, begin, position, limit, end, starts):
    """Finds where the words begin in a chunk of a document; returns how many there are. For other
    kernels: Python cannot call it.

    The document is data[begin:end], uint8, valid UTF-8 with PADDING zero bytes behind it;
    `position` is `begin` or where a call for the same document left off. The words are those that
    begin before `limit` (and maybe the next few): word k is data[starts[k] : starts[k + 1]], and
    starts[count] is the next call's position, `end` when there is no more. `starts`, int64, needs
    limit - position + SLACK entries. However the calls follow, the words are those of the whole
    document, in time linear in its length. Where position is not before end, nothing is written
    but starts[0]. Bytes that are no UTF-8 are cut somehow, never read beyond the padding.
    """
    family = cutter.option, cutter.mark, cutter.word_end
    return call_address(
        cutter.cut, (data, begin, position, limit, end, cutter.flags, *family, starts)
    )


def _cut_words(data, begin, position, limit, end, flags, option, mark, word_end, starts):
    """The body of `word_starts`: blocks of 64 bytes as far as they are sure, then single words."""
    if limit > end:
        limit = end
    count, blocks = 0, (limit - position) >> 6
    if blocks > 0 and mark:
        # The bit maps lie in `starts`, the one that is read last where it is written last.
        doubts, marks = starts, pointer_to(starts, blocks * 63 + SLACK)
        since = call_address(mark, (data, flags, position, blocks, option, marks, doubts))
        marks[0] |= _ONE
        _settle((data, flags, begin, position, end, option), word_end, blocks, marks, doubts)
        sure = blocks * 64 - 8
        if since - position < sure:
            sure = since - position
        sure = last_start(marks, sure)
        count = extract(marks, position, sure, starts)
        position += sure
    while position < limit:
        starts[count] = position
        count += 1
        position = call_address(word_end, (data, flags, begin, position, end, option))
    starts[count] = position
    return count


@njit(nogil=True, **INNER)
def _settle(text, word_end, blocks, starts, doubts):
    """Cuts words one by one from the last sure start before each doubt until the words meet
    `starts` again, and corrects `starts`."""
    data, flags, begin, position, end, option = text
    done, stop = 0, blocks * 64
    for k in range(blocks):
        word = doubts[np.uint64(k)]
        while word:
            doubt = k * 64 + np.int64(trailing_zeros(word))
            word &= word - _ONE
            if doubt < done:
                continue
            done, met = last_start(starts, doubt), False
            while done < stop and not (met and done > doubt):
                arguments = (data, flags, begin, position + done, end, option)
                following = call_address(word_end, arguments) - position
                clear_between(starts, done, following if following < stop else stop)
                done = following
                if done < stop:
                    block, bit = np.uint64(done >> 6), _ONE << np.uint64(done & 63)
                    met = starts[block] & bit != 0
                    starts[block] |= bit
