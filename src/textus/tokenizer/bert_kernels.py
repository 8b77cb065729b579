"""BERT's normalizer and splitter over UTF-8, compiled: the fast twins of those in `bert`.

What a normalizer makes of a character is looked up in a table of all code points. Only marks of
some width that follow one another depend on more than themselves, where accents are stripped: texts
with such marks are left to plain Python.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from textus.tokenizer.bert import BertNormalizer
from textus.tokenizer.bert_characters import (
    FINALS,
    HANGUL,
    IDEOGRAPHS,
    INITIALS,
    NUM_FINALS,
    NUM_VOWELS,
    VOWELS,
    WHITE_SPACE,
    dropped,
    marks,
    parts_of_characters,
    punctuation,
    reordered,
    small_letters,
)
from textus.tokenizer.native import INNER, UNCOUNTED, load64, store64
from textus.tokenizer.split.kernels import WordCutter, cutter_of
from textus.tokenizer.split.scalar import flags_at, run_end

_NUM_CODE_POINTS = 0x200000
"""As far as four bytes reach."""

_COPY, _DROP, _SPACE, _SET_OFF, _REPLACE, _SYLLABLE, _REORDER = range(7)
"""What becomes of a character: itself, nothing, a space, itself between spaces, other bytes, the
parts of a syllable of Hangul; or it must be put in order with others."""

_KIND, _LENGTH_AT, _LENGTH, _PLACE_AT = 7, 3, 31, 8

_GROWTH = 3
"""Times the bytes of a text that it may become: a syllable of three bytes becomes nine."""

_SLACK = 16
_UTF8 = ("utf-8", "surrogatepass")
_WHITE, _PUNCTUATION = 1, 2
_BLANK = ord(" ")
_FIRST_SYLLABLE = HANGUL.start

_U = np.uint64
_EACH = _U(0x0101010101010101)
_HIGH = _EACH * _U(0x80)
_TO_A, _BEHIND_Z = _EACH * _U(0x80 - ord("A")), _EACH * _U(0x80 - ord("Z") - 1)
_FROM_SPACE = _EACH * _U(0x80 - ord(" "))
_TWO = _U(2)


class CharacterTable(NamedTuple):
    """What a normalizer makes of each character."""

    entries: np.ndarray
    """uint32 (0x200000,): the kind in three bits; of a replaced character above them, in five bits,
    how many bytes take its place, and in the others where they are in `bytes`."""
    bytes: np.ndarray
    """uint8"""
    cleans: bool
    lowers: bool


@cache
def character_table(normalizer: BertNormalizer) -> CharacterTable:
    """The table of a normalizer, made of what `step_by_step` makes of single characters."""
    entries = np.full(_NUM_CODE_POINTS, _COPY, dtype=np.uint32)
    if normalizer.handle_chinese_chars:
        for first, last in IDEOGRAPHS:
            entries[first : last + 1] = _SET_OFF
    if normalizer.strips:
        entries[HANGUL.start : HANGUL.stop] = _SYLLABLE
        entries[sorted(marks())] = _DROP
    if normalizer.clean_text:
        entries[sorted(WHITE_SPACE)] = _SPACE
        entries[sorted(dropped())] = _DROP
    changed = set(parts_of_characters() if normalizer.strips else ())
    changed |= set(small_letters() if normalizer.lowercase else ())
    rows = [normalizer.step_by_step(chr(code_point)).encode() for code_point in sorted(changed)]
    place = 0
    for code_point, row in zip(sorted(changed), rows, strict=True):
        replaced = place << _PLACE_AT | len(row) << _LENGTH_AT | _REPLACE
        entries[code_point] = replaced if row else _DROP
        place += len(row)
    if normalizer.strips:
        entries[sorted(reordered())] = _REORDER
    return CharacterTable(
        entries=entries,
        bytes=np.frombuffer(b"".join([*rows, b"\0"]), dtype=np.uint8),
        cleans=normalizer.clean_text,
        lowers=normalizer.lowercase,
    )


def normalize_text(normalizer: BertNormalizer, text: str) -> str:
    """What `normalizer` makes of a text."""
    data = np.frombuffer(b"".join([text.encode(*_UTF8), bytes(_SLACK)]), dtype=np.uint8)
    out = np.empty(_GROWTH * len(data), dtype=np.uint8)
    size = _normalize(data, len(data) - _SLACK, character_table(normalizer), out)
    if size < 0:
        return normalizer.by_characters(text)
    return str(out[:size].data, *_UTF8)


@njit(cache=True, **UNCOUNTED)
def _normalize(data: Any, end: Any, table: Any, out: Any) -> Any:
    """Writes what becomes of data[:end] to `out`, which has room for three times as many bytes and
    16 more; returns how many there are, -1 where characters must be put in order.

    `data`, uint8, is readable for eight bytes behind `end`.
    """
    entries, cleans = table.entries, table.cleans
    capital = _TWO if table.lowers else _U(63)
    i = at = 0
    while i < end:
        if i + 8 <= end:
            eight = load64(data, i)
            odd = eight & _HIGH
            if cleans:  # control characters, the last of them by what it is with one more
                odd |= (eight + _EACH) & _HIGH | ~(eight + _FROM_SPACE) & _HIGH
            if not odd:
                large = (eight + _TO_A) & ~(eight + _BEHIND_Z) & _HIGH
                store64(out, at, eight + (large >> capital))
                i += 8
                at += 8
                continue
        stop = min(i + 8, end)
        while i < stop:
            code_point, length = _character(data, i)
            at = _write(data, i, length, code_point, entries, table.bytes, out, at)
            if at < 0:
                return at
            i += length
    return at


@njit(**UNCOUNTED, **INNER)
def _character(data: Any, i: Any) -> Any:
    """The code point of the character at `i`, and its length in bytes."""
    first = data[i]
    if first < 0x80:
        return np.int64(first), 1
    if first < 0xE0:
        return (np.int64(first) & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if first < 0xF0:
        return (np.int64(first) & 0xF) << 12 | (data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (np.int64(first) & 7) << 18 | (data[i + 1] & 0x3F) << 12
    return high | (data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@njit(**UNCOUNTED, **INNER)
def _write(
    data: Any, i: Any, length: Any, code_point: Any, entries: Any, parts: Any, out: Any, at: Any
) -> Any:
    """Appends what becomes of a character to `out`; returns the place behind it, -1 as above."""
    entry = np.int64(entries[code_point])
    kind = entry & _KIND
    if kind == _COPY:
        at = _copy(data, i, length, out, at)
    elif kind == _REPLACE:
        at = _copy(parts, entry >> _PLACE_AT, (entry >> _LENGTH_AT) & _LENGTH, out, at)
    elif kind == _SPACE:
        out[at] = _BLANK
        at += 1
    elif kind == _SET_OFF:
        out[at] = _BLANK
        at = _copy(data, i, length, out, at + 1)
        out[at] = _BLANK
        at += 1
    elif kind == _SYLLABLE:
        at = _write_syllable(code_point - _FIRST_SYLLABLE, out, at)
    elif kind == _REORDER:
        at = -1
    return at


@njit(**UNCOUNTED, **INNER)
def _copy(source: Any, index: Any, length: Any, out: Any, at: Any) -> Any:
    for k in range(length):
        out[at + k] = source[index + k]
    return at + length


@njit(**UNCOUNTED, **INNER)
def _write_syllable(number: Any, out: Any, at: Any) -> Any:
    """The twin of the function of Hangul in `bert_characters`; all parts are of three bytes."""
    final = number % NUM_FINALS
    number //= NUM_FINALS
    parts = (INITIALS + number // NUM_VOWELS, VOWELS + number % NUM_VOWELS, FINALS + final)
    for k in range(3 if final else 2):
        out[at] = 0xE0 | parts[k] >> 12
        out[at + 1] = 0x80 | (parts[k] >> 6) & 0x3F
        out[at + 2] = 0x80 | parts[k] & 0x3F
        at += 3
    return at


@cache
def bert_cutter() -> WordCutter:
    """What `word_starts` needs to cut as `BertSplitter` does."""
    flags = np.zeros(_NUM_CODE_POINTS, dtype=np.uint8)
    flags[sorted(WHITE_SPACE)] = _WHITE
    flags[sorted(punctuation())] = _PUNCTUATION
    return cutter_of(_word_end, flags)


def _word_end(data, flags, begin, i, end, option):
    """Where the word at `i` ends; see `split.scalar`."""
    kind, length = flags_at(data, flags, i, end)
    i += length
    if kind != _PUNCTUATION:
        i = run_end(data, flags, i, end, _WHITE | _PUNCTUATION, kind)
    return i
