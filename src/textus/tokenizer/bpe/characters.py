"""Where a character of UTF-8 ends, compiled; bytes that are no UTF-8 are one each.

The same as `bytes.decode("utf-8", "surrogateescape")` cuts.
"""

from typing import Any

from numba import njit

from textus.tokenizer.native import UNCOUNTED


def is_character(token: bytes) -> bool:
    """Whether `token` is one character, or one byte that is none."""
    return len(token.decode("utf-8", "surrogateescape")) == 1


@njit(**UNCOUNTED)
def character_length(data: Any, i: Any, end: Any) -> Any:
    """How many bytes the character at `i` has; 1 for a byte that begins none before `end`.

    The bounds of the second byte leave out overlong forms, surrogates and what is beyond U+10FFFF
    (Unicode 16.0, table 3-7).
    """
    first = data[i]
    length, low, high = 1, 0x80, 0xBF
    if 0xC2 <= first <= 0xDF:
        length = 2
    elif 0xE0 <= first <= 0xEF:
        length = 3
        if first == 0xE0:
            low = 0xA0
        elif first == 0xED:
            high = 0x9F
    elif 0xF0 <= first <= 0xF4:
        length = 4
        if first == 0xF0:
            low = 0x90
        elif first == 0xF4:
            high = 0x8F
    if i + length > end:
        return 1
    for k in range(1, length):
        if not low <= data[i + k] <= high:
            return 1
        low, high = 0x80, 0xBF
    return length
