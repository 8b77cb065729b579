"""How many words tokens span, so that merges can keep to a limit.

Words are here what stands between white space of ASCII, the same in every text and pattern; so the
number of a merged token follows from what is known of its two parts.
"""

import re
from collections.abc import Sequence

import numpy as np

UNLIMITED = 2**31 - 1
"""More words than any token spans."""

WORDS, BEGINS, ENDS = 0, 1, 2
"""What `spans` holds of each token: how many words it touches, whether it begins in a word, whether
it ends in one."""

_WORD = re.compile(rb"\S+")


def num_words(token: bytes) -> int:
    """How many words a token touches: 2 for b" of the" as for b"f the", 0 for b" "."""
    return len(_WORD.findall(token))


def spans(tokens: Sequence[bytes], vocab_size: int) -> np.ndarray:
    """int32, (vocab_size, 3): a row for each token, the rest zeros, to be filled by merges."""
    table = np.zeros((vocab_size, 3), np.int32)
    for row, token in zip(table, tokens, strict=False):
        row[:] = num_words(token), not token[:1].isspace(), not token[-1:].isspace()
    return table
