"""Learns merges with compiled kernels: the tables they work on, and when these are made anew."""

from collections.abc import Iterator

import numpy as np

from textus.tokenizer.bpe import train_kernels as kernels
from textus.tokenizer.bpe.rows import Rows
from textus.tokenizer.bpe.spans import UNLIMITED

_PHASE = 6  # times the merges done: for so many pairs there is room at the next count of all
_SPARE_PLACES = 2  # times the places there are: room for those of new pairs, too
_SAMPLED = 16  # entries of the sketch from which one is taken to choose the threshold
_PLACES_A_SLICE = 2_000_000  # some tenths of a second, after which Ctrl-C gets its turn


class CompiledLearner:
    """Learns merges from rows of symbols; the array of symbols is worked on in place.

    With `spans` (of all tokens, see `spans.py`), no token is made of more than `max_words` words.
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
        steps = np.stack([rows.starts, rows.counts], axis=1)
        steps = np.concatenate([steps, [[rows.symbols.size, 0]]])
        self._words = kernels.Words(rows.symbols, steps, np.empty(0, np.int32))
        self._lengths = np.ones(first_id + max_merges, np.int32)
        self._spans = np.zeros((self._lengths.size, 3), np.int32) if spans is None else spans
        self._max_words = max_words
        self._merges = np.empty((max_merges, 2), np.int32)
        self._state = np.array([0, first_id])
        self._min_frequency = min_frequency
        self._sketch = np.empty(_power_of_two(rows.symbols.size // 8), np.int64)
        self._threshold = int(np.iinfo(np.int64).max)

    def merges(self) -> np.ndarray:
        """The pairs of ids merged so far, (n, 2)."""
        return self._merges[: self._state[0]]

    def symbols(self) -> np.ndarray:
        """The words as they are now, one slot a token, separators between them."""
        self._close_up()
        return self._words.symbols

    def learn(self) -> Iterator[int]:
        """Merges until there are enough or no pair is frequent; yields the number now and then."""
        while self._state[0] < len(self._merges) and self._threshold > self._min_frequency:
            self._lower_threshold()
            self._count_pairs()
            reason = kernels.PAUSE
            while reason != kernels.NO_PAIR:
                if reason == kernels.NO_ROOM:
                    self._close_up()
                    self._sketch_counts()
                    self._count_pairs()
                reason = kernels.merge_pairs(
                    self._words,
                    self._lengths,
                    self._spans,
                    self._pairs,
                    self._near,
                    self._merges,
                    self._state,
                    self._threshold,
                    self._max_words,
                    _PLACES_A_SLICE,
                )
                yield int(self._state[0])

    def _lower_threshold(self) -> None:
        """Lowers it so far that there are pairs for several times the merges done, or for all."""
        self._close_up()
        self._sketch_counts()
        done = int(self._state[0])
        wanted = min(_PHASE * done + 1000, 4 * (len(self._merges) - done) // 3 + 100)
        some = self._sketch[::_SAMPLED]
        wanted = min(wanted // _SAMPLED + 1, some.size)
        reached = int(np.partition(some, -wanted)[-wanted])
        self._threshold = max(min(reached, self._threshold - 1), self._min_frequency)

    def _sketch_counts(self) -> None:
        self._sketch[:] = 0
        kernels.sketch_counts(self._words, self._sketch)

    def _close_up(self) -> None:
        words = self._words
        size = kernels.close_up(words, self._lengths)
        self._lengths[:] = 1
        starts = np.ascontiguousarray(words.steps[:, kernels.START])
        steps = np.searchsorted(starts, np.arange(0, size, kernels.BLOCK), side="right") - 1
        self._words = words._replace(
            symbols=words.symbols[:size], step_of_block=steps.astype(np.int32)
        )
        self._pairs, self._near = _table(0), _neighbours(0, 0)  # their memory is needed anew

    def _count_pairs(self) -> None:
        """Makes the tables anew, for all pairs from the threshold on."""
        pairs = self._counted()
        table = pairs.table
        frequent = np.flatnonzero(table[:, kernels.TIMES] >= self._threshold)
        keys, counts, _, sizes = table[frequent].T
        heap = np.empty((len(table) // 2, 2), np.int64)
        order = np.lexsort((keys, -counts))
        heap[: order.size, 0], heap[: order.size, 1] = counts[order], keys[order]
        total, largest = int(sizes.sum()), int(sizes.max(initial=0))
        table[frequent, kernels.FIRST] = np.cumsum(sizes) - sizes
        table[frequent, kernels.SIZE] = 0
        pairs.used[1:] = total, order.size
        places = np.empty(_SPARE_PLACES * total + 2 * largest, np.int32)
        self._pairs = pairs._replace(places=places, heap=heap)
        kernels.find_pairs(self._words, self._sketch, self._pairs, self._threshold, True)
        self._near = _neighbours(self._lengths.size, 2 * largest)

    def _counted(self) -> kernels.Pairs:
        """The pairs from the threshold on, counted, in a table with room for as many more."""
        found = int(np.count_nonzero(self._sketch >= self._threshold))
        # a merge makes at most so many new pairs that reach the threshold
        fresh = min(2 * int(self._sketch.max()) // self._threshold, 2 * self._lengths.size)
        num_slots = _power_of_two(4 * (found + fresh))
        while True:
            pairs = _table(num_slots)
            if kernels.find_pairs(self._words, self._sketch, pairs, self._threshold, False):
                return pairs
            num_slots *= 2


def _table(num_slots: int) -> kernels.Pairs:
    table = np.zeros((num_slots, 4), np.int64)
    table[:, kernels.KEY] = kernels.EMPTY
    return kernels.Pairs(
        table=table,
        places=np.empty(0, np.int32),
        heap=np.empty((0, 2), np.int64),
        used=np.zeros(3, np.int64),
    )


def _neighbours(vocabulary: int, num_places: int) -> kernels.Neighbours:
    return kernels.Neighbours(
        sums=np.zeros((2, vocabulary, 2), np.int64),
        met=np.empty((2, vocabulary), np.int32),
        found=np.empty((2, num_places, 2), np.int32),
        nums=np.zeros((2, 2), np.int64),
    )


def _power_of_two(at_least: int) -> int:
    return 1 << max(10, at_least.bit_length())
