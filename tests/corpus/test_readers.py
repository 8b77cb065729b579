import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textus.corpus import readers
from textus.corpus.readers import Flaw, Text, read_texts


def read(data, path, text_field="text") -> list[Any]:
    return list(read_texts(io.BytesIO(data), path, text_field))


def flaw(data, path):
    (item,) = read(data, path)
    assert isinstance(item, Flaw)
    return item


def parquet(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def zstd(data):
    return pa.compress(data, codec="zstd", asbytes=True)


LINES = b"".join(json.dumps({"text": f"line {n}"}).encode() + b"\n" for n in range(1, 5001))


@pytest.mark.parametrize("path", ["a.txt", "a.md", "a.TXT", "a.py", "a", "v1.2.log"])
def test_plain_text_is_one_text(path):
    assert read("wörd\nwörd\n".encode(), path) == [Text(1, "wörd\nwörd\n")]


@pytest.mark.parametrize(
    ("suffix", "squeeze"), [("", bytes), (".gz", gzip.compress), (".zst", zstd)]
)
def test_the_same_texts_come_out_of_every_compression(suffix, squeeze):
    assert read(squeeze(b"words"), f"a.txt{suffix}") == [Text(1, "words")]
    items = read(squeeze(LINES), f"a.jsonl{suffix}")
    assert items == [Text(n, f"line {n}") for n in range(1, 5001)]


def test_parquet_gives_its_rows_from_any_kind_of_string_column():
    strings = ["one", "two"]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        data = parquet(body=pa.array(strings, kind), other=[1, 2])
        assert read(data, "a.parquet", "body") == [Text(1, "one"), Text(2, "two")]


def test_a_large_text_comes_in_blocks_that_continue_and_know_their_line(monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 64)
    text = "".join(f"line {n}\n\n" for n in range(1, 100))
    items = read(text.encode(), "a.txt")
    assert "".join(item.text for item in items) == text
    assert [item.continues for item in items] == [False] + [True] * (len(items) - 1)
    assert all(item.text.startswith(f"line {(item.line + 1) // 2}\n") for item in items)


def test_reading_begins_before_a_file_has_been_read_whole(monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 1000)
    stream = io.BytesIO(b"word " * 100_000)
    next(read_texts(stream, "a.txt", "text"))
    assert stream.tell() <= 3000
    stream = io.BytesIO(LINES)
    next(read_texts(stream, "a.jsonl", "text"))
    assert stream.tell() < 100


@pytest.mark.parametrize("path", ["a.txt", "a.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_text(path):
    data = b"words" if path == "a.txt" else b'{"text": "words"}'
    assert read(b"\xef\xbb\xbf" + data, path) == [Text(1, "words")]


@pytest.mark.parametrize("path", ["a.txt", "a.jsonl"])
def test_utf16_and_binary_files_are_told_apart(path):
    assert "is UTF-16" in flaw("words".encode("utf-16"), path).problem
    assert flaw(b"\x89PNG\r\x00\x00\x1a", path) == Flaw(
        None, "is binary, or in an encoding other than UTF-8"
    )


def test_a_latin1_file_is_named_with_line_and_byte():
    found = flaw("one\ntwo\ndrei fünf".encode("latin-1"), "a.txt")
    assert found.line == 3
    assert "byte 0xfc is not UTF-8" in found.problem
    assert "iconv -f LATIN1" in found.problem


def test_nul_characters_far_into_a_text_are_left_to_the_steps():
    text = "word " * 2000 + "\0"
    assert read(text.encode(), "a.txt") == [Text(1, text)]


def test_a_badly_encoded_block_costs_that_block_only(monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 64)
    good = b"words " * 5 + b"\n\n"
    items = read(good * 20 + b"\xff\n\n" + good * 20, "a.txt")
    (bad,) = [item for item in items if isinstance(item, Flaw)]
    assert bad.line == 41
    assert sum(len(item.text) for item in items if isinstance(item, Text)) >= 38 * len(good)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"text": "half', "the JSON is broken: Unterminated string"),
        (b'{"text": }', "the JSON is broken: Expecting value (column 10)"),
        (b'{"n": ' + b"1" * 5000 + b"}", "the JSON is broken: Exceeds the limit"),
        (b'["text"]', "the JSON holds list, not an object"),
        (b'{"body": "x", "n": 1}', "has no field 'text', but 'body', 'n'; set text_field"),
        (b"{}", "has no field 'text', but nothing"),
        (b'{"text": null}', "field 'text' holds NoneType, not a string"),
        (b'{"text": "f\xfcnf"}', "byte 0xfc is not UTF-8"),
        (b"[" * 100_000, "the JSON is nested too deeply"),
        (b'{"text": "' + b"x" * 200_000 + b'"}', "the line is longer than 150,000 bytes"),
    ],
)
def test_a_bad_line_is_skipped_and_named(line, problem, monkeypatch):
    monkeypatch.setattr(readers, "LINE_BYTES", 150_000)
    items = read(b'{"text": "one"}\n\n' + line + b'\n{"text": "two"}\n', "a.jsonl")
    assert items[0] == Text(1, "one")
    assert items[2] == Text(4, "two")
    assert items[1].line == 3
    assert items[1].problem.startswith(problem)


def test_half_a_surrogate_pair_becomes_a_replacement_character():
    data = rb'{"text": "a \ud83d b \ud83d\ude00"}'
    assert read(data, "a.jsonl") == [Text(1, "a \ufffd b 😀")]


@pytest.mark.parametrize(("suffix", "squeeze"), [(".gz", gzip.compress), (".zst", zstd)])
def test_a_truncated_stream_keeps_what_came_before(suffix, squeeze):
    data = squeeze(LINES)
    *texts, end = read(data[: len(data) // 2], f"a.jsonl{suffix}")
    assert texts == [Text(n, f"line {n}") for n in range(1, len(texts) + 1)]
    assert isinstance(end, Flaw)
    if texts:
        assert end.line == len(texts)
        assert end.problem.startswith("damaged further on: ")


def test_a_corrupt_gzip_keeps_what_came_before():
    data = bytearray(gzip.compress(LINES * 20))
    data[len(data) // 2] ^= 0xFF
    *texts, end = read(bytes(data), "a.jsonl.gz")
    assert len([t for t in texts if isinstance(t, Text)]) > 1000
    assert isinstance(end, Flaw)


@pytest.mark.parametrize("path", ["a.txt.gz", "a.jsonl.gz", "a.txt.zst", "a.parquet"])
def test_a_file_that_is_not_what_its_suffix_says_is_one_flaw(path):
    assert flaw(b"these are plain words", path).problem.startswith("damaged, nothing could be read")


def test_parquet_without_the_column_says_which_it_has():
    found = flaw(parquet(body=["x"], n=[1]), "a.parquet")
    assert found == Flaw(None, "has no column 'text', but 'body', 'n'; set text_field")
    found = flaw(parquet(text=[1]), "a.parquet")
    assert found == Flaw(None, "column 'text' holds int64, not strings; set text_field")


def test_null_and_badly_encoded_rows_of_parquet_are_skipped_and_named():
    offsets = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 1, 2, 2, 3)))
    column = pa.Array.from_buffers(
        pa.string(), 4, [pa.py_buffer(b"\x0b"), offsets, pa.py_buffer(b"a\xffb")]
    )
    items = read(parquet(text=column), "a.parquet")
    assert [type(item) for item in items] == [Text, Flaw, Flaw, Text]
    assert [item.line for item in items] == [1, 2, 3, 4]
    assert items[1].problem.startswith("column 'text' is not UTF-8")
    assert items[2].problem == "column 'text' is null"
