"""What merges are learnt from: rows of symbols, and how often each row occurs."""

from typing import NamedTuple

import numpy as np

from textus.errors import DataError
from textus.tokenizer.counting.word_counts import WordCounts

SEPARATOR = 2**31 - 1
"""Stands before, between and after rows; no id is as large."""


class Rows(NamedTuple):
    """Rows of ids, equally frequent ones together."""

    symbols: np.ndarray
    """int32: the rows, a SEPARATOR before, between and after them."""

    starts: np.ndarray
    """int64: where each run of equally frequent rows begins."""

    counts: np.ndarray
    """int64: how often the rows of each run occur."""


def rows_of_words(words: WordCounts, id_of_byte: np.ndarray) -> Rows:
    """Words as the ids of their bytes; id_of_byte (256,) int32."""
    return rows_of_symbols(id_of_byte[words.data], words.offsets, words.counts)


def rows_of_symbols(ids: np.ndarray, offsets: np.ndarray, counts: np.ndarray) -> Rows:
    """Rows ids[offsets[i]:offsets[i + 1]] that occur counts[i] times, equal counts together."""
    separators = offsets + np.arange(offsets.size)
    starts = np.flatnonzero(np.diff(counts, prepend=-1))
    return Rows(_separated(ids, separators), separators[starts], counts[starts])


def rows_of_ids(ids: np.ndarray, offsets: np.ndarray) -> Rows:
    """Rows that occur once each: row i is ids[offsets[i]:offsets[i + 1]]."""
    separators = offsets + np.arange(offsets.size)
    return Rows(_separated(ids, separators), np.zeros(1, np.int64), np.ones(1, np.int64))


def _separated(ids: np.ndarray, separators: np.ndarray) -> np.ndarray:
    """The ids with separators put in, which come to stand at the given places."""
    size = ids.size + separators.size
    if size > SEPARATOR:
        raise DataError(
            f"there are {size:,} symbols to learn merges from, and places for {SEPARATOR:,}; use a "
            "smaller training_memory."
        )
    is_id = np.ones(size, bool)
    is_id[separators] = False
    symbols = np.full(size, SEPARATOR, np.int32)
    symbols[is_id] = ids
    return symbols
