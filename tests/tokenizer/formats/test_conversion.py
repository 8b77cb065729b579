import dataclasses
import json

import pytest
import tiktoken
import tiktoken.load
from tokenizers import models
from transformers import BertTokenizer

from textus.errors import DataError
from textus.tokenizer.config import BPEConfig, UnigramConfig, WordPieceConfig
from textus.tokenizer.formats.conversion import convert
from textus.tokenizer.normalize import Composed
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer

TEXT = "it'll 12345 be ünïcödé\n\n"


@pytest.fixture(scope="module")
def gpt2(corpus) -> Tokenizer:
    return train_tokenizer(corpus[-16:], BPEConfig(vocab_size=500, pattern="gpt2"))


@pytest.fixture(scope="module")
def bert(corpus) -> Tokenizer:
    special = ("[SEP]", "[PAD]", "[CLS]", "[MASK]")
    config = WordPieceConfig(vocab_size=500, form="bert", special_tokens=special)
    return train_tokenizer(corpus[-16:], config)


@pytest.fixture(scope="module")
def characters(corpus) -> Tokenizer:
    return train_tokenizer(corpus[-16:], UnigramConfig(vocab_size=600, alphabet="characters"))


def test_a_folder_holds_any_tokenizer(gpt2, bert, characters, tmp_path):
    for i, tokenizer in enumerate((gpt2, bert, characters)):
        folder = tmp_path / "new" / f"a.{i}"
        assert convert(tokenizer, folder) > 300
        assert Tokenizer.load(folder).definition == tokenizer.definition


def test_saving_goes_by_the_name_of_the_file(gpt2, bert, characters, tmp_path):
    gpt2.save(str(tmp_path / "ranks" / "own.tiktoken"))
    ranks = tiktoken.load.load_tiktoken_bpe(str(tmp_path / "ranks" / "own.tiktoken"))
    theirs = tiktoken.Encoding(
        "own", pat_str=PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens={"<|e|>": 9999}
    )
    assert theirs.encode(TEXT) == gpt2.encode(TEXT)
    gpt2.save(tmp_path / "vocab.json")
    assert models.BPE.from_file(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    assert Tokenizer.load(str(tmp_path / "vocab.json")).encode(TEXT) == gpt2.encode(TEXT)
    bert.save(tmp_path / "vocab.txt")
    theirs = BertTokenizer(str(tmp_path / "vocab.txt"))
    assert theirs(TEXT, add_special_tokens=False)["input_ids"] == bert.encode(TEXT)
    characters.save(tmp_path / "own.model")
    assert Tokenizer.load(tmp_path / "own.model").encode(TEXT) == characters.encode(TEXT)
    gpt2.save(tmp_path / "a" / "tokenizer.json")
    assert Tokenizer.load(tmp_path / "a").definition == gpt2.definition
    (tmp_path / "words.bin").touch()
    with pytest.raises(DataError, match=r"words\.bin is a file's name that no kind"):
        gpt2.save(tmp_path / "words.bin")


@pytest.mark.parametrize("name", ["own.gguf", "own.json", "words.txt"])
def test_the_name_of_another_kind_of_file_is_no_folder(gpt2, tmp_path, name):
    for write in (gpt2.save, lambda path: convert(gpt2, path)):
        with pytest.raises(DataError, match=rf"{name} .*no kind of tokenizer has") as caught:
            write(tmp_path / name)
        assert str(caught.value).count(name) == 1
    assert not any(tmp_path.iterdir())


def test_saving_refuses_a_form_that_would_lose_something(gpt2, bert, tokenizer, tmp_path):
    with pytest.raises(DataError, match=r"vocab\.json would be another tokenizer"):
        tokenizer.save(tmp_path / "vocab.json")  # its pattern
    with pytest.raises(DataError, match="end of text would be"):
        change(bert, end_of_text="[PAD]").save(tmp_path / "vocab.txt")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["own.tiktoken", "merges.txt"])
def test_bpe_is_converted(gpt2, tmp_path, name):
    assert convert(gpt2, tmp_path / "new" / name) > 300
    assert (tmp_path / "new" / name).is_file()


def test_berts_wordpiece_and_sentencepieces_unigram_are_converted(bert, characters, tmp_path):
    convert(characters, tmp_path / "own.model")
    convert(bert, tmp_path / "vocab.txt")
    assert Tokenizer.load(tmp_path / "vocab.txt").end_of_text == bert.end_of_text


def change(tokenizer: Tokenizer, **parts) -> Tokenizer:
    return Tokenizer(dataclasses.replace(tokenizer.definition, **parts))


def test_what_a_form_has_no_place_for_is_refused_and_nothing_written(
    gpt2, bert, characters, tokenizer, tmp_path
):
    whole = change(gpt2, model=dataclasses.replace(gpt2.definition.model, whole_words=True))
    model = gpt2.definition.model
    lost = dataclasses.replace(model, merges=model.merges[:-1], whole_words=True)
    tokens = (b"END", *gpt2.definition.tokens[1:])
    cases = [
        (characters, "x.tiktoken", "only byte-level BPE has ranks"),
        (bert, "vocab.json", "only byte-level BPE has these files"),
        (gpt2, "vocab.txt", "only BERT's WordPiece"),
        (gpt2, "x.model", "unigram models over characters only"),
        (tokenizer, "vocab.json", "another tokenizer: .* becomes"),
        (change(gpt2, normalizer=Composed()), "vocab.json", "no place for the normalizer"),
        (change(gpt2, normalizer=Composed()), "x.tiktoken", "changes no text"),
        (change(gpt2, model=lost), "vocab.json", "no merges make them"),
        (
            change(gpt2, tokens=tokens, special_tokens={"END": 0}, end_of_text="END"),
            "vocab.json",
            r"special tokens would be \{\}",
        ),
        (
            change(gpt2, added_tokens={"the": 20}),
            "merges.txt",
            "merges.txt cannot hold .*no byte-level BPE",
        ),
        (change(bert, end_of_text="[PAD]"), "vocab.txt", r"end of text would be '\[SEP\]'"),
        (change(bert, splitter=PatternSplitter()), "vocab.txt", "another tokenizer"),
        (change(bert, normalizer=None), "vocab.txt", "another tokenizer"),
    ]
    for refused, name, reason in cases:
        with pytest.raises(DataError, match=reason):
            convert(refused, tmp_path / name)
    assert not any(tmp_path.iterdir())
    convert(whole, tmp_path / "vocab.json")


def test_a_file_that_is_there_stays_where_its_conversion_is_refused(gpt2, tokenizer, tmp_path):
    convert(gpt2, tmp_path / "vocab.json")
    before = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    with pytest.raises(DataError):
        convert(tokenizer, tmp_path / "vocab.json")
    assert json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8")) == before


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"\p{L}+|[^\p{L}]", None),
        (r"[a-f\h]+|[^a-f\h]+", "another tokenizer to Hugging Face's"),  # \h: hexadecimal to them
        (r"(?P<word>\p{L}+)|[^\p{L}]", "cannot be read by Hugging Face's"),
    ],
)
@pytest.mark.parametrize("name", ["folder", "tokenizer.json"])
def test_an_expression_of_ones_own_must_be_read_alike(corpus, tmp_path, pattern, reason, name):
    tokenizer = train_tokenizer(corpus[-16:], BPEConfig(vocab_size=400, pattern=pattern))
    if reason is None:
        convert(tokenizer, tmp_path / name)
        return
    with pytest.raises(DataError, match=reason):
        convert(tokenizer, tmp_path / name)
    assert not any(tmp_path.iterdir())
