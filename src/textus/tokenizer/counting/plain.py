"""A table that words are counted in, in plain Python: the twin of `compiled.py`."""

from collections import Counter
from collections.abc import Iterator, Sequence

from textus.tokenizer.counting.word_counts import WordCounts
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

    def add_table(self, other: "PlainTable") -> None:
        self._counts.update(other._counts)

    def word_counts(self) -> WordCounts:
        return WordCounts.of({word.encode(): n for word, n in self._counts.items() if word})

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Words and counts in the order of the words."""
        return iter(sorted((word.encode(), n) for word, n in self._counts.items() if word))
