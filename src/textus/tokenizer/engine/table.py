"""The table of words whose ids are known: a fixed number of bytes, one table for each thread.

A word is its own key, so that no two are ever confused. Words of up to 15 bytes have slots of 32
bytes (16 of key, four ids), words of 16 to 31 bytes slots of 64 (32 of key, eight ids); longer
words are not kept. Two slots make a set; a word can stand in one set only, and a new word takes the
place of the older one. A word with more ids than its slot holds has them in a ring that all such
words share: where they stand there is in the slot, and a word that the ring has overrun counts as
not there.

Tables of 16 and 4 megabytes: on fresh English a table half as large was a third slower.
"""

from typing import NamedTuple

import numpy as np

SHORT_BYTES, SHORT_IDS = 15, 4
LONG_BYTES, LONG_IDS = 31, 8
RING = 1 << 20
RING_SLACK = (
    36  # the ids of a word, and what is copied along with them, lie together at the end, too
)
BLOCK = 64
"""Words whose slots are asked for before the first of them is read."""
MANY = 256
"""Words of which those that are not in the table are cut together."""


class WordTable(NamedTuple):
    """The arrays of a table, and what a thread needs beside it."""

    short: np.ndarray
    """uint64 (sets, 2, 4), flat: bytes 0-7; bytes 8-14, length, number of ids; four ids."""
    long: np.ndarray
    """uint64 (sets, 2, 8), flat: bytes 0-7, 8-15, 16-23; 24-30, length, number of ids; eight
    ids."""
    ring: np.ndarray
    """uint32 (size + RING_SLACK,), size a power of two: ids of words that have more than a slot
    holds."""
    written: np.ndarray
    """uint64 (1,): how many ids went into the ring; id n is at n % size."""
    short_shift: int
    """64 less the logarithm of the number of sets: how far a hash is shifted."""
    long_shift: int
    keys: np.ndarray
    """uint64 (BLOCK, 4), flat: both halves of each word's key and its slot."""
    masks: np.ndarray
    """uint64 (16, 2), flat: which bits of two loaded words belong to a word of so many bytes."""
    long_key: np.ndarray
    """uint64 (5,): the key of the long word at hand, and its slot."""
    waiting: np.ndarray
    """uint64 (MANY, 5), flat: words whose slots were not enough, how many ids come before, both
    halves of the key, and the slot."""
    new: np.ndarray
    """int64 (MANY,): those of the waiting words that are cut together."""
    new_words: np.ndarray
    """int64 (MANY, 2), flat: where these begin and end."""
    new_ids: np.ndarray
    """uint32 (MANY, 16), flat."""
    new_counts: np.ndarray
    """int64 (MANY,): how many ids each has."""
    known: np.ndarray
    """uint32: ids of the other words meanwhile."""
    scratch: np.ndarray
    """uint64 (4096,): for the model's kernel."""


def new_table(*, short_bits: int = 18, long_bits: int = 15, ring: int = RING) -> WordTable:
    """An empty table of 2**short_bits and 2**long_bits sets and `ring` ids, a power of two."""
    short, long = 1 << short_bits, 1 << long_bits
    lengths = range(16)
    masks = [((1 << 8 * min(n, 8)) - 1, (1 << 8 * max(n - 8, 0)) - 1) for n in lengths]
    return WordTable(
        short=_zeros(short * 8),
        long=_zeros(long * 16),
        ring=np.empty(ring + RING_SLACK, dtype=np.uint32),  # memory comes as it is written
        written=np.zeros(1, dtype=np.uint64),
        short_shift=64 - short_bits,
        long_shift=64 - long_bits,
        keys=np.zeros(BLOCK * 4, dtype=np.uint64),
        masks=np.array(masks, dtype=np.uint64).ravel(),
        long_key=np.zeros(5, dtype=np.uint64),
        waiting=np.zeros(MANY * 5, dtype=np.uint64),
        new=np.zeros(MANY, dtype=np.int64),
        new_words=np.zeros(MANY * 2, dtype=np.int64),
        new_ids=np.zeros(MANY * 16 + RING_SLACK, dtype=np.uint32),
        new_counts=np.zeros(MANY, dtype=np.int64),
        known=np.zeros(MANY * SHORT_IDS + 4, dtype=np.uint32),
        scratch=np.zeros(4096, dtype=np.uint64),
    )


def _zeros(count: int) -> np.ndarray:
    """Zeros in memory that begins at a cache line, so that a set never lies in two."""
    array = np.empty(count + 8, dtype=np.uint64)
    skip = (-array.ctypes.data % 64) // 8
    array[:] = 0  # written rather than mapped: large pages are only given to what is written
    return array[skip : skip + count]
