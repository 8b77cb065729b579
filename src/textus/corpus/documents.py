"""Kept and rejected documents on disk: Parquet files, `train-00000.parquet` and so on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from textus.errors import DataError
from textus.text_array import TextArray

Split = Literal["train", "held_out", "rejected"]

GROUP_BYTES = 1 << 22
"""Text in a Parquet row group: what a reader holds in memory."""
FILE_BYTES = 1 << 28
"""Text in a file, before the next one is begun."""

_KEPT = ("id", "source", "path", "text")
_COLUMNS = {"train": _KEPT, "held_out": _KEPT, "rejected": (*_KEPT, "reason", "detail")}


class Document(NamedTuple):
    """A document, or the part of one that fell to a split."""

    source: str
    """Name of its source."""
    path: str
    """File within the source, and after a colon the line (or row) where the text begins."""
    text: str


def read_documents(folder: Path, split: Split) -> Iterator[Document]:
    """The documents that `build_corpus` wrote, in order; holds a few megabytes at a time.

    Raises DataError when the folder holds none of that split.
    """
    for path in _files(folder, split):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024, columns=list(Document._fields)):
                columns = [batch.column(name).to_pylist() for name in Document._fields]
                yield from map(Document._make, zip(*columns, strict=True))


@dataclass(frozen=True, slots=True)
class DocumentGroup:
    """Some consecutive documents on disk, a few megabytes: one row group of a Parquet file."""

    file: Path
    number: int
    size: int
    """Bytes of text in UTF-8, and some for each document."""

    def sources(self) -> list[str]:
        """The name of each document's source; the texts are not read."""
        return self._table("source").column("source").to_pylist()

    def read(self) -> tuple[list[str], TextArray]:
        """Of each document the source's name, and the text, as Arrow holds it."""
        table = self._table("source", "text")
        return table.column("source").to_pylist(), _as_array(table.column("text"))

    def _table(self, *columns: str) -> pa.Table:
        with pq.ParquetFile(self.file) as file:
            return file.read_row_group(self.number, columns=list(columns), use_threads=False)


def _as_array(column: pa.ChunkedArray) -> TextArray:
    """The texts where they lie, without a copy."""
    strings = column.combine_chunks().cast(pa.large_string())
    _, offsets, data = strings.buffers()
    if not len(strings):
        return TextArray.of([])
    within = slice(strings.offset, strings.offset + len(strings) + 1)
    return TextArray(np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64)[within])


def document_groups(folder: Path, split: Split) -> list[DocumentGroup]:
    """The documents of `read_documents`, in the same order, in groups that can be read apart.

    Raises DataError when the folder holds none of that split.
    """
    groups = []
    for path in _files(folder, split):
        with pq.ParquetFile(path) as file:
            column = file.schema_arrow.get_field_index("text")
            for number in range(file.num_row_groups):
                size = file.metadata.row_group(number).column(column).total_uncompressed_size
                groups.append(DocumentGroup(path, number, size))
    return groups


def _files(folder: Path, split: Split) -> list[Path]:
    files = sorted(folder.glob(f"{split}-*.parquet"))
    if not files:
        raise DataError(f"{str(folder)!r} has no {split}-*.parquet; build the corpus there first")
    return files


class DocumentWriter:
    """Writes the documents of one split; the same documents give the same bytes."""

    def __init__(self, folder: Path, split: Split):
        self.folder = folder
        self.split = split
        self.schema = pa.schema({name: pa.string() for name in _COLUMNS[split]})
        self.rows: list[tuple[str, ...]] = []
        self.rows_bytes = 0
        self.file_bytes = 0
        self.num_files = 0
        self.file = self._next_file()

    def write(self, document: Document, *more: str) -> None:
        """Adds a document; for rejected ones `more` is the reason and the detail."""
        data = document.text.encode()
        self.rows.append((hashlib.blake2b(data, digest_size=8).hexdigest(), *document, *more))
        self.rows_bytes += len(data)
        if self.rows_bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self.file_bytes >= FILE_BYTES:
            self.file.close()
            self.file = self._next_file()
        columns = [pa.array(column, pa.string()) for column in zip(*self.rows, strict=True)]
        if columns:
            self.file.write_table(pa.Table.from_arrays(columns, schema=self.schema))
        self.file_bytes += self.rows_bytes
        self.rows, self.rows_bytes = [], 0

    def _next_file(self) -> pq.ParquetWriter:
        path = self.folder / f"{self.split}-{self.num_files:05d}.parquet"
        self.num_files += 1
        self.file_bytes = 0
        return pq.ParquetWriter(path, self.schema, compression="zstd", use_dictionary=["source"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self.file.close()
