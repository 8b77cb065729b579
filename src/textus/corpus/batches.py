"""The record batch that curation steps work on.

Its columns: `source` (name), `file` (path within the source), `line` (of the file, from 1, where
the text begins; the row in a Parquet file), `document` (a number that consecutive texts cut from
one big file share) and `text`. A step may add columns for later steps. Rows that a step drops get a
`reason` (one word, the same for all rows dropped by one rule) and a `detail` (what was found in
this row).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from textus.errors import DataError

SCHEMA = pa.schema(
    {
        "source": pa.string(),
        "file": pa.string(),
        "line": pa.int64(),
        "document": pa.int64(),
        "text": pa.string(),
    }
)

BATCH_BYTES = 1 << 21
BATCH_ROWS = 4096


class Row(NamedTuple):
    """One text on its way into a batch; the fields are the columns of `SCHEMA`."""

    source: str
    file: str
    line: int
    document: int
    text: str


class Verdict(NamedTuple):
    """Why a document is dropped."""

    reason: str
    detail: str


class Settled(NamedTuple):
    """A batch after a step: the rows that go on, and the rows that were dropped."""

    kept: pa.RecordBatch
    rejected: pa.RecordBatch


def pack(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Rows in order, gathered into batches of some two million characters."""
    waiting: list[Row] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += len(row.text)
        if size >= BATCH_BYTES or len(waiting) == BATCH_ROWS:
            yield _batch(waiting)
            waiting, size = [], 0
    if waiting:
        yield _batch(waiting)


def _batch(rows: list[Row]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def unpack(batch: pa.RecordBatch) -> Iterator[Row]:
    """The rows of a batch."""
    columns = [batch.column(name).to_pylist() for name in SCHEMA.names]
    yield from map(Row._make, zip(*columns, strict=True))


def texts(batch: pa.RecordBatch) -> list[str]:
    """The texts of a batch."""
    return batch.column("text").to_pylist()


def text_bytes(batch: pa.RecordBatch) -> list[int]:
    """The sizes of the texts in UTF-8."""
    return pc.call_function("binary_length", [batch.column("text")]).to_pylist()


def with_text(batch: pa.RecordBatch, new_texts: Sequence[str]) -> pa.RecordBatch:
    """The batch with other texts, one per row."""
    at = batch.schema.get_field_index("text")
    return batch.set_column(at, "text", pa.array(new_texts, pa.string()))


def reject(batch: pa.RecordBatch, verdicts: Sequence[Verdict | None]) -> pa.RecordBatch:
    """The batch with the rows that have a verdict marked as dropped; None keeps a row."""
    if not any(verdicts):
        return batch
    for name in Verdict._fields:
        column = [v and getattr(v, name) for v in verdicts]
        batch = batch.append_column(name, pa.array(column, pa.string()))
    return batch


def settle(batch: pa.RecordBatch) -> Settled:
    """Parts the rows that a step has marked from those that go on."""
    if "reason" not in batch.schema.names:
        empty = pa.array([], pa.string())
        none = batch.slice(0, 0).append_column("reason", empty).append_column("detail", empty)
        return Settled(batch, none)
    reasons = batch.column("reason")
    kept = batch.filter(reasons.is_null()).drop_columns(["reason", "detail"])
    return Settled(kept, batch.filter(reasons.is_valid()))


def check_rows(before: int, after: int, step: object) -> None:
    """Refuses a step that loses rows without a reason, or makes rows up."""
    if before != after:
        raise DataError(
            f"step {type(step).__name__} returned {after} rows for {before}; a step keeps every "
            "row and marks those to drop with textus.corpus.batches.reject"
        )
