"""Record batches put aside on disk while a corpus is being built."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from textus.corpus.batches import SCHEMA, Verdict


class Spool:
    """A file of record batches: first written, then read as often as needed, deleted at the end.

    Keeps the columns of `SCHEMA`, and reason and detail where there are any.
    """

    def __init__(self, path: Path):
        self.path = path
        self.writer: pa.RecordBatchStreamWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds a batch; all must have the same of the columns above."""
        names = [n for n in (*SCHEMA.names, *Verdict._fields) if n in batch.schema.names]
        batch = batch.select(names)
        if self.writer is None:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self.writer = pa.ipc.new_stream(str(self.path), batch.schema, options=options)
        self.writer.write_batch(batch)

    def read(self) -> Iterator[pa.RecordBatch]:
        """The batches in order; nothing can be written after."""
        if self.writer is None:
            return
        self.writer.close()
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as batches:
            yield from batches

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.writer is not None:
            self.writer.close()
        self.path.unlink(missing_ok=True)
