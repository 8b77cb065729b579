import errno
import functools
import http.server
import io
import threading

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textus.corpus import remote
from textus.corpus.build import build_corpus
from textus.corpus.config import CorpusConfig, Source
from textus.corpus.documents import read_documents
from textus.corpus.sources import digest, find_files, fingerprint
from textus.errors import DataError, MissingExtraError, StoreError

WORDS = "".join(f"Sentence number {n} of a text.\n\n" for n in range(300))


def config(uri):
    return CorpusConfig(source=(Source(name="s", uri=uri),))


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for name in ("/box/b.txt", "/box/in/a.txt", "/box/skip.bin", "/box/.git/x.txt"):
        fs.pipe(name, name.encode() + b"\n\n" + WORDS.encode())
    yield fs
    fs.store.clear()


@pytest.fixture
def server(tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_remote_folders_globs_and_files_are_listed_like_local_ones(memory):
    def paths(uri):
        return [file.path for file in find_files(Source(name="s", uri=uri))]

    assert paths("memory://box") == ["b.txt", "in/a.txt"]
    assert paths("memory://box/**/*.txt")[-2:] == ["b.txt", "in/a.txt"]
    assert paths("memory://box/skip.bin") == ["skip.bin"]


def test_a_remote_corpus_is_built_like_a_local_one(memory, tmp_path):
    report = build_corpus(config("memory://box"), tmp_path)
    assert report.total.kept.documents == 2
    assert {d.path.split(":")[0] for d in read_documents(tmp_path, "train")} == {
        "b.txt",
        "in/a.txt",
    }


def test_a_remote_change_is_seen(memory):
    before = digest(fingerprint(config("memory://box").source))
    assert digest(fingerprint(config("memory://box").source)) == before
    memory.pipe("/box/b.txt", b"other")
    assert digest(fingerprint(config("memory://box").source)) != before


@pytest.mark.parametrize("uri", ["memory://nothing", "memory://nothing/*.txt"])
def test_nothing_at_an_address_is_an_error(memory, uri):
    with pytest.raises(DataError, match="there is nothing at 'memory://nothing"):
        find_files(Source(name="s", uri=uri))


def test_a_lost_connection_ends_the_run_instead_of_losing_documents(memory, tmp_path, monkeypatch):
    class Lost:
        def read(self, size):
            raise ConnectionResetError("peer went away")

        def close(self):
            pass

    monkeypatch.setattr(type(memory), "_open", lambda *args, **kwargs: Lost())
    with pytest.raises(DataError, match=r"cannot fetch '/box/b\.txt': ConnectionResetError"):
        build_corpus(config("memory://box"), tmp_path)


def test_no_room_for_a_copy_ends_the_run(memory, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(remote.tempfile, "TemporaryFile", Full)
    monkeypatch.setattr(memory, "protocol", ("http",))
    with pytest.raises(StoreError, match=r"copy of '/box/b\.txt'.*No space left.*TMPDIR"):
        build_corpus(config("memory://box"), tmp_path)


def test_a_missing_package_is_named_with_the_extra(monkeypatch):
    def no_backend(uri):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", no_backend)
    with pytest.raises(MissingExtraError, match=r"'s3fs'.*pip install 'textus\[remote\]'"):
        find_files(Source(name="s", uri="s3://bucket/texts"))
    with pytest.raises(DataError, match="Install s3fs to access S3"):
        find_files(Source(name="s", uri="gs://bucket/texts"))


def test_a_file_behind_http_is_read(server, tmp_path):
    pytest.importorskip("aiohttp", reason="reading http:// needs textus[remote]")
    # Larger than fsspec's blocks: this server, like many, gives no parts of files.
    count = 6_000_000 // len(WORDS)
    table = pa.table({"text": [WORDS] * count})
    pq.write_table(table, tmp_path / "tales.parquet", compression="none", use_dictionary=False)
    out = tmp_path / "out"
    out.mkdir()
    uri = f"{server}/tales.parquet"
    report = build_corpus(config(uri), out)
    assert report.total.kept.bytes == len(WORDS)
    assert fingerprint(config(uri).source) == fingerprint(config(uri).source)
    with pytest.raises(DataError, match="gone"):
        find_files(Source(name="s", uri=f"{server}/gone.txt"))
