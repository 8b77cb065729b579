"""Words and how often each occurs, as flat arrays: what every trainer begins with."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from textus.tokenizer.counting.order import offsets_of, order_of

_GATHERED = 1 << 14  # words that are moved at once


class Counted(NamedTuple):
    """Different words with their counts, in any order."""

    data: np.ndarray  # uint8: the words' bytes end to end
    lengths: np.ndarray  # int64
    counts: np.ndarray  # int64

    def take(self, order: np.ndarray, *, threads: int = 1) -> "Counted":
        """The words of these numbers."""
        data = _gather(self.data, offsets_of(self.lengths), order, threads)
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
    def sorted(
        cls,
        words: Counted,
        *,
        threads: int = 1,
        words_left_out: int = 0,
        occurrences_left_out: int = 0,
    ) -> "WordCounts":
        """From words in any order."""
        ordered = words.take(order_of(*words, threads=threads), threads=threads)
        return cls(
            data=ordered.data,
            offsets=offsets_of(ordered.lengths),
            counts=ordered.counts,
            words_left_out=words_left_out,
            occurrences_left_out=occurrences_left_out,
        )

    def __len__(self) -> int:
        return len(self.counts)

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Each word and its count, in order."""
        data, offsets = self.data.tobytes(), self.offsets.tolist()
        for i, count in enumerate(self.counts.tolist()):
            yield data[offsets[i] : offsets[i + 1]], count


def word_memory(length: Any) -> Any:
    """Bytes that a word of `length` bytes (a number or an array) takes while merges are learnt.

    16 for each byte and the word's end: its symbol 4, the places of its pairs 8 (those of the pairs
    that merges make are added to them), the rest for the counts of pairs.
    """
    return 16 * (length + 1)


def _gather(
    data: np.ndarray, offsets: np.ndarray, order: np.ndarray, threads: int = 1
) -> np.ndarray:
    """The words' bytes end to end in another order."""
    starts, lengths = offsets[order], np.diff(offsets)[order]
    targets = offsets_of(lengths)
    gathered = np.empty(targets[-1], np.uint8)

    def copy(first: int) -> None:
        last = min(first + _GATHERED, order.size)
        begin, end = targets[first], targets[last]
        shifts = np.repeat(starts[first:last] - targets[first:last], lengths[first:last])
        gathered[begin:end] = data[shifts + np.arange(begin, end)]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(copy, range(0, order.size, _GATHERED)))
    return gathered
