"""Counted words that wait on disk, in sorted runs, until they are added up."""

import itertools
import struct
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import merge
from operator import itemgetter
from pathlib import Path

import numpy as np

from textus.tokenizer.counting.word_counts import WordCounts, word_memory

_ENTRY = struct.Struct("<qq")  # length of the word, which follows, and its count

Item = tuple[bytes, int]


class Runs:
    """A temporary folder of sorted runs; a context, at whose end it is removed."""

    def __enter__(self) -> "Runs":
        self._folder = tempfile.TemporaryDirectory(prefix="textus-words-")
        self._paths: list[Path] = []
        self._next_number = itertools.count().__next__  # no number twice, whatever the thread
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, items: Iterable[Item]) -> None:
        """Writes words and their counts, which come in the order of the words."""
        path = Path(self._folder.name, str(self._next_number()))
        _write(path, items)
        self._paths.append(path)

    def word_counts(self, memory: int) -> WordCounts:
        """The sums of all runs, as many words as `memory` bytes hold, the most frequent ones.

        Which words stay depends on the sums alone, as in `WordCounts.within`.
        """
        whole = Path(self._folder.name, "whole")
        number: Counter[int] = Counter()
        taken: Counter[int] = Counter()
        _write(whole, _noted(self._sums(), number, taken))
        lowest = _lowest_count(taken, memory)
        items = (item for item in _read(whole) if item[1] >= lowest)
        left_out = {count: n for count, n in number.items() if count < lowest}
        kept = _arrays(items)
        return WordCounts(
            data=kept.data,
            offsets=kept.offsets,
            counts=kept.counts,
            words_left_out=sum(left_out.values()),
            occurrences_left_out=sum(count * n for count, n in left_out.items()),
        )

    def _sums(self) -> Iterator[Item]:
        runs = [_read(path) for path in self._paths]
        for word, group in itertools.groupby(merge(*runs), key=itemgetter(0)):
            yield word, sum(occurrences for _, occurrences in group)


def _noted(items: Iterable[Item], number: Counter[int], taken: Counter[int]) -> Iterator[Item]:
    """The items as they are, while how many words there are of each count, and what they take, is
    noted."""
    for word, count in items:
        number[count] += 1
        taken[count] += word_memory(len(word))
        yield word, count


def _lowest_count(taken: Counter[int], memory: int) -> int:
    """The lowest count whose words, with all more frequent ones, take no more than `memory`."""
    lowest = max(taken, default=0) + 1
    for count in sorted(taken, reverse=True):
        memory -= taken[count]
        if memory < 0:
            break
        lowest = count
    return lowest


def _arrays(items: Iterable[Item]) -> WordCounts:
    data, lengths, counts = bytearray(), [], []
    for word, count in items:
        data += word
        lengths.append(len(word))
        counts.append(count)
    return WordCounts.sorted(
        np.frombuffer(bytes(data), np.uint8),
        np.array(lengths, np.int64),
        np.array(counts, np.int64),
    )


def _write(path: Path, items: Iterable[Item]) -> None:
    with path.open("wb") as file:
        for word, count in items:
            file.write(_ENTRY.pack(len(word), count))
            file.write(word)


def _read(path: Path) -> Iterator[Item]:
    with path.open("rb") as file:
        while header := file.read(_ENTRY.size):
            length, count = _ENTRY.unpack(header)
            yield file.read(length), count
