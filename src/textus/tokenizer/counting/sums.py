"""Adds up the counts of several tables, and keeps the most frequent words."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from textus.tokenizer.counting.parts import PARTS, Source
from textus.tokenizer.counting.word_counts import Counted, WordCounts, word_memory

_IN_CACHE = 32_000  # words that a thread adds up at once, where there is no reason for fewer
_BYTES_OF_A_WORD = 160  # that adding up takes: its counts, a table that is doubled, the sums


class Adder(Protocol):
    """A table that adds up counted words."""

    def add_counted(self, words: Counted, /) -> None: ...

    def parted(self) -> Source: ...


def sum_words(
    sources: Sequence[Source], new_table: Callable[[], Adder], *, memory: int, threads: int
) -> WordCounts:
    """The sums of all sources, as many words as `memory` bytes hold, the most frequent ones."""
    frequent = Frequent(memory)
    for words in _sums(sources, new_table, memory=memory // 4, threads=threads):
        frequent.add(words)
    return frequent.word_counts(threads)


def _sums(
    sources: Sequence[Source], new_table: Callable[[], Adder], *, memory: int, threads: int
) -> Iterator[Counted]:
    """The sums of some parts at a time, in order."""
    total = sum(source.num_words() for source in sources)
    at_once = min(_IN_CACHE, memory // threads // _BYTES_OF_A_WORD)
    step = max(1, PARTS * at_once // max(total, 1))

    def add_up(first: int) -> Counted:
        last = min(first + step, PARTS)
        if len(sources) == 1:
            return sources[0].between(first, last)
        table = new_table()
        for source in sources:
            table.add_counted(source.between(first, last))
        return table.parted().between(0, PARTS)

    return _map_in_order(add_up, range(0, PARTS, step), threads)


def _map_in_order(
    function: Callable[[int], Counted], numbers: Iterable[int], threads: int
) -> Iterator[Counted]:
    """The results in order, no more of them at a time than there are threads."""
    waiting = deque[Future[Counted]]()
    with ThreadPoolExecutor(threads) as pool:
        for number in numbers:
            waiting.append(pool.submit(function, number))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Frequent:
    """The most frequent of the words that are added, each of them once.

    Where all words together take more than `memory`, by `word_memory`, the rarest are left out, all
    of one count together, some of them as soon as it is certain. So which words stay depends on
    the words and counts alone.
    """

    def __init__(self, memory: int):
        self._memory = memory
        self._words: list[Counted] = []
        self._lowest = 1
        self._size = 0
        self._left_out = np.zeros(2, np.int64)  # words, occurrences

    def add(self, words: Counted) -> None:
        words = self._without_rare(words)
        self._words.append(words)
        self._size += int(word_memory(words.lengths).sum())
        if 4 * self._size > 5 * self._memory:  # not for every few words
            self._drop_rare()

    def _drop_rare(self) -> None:
        if self._size <= self._memory:
            return
        counts = np.concatenate([words.counts for words in self._words])
        sizes = word_memory(np.concatenate([words.lengths for words in self._words]))
        self._lowest = _lowest_count(counts, sizes, self._memory)
        self._words = [self._without_rare(words) for words in self._words]
        self._size = sum(int(word_memory(words.lengths).sum()) for words in self._words)

    def _without_rare(self, words: Counted) -> Counted:
        kept = words.counts >= self._lowest
        if kept.all():
            return words
        self._left_out += np.count_nonzero(~kept), words.counts[~kept].sum()
        return words.take(np.flatnonzero(kept))

    def word_counts(self, threads: int) -> WordCounts:
        """What has stayed; the words are gone from here afterwards."""
        self._drop_rare()
        together = [np.concatenate(arrays) for arrays in zip(*self._words, strict=True)]
        self._words.clear()
        words, occurrences = self._left_out.tolist()
        return WordCounts.sorted(
            Counted(*together),
            threads=threads,
            words_left_out=words,
            occurrences_left_out=occurrences,
        )


def _lowest_count(counts: np.ndarray, sizes: np.ndarray, memory: int) -> int:
    """The lowest count whose words, with all more frequent ones, take no more than `memory`."""
    order = np.argsort(-counts)
    taken = np.cumsum(sizes[order])
    first_beyond = np.searchsorted(taken, memory, side="right")
    return int(counts[order[first_beyond]]) + 1
