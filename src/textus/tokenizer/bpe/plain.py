"""Learns merges in plain Python, incrementally: what `compiled.py` does, for little text.

The algorithm is that of Sennrich et al. 2016: merge the most frequent pair of neighbours, again
and again. As a merge changes only the places where its pair stands, these places are remembered
for each pair and the counts of the pairs around them are corrected; everything else is left alone.
`reference.py` has the version that counts anew each time.
"""

from collections import defaultdict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

import numpy as np

from textus.tokenizer.bpe.rows import SEPARATOR, Rows
from textus.tokenizer.bpe.spans import BEGINS, ENDS, UNLIMITED, WORDS

Pair = tuple[int, int]
_GONE = -1


class PlainLearner:
    """The symbols of all rows, and their pairs: how often, and at which positions.

    Each position knows its neighbours (of its own row or a separator) and how often its row occurs.
    """

    def __init__(
        self,
        rows: Rows,
        *,
        first_id: int,
        max_merges: int,
        min_frequency: int,
        spans: np.ndarray | None = None,
        max_words: int = UNLIMITED,
    ):
        self._first_id, self._max_merges, self._min_frequency = first_id, max_merges, min_frequency
        unlimited = np.zeros((first_id + max_merges, 3), np.int32)
        self._spans = unlimited if spans is None else spans
        self._max_words = max_words
        self._merges: list[Pair] = []
        size = rows.symbols.size
        runs = np.diff(rows.starts, append=size)
        self._symbols: list[int] = rows.symbols.tolist()
        self._frequency: list[int] = np.repeat(rows.counts, runs).tolist()
        self._following = list(range(1, size + 1))
        self._preceding = list(range(-1, size - 1))
        self._counts: defaultdict[Pair, int] = defaultdict(int)
        self._positions: defaultdict[Pair, list[int]] = defaultdict(list)
        for position in range(size - 1):
            pair = self._symbols[position], self._symbols[position + 1]
            if SEPARATOR not in pair:
                self._counts[pair] += self._frequency[position]
                self._positions[pair].append(position)
        # Entries (-count, pair): the most frequent first, of equals the smallest pair of ids.
        # Counts that have fallen since an entry was made are put right when it comes up.
        self._heap = [(-count, pair) for pair, count in self._counts.items()]
        heapify(self._heap)

    def merges(self) -> np.ndarray:
        """The pairs of ids merged so far, (n, 2)."""
        return np.array(self._merges, np.int32).reshape(-1, 2)

    def symbols(self) -> np.ndarray:
        """The rows as they are now, separators between them."""
        return np.array([symbol for symbol in self._symbols if symbol != _GONE], np.int32)

    def learn(self) -> Iterator[int]:
        """Merges until there are enough or no pair is frequent; yields the number now and then."""
        while len(self._merges) < self._max_merges:
            pair = self._pop_most_frequent()
            if pair is None:
                return
            self._merge(pair, joined=self._first_id + len(self._merges))
            self._merges.append(pair)
            yield len(self._merges)

    def _pop_most_frequent(self) -> Pair | None:
        while self._heap:
            negative, pair = heappop(self._heap)
            count = self._counts[pair]
            if self._spans_too_much(pair):
                continue
            if count == -negative:
                return pair if count >= self._min_frequency else None
            if count >= self._min_frequency:
                heappush(self._heap, (-count, pair))
        return None

    def _spans_too_much(self, pair: Pair) -> bool:
        return self._span(pair)[WORDS] > self._max_words

    def _span(self, pair: Pair) -> tuple[int, int, int]:
        """The row of `spans` that the merged pair gets."""
        left, right = self._spans[pair[0]].tolist(), self._spans[pair[1]].tolist()
        words = left[WORDS] + right[WORDS] - (left[ENDS] and right[BEGINS])
        return words, left[BEGINS], right[ENDS]

    def _merge(self, pair: Pair, *, joined: int) -> None:
        """Replaces the pair by the symbol `joined` from left to right, wherever it still stands."""
        symbols, following, preceding = self._symbols, self._following, self._preceding
        fresh: set[Pair] = set()
        self._spans[joined] = self._span(pair)
        for left in self._positions.pop(pair):
            right = following[left]
            if (symbols[left], symbols[right]) != pair:
                continue
            symbols[left], symbols[right] = joined, _GONE
            before, after = preceding[left], following[right]
            following[left], preceding[after] = after, left
            if (other := symbols[before]) != SEPARATOR:
                fresh.add(self._replace((other, pair[0]), (other, joined), before))
            if (other := symbols[after]) != SEPARATOR:
                fresh.add(self._replace((pair[1], other), (joined, other), left))
        del self._counts[pair]
        for new in fresh:
            heappush(self._heap, (-self._counts[new], new))

    def _replace(self, old: Pair, new: Pair, position: int) -> Pair:
        frequency = self._frequency[position]
        self._counts[old] -= frequency
        self._counts[new] += frequency
        self._positions[new].append(position)
        return new
