"""A table that words are counted in, in plain Python: the twin of `compiled.py`."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from textus.tokenizer.counting.word_counts import Counted, offsets_of
from textus.tokenizer.definition import Splitter


class PlainTable:
    """Counts words that any splitter cuts, in plain Python."""

    def __init__(self, splitter: Splitter):
        self._splitter = splitter
        self.clear()

    def clear(self) -> None:
        self._counts: Counter[str] = Counter()

    def num_bytes(self) -> int:
        """About what the table takes, by what an entry with a short word does."""
        return 200 * len(self._counts)

    def add_documents(self, documents: Sequence[bytes]) -> None:
        for document in documents:
            self._counts.update(self._splitter.split(document.decode()))

    def add_counted(self, words: Counted) -> None:
        """Adds words that are counted already."""
        data, offsets = words.data.tobytes(), offsets_of(words.lengths).tolist()
        for i, count in enumerate(words.counts.tolist()):
            self._counts[data[offsets[i] : offsets[i + 1]].decode()] += count

    def counted(self) -> Counted:
        """The words counted so far."""
        words = [word.encode() for word in self._counts if word]
        return Counted(
            np.frombuffer(b"".join(words), np.uint8),
            np.fromiter(map(len, words), np.int64, len(words)),
            np.array([count for word, count in self._counts.items() if word], np.int64),
        )
