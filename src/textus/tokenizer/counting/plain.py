"""A table that words are counted in, in plain Python: the twin of `compiled.py`."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from textus.tokenizer.counting.parts import PARTS, Parted, begins_of
from textus.tokenizer.counting.word_counts import Counted, offsets_of
from textus.tokenizer.definition import Splitter

_ENTRY = 400  # bytes: about what a short word takes, itself and while it is written out


class PlainTable:
    """Counts words that any splitter cuts, in plain Python."""

    def __init__(
        self,
        splitter: Splitter,
        *,
        memory: int | None = None,
        spill: Callable[[Parted], None] | None = None,
    ):
        self._splitter = splitter
        self._memory = memory
        self._spill = spill
        self._counts: Counter[bytes] = Counter()

    def add_documents(self, documents: Sequence[bytes]) -> None:
        for document in documents:
            self._counts.update(map(str.encode, self._splitter.split(document.decode())))
            if self._spill and self._memory and _ENTRY * len(self._counts) > self._memory:
                self._spill(self.parted())
                self._counts.clear()

    def add_counted(self, words: Counted) -> None:
        """Adds words that are counted already."""
        data, offsets = words.data.tobytes(), offsets_of(words.lengths).tolist()
        for i, count in enumerate(words.counts.tolist()):
            self._counts[data[offsets[i] : offsets[i + 1]]] += count

    def parted(self) -> Parted:
        """The words counted so far."""
        words = sorted(filter(None, self._counts), key=_part)
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        sizes = np.zeros((PARTS, 2), np.int64)
        parts = np.fromiter(map(_part, words), np.int64, len(words))
        np.add.at(sizes, parts, np.stack([np.ones_like(lengths), lengths], axis=1))
        data = np.frombuffer(b"".join(words), np.uint8)
        counts = np.array([self._counts[word] for word in words], np.int64)
        return Parted(Counted(data, lengths, counts), begins_of(sizes))


def _part(word: bytes) -> int:
    return hash(word) % PARTS
