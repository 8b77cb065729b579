"""Where words begin in whole blocks of 64 bytes, by algebra on bit masks; a few doubts are left.

For each family of patterns a function `mark_...` fills two bit maps over the bytes from `position`
on. `starts` has a 1 where a word begins by rules that look at the characters next to it. `doubts`
has a 1 where such rules do not decide: what `starts` says up to there, that byte included, holds;
behind it, words have to be cut one by one until they meet `starts` again. Nothing is said about
the end of the blocks: `_cut_words` knows how far they are sure.

The loops count bytes, not blocks: of a loop from 0 to `blocks`, LLVM takes the first round, which
marks nothing, out as a copy of all, with 64 comparisons one by one in it.

A mask's bit 0 is the block's first byte, so `x << 1` speaks of the byte before, and `x >> 1` of
the byte behind. All bytes of a character carry its class.
"""

import numpy as np
from numba import njit

from textus.tokenizer.native import INNER, count_ones, leading_zeros, trailing_zeros
from textus.tokenizer.split.masks import ascii_masks, letter_masks
from textus.tokenizer.split.scalar import LETTER, LOWER, NUMBER, UPPER, WHITE, flags_at

_ONE, _TWO, _THREE, _SIX = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(6)
_TOP, _NONE, _ALL = np.uint64(63), np.uint64(0), np.uint64(2**64 - 1)
_HIGHEST = _ONE << _TOP


@njit(nogil=True, forceinline=True, **INNER)
def _behind(mask, before):
    """Bytes that stand behind one of `mask`, the block before being `before`."""
    return mask << _ONE | before >> _TOP


@njit(nogil=True, forceinline=True, **INNER)
def _ahead(mask, after):
    """Bytes that stand before one of `mask`, the block after being `after`."""
    return mask >> _ONE | after << _TOP


@njit(nogil=True, forceinline=True, **INNER)
def _spread(mask, before, inner):
    """The first bytes of characters and, of each, the others (`inner`) too."""
    mask |= _behind(mask, before) & inner
    mask |= _behind(mask, before) & inner
    return mask | (_behind(mask, before) & inner)


@njit(nogil=True, forceinline=True, **INNER)
def _bit(is_set, place):
    return np.uint64(is_set) << place


@njit(nogil=True, forceinline=True, **INNER)
def _plain_classes(data, flags, i, high, inner, before):
    """Masks of the letters, numbers and white space that are not ASCII in the block at `i`."""
    upper, lower, neither, unclear = letter_masks(data, i)
    letters, numbers, white = upper | lower | neither | unclear, _NONE, _NONE
    rest = high & ~inner & ~letters
    while rest:
        place = trailing_zeros(rest)
        rest &= rest - _ONE
        found, _ = flags_at(data, flags, i + np.int64(place), i + 80)
        letters |= _bit(found & LETTER != 0, place)
        numbers |= _bit(found & NUMBER != 0, place)
        white |= _bit(found & WHITE != 0, place)
    return (
        _spread(letters, before[0], inner),
        _spread(numbers, before[1], inner),
        _spread(white, before[2], inner),
    )


@njit(nogil=True, forceinline=True, **INNER)
def _plain_block(data, flags, i, before):
    """(letters, numbers, white space, newlines, spaces, apostrophes, inner bytes) at `i`."""
    upper, lower, numbers, white, newlines, spaces, quotes, _, high, inner = ascii_masks(data, i)
    letters = upper | lower
    if high:
        others = _plain_classes(data, flags, i, high, inner, before)
        letters, numbers, white = letters | others[0], numbers | others[1], white | others[2]
    return letters, numbers, white, newlines, spaces, quotes, inner


@njit(nogil=True, forceinline=True, **INNER)
def _mark_last_white(data, position, bits, block, last, inner):
    """Marks the white space before other text as a word's start: its character's first byte."""
    bits[block] |= last & ~inner
    last &= inner
    while last:
        i = np.int64(block) * 64 + np.int64(trailing_zeros(last)) - 1
        last &= last - _ONE
        if data[position + i] & 0xC0 == 0x80:
            i -= 1
        if i >= 0:
            bits[np.uint64(i >> 6)] |= _ONE << np.uint64(i & 63)


@njit(nogil=True, forceinline=True, **INNER)
def _since(white, i, since):
    """Where the white space that reaches the end of the block at `i` began; `since`: likewise for
    the block before."""
    if white == _ALL:
        return since
    return i + 64 - np.int64(leading_zeros(~white))


def mark_gpt2(data, flags, position, blocks, option, starts, doubts):
    """The bit maps for GPT-2; returns where white space at the end of the blocks began."""
    since = position
    zero = signs_before = _NONE
    before = now = (zero, zero, zero, zero, zero, zero, zero)
    for i in range(position, position + (blocks + 1) * 64, 64):
        after = _plain_block(data, flags, i, now)
        if i > position:
            block = np.uint64(i - position - 64) >> _SIX
            letters, numbers, white, _, spaces, quotes, inner = now
            signs = ~(letters | numbers | white)
            begun = letters & ~_behind(letters, before[0])
            begun |= numbers & ~_behind(numbers, before[1])
            begun |= signs & ~_behind(signs, signs_before)
            begun &= ~_behind(spaces, before[4])
            begun |= white & ~_behind(white, before[2])
            starts[block] = begun
            doubts[block] = quotes & begun & _ahead(letters, after[0])
            last = white & ~_ahead(white, after[2])
            _mark_last_white(data, position, starts, block, last, inner)
            since = _since(white, i - 64, since)
            signs_before = signs
        before, now = now, after
    return since


@njit(nogil=True, forceinline=True, **INNER)
def _behind_first_sign(begun, inner, carry):
    """(the bytes behind the first character of runs that begin at `begun`, the carry for the next
    block): an addition carries over the inner bytes of the character."""
    added = begun << _ONE | carry
    total = inner + added
    return total & ~inner, begun >> _TOP | np.uint64(total < inner)


@njit(nogil=True, forceinline=True, **INNER)
def _mark_white(data, position, block, starts, doubts, masks):
    r"""Marks white space for `\s*[\r\n]+|\s+(?!\S)|\s+`: where it begins, behind newlines and
    before other text; but not between a newline and a line of white space alone."""
    white, white_before, white_after, newlines, before, after, absorbed, sure, inner = masks
    blank = white & ~newlines
    indents = blank & _behind(newlines, before)
    starts[block] |= (white & ~_behind(white, white_before) & ~absorbed) | indents
    last = blank & ~_ahead(white, white_after)
    _mark_last_white(data, position, starts, block, last, inner)
    if indents:
        carried = blank + indents  # to the byte behind the white space
        ends = carried & newlines & ~blank
        while ends:
            before_end = (ends - _ONE) & ~ends
            ends &= ends - _ONE
            _join_line(starts, doubts, block, indents & before_end, sure)
        if carried < blank:
            other = ~white_after | after
            if other == _NONE or other & ~(other - _ONE) & after:
                _join_line(starts, doubts, block, indents, sure if other else _NONE)


@njit(nogil=True, **INNER)
def _join_line(starts, doubts, block, indents, sure):
    """No word begins at the last of `indents`; if it is not one of `sure`, there is a doubt at the
    byte before it."""
    indent = _HIGHEST >> leading_zeros(indents)
    if indent & sure:
        starts[block] &= ~indent
    else:
        doubts[block] |= indent >> _ONE
        if indent == _ONE and block:
            doubts[block - _ONE] |= _HIGHEST


@njit(nogil=True, forceinline=True, **INNER)
def _fourth(numbers, before):
    """The bytes that are at least the fourth of their run."""
    second = numbers & _behind(numbers, before)
    third = second & (numbers << _TWO | before >> np.uint64(62))
    return third & (numbers << _THREE | before >> np.uint64(61))


def mark_cl100k(data, flags, position, blocks, option, starts, doubts):
    """The bit maps for cl100k and its kin; returns where white space at the end of the blocks
    began."""
    since, single = position, option & 7 == 1
    zero = carry = signs_before = lone_before = _NONE
    before = now = (zero, zero, zero, zero, zero, zero, zero)
    for i in range(position, position + (blocks + 1) * 64, 64):
        after = _plain_block(data, flags, i, now)
        if i > position:
            block = np.uint64(i - position - 64) >> _SIX
            letters, numbers, white, newlines, spaces, quotes, inner = now
            signs = ~(letters | numbers | white)
            signs_behind = _behind(signs, signs_before)
            begun = signs & ~signs_behind & ~_behind(spaces, before[4])
            glue, carry = _behind_first_sign(begun, inner, carry)
            glue |= _behind(white & ~newlines, before[2] & ~before[3])
            begun |= letters & ~_behind(letters, before[0]) & ~glue
            doubts[block] = quotes & begun & _ahead(letters, after[0])
            if single:
                begun |= numbers & ~inner
            else:
                begun |= numbers & ~_behind(numbers, before[1])
                doubts[block] |= _fourth(numbers, before[1])
            starts[block] = begun
            absorbed = newlines & signs_behind
            lone = newlines & ~signs_behind & ~_behind(newlines, before[3])
            sure = _behind(lone, lone_before)
            around = (white, before[2], after[2], newlines, before[3], after[3])
            masks = (*around, absorbed, sure, inner)
            _mark_white(data, position, block, starts, doubts, masks)
            since = _since(white, i - 64, since)
            signs_before, lone_before = signs, lone
        before, now = now, after
    return since


@njit(nogil=True, forceinline=True, **INNER)
def _cased_classes(data, flags, i, high, inner, before):
    """Masks of upper-case and lower-case letters, letters and marks without case, marks alone,
    numbers and white space that are not ASCII in the block at `i`."""
    upper, lower, neither, _ = letter_masks(data, i)
    numbers = white = marks = _NONE
    rest = high & ~inner & ~(upper | lower | neither)
    while rest:
        place = trailing_zeros(rest)
        rest &= rest - _ONE
        found, _ = flags_at(data, flags, i + np.int64(place), i + 80)
        cased = found & (UPPER | LOWER)
        upper |= _bit(cased == UPPER, place)
        lower |= _bit(cased == LOWER, place)
        neither |= _bit(cased == UPPER | LOWER, place)
        marks |= _bit(found & (UPPER | LOWER | LETTER) == UPPER | LOWER, place)
        numbers |= _bit(found & NUMBER != 0, place)
        white |= _bit(found & WHITE != 0, place)
    return (
        _spread(upper, before[0], inner),
        _spread(lower, before[1], inner),
        _spread(neither, before[2], inner),
        marks,
        _spread(numbers, before[4], inner),
        _spread(white, before[5], inner),
    )


@njit(nogil=True, forceinline=True, **INNER)
def _cased_block(data, flags, i, before):
    """(upper case, lower case, without case, marks' first bytes, numbers, white space, newlines,
    spaces, apostrophes, slashes, inner bytes) at `i`."""
    upper, lower, numbers, white, newlines, spaces, quotes, slashes, high, inner = ascii_masks(
        data, i
    )
    neither = marks = _NONE
    if high:
        others = _cased_classes(data, flags, i, high, inner, before)
        upper, lower, neither, marks = upper | others[0], lower | others[1], others[2], others[3]
        numbers, white = numbers | others[4], white | others[5]
    return (
        upper, lower, neither, marks, numbers, white, newlines, spaces, quotes, slashes, inner
    )  # fmt: skip


def mark_o200k(data, flags, position, blocks, option, starts, doubts):
    """The bit maps for o200k; returns where white space at the end of the blocks began.

    In doubt are: upper case behind letters without case, which belongs to them where lower case
    follows; contractions; signs before marks; slashes behind newlines that may belong to signs;
    numbers of four bytes.
    """
    since = position
    zero = carry = signs_before = words_before = lone_before = _NONE
    before = now = (zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero)
    for i in range(position, position + (blocks + 1) * 64, 64):
        after = _cased_block(data, flags, i, now)
        if i > position:
            block = np.uint64(i - position - 64) >> _SIX
            upper, lower, neither, _, numbers, white, newlines, spaces, _, _, inner = now
            words, after_words = upper | lower | neither, after[0] | after[1] | after[2]
            quotes = now[8] & _ahead(words, after_words)
            signs = ~(words | numbers | white)
            signs_behind = _behind(signs, signs_before)
            begun = signs & ~signs_behind & ~_behind(spaces, before[7])
            glue, carry = _behind_first_sign(begun, inner, carry)
            glue |= _behind(white & ~newlines, before[5] & ~before[6])
            begun |= words & ~_behind(words, words_before) & ~glue
            begun |= upper & _behind(lower, before[1])
            begun |= numbers & ~_behind(numbers, before[4])
            starts[block] = begun
            doubts[block] = (
                _fourth(numbers, before[4])
                | (neither & _ahead(upper, after[0]))
                | (words & _ahead(quotes, after[8] & after_words >> _ONE))
                | (signs & _ahead(now[3], after[3]))
                | (
                    newlines
                    & (signs_behind | _behind(newlines, before[6]))
                    & _ahead(now[9], after[9])
                )
            )
            absorbed = newlines & signs_behind
            lone = newlines & ~signs_behind & ~_behind(newlines, before[6])
            sure = _behind(lone, lone_before)
            around = (white, before[5], after[5], newlines, before[6], after[6])
            masks = (*around, absorbed, sure, inner)
            _mark_white(data, position, block, starts, doubts, masks)
            since = _since(white, i - 64, since)
            signs_before, words_before, lone_before = signs, words, lone
        before, now = now, after
    return since


@njit(nogil=True, **INNER)
def last_start(starts, place):
    """The last 1 of the bit map at or before `place`; bit 0 is one."""
    block = np.uint64(place >> 6)
    word = starts[block] & (_ALL >> np.uint64(63 - (place & 63)))
    while word == _NONE:
        block -= _ONE
        word = starts[block]
    return np.int64(block) * 64 + 63 - np.int64(leading_zeros(word))


@njit(nogil=True, **INNER)
def clear_between(starts, first, last):
    """Sets the bits behind `first` and before `last` to 0."""
    first += 1
    while first < last:
        kept = _ALL << np.uint64(last & 63) if first >> 6 == last >> 6 else _NONE
        starts[first >> 6] &= kept | (_ONE << np.uint64(first & 63)) - _ONE
        first = (first | 63) + 1


@njit(nogil=True, **INNER)
def extract(starts, position, place, out):
    """Writes the 1s of the bit map before `place` to `out`, counted from `position`; returns how
    many. Up to 7 more entries of `out` are overwritten."""
    count = 0
    for k in range((place + 63) >> 6):
        word = starts[np.uint64(k)]
        if k == place >> 6:
            word &= (_ONE << np.uint64(place & 63)) - _ONE
        base, place_in_out = position + k * 64, count
        count += np.int64(count_ones(word))
        while word:
            for i in range(8):
                out[np.uint64(place_in_out + i)] = base + np.int64(trailing_zeros(word))
                word &= word - _ONE
            place_in_out += 8
    return count
