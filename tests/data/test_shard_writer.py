import json
import os
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.data import encoding, shard_writer
from textus.data.shards import open_shards
from textus.errors import DataError
from textus.text_array import TextArray

END = 9


@pytest.fixture(scope="module", autouse=True)
def _no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


def files_of(folder):
    return {file.name: file.read_bytes() for file in (folder / "train").iterdir()}


documents_by_source = st.lists(
    st.tuples(
        st.sampled_from(["web", "Web", "a/b", "a b", "日本", "../.."]),
        st.text("012345678", max_size=12),
    ),
    min_size=1,
    max_size=20,
)
cuts = st.lists(st.integers(0, 20), max_size=3)


def in_pieces(piece, documents, cuts):
    places = [0, *sorted(min(cut, len(documents)) for cut in cuts), len(documents)]
    return [piece(documents[begin:end]) for begin, end in pairwise(places) if begin < end]


@settings(max_examples=60)
@given(documents_by_source, cuts, st.integers(1, 40), st.sampled_from([10, 65_536, 65_537]))
def test_shards_give_back_every_document_in_order(
    tmp_path_factory, write, piece, documents, cuts, shard_tokens, vocab_size
):
    out = tmp_path_factory.mktemp("shards")
    pieces = in_pieces(piece, documents, cuts)
    counts = write(out, pieces, shard_tokens=shard_tokens, vocab_size=vocab_size)
    tokens = open_shards(out, "train")
    assert list(tokens.sources) == sorted({source for source, _ in documents})
    for name, source in tokens.sources.items():
        texts = [text for of_source, text in documents if of_source == name]
        expected = [[END, *map(int, text)] for text in texts]
        assert [source.document(n).tolist() for n in range(source.documents)] == expected
        assert (counts[name].tokens, counts[name].documents) == (source.total, len(texts))
        assert counts[name].bytes == source.bytes == sum(map(len, texts))
        assert all(s.tokens <= shard_tokens or s.documents == 1 for s in counts[name].shards)
        # A shard ends only where the next document would not have fitted.
        sizes, shards = [len(ids) for ids in expected], counts[name].shards
        for shard in shards[:-1]:
            sizes = sizes[shard.documents :]
            assert shard.tokens + sizes[0] > shard_tokens


class Interrupted(Exception):
    pass


def interrupted_after(count, encode):
    """The encoder, which gives up after so many calls."""
    calls = iter(range(count))

    def encode_some(texts):
        if next(calls, None) is None:
            raise Interrupted
        return encode(texts)

    return encode_some


@settings(max_examples=60)
@given(documents_by_source, cuts, st.integers(1, 30), st.integers(0, 4))
def test_an_interrupted_write_goes_on_and_ends_as_if_it_had_not_been(
    tmp_path_factory, write, piece, encode, documents, cuts, shard_tokens, count
):
    whole, out = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("interrupted")
    expected = write(whole, in_pieces(piece, documents, cuts), shard_tokens=shard_tokens)
    pieces = in_pieces(piece, documents, cuts)
    if count < len(pieces):
        some = interrupted_after(count, encode)
        with pytest.raises(Interrupted):
            write(out, pieces, encode=some, shard_tokens=shard_tokens)
    again = write(out, in_pieces(piece, documents, cuts), shard_tokens=shard_tokens)
    assert again == expected
    assert files_of(out) == files_of(whole)


def test_what_is_finished_is_not_read_again_and_what_is_not_is(tmp_path, write, piece, encode):
    """Five documents a piece, seven a shard: the third piece is cut by the end of a shard."""
    documents = [("web", "1234567")] * 30
    pieces = [piece(documents[first : first + 5]) for first in range(0, 30, 5)]
    with pytest.raises(Interrupted):
        write(tmp_path, pieces, encode=interrupted_after(4, encode), shard_tokens=56)
    done = json.loads((tmp_path / "train" / "index.json").read_text())["sources"]["web"]
    assert [shard["documents"] for shard in done["shards"]] == [7, 7]
    before = {file.name: file.stat() for file in (tmp_path / "train").glob("web-0000[01].*")}
    assert len(before) == 4
    for item in pieces:
        item.reads = 0
    encoded, shown, said = [], [], []

    def watch(texts):
        encoded.extend(texts)
        return encode(texts)

    write(
        tmp_path,
        pieces,
        encode=watch,
        shard_tokens=56,
        progress=lambda done, total, text: shown.append((done, total)),
        say=said.append,
    )
    assert [item.reads for item in pieces] == [0, 0, 1, 1, 1, 1]
    assert len(encoded) == 16
    assert shown == [(35 * n, 35 * 6) for n in (3, 4, 5, 6)]
    assert said == ["resumed behind 2 finished shards of 112 tokens"]
    for name, state in before.items():
        after = (tmp_path / "train" / name).stat()
        assert (after.st_ino, after.st_mtime_ns) == (state.st_ino, state.st_mtime_ns)


def test_a_finished_split_is_only_verified(tmp_path, write, piece):
    pieces = [piece([("web", "123"), ("web", "45")]), piece([("books", "678")])]
    counts, before = write(tmp_path, pieces), files_of(tmp_path)
    assert write(tmp_path, pieces) == counts
    assert [item.reads for item in pieces] == [1, 1]
    assert files_of(tmp_path) == before


def spoil_ids(folder):
    data = bytearray((folder / "web-00001.bin").read_bytes())
    data[2] ^= 1
    (folder / "web-00001.bin").write_bytes(bytes(data))


def spoil_starts(folder):
    starts = np.load(folder / "web-00000.starts.npy")
    starts[1] += 1
    np.save(folder / "web-00000.starts.npy", starts)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (spoil_ids, "the ids of source 'web' differ from their checksum"),
        (spoil_starts, "the documents of source 'web' do not begin as noted"),
        (lambda folder: (folder / "web-00000.bin").unlink(), "web-00000.bin is missing"),
        (lambda folder: (folder / "index.json").write_text("{"), "index.json is damaged"),
    ],
)
def test_damaged_shards_are_made_again(tmp_path, write, monkeypatch, spoil, why):
    monkeypatch.setattr(shard_writer, "BLOCK_TOKENS", 3)
    documents, said = [("web", "1234"), ("web", "5"), ("web", "67")] * 2, []
    options = {"shard_tokens": 10, "say": said.append}
    write(tmp_path, documents, **options)
    before = files_of(tmp_path)
    write(tmp_path, documents, **options)  # in blocks that end within documents
    assert said == ["resumed behind 2 finished shards of 20 tokens"]
    spoil(tmp_path / "train")
    write(tmp_path, documents, **options)
    assert "the token shards are made from the beginning" in said[1]
    assert why in said[1]
    assert len(said) == 2
    assert files_of(tmp_path) == before


def test_what_no_index_lists_is_removed(tmp_path, write):
    (tmp_path / "train").mkdir()
    for name in ("web-00000.bin", "web-00007.starts.npy", ".tmp-index.json-0badcafe"):
        (tmp_path / "train" / name).write_bytes(b"half")
    write(tmp_path, [("web", "123")])
    assert set(files_of(tmp_path)) == {"index.json", "web-00000.bin", "web-00000.starts.npy"}


def test_names_of_files_do_not_depend_on_where_it_was_interrupted(tmp_path, write, piece, encode):
    """All three sources would have the same name; the last one's shards are finished first."""
    pieces = [
        piece([("web", "1"), ("WEB", "2")]),
        piece([("Web", "1234567"), ("Web", "1234567"), ("Web", "3")]),
        piece([("WEB", "4"), ("web", "5")]),
    ]
    write(tmp_path / "whole", pieces)
    with pytest.raises(Interrupted):
        write(tmp_path / "out", pieces, encode=interrupted_after(2, encode))
    assert list(json.loads((tmp_path / "out/train/index.json").read_text())["sources"]) == ["Web"]
    write(tmp_path / "out", pieces)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def test_progress_counts_bytes_of_the_total(tmp_path, write, piece):
    shown = []
    write(
        tmp_path,
        [piece([("web", "12345")] * 3), piece([("books", "1")])],
        progress=lambda done, total, text: shown.append((done, total, text)),
    )
    assert [(done, total) for done, total, _ in shown] == [(15, 16), (16, 16)]
    assert shown[0][2].startswith("encoding web, ")
    assert shown[1][2].startswith("encoding books, ")
    assert all(text.endswith(" MB/s") for _, _, text in shown)


def test_memory_does_not_grow_with_the_corpus(tmp_path, write, piece, monkeypatch):
    """Sixty documents of a megabyte each, made when they are read."""
    monkeypatch.setattr(encoding, "MEMORY_PER_WORKER", 2_000_000)

    class Large(piece):
        size = 1_000_000

        def read(self):
            return ["web"], TextArray.of([self.pairs[0][1] * 1_000_000])

    tracemalloc.start()
    try:
        write(tmp_path, [Large([("web", "1")])] * 60, shard_tokens=30_000_000, workers=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


def test_a_piece_without_documents_changes_nothing(tmp_path, write, piece):
    pieces = [piece([]), piece([("web", "12")]), piece([])]
    counts = write(tmp_path / "with", pieces)
    assert counts == write(tmp_path / "without", pieces[1:2])
    assert files_of(tmp_path / "with") == files_of(tmp_path / "without")


def test_no_documents_are_an_error(tmp_path, write, piece):
    with pytest.raises(DataError, match="train split has no documents"):
        write(tmp_path, [])
    with pytest.raises(DataError, match="train split has no documents"):
        write(tmp_path, [piece([])])


def test_an_end_of_text_outside_the_vocabulary_is_refused(tmp_path, write):
    with pytest.raises(DataError, match="end_of_text=9 is outside the vocabulary of 9 ids"):
        write(tmp_path, [("web", "1")], vocab_size=9)


def test_the_digest_tells_other_ids_apart(tmp_path, write):
    first = write(tmp_path / "a", [("web", "123")])["web"]
    again = write(tmp_path / "b", [("web", "123")])["web"]
    other = write(tmp_path / "c", [("web", "124")])["web"]
    assert first.digest == again.digest != other.digest
