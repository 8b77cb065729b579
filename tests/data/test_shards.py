import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.data.shards import BATCH_CHARACTERS, open_shards, token_dtype, write_shards
from textus.errors import DataError

END = 9


def encode(texts: list[str]) -> list[list[int]]:
    """Digits 0 to 8 as ids."""
    return [[int(c) for c in text] for text in texts]


def write(out, documents, **options):
    settings: dict[str, Any] = {"encode": encode, "vocab_size": 10, "shard_tokens": 8} | options
    return write_shards(documents, out, split="train", end_of_text=END, **settings)


def damage(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


documents_by_source = st.lists(
    st.tuples(
        st.sampled_from(["web", "Web", "a/b", "a b", "日本", "../.."]),
        st.text("012345678", max_size=12),
    ),
    min_size=1,
    max_size=20,
)


@given(documents_by_source, st.integers(1, 40), st.sampled_from([10, 65_536, 65_537]))
def test_shards_give_back_every_document_in_order(
    tmp_path_factory, documents, shard_tokens, vocab_size
):
    out = tmp_path_factory.mktemp("shards")
    counts = write(out, documents, shard_tokens=shard_tokens, vocab_size=vocab_size)
    tokens = open_shards(out, "train")
    assert list(tokens.sources) == sorted({source for source, _ in documents})
    for name, source in tokens.sources.items():
        texts = [text for of_source, text in documents if of_source == name]
        expected = [[END, *ids] for ids in encode(texts)]
        assert [source.document(n).tolist() for n in range(source.documents)] == expected
        assert source.tokens(0, source.total).tolist() == [
            token for ids in expected for token in ids
        ]
        assert (counts[name].tokens, counts[name].documents) == (source.total, len(texts))
        assert counts[name].bytes == source.bytes == sum(map(len, texts))
        assert all(s.tokens <= shard_tokens or s.documents == 1 for s in counts[name].shards)


def test_any_stretch_can_be_read_across_shards(tmp_path):
    write(tmp_path, [("web", "0123"), ("web", "45"), ("web", "678012")], shard_tokens=5)
    source = open_shards(tmp_path, "train").sources["web"]
    whole = source.tokens(0, source.total).tolist()
    for start in range(source.total):
        for length in range(source.total - start + 1):
            assert source.tokens(start, length).tolist() == whole[start : start + length]


def test_ids_take_two_bytes_up_to_65536_of_them_and_four_beyond(tmp_path):
    assert token_dtype(65_536) == np.uint16
    assert token_dtype(65_537) == np.uint32
    for vocab_size, size in [(65_536, 4), (65_537, 8)]:
        out = tmp_path / str(vocab_size)
        highest = [vocab_size - 1]
        write(out, [("web", "x")], encode=lambda _, ids=highest: [ids], vocab_size=vocab_size)
        assert (out / "train" / "web-00000.bin").stat().st_size == size
        assert open_shards(out, "train").sources["web"].tokens(1, 1)[0] == vocab_size - 1


def test_the_encoder_gets_bounded_groups_and_progress_counts_documents(tmp_path):
    seen, calls = [], []

    def watch(texts):
        seen.append(len(texts))
        return encode(["1"] * len(texts))

    documents = [("web", "1" * (BATCH_CHARACTERS // 2))] * 5
    write(
        tmp_path,
        iter(documents),
        encode=watch,
        progress=lambda done, total, text: calls.append(done),
    )
    assert seen == [2, 2, 1]
    assert calls == [2, 4, 5]


@pytest.mark.parametrize("wrong", [10, -1, 70_000])
def test_an_id_outside_the_vocabulary_is_refused(tmp_path, wrong):
    with pytest.raises(DataError, match=f"id {wrong} .*'web'.*10 ids"):
        write(tmp_path, [("web", "x")], encode=lambda _: [[1, wrong]])


def test_end_of_text_inside_a_document_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"end-of-text id 9 .*'web'.*special tokens"):
        write(tmp_path, [("web", "x")], encode=lambda _: [[1, END]])


def test_no_documents_are_an_error(tmp_path):
    with pytest.raises(DataError, match="train split has no documents"):
        write(tmp_path, [])


def test_the_digest_tells_other_ids_apart(tmp_path):
    first = write(tmp_path / "a", [("web", "123")])["web"]
    again = write(tmp_path / "b", [("web", "123")])["web"]
    other = write(tmp_path / "c", [("web", "124")])["web"]
    assert first.digest == again.digest != other.digest


@pytest.mark.parametrize("name", ["index.json", "web-00001.bin", "web-00001.starts.npy"])
def test_a_missing_file_is_named(tmp_path, name):
    write(tmp_path, [("web", "1234567"), ("web", "1")])
    (tmp_path / "train" / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        open_shards(tmp_path, "train")


@pytest.mark.parametrize("name", ["index.json", "web-00000.bin", "web-00000.starts.npy"])
@pytest.mark.parametrize("length", [0, 1, -1])
def test_a_cut_file_is_named(tmp_path, name, length):
    write(tmp_path, [("web", "1234"), ("web", "1")])
    path = tmp_path / "train" / name
    path.write_bytes(path.read_bytes().rstrip()[:length])
    with pytest.raises(DataError, match=f"{name} "):
        open_shards(tmp_path, "train")


def test_files_that_do_not_belong_together_are_noticed(tmp_path):
    write(tmp_path, [("web", "1234"), ("web", "1")])
    folder = tmp_path / "train"
    np.save(folder / "web-00000.starts.npy", np.array([0, 4]))
    with pytest.raises(DataError, match=r"web-00000.bin is damaged: .*end-of-text id 9"):
        open_shards(tmp_path, "train")
    for starts in ([0, 7], [1, 5], [0, 0], [0], [0.0, 5.0]):
        np.save(folder / "web-00000.starts.npy", np.array(starts))
        with pytest.raises(DataError, match=r"starts.npy is damaged"):
            open_shards(tmp_path, "train")
    damage(folder / "index.json", sources={"web": {}})
    with pytest.raises(DataError, match=r"index.json is damaged"):
        open_shards(tmp_path, "train")
