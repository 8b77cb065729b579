import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textus.corpus import documents
from textus.corpus.documents import Document, DocumentWriter, document_groups, read_documents
from textus.errors import DataError

TEXTS = ["plain", "Größe 🙂", "", "日本語 " * 50, "x" * 300, "\0 and \r\n"] * 5


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Several files of several groups."""
    monkeypatch.setattr(documents, "GROUP_BYTES", 400)
    monkeypatch.setattr(documents, "FILE_BYTES", 1500)
    with DocumentWriter(tmp_path, "train") as writer:
        for number, text in enumerate(TEXTS):
            writer.write(Document(f"source {number // 7}", f"file:{number}", text))
    return tmp_path


def test_groups_hold_the_documents_in_order_with_their_sizes(folder):
    groups = document_groups(folder, "train")
    assert len({group.file for group in groups}) > 1
    assert len(groups) > len({group.file for group in groups})
    read = [pickle.loads(pickle.dumps(group)).read() for group in groups]
    pairs = [pair for sources, texts in read for pair in zip(sources, texts, strict=True)]
    assert pairs == [(d.source, d.text) for d in read_documents(folder, "train")]
    assert [text for _, text in pairs] == TEXTS
    sizes = np.concatenate([texts.sizes for _, texts in read])
    assert sizes.dtype == np.int64
    assert sizes.tolist() == [len(text.encode()) for text in TEXTS]


def test_sources_are_known_without_the_texts(folder):
    for group in document_groups(folder, "train"):
        assert group.sources() == group.read()[0]


def test_the_size_of_a_group_is_that_of_its_texts_to_within_a_percent(tmp_path):
    with DocumentWriter(tmp_path, "train") as writer:
        for number in range(150):
            writer.write(Document("words", "file", f"Straße {number} " * 4000))
    for group in document_groups(tmp_path, "train"):
        assert group.size == pytest.approx(group.read()[1].sizes.sum(), rel=0.01)


def test_a_group_without_documents_is_read(tmp_path):
    schema = pa.schema({name: pa.string() for name in ("id", "source", "path", "text")})
    with pq.ParquetWriter(tmp_path / "train-00000.parquet", schema) as writer:
        writer.write_table(schema.empty_table())
        writer.write_table(pa.Table.from_pylist([{"source": "a", "text": ""}], schema))
    read = [group.read() for group in document_groups(tmp_path, "train")]
    assert [(sources, list(texts)) for sources, texts in read] == [([], []), (["a"], [""])]


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no held_out-\*\.parquet"):
        document_groups(tmp_path, "held_out")
