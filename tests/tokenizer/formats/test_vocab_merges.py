import json

import pytest
from tokenizers import models

from textus.errors import DataError
from textus.tokenizer.formats.vocab_merges import read_vocab_merges, write_vocab_merges
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer


def test_written_files_are_the_same_tokenizer(tokenizer, scripts, tmp_path):
    write_vocab_merges(tokenizer.definition, tmp_path)
    assert read_vocab_merges(tmp_path, pattern="llama3") == tokenizer.definition
    theirs = models.BPE.from_file(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    assert [theirs.token_to_id(s) for s in ("<|endoftext|>", "Ġreturn")] == [
        0,
        tokenizer.encode(" return")[0],
    ]


def test_a_folder_of_the_two_files_is_a_tokenizer_with_gpt2s_pattern(tokenizer, tmp_path):
    write_vocab_merges(tokenizer.definition, tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.definition.splitter == PatternSplitter(pattern="gpt2")
    assert Tokenizer.load(tmp_path / "merges.txt").definition == loaded.definition
    words = map(loaded.encode, ["it", "'s", " 12"])
    assert loaded.encode("it's 12") == [id_ for word in words for id_ in word]


@pytest.mark.parametrize(
    ("merges", "reason"),
    [
        ("#version: 0.2\na b c\n", "line 2 of merges.txt, 'a b c', is no pair"),
        ("a nothing\n", "there is no 'nothing'"),
        (None, "merges.txt does not exist"),
        ("é a\n".encode("latin-1"), r"merges.txt is not UTF-8 \(at byte 0\)"),
    ],
)
def test_broken_merges_are_refused_with_the_reason(tokenizer, tmp_path, merges, reason):
    write_vocab_merges(tokenizer.definition, tmp_path)
    (tmp_path / "merges.txt").unlink()
    if merges is not None:
        content = merges.encode() if isinstance(merges, str) else merges
        (tmp_path / "merges.txt").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("id_", "reason"),
    [
        (-1, "include -1; they are numbers from 0 on"),
        (5, "not each given once: 5 is there"),
        (10**13, "go up to 10000000000000"),
        (7.0, r"include 7\.0, which is no whole number"),
        (True, "include True, which is no whole number"),
        (None, "include None, which is no whole number"),
    ],
)
def test_ids_that_are_none_are_refused(tokenizer, tmp_path, id_, reason):
    write_vocab_merges(tokenizer.definition, tmp_path)
    vocab = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    (tmp_path / "vocab.json").write_text(json.dumps(vocab | {"Ġreturn": id_}))
    with pytest.raises(DataError, match=rf"vocab\.json and merges\.txt are no .*{reason}"):
        Tokenizer.load(tmp_path)
