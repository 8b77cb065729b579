"""Counted words that wait on disk until they are added up, a part of them at a time.

Each word belongs to one of 64 parts by a hash of its bytes, so that all its counts come together
in its part, and a part takes a 64th of the memory that all words would.
"""

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from textus.tokenizer.counting.word_counts import Counted, WordCounts, offsets_of, word_memory

_PARTS = 64
_HASHED = 1 << 16  # words that are hashed at once
_ONE, _TWO = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class Adder(Protocol):
    """A table that adds up counted words."""

    def add_counted(self, words: Counted, /) -> None: ...

    def counted(self) -> Counted: ...


class Runs:
    """A temporary folder of counted words; a context, at whose end it is removed."""

    def __enter__(self) -> "Runs":
        self._folder = tempfile.TemporaryDirectory(prefix="textus-words-")
        self._runs: list[_Run] = []
        self._next_number = itertools.count().__next__  # no number twice, whatever the thread
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, words: Counted) -> None:
        """Writes words and their counts, in any order."""
        parts = _parts_of(words)
        order = np.argsort(parts, kind="stable")
        bounds = np.searchsorted(parts[order], np.arange(_PARTS + 1))
        self._runs.append(self._written(words.take(order), bounds))

    def word_counts(self, memory: int, new_table: Callable[[], Adder]) -> WordCounts:
        """The sums of all runs, as many words as `memory` bytes hold, the most frequent ones.

        Which words stay depends on the sums alone, as in `WordCounts.within`.
        """
        number: Counter[int] = Counter()
        taken: Counter[int] = Counter()
        sums = []
        for words in self._sums(new_table):
            _note(words, number, taken)
            sums.append(self._written(words, np.array([0, len(words.counts)])))
        lowest = _lowest_count(taken, memory)
        left_out = {count: n for count, n in number.items() if count < lowest}
        frequent = [_frequent(run.read(0), lowest) for run in sums]
        kept = WordCounts.sorted(*map(np.concatenate, zip(*frequent, strict=True)))
        return WordCounts(
            data=kept.data,
            offsets=kept.offsets,
            counts=kept.counts,
            words_left_out=sum(left_out.values()),
            occurrences_left_out=sum(count * n for count, n in left_out.items()),
        )

    def _sums(self, new_table: Callable[[], Adder]) -> Iterator[Counted]:
        """The sums of each part."""
        for part in range(_PARTS):
            table = new_table()
            for run in self._runs:
                table.add_counted(run.read(part))
            yield table.counted()

    def _written(self, words: Counted, bounds: np.ndarray) -> "_Run":
        path = Path(self._folder.name, str(self._next_number()))
        with path.open("wb") as file:
            for array in (words.counts, words.lengths, words.data):
                file.write(np.ascontiguousarray(array).data)
        return _Run(path, bounds, offsets_of(words.lengths)[bounds])


@dataclass(frozen=True)
class _Run:
    """A file: the words' counts, int64, their lengths, int64, their bytes; part after part."""

    path: Path
    words: np.ndarray
    """The number of the first word of each part, and that of all words."""
    bytes: np.ndarray
    """Where in the words' bytes each part begins, and where the last ends."""

    def read(self, part: int) -> Counted:
        first, size = int(self.words[part]), int(self.words[part + 1] - self.words[part])
        place, length = int(self.bytes[part]), int(self.bytes[part + 1] - self.bytes[part])
        total = int(self.words[-1])
        counts = self._array(np.int64, size, 8 * first)
        lengths = self._array(np.int64, size, 8 * (total + first))
        return Counted(self._array(np.uint8, length, 16 * total + place), lengths, counts)

    def _array(self, kind: Any, size: int, offset: int) -> np.ndarray:
        return np.fromfile(self.path, kind, size, offset=offset)


def _parts_of(words: Counted) -> np.ndarray:
    """The part of each word, uint8: a hash of its bytes and where they stand in it."""
    offsets = offsets_of(words.lengths)
    parts = np.empty(len(words.lengths), np.uint8)
    for first in range(0, len(parts), _HASHED):
        bounds = offsets[first : first + _HASHED + 1]
        data = words.data[bounds[0] : bounds[-1]].astype(np.uint64)
        starts = bounds[:-1] - bounds[0]
        places = np.arange(len(data)) - np.repeat(starts, np.diff(bounds))
        sums = np.add.reduceat(data * (places.astype(np.uint64) * _ONE + _TWO), starts)
        sums = (sums ^ (sums >> np.uint64(32))) * _ONE
        parts[first : first + _HASHED] = sums >> np.uint64(58)
    return parts


def _note(words: Counted, number: Counter[int], taken: Counter[int]) -> None:
    """Adds how many words there are of each count, and what memory they take."""
    counts, group = np.unique(words.counts, return_inverse=True)
    memory = np.bincount(group, weights=word_memory(words.lengths), minlength=len(counts))
    for count, n, size in zip(counts.tolist(), np.bincount(group).tolist(), memory, strict=True):
        number[count] += n
        taken[count] += int(size)


def _frequent(words: Counted, lowest: int) -> Counted:
    return words.take(np.flatnonzero(words.counts >= lowest))


def _lowest_count(taken: Counter[int], memory: int) -> int:
    """The lowest count whose words, with all more frequent ones, take no more than `memory`."""
    lowest = max(taken, default=0) + 1
    for count in sorted(taken, reverse=True):
        memory -= taken[count]
        if memory < 0:
            break
        lowest = count
    return lowest
