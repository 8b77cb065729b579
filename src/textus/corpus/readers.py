"""From an input file to its texts, one after the other, whatever the file's size.

What cannot be read becomes a `Flaw` that names the line, and reading goes on where it can.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from textus.corpus.pieces import find_cut
from textus.text import replace_surrogates

BLOCK_BYTES = 1 << 20
"""A plain text file is read in blocks of at most this size, each a text of its own."""
LINE_BYTES = 1 << 28
"""A line of a .jsonl file that is longer is skipped."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it stands in a file."""

    line: int
    """Where it begins: line of the file, or row of a Parquet file, from 1."""
    text: str
    continues: bool = False
    """Whether it goes on where the last text of the file ended."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A file, or a line of one, that cannot be read."""

    line: int | None
    problem: str


def read_texts(stream: BinaryIO, path: str, text_field: str) -> Iterator[Text | Flaw]:
    """The texts of an open file; the suffixes of `path` tell its format.

    `text_field` is the key or column of the text in .jsonl and .parquet files. Damaged content is a
    flaw; OSError is raised where the system cannot read.
    """
    kind, compression = _suffixes(path)
    line = 0
    try:
        for item in _FORMATS.get(kind, _read_plain)(_decompress(stream, compression), text_field):
            line = item.line or line
            yield item
    except (EOFError, zlib.error, OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # it comes from the system, not from what stands in the file
        where = "damaged, nothing could be read" if line == 0 else "damaged further on"
        yield Flaw(line or None, f"{where}: {error}")


def is_supported(path: str) -> bool:
    """Whether a file in a folder is read without being named."""
    kind, compression = _suffixes(path)
    return kind in _FORMATS and (compression == "" or kind != ".parquet")


def supported_suffixes() -> list[str]:
    """The suffixes that are looked for in folders."""
    return list(_FORMATS)


def has_lines(path: str) -> bool:
    """Whether the file is plain text, so that a later part of a text has a later line number."""
    return _suffixes(path)[0] not in (".jsonl", ".parquet")


@lru_cache
def _suffixes(path: str) -> tuple[str, str]:
    """The suffix of the format and that of the compression, in lower case; empty where none."""
    *_, first, last = ["", "", *(s.lower() for s in PurePosixPath(path).suffixes)]
    return (first, last) if last in (".gz", ".zst") else (last, "")


def _decompress(stream: BinaryIO, compression: str) -> BinaryIO:
    if compression == ".gz":
        return gzip.GzipFile(fileobj=stream, mode="rb")  # pyrefly: ignore
    if compression == ".zst":
        source = pa.PythonFile(stream, mode="r")
        return io.BufferedReader(pa.CompressedInputStream(source, "zstd"))  # pyrefly: ignore
    return stream


def _read_plain(stream: BinaryIO, text_field: str) -> Iterator[Text | Flaw]:
    line = 1
    for number, block in enumerate(blocks(stream, BLOCK_BYTES)):
        if number == 0:
            if problem := _not_text(block):
                yield Flaw(None, problem)
                return
            block = block.removeprefix(_BOM)
        try:
            yield Text(line, block.decode(), continues=number > 0)
        except UnicodeDecodeError as error:
            yield Flaw(line + block.count(b"\n", 0, error.start), _not_utf8(block, error))
        line += block.count(b"\n")


def blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The stream in blocks of at most `size` bytes, cut where pieces are (see pieces.py).

    There is always one block, which may be empty.
    """
    waiting = b""
    while more := stream.read(size):
        waiting += more
        while len(waiting) > size:
            # A cut between two characters may come three bytes after the place asked for.
            end = find_cut(waiting, size // 2, size - 3)
            yield waiting[:end]
            waiting = waiting[end:]
    yield waiting


def _not_text(head: bytes) -> str | None:
    if head.startswith(_UTF16):
        return "is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8"
    if b"\0" in head[:8192]:
        return "is binary, or in an encoding other than UTF-8"
    return None


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> str:
    return (
        f"byte 0x{data[error.start]:02x} is not UTF-8; convert the file "
        "(for Latin-1: iconv -f LATIN1 -t UTF-8)"
    )


def _read_jsonl(stream: BinaryIO, text_field: str) -> Iterator[Text | Flaw]:
    for number in count(1):
        line = stream.readline(LINE_BYTES)
        if not line:
            return
        if number == 1:
            if problem := _not_text(line):
                yield Flaw(None, problem)
                return
            line = line.removeprefix(_BOM)
        if len(line) == LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(stream)
            yield Flaw(number, f"the line is longer than {LINE_BYTES:,} bytes")
        elif not line.isspace():
            yield _parse_record(number, line, text_field)


def _skip_line(stream: BinaryIO) -> None:
    while (part := stream.readline(LINE_BYTES)) and not part.endswith(b"\n"):
        pass


def _parse_record(number: int, line: bytes, text_field: str) -> Text | Flaw:
    try:
        record = json.loads(line.decode().strip())
    except UnicodeDecodeError as error:
        return Flaw(number, _not_utf8(line, error))
    except RecursionError:
        return Flaw(number, "the JSON is nested too deeply")
    except json.JSONDecodeError as error:
        return Flaw(number, f"the JSON is broken: {error.msg} (column {error.colno})")
    except ValueError as error:  # a number of thousands of digits
        return Flaw(number, f"the JSON is broken: {error}")
    if not isinstance(record, dict):
        return Flaw(number, f"the JSON holds {type(record).__name__}, not an object")
    if text_field not in record:
        return Flaw(number, f"has no field {text_field!r}, but {_names(record)}; set text_field")
    text = record[text_field]
    if not isinstance(text, str):
        return Flaw(number, f"field {text_field!r} holds {type(text).__name__}, not a string")
    # JSON can spell half a surrogate pair ("\ud83d").
    return Text(number, replace_surrogates(text))


def _read_parquet(stream: BinaryIO, text_field: str) -> Iterator[Text | Flaw]:
    file = pq.ParquetFile(stream)
    if text_field not in file.schema_arrow.names:
        names = _names(file.schema_arrow.names)
        yield Flaw(None, f"has no column {text_field!r}, but {names}; set text_field")
        return
    kind = file.schema_arrow.field(text_field).type
    if not _holds_strings(kind):
        yield Flaw(None, f"column {text_field!r} holds {kind}, not strings; set text_field")
        return
    number = count(1)
    for batch in file.iter_batches(batch_size=256, columns=[text_field]):
        for value in batch.column(0):
            yield _parse_value(next(number), value, text_field)


def _holds_strings(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _parse_value(number: int, value: pa.Scalar, text_field: str) -> Text | Flaw:
    try:
        text = value.as_py()
    except UnicodeDecodeError as error:
        return Flaw(number, f"column {text_field!r} is not UTF-8: {error.reason}")
    if text is None:
        return Flaw(number, f"column {text_field!r} is null")
    return Text(number, text)


def _names(names: object) -> str:
    shown = [repr(name) for name in list(names)[:8]]  # pyrefly: ignore
    return ", ".join(shown) or "nothing"


_FORMATS = {
    ".txt": _read_plain,
    ".md": _read_plain,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
