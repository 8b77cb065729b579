"""A table that words are counted in by compiled code."""

from collections.abc import Sequence

import numpy as np

from textus.tokenizer.counting import kernels
from textus.tokenizer.counting.word_counts import Counted, offsets_of
from textus.tokenizer.split.kernels import PADDING, WordCutter

_FEWEST_SLOTS = 1 << 13


class CompiledTable:
    """Counts words that a compiled pattern cuts."""

    def __init__(self, cutter: WordCutter):
        self._cutter = cutter
        self._scratch = kernels.new_scratch()
        self.clear()

    def clear(self) -> None:
        self._table = kernels.Table(
            slots=np.zeros((_FEWEST_SLOTS, 3), np.uint64),
            long_words=np.empty(_FEWEST_SLOTS, np.uint8),
            used=np.zeros(2, np.int64),
        )

    def num_bytes(self) -> int:
        """What the table may take before words are next added: it doubles when it is full."""
        return 2 * (self._table.slots.nbytes + int(self._table.used[1]))

    def add_documents(self, documents: Sequence[bytes]) -> None:
        data = np.frombuffer(b"".join([*documents, bytes(PADDING)]), np.uint8)
        begin = 0
        for document in documents:
            end = begin + len(document)
            self._add_document(data, begin, end)
            begin = end

    def _add_document(self, data: np.ndarray, begin: int, end: int) -> None:
        position = begin
        while True:
            position = kernels.count_document(
                self._cutter, data, begin, position, end, self._table, self._scratch
            )
            if position >= end:
                return
            self._enlarge(end - position)

    def add_counted(self, words: Counted) -> None:
        """Adds words that are counted already."""
        data, lengths, counts = words
        offsets = offsets_of(lengths)
        data = np.concatenate([data, np.zeros(PADDING, np.uint8)])
        done = 0
        while True:
            done = kernels.add_words(data, offsets, counts, done, self._table)
            if done == counts.size:
                return
            self._enlarge(int(lengths.max()))

    def _enlarge(self, longest: int) -> None:
        """Doubles what is nearly full, with room for a word of `longest` bytes and its chunk."""
        table = self._table
        if 3 * table.used[0] > table.slots.shape[0] - 3 * kernels.CHUNK:
            slots = np.zeros((2 * table.slots.shape[0], 3), np.uint64)
            kernels.move_slots(table.slots, slots)
            table = table._replace(slots=slots)
        room = 9 * kernels.CHUNK + longest + 8
        if table.used[1] + room > table.long_words.size:
            long_words = np.empty(2 * int(table.used[1]) + room, np.uint8)
            long_words[: table.used[1]] = table.long_words[: table.used[1]]
            table = table._replace(long_words=long_words)
        self._table = table

    def counted(self) -> Counted:
        """The words counted so far."""
        counts = np.empty(self._table.used[0], np.int64)
        lengths = np.empty_like(counts)
        kernels.lengths_of(self._table, counts, lengths)
        data = np.empty(lengths.sum(), np.uint8)
        kernels.write_words(self._table, data)
        return Counted(data, lengths, counts)
