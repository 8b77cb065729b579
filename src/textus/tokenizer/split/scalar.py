"""Where a word ends, character by character: one function for each family of patterns.

The functions `..._end` that take an option are for `numba.cfunc`. They take pointers to UTF-8 bytes
and to the flags of all characters (`flags_of_characters`), where the document begins, where a word
begins, where the document ends, and an option of the family; they return where the word ends. A
word depends on what is behind its beginning alone, but for numbers cut from the right: whether a
number was cut already shows in the character before. At least 8 bytes behind the end can be read.
"""

import numpy as np
from numba import njit

from textus.tokenizer.native import INNER, leading_zeros, load64
from textus.tokenizer.split.unicode_classes import class_runs

UPPER, LOWER, LETTER, NUMBER, WHITE, NEWLINE = 1, 2, 4, 8, 16, 32
KIND = LETTER | NUMBER | WHITE
"""What tells runs apart; a character without any of these is a sign (or a mark)."""

_FLAGS = {
    "u": UPPER | LETTER,
    "l": LOWER | LETTER,
    "o": UPPER | LOWER | LETTER,  # o200k lets other letters and marks stand for either case
    "m": UPPER | LOWER,
    "n": NUMBER,
    "w": WHITE,
    "x": 0,
}
THREES, TRAILING = 4, 8
"""Options of `cl100k_end`; 3 and 1: so many characters of a number, from the left."""

_SPACE, _APOSTROPHE, _SLASH, _NEWLINE, _ZERO, _NINE = map(ord, " '/\n09")
_D, _E, _L, _M, _R, _S, _T, _V = map(ord, "delmrstv")  # in kernels `ord` compiles slowly


def flags_of_characters() -> np.ndarray:
    """The flags of every code point, uint8 (0x200000,): as far as four bytes of no UTF-8 reach."""
    classes, lengths = class_runs()
    flags = np.zeros(0x200000, np.uint8)
    values = np.array([_FLAGS[class_] for class_ in classes], np.uint8)
    flags[:0x110000] = np.repeat(values, lengths)
    flags[[0x0A, 0x0D]] |= NEWLINE
    return flags


@njit(nogil=True, **INNER)
def flags_at(data, flags, i, end):
    """(flags, length in bytes) of the character at `i`; a byte of no UTF-8 is a sign."""
    bytes_ = load64(data, i)
    first = bytes_ & np.uint64(0xFF)
    if first < np.uint64(0x80):
        return flags[first], 1
    length = np.int64(leading_zeros(~(first << np.uint64(56))))
    if length < 2 or length > 4 or i + length > end:
        return np.uint8(0), 1
    code_point = (
        (first & np.uint64(0x7F >> length)) << np.uint64(18)
        | (bytes_ << np.uint64(4)) & np.uint64(0x3F000)
        | (bytes_ >> np.uint64(10)) & np.uint64(0xFC0)
        | (bytes_ >> np.uint64(24)) & np.uint64(0x3F)
    )
    return flags[code_point >> np.uint64(24 - 6 * length)], length


@njit(nogil=True, **INNER)
def run_end(data, flags, i, end, mask, wanted):
    """Where the characters end whose flags under `mask` are `wanted`."""
    while i < end:
        found, length = flags_at(data, flags, i, end)
        if found & mask != wanted:
            break
        i += length
    return i


@njit(nogil=True, **INNER)
def contraction_length(data, i, end):
    """How many bytes 's, 't, 're, 've, 'm, 'll or 'd, in any case, takes at `i`; 0 if none."""
    if data[i] != _APOSTROPHE or i + 2 > end:
        return 0
    first, second = data[i + 1], data[i + 2]
    if first == 0xC5 and second == 0xBF and i + 3 <= end:
        return 3  # U+017F, the long s
    first, second = first | 0x20, second | 0x20
    if first in (_S, _T, _D, _M):
        return 2
    if i + 3 > end:
        return 0
    if first == second == _L or (second == _E and first in (_V, _R)):
        return 3
    return 0


@njit(nogil=True, **INNER)
def white_end(data, flags, i, end, newlines, trailing):
    r"""Where white space at `i` ends as a word: `\s+(?!\S)|\s+`, which leaves the last character
    to the word behind it, unless the text ends.

    With `newlines` the last newline ends it (`\s*[\r\n]+`); with `trailing` the end of the text
    comes before newlines (`\s++$`).
    """
    start = last = i
    after_newline = 0
    while i < end:
        found, length = flags_at(data, flags, i, end)
        if not found & WHITE:
            break
        last = i
        i += length
        if found & NEWLINE:
            after_newline = i
    if i == end and trailing:
        return i
    if newlines and after_newline:
        return after_newline
    return last if i < end and last > start else i


def gpt2_end(data, flags, begin, i, end, option):
    """GPT-2's pattern."""
    length = contraction_length(data, i, end)
    # GPT-2's contractions are in lower case only
    if length and (data[i + 1] & 0x20) and data[i + 1] < 0x80 and data[i + length - 1] & 0x20:
        return i + length
    start = i
    found, length = flags_at(data, flags, i, end)
    i += length
    if data[start] == _SPACE and i < end:
        behind, length = flags_at(data, flags, i, end)
        if not behind & WHITE:
            found = behind
            i += length
    if found & WHITE:
        return white_end(data, flags, start, end, False, False)
    return run_end(data, flags, i, end, KIND, found & KIND)


@njit(nogil=True, **INNER)
def first_of_threes(data, flags, begin, i, end):
    """How many characters the first piece has of a number at `i` cut in threes from the right."""
    if _number_before(data, flags, begin, i, end):
        return 3  # the rest of a number that was cut already
    count = 0
    while i < end:
        found, length = flags_at(data, flags, i, end)
        if not found & NUMBER:
            break
        count += 1
        i += length
    return (count - 1) % 3 + 1


@njit(nogil=True, **INNER)
def _number_before(data, flags, begin, i, end):
    if i <= begin:
        return False
    j = i - 1
    while j > begin and data[j] & 0xC0 == 0x80:
        j -= 1
    return flags_at(data, flags, j, end)[0] & NUMBER != 0


@njit(nogil=True, **INNER)
def number_end(data, flags, i, end, most):
    """Where at most `most` characters of a number at `i` end."""
    count = 0
    while i < end and count < most:
        found, length = flags_at(data, flags, i, end)
        if not found & NUMBER:
            break
        i += length
        count += 1
    return i


def cl100k_end(data, flags, begin, i, end, option):
    """cl100k and its kin; `option` is the sum of how many characters of a number may be in a word
    (THREES: three, from the right) and of TRAILING: white space at the end is one word."""
    length = contraction_length(data, i, end)
    if length:
        return i + length
    found, length = flags_at(data, flags, i, end)
    if found & NUMBER:
        most = first_of_threes(data, flags, begin, i, end) if option & THREES else option & 3
        return number_end(data, flags, i, end, most)
    j = i + length
    if not found & (LETTER | NEWLINE) and j < end:
        behind, length = flags_at(data, flags, j, end)
        if behind & LETTER or (data[i] == _SPACE and not behind & KIND):
            found = behind
            j += length
    if found & WHITE:
        return white_end(data, flags, i, end, True, option & TRAILING != 0)
    j = run_end(data, flags, j, end, KIND, found & LETTER)
    while not found & LETTER and j < end and (data[j] == 10 or data[j] == 13):
        j += 1
    return j


def o200k_end(data, flags, begin, i, end, option):
    """o200k's pattern."""
    found, length = flags_at(data, flags, i, end)
    if found & NUMBER:
        return number_end(data, flags, i, end, 3)
    j = i
    if not found & (UPPER | LOWER):
        j += length
        if not found & NEWLINE and j < end:
            behind, length = flags_at(data, flags, j, end)
            if behind & (UPPER | LOWER):
                found = behind
            elif data[i] == _SPACE and not behind & KIND:
                found = behind
                j += length
    if found & (UPPER | LOWER):
        return cased_end(data, flags, j, end)
    if found & WHITE:
        return white_end(data, flags, i, end, True, False)
    j = run_end(data, flags, j, end, KIND, 0)
    while j < end and (data[j] == 10 or data[j] == 13 or data[j] == _SLASH):
        j += 1
    return j


@njit(nogil=True, **INNER)
def cased_end(data, flags, i, end):
    """Where letters and marks at `i` end that are upper case first, lower case then, and a
    contraction. Characters of both cases may stand among the first or the second ones; where no
    lower-case letter follows, the last of them ends the word."""
    after_both = 0
    while i < end:
        found, length = flags_at(data, flags, i, end)
        if not found & UPPER:
            break
        i += length
        if found & LOWER:
            after_both = i
    if i < end and flags_at(data, flags, i, end)[0] & LOWER:
        i = run_end(data, flags, i, end, LOWER, LOWER)
    elif after_both:
        i = after_both
    return i + contraction_length(data, i, end)


def superbpe_end(data, flags, begin, i, end, option):
    """Everything up to a number; of a number, what is before its next three ASCII digits that
    begin or continue threes from the right of their run."""
    if not flags_at(data, flags, i, end)[0] & NUMBER:
        return run_end(data, flags, i, end, NUMBER, 0)
    start = i
    while i < end:
        if not _is_digit(data[i]):
            found, length = flags_at(data, flags, i, end)
            if not found & NUMBER:
                break
            i += length
            continue
        if i == start and i > begin and _is_digit(data[i - 1]):
            i += 3  # the rest of a run that was cut already
        else:
            count = run_of_digits(data, i, end)
            if count % 3 == 0 and i > start:
                break
            i += (count - 1) % 3 + 1
        if i < end and _is_digit(data[i]):
            break
    return i


@njit(nogil=True, **INNER)
def _is_digit(byte):
    return _ZERO <= byte <= _NINE


@njit(nogil=True, **INNER)
def run_of_digits(data, i, end):
    """How many ASCII digits stand at `i`."""
    start = i
    while i < end and _is_digit(data[i]):
        i += 1
    return i - start


def spaces_end(data, flags, begin, i, end, option):
    """Newlines, or spaces and everything up to the next space or newline."""
    if data[i] == _NEWLINE:
        while i < end and data[i] == _NEWLINE:
            i += 1
        return i
    while i < end and data[i] == _SPACE:
        i += 1
    while i < end and data[i] != _SPACE and data[i] != _NEWLINE:
        i += 1
    return i


def none_end(data, flags, begin, i, end, option):
    """The whole text."""
    return end
