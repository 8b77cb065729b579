"""Words and how often each occurs, as flat arrays: what every trainer begins with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

_GATHERED = 1 << 16  # words that are moved at once


class Counted(NamedTuple):
    """Different words with their counts, in any order."""

    data: np.ndarray  # uint8: the words' bytes end to end
    lengths: np.ndarray  # int64
    counts: np.ndarray  # int64

    def take(self, order: np.ndarray) -> "Counted":
        """The words of these numbers."""
        data = _gather(self.data, offsets_of(self.lengths), order)
        return Counted(data, self.lengths[order], self.counts[order])


@dataclass(frozen=True, kw_only=True, eq=False)
class WordCounts:
    """Different words, none empty, the most frequent first, of equally frequent ones by bytes."""

    data: np.ndarray
    """uint8: the words' UTF-8 bytes end to end."""

    offsets: np.ndarray
    """int64, one more than words: word i is data[offsets[i] : offsets[i + 1]]."""

    counts: np.ndarray
    """int64: how often each word occurs."""

    words_left_out: int = 0
    """Different words that memory had no room for, the rarest ones."""

    occurrences_left_out: int = 0
    """How often those words occur together."""

    @classmethod
    def of(cls, counts: Mapping[bytes, int]) -> "WordCounts":
        """From words with their counts, in any order."""
        items = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = [word for word, _ in items]
        return cls(
            data=np.frombuffer(b"".join(words), np.uint8),
            offsets=offsets_of(np.fromiter(map(len, words), np.int64, len(words))),
            counts=np.fromiter((count for _, count in items), np.int64, len(items)),
        )

    @classmethod
    def sorted(cls, data: np.ndarray, lengths: np.ndarray, counts: np.ndarray) -> "WordCounts":
        """From words end to end, with the length and the count of each, in any order."""
        offsets = offsets_of(lengths)
        order = _order_of_bytes(data, offsets)
        order = order[np.argsort(-counts[order], kind="stable")]
        return cls(
            data=_gather(data, offsets, order),
            offsets=offsets_of(lengths[order]),
            counts=counts[order],
        )

    def __len__(self) -> int:
        return len(self.counts)

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Each word and its count, in order."""
        data, offsets = self.data.tobytes(), self.offsets.tolist()
        for i, count in enumerate(self.counts.tolist()):
            yield data[offsets[i] : offsets[i + 1]], count

    def within(self, memory: int) -> "WordCounts":
        """Without the rarest words, all of one count together, where `memory` bytes hold no more.

        A word takes `word_memory` of them. Which words stay depends on the words and counts alone.
        """
        taken = np.cumsum(word_memory(np.diff(self.offsets)))
        kept = int(np.searchsorted(taken, memory, side="right"))
        if kept == len(self):
            return self
        lowest = self.counts[kept] + 1  # that count has no room for all its words
        kept = int(np.searchsorted(-self.counts, -lowest, side="right"))
        return replace(
            self,
            data=self.data[: self.offsets[kept]],
            offsets=self.offsets[: kept + 1],
            counts=self.counts[:kept],
            words_left_out=self.words_left_out + len(self) - kept,
            occurrences_left_out=self.occurrences_left_out + int(self.counts[kept:].sum()),
        )


def word_memory(length: Any) -> Any:
    """Bytes that a word of `length` bytes (a number or an array) takes while merges are learnt."""
    return 4 * length + 24


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where words of these lengths begin that lie end to end, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _order_of_bytes(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The numbers of the words in lexicographic order.

    Their first 16 bytes are compared as two numbers, zeros where a word has ended; of words that
    are equal so far the shorter ones go first, and those that are still longer are sorted by
    themselves.
    """
    lengths = np.diff(offsets)
    padded = np.concatenate([data, np.zeros(16, np.uint8)])
    parts = [_eight_bytes(padded, offsets[:-1] + skip, lengths - skip) for skip in (0, 8)]
    ranks = np.minimum(lengths, 16)
    long_words = np.flatnonzero(lengths > 16)
    whole, ends = data.tobytes(), offsets.tolist()
    words = [whole[ends[i] : ends[i + 1]] for i in long_words.tolist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    ranks[long_words[order]] = 17 + np.arange(len(words))
    return np.lexsort((ranks, parts[1], parts[0]))


def _eight_bytes(padded: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Up to `lengths` bytes from each start as one number, the first byte the weightiest."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, 8)
    number = windows[np.minimum(starts, len(windows) - 1)].view(">u8").ravel().astype(np.uint64)
    unused = (8 * np.clip(8 - lengths, 0, 7)).astype(np.uint64)
    return np.where(lengths > 0, number >> unused << unused, np.uint64(0))


def _gather(data: np.ndarray, offsets: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The words' bytes end to end in another order."""
    starts, lengths = offsets[order], np.diff(offsets)[order]
    parts = [np.empty(0, np.uint8)]
    for first in range(0, order.size, _GATHERED):
        some = slice(first, first + _GATHERED)
        shifts = starts[some] - offsets_of(lengths[some])[:-1]
        parts.append(data[np.repeat(shifts, lengths[some]) + np.arange(lengths[some].sum())])
    return np.concatenate(parts)
