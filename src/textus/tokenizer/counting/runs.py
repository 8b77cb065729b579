"""Counted words that wait on disk until they are added up."""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textus.tokenizer.counting.parts import PARTS, Parted
from textus.tokenizer.counting.word_counts import Counted

_HEADER = 16 * (PARTS + 1)  # bytes


class Runs:
    """A temporary folder of runs; a context, at whose end it is removed."""

    def __enter__(self) -> "Runs":
        self._folder = tempfile.TemporaryDirectory(prefix="textus-words-")
        self._runs: list[Run] = []
        self._next_number = itertools.count().__next__  # no number twice, whatever the thread
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def add(self, parted: Parted) -> None:
        """Writes counted words."""
        path = Path(self._folder.name, str(self._next_number()))
        with path.open("wb") as file:
            for array in (parted.begins, parted.words.counts, parted.words.lengths):
                file.write(array.data)
            file.write(parted.words.data.data)
        self._runs.append(Run(path, parted.num_words()))

    def all(self) -> list["Run"]:
        return self._runs


@dataclass(frozen=True)
class Run:
    """A file: `Parted.begins`, then the words' counts, int64, their lengths, int64, their bytes."""

    path: Path
    size: int
    """How many words there are."""

    def num_words(self) -> int:
        return self.size

    def between(self, first: int, last: int) -> Counted:
        """The words of the parts from number `first` to `last` - 1."""
        with self.path.open("rb") as file:

            def read(kind: type, place: int, size: int) -> np.ndarray:
                file.seek(place)
                return np.fromfile(file, kind, size)

            word, place = read(np.int64, 16 * first, 2).tolist()
            next_word, end = read(np.int64, 16 * last, 2).tolist()
            size = next_word - word
            counts = read(np.int64, _HEADER + 8 * word, size)
            lengths = read(np.int64, _HEADER + 8 * (self.size + word), size)
            data = read(np.uint8, _HEADER + 16 * self.size + place, end - place)
        return Counted(data, lengths, counts)
