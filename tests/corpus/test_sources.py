import errno
import json
import os
import sys
from pathlib import Path

import pytest

from textus.corpus.config import RUN_MARK, CorpusConfig, Source
from textus.corpus.sources import InputFile, digest, find_files, fingerprint
from textus.errors import DataError


def source(uri, **more):
    return Source(name="s", uri=str(uri), **more)


def paths(uri):
    return [file.path for file in find_files(source(uri))]


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_folder_is_walked_in_sorted_order_for_supported_suffixes(tmp_path):
    names = ["b.txt", "a.md", "z/c.jsonl.gz", "z/D.TXT", "z/e.parquet", "d.jsonl.zst"]
    other = ["x.py", ".hidden.txt", ".git/a.txt", "z/__pycache__/a.txt", "f.parquet.gz", "notes"]
    for name in names + other:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert paths(tmp_path) == sorted(names)


def test_a_file_or_glob_reads_any_suffix(tmp_path):
    write(tmp_path, a_py="1", sub__b_py="2", sub__c_txt="3")
    assert paths(tmp_path / "a.py") == ["a.py"]
    assert paths(tmp_path / "**" / "*.py") == ["a.py", "sub/b.py"]
    assert paths(tmp_path / "*" / "b.*") == ["sub/b.py"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path):
    (tmp_path / "a[1].txt").write_text("x")
    assert paths(tmp_path / "a[1].txt") == ["a[1].txt"]


def test_a_relative_uri_counts_from_the_current_folder(tmp_path, monkeypatch):
    write(tmp_path, docs__a_txt="x")
    monkeypatch.chdir(tmp_path)
    assert paths("docs") == paths("docs/*.txt") == paths(tmp_path / "docs") == ["a.txt"]


def test_a_package_is_located_and_never_imported(tmp_path, monkeypatch):
    write(tmp_path, verses__texts__a_md="x")
    (tmp_path / "verses" / "__init__.py").write_text("raise ImportError('needs old packages')")
    monkeypatch.syspath_prepend(tmp_path)
    assert paths("package:verses/texts") == ["a.md"]
    assert paths("package:verses") == ["texts/a.md"]
    assert "verses" not in sys.modules


def test_the_standard_library_is_a_source():
    assert "runners.py" in paths("package:asyncio/*.py")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("package:no_such_package/x", "run: pip install --no-deps no_such_package"),
        ("package:asyncio/nothing", "there is no file or folder"),
        ("package:os.path", "names no package; write package:NAME/path"),
        ("package:asyncio", r"it has \.py \(\d+\).* such as package:asyncio/\*\*/\*\.py"),
        ("nowhere/at/all", "there is no file or folder 'nowhere/at/all'.*looked from"),
        ("*.nothing", r"no file matches '\*\.nothing'"),
        ("nonsense://x", "protocol that fsspec does not know"),
    ],
)
def test_a_source_without_files_says_what_to_do(uri, message):
    with pytest.raises(DataError, match=message):
        find_files(source(uri))


def test_empty_and_unsuitable_folders_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        find_files(source(tmp_path))
    write(tmp_path, a_pdf="x", b_pdf="x", c_doc="x")
    with pytest.raises(DataError, match=r"ending in .*\.jsonl.*it has \.pdf \(2\), \.doc \(1\)"):
        find_files(source(tmp_path))


def test_the_fingerprint_follows_content_and_nothing_else(tmp_path):
    def now(folder, name="s"):
        return digest(fingerprint([Source(name=name, uri=str(folder))]))

    one, two = (write(tmp_path / name, a_txt="one", b_txt="two") for name in ("one", "two"))
    first = now(one)
    os.utime(one / "a.txt", (1, 1))
    assert now(one) == now(two) == first
    assert now(one, name="t") != first
    (one / "a.txt").write_text("eno")
    assert now(one) != first
    (two / "a.txt").rename(two / "c.txt")
    assert now(two) != first


def test_a_known_digest_is_taken_over_while_size_and_time_agree(tmp_path):
    write(tmp_path, a_txt="one")
    config = CorpusConfig(source=(source(tmp_path),))
    known = fingerprint(config.source)
    known[0]["digest"] = "taken over"
    assert fingerprint(config.source, known) == known
    os.utime(tmp_path / "a.txt", (1, 1))
    assert fingerprint(config.source, known)[0]["digest"] != "taken over"


def test_a_name_that_is_not_utf8_is_spelt_so_that_it_can_be_printed_and_stored(tmp_path):
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("one")
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    write(tmp_path, b_txt="two")
    found = find_files(source(tmp_path))
    assert [file.path for file in found] == ["b.txt", "caf\\xe9.txt"]
    with found[1].open() as stream:
        assert stream.read() == b"one"
    config = CorpusConfig(source=(source(tmp_path),))
    entries = fingerprint(config.source)
    assert json.dumps(entries, ensure_ascii=False).encode()
    assert len(digest(entries)) == 32
    entries[1]["digest"] = "taken over"
    assert fingerprint(config.source, entries) == entries


def test_what_befalls_more_than_one_file_ends_the_run(tmp_path, monkeypatch):
    write(tmp_path, a_txt="one")

    def fail(file):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(InputFile, "open", fail)
    with pytest.raises(DataError, match=r"cannot read .*a\.txt': Too many open files"):
        fingerprint([source(tmp_path)])


def test_an_unreadable_file_still_has_a_fingerprint(tmp_path):
    write(tmp_path, a_txt="one")
    (tmp_path / "b.txt").symlink_to(tmp_path / "gone.txt")
    entries = fingerprint([source(tmp_path)])
    assert [e["digest"].startswith("unreadable") for e in entries] == [False, True]


def test_run_folders_below_a_source_are_passed_over(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a text of one's own")
    run = tmp_path / "runs" / "mine"
    (run / "corpus").mkdir(parents=True)
    (run / RUN_MARK).write_text("")
    (run / "corpus" / "held_out.jsonl").write_text("{}")
    assert paths(tmp_path) == ["a.txt"]
