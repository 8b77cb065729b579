"""Counted words in parts: each word belongs to one of them by a hash of its bytes.

So all counts of a word come together in its part, whatever tables they were counted in, and parts
can be added up one after another, or by several threads.
"""

from typing import NamedTuple, Protocol

import numpy as np

from textus.tokenizer.counting.word_counts import Counted

PARTS = 1024


class Parted(NamedTuple):
    """Counted words in the order of their parts."""

    words: Counted
    begins: np.ndarray
    """int64, (PARTS + 1, 2): how many words, and how many bytes of them, come before each part."""

    def num_words(self) -> int:
        return len(self.words.counts)

    def between(self, first: int, last: int) -> Counted:
        """The words of the parts from number `first` to `last` - 1."""
        (word, place), (next_word, end) = self.begins[first].tolist(), self.begins[last].tolist()
        data, lengths, counts = self.words
        return Counted(data[place:end], lengths[word:next_word], counts[word:next_word])


class Source(Protocol):
    """Where parts of counted words are read from: `Parted`, or a run on disk."""

    def num_words(self) -> int: ...

    def between(self, first: int, last: int, /) -> Counted: ...


def begins_of(sizes: np.ndarray) -> np.ndarray:
    """`Parted.begins` for parts of these sizes: int64, (PARTS, 2), words and bytes."""
    return np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(sizes, axis=0)])
