"""A sample of documents, drawn in one pass, that waits on disk until it is read."""

import math
import struct
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import IO

from textus.progress import Progress
from textus.text import replace_surrogates
from textus.tokenizer.definition import Normalizer

_LENGTH = struct.Struct("<q")
_WHOLE = -1  # the slice of all documents, while none had to be left out


class Sample:
    """Whole documents of at most `limit` bytes together (at least one document), picked by hash.

    A context, at whose end its temporary files are removed. Which documents it holds depends on
    the set of documents, not on their order: a document with hash u, uniform in (0, 1], falls into
    slice floor(-4 log2 u): slice 0 holds the largest 16% of the hashes, slices 4 and up hold half
    of all documents, 8 and up a quarter. As documents come in, the lowest slices are dropped first,
    so what remains is every document whose hash is below a bound.
    """

    def __init__(self, limit: int | None):
        self._limit = math.inf if limit is None else limit
        self._files: dict[int, IO[bytes]] = {}
        self._sizes: dict[int, int] = {}
        self._lowest = _WHOLE

    def __enter__(self) -> "Sample":
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()

    def num_bytes(self) -> int:
        return sum(self._sizes.values())

    def add(self, document: bytes) -> None:
        """Takes a document in, or leaves it out."""
        self._put(_WHOLE if self._lowest == _WHOLE else _slice_of(document), document)
        self._drop_slices()

    def shrink(self, limit: int) -> None:
        """Drops documents until at most `limit` bytes are left."""
        self._limit = min(self._limit, limit)
        self._drop_slices()

    def documents(self) -> Iterator[bytes]:
        for index in sorted(self._files):
            yield from self._read(index)

    def _put(self, index: int, document: bytes) -> None:
        if not document or index < self._lowest:
            return
        if index not in self._files:
            self._files[index] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
            self._sizes[index] = 0
        self._files[index].write(_LENGTH.pack(len(document)))
        self._files[index].write(document)
        self._sizes[index] += len(document)

    def _drop_slices(self) -> None:
        if self.num_bytes() > self._limit and self._lowest == _WHOLE:
            self._cut_into_slices()
        while self.num_bytes() > self._limit and len(self._sizes) > 1:
            lowest = min(self._sizes)
            self._remove(lowest)
            self._lowest = lowest + 1

    def _cut_into_slices(self) -> None:
        self._lowest = 0
        for document in self._read(_WHOLE):
            self._put(_slice_of(document), document)
        self._remove(_WHOLE)

    def _remove(self, index: int) -> None:
        self._files.pop(index).close()
        del self._sizes[index]

    def _read(self, index: int) -> Iterator[bytes]:
        file = self._files[index]
        file.seek(0)
        while header := file.read(_LENGTH.size):
            yield file.read(*_LENGTH.unpack(header))


def _slice_of(document: bytes) -> int:
    number = int.from_bytes(blake2b(document, digest_size=8).digest(), "big")
    return math.floor(-4 * math.log2((number + 1) / 2**64))


def draw_sample(
    sample: Sample, texts: Iterable[str], *, normalizer: Normalizer | None, progress: Progress
) -> None:
    """Adds all texts, in UTF-8."""
    for document in encoded(texts, normalizer=normalizer, progress=progress):
        sample.add(document)


def encoded(
    texts: Iterable[str], *, normalizer: Normalizer | None, progress: Progress
) -> Iterator[bytes]:
    """The normalized texts in UTF-8; lone surrogates become U+FFFD."""
    done = 0
    for text in texts:
        clean = replace_surrogates(text)
        document = (clean if normalizer is None else normalizer(clean)).encode()
        done += len(document)
        yield document
        progress(done, None, "reading text")
