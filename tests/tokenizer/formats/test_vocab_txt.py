import pytest
from transformers import BertTokenizer

from textus.errors import DataError
from textus.tokenizer.bert import BertNormalizer
from textus.tokenizer.formats.vocab_txt import read_vocab_txt, write_vocab_txt
from textus.tokenizer.tokenizer import Tokenizer

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "un",
    "##want",
    "##ed",
    "runn",
    "##ing",
    ",",
]


@pytest.fixture
def file(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return tmp_path / "vocab.txt"


def test_ids_are_berts(file):
    ours, theirs = Tokenizer.load(file), BertTokenizer(str(file))
    for text in ["UNwantéd, running", "runnings", "", "  ,  un\x00want", "[MASK] un", "日本"]:
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert ours.encode(text, allowed_special="all") == expected, text
    assert ours.decode(ours.encode("Unwanted, running")) == "unwanted , running"
    assert ours.end_of_text == 3


def test_capital_letters_in_pieces_keep_those_of_the_text(file):
    assert read_vocab_txt(file).normalizer == BertNormalizer(lowercase=True)
    file.write_text("[UNK]\nUn\nun\n")
    assert Tokenizer.load(file).encode("Un un") == [1, 2]
    assert read_vocab_txt(file).normalizer == BertNormalizer(lowercase=False)
    assert read_vocab_txt(file, lowercase=True).normalizer == BertNormalizer(lowercase=True)


def test_written_file_is_the_one_that_was_read(file, tmp_path):
    write_vocab_txt(read_vocab_txt(file), tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_text() == file.read_text()


def test_a_file_in_another_encoding_or_none_is_refused(file):
    file.write_bytes("[UNK]\nété\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"vocab\.txt is not UTF-8 \(at byte 6\)"):
        Tokenizer.load(file)
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_vocab_txt(file.with_name("nowhere"))


@pytest.mark.parametrize(("text", "reason"), [("[UNK]\na\na\n", "'a' twice"), ("a\n", r"no.*UNK")])
def test_broken_file_is_refused_with_the_reason(file, text, reason):
    file.write_text(text)
    with pytest.raises(DataError, match=reason):
        read_vocab_txt(file)
