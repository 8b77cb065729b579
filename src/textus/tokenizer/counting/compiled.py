"""A table that words are counted in by compiled code."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import typeof, types

from textus.tokenizer.counting import kernels
from textus.tokenizer.counting.parts import PARTS, Parted, begins_of
from textus.tokenizer.counting.word_counts import Counted, offsets_of
from textus.tokenizer.native import kernel_address
from textus.tokenizer.split.kernels import PADDING, WordCutter

_FEWEST_SLOTS = 1 << 13
_COPIES = 2  # that there are of a table while it is doubled, or its words are written out


class CompiledTable:
    """Counts words that a compiled pattern cuts.

    Where it would take more than `memory` bytes, it gives its words to `spill` and begins anew.
    """

    def __init__(
        self,
        cutter: WordCutter,
        *,
        memory: int | None = None,
        spill: Callable[[Parted], None] | None = None,
    ):
        self._cutter = cutter
        self._memory = memory
        self._spill = spill
        self._scratch = kernels.new_scratch()
        self._table = kernels.Table(
            slots=np.zeros((_FEWEST_SLOTS, 3), np.uint64),
            long_words=np.empty(_FEWEST_SLOTS, np.uint8),
            used=np.zeros(2, np.int64),
            parts=np.zeros((PARTS, 2), np.int64),
        )

    def add_documents(self, documents: Sequence[bytes]) -> None:
        data = np.frombuffer(b"".join([*documents, bytes(PADDING)]), np.uint8)
        add = _address_of_add_words(typeof(self._table), typeof(self._scratch.keys))
        begin = 0
        for document in documents:
            end = begin + len(document)
            position = begin
            while position < end:
                position = kernels.count_document(
                    self._cutter, add, data, begin, position, end, self._table, self._scratch
                )
                if position < end:
                    self._make_room()
            begin = end

    def add_counted(self, words: Counted) -> None:
        """Adds words that are counted already."""
        data, lengths, counts = words
        starts = offsets_of(lengths)
        data = np.concatenate([data, np.zeros(PADDING, np.uint8)])
        data.flags.writeable = False  # as documents are, so that nothing is compiled twice
        done = 0
        while True:
            done = kernels.add_words(
                self._table, data, starts, counts, done, counts.size, self._scratch.keys
            )
            if done == counts.size:
                return
            self._make_room()

    def _make_room(self) -> None:
        """Doubles what is full, or writes the words out where memory is short."""
        table = self._table
        num_slots, num_bytes = table.slots.shape[0], table.long_words.size
        if 3 * (table.used[0] + kernels.GROUP) > 2 * num_slots:
            num_slots *= 2
        else:
            num_bytes *= 2
        size = 24 * num_slots + num_bytes
        if self._spill and self._memory and _COPIES * size > self._memory and table.used[0] > 0:
            self._spill(self.parted())
            for array in (table.slots, table.used, table.parts):
                array[:] = 0
        else:
            self._enlarge(num_slots, num_bytes)

    def _enlarge(self, num_slots: int, num_bytes: int) -> None:
        table = self._table
        if num_slots > table.slots.shape[0]:
            slots = np.zeros((num_slots, 3), np.uint64)
            kernels.move_slots(table.slots, slots)
            table = table._replace(slots=slots)
        if num_bytes > table.long_words.size:
            long_words = np.empty(num_bytes, np.uint8)
            long_words[: table.used[1]] = table.long_words[: table.used[1]]
            table = table._replace(long_words=long_words)
        self._table = table

    def parted(self) -> Parted:
        """The words counted so far."""
        table = self._table
        begins = begins_of(table.parts)
        num_words, num_bytes = begins[-1].tolist()
        words = Counted(
            np.empty(num_bytes, np.uint8),
            np.empty(num_words, np.int64),
            np.empty(num_words, np.int64),
        )
        kernels.write_words(table, begins[:-1].copy(), *words)
        return Parted(words, begins)


@cache
def _address_of_add_words(table: Any, keys: Any) -> int:
    """`add_words` for documents: readonly bytes."""
    data = types.Array(types.uint8, 1, "C", readonly=True)
    numbers = types.Array(types.int64, 1, "C")
    return kernel_address(
        kernels.add_words, table, data, numbers, numbers, types.int64, types.int64, keys
    )
