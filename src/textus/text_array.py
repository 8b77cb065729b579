"""Many texts in one array of bytes, as Arrow holds them."""

from collections.abc import Iterable, Iterator

import numpy as np


class TextArray:
    """Texts in UTF-8, one behind another: text i is data[offsets[i]:offsets[i + 1]].

    `data` is uint8, `offsets` int64 (number of texts + 1,), ascending; what stands before the first
    offset and behind the last belongs to no text. Iteration makes strings, one by one.
    """

    def __init__(self, data: np.ndarray, offsets: np.ndarray):
        self.data, self.offsets = data, offsets

    @classmethod
    def of(cls, texts: Iterable[str]) -> "TextArray":
        """Strings, copied."""
        encoded = [text.encode() for text in texts]
        data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return cls(data, np.cumsum([0, *map(len, encoded)], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        for begin, end in zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True):
            yield self.data[begin:end].tobytes().decode()

    @property
    def sizes(self) -> np.ndarray:
        """Bytes of each text, int64."""
        return np.diff(self.offsets)

    def select(self, wanted: np.ndarray) -> "TextArray":
        """The texts for which `wanted`, bool (number of texts,), is true, copied."""
        begin, end = self.offsets[[0, -1]]
        data = self.data[begin:end][np.repeat(wanted, self.sizes)]
        return TextArray(data, np.cumsum([0, *self.sizes[wanted]], dtype=np.int64))
