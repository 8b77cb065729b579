"""The published vocabularies, where a package or cache that carries them is at hand."""

import gzip

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.errors import DataError
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.formats import published as subject
from textus.tokenizer.formats.published import PUBLISHED, published
from textus.tokenizer.split.patterns import PATTERNS
from textus.tokenizer.tokenizer import Tokenizer

SIZES = {"gpt2": 50257, "cl100k": 100277, "o200k": 200019}


@pytest.fixture(scope="module", params=PUBLISHED)
def pair(request) -> tuple[Tokenizer, tiktoken.Encoding]:
    try:
        definition = published(request.param)
    except DataError as error:
        pytest.skip(str(error))
    ours = Tokenizer(definition)
    assert isinstance(definition.model, Merges)
    theirs = tiktoken.Encoding(
        request.param,
        pat_str=PATTERNS[request.param],
        mergeable_ranks=dict(definition.model.ids),
        special_tokens=dict(definition.special_tokens),
    )
    assert ours.vocab_size == SIZES[request.param]
    return ours, theirs


def test_ids_and_offsets_are_tiktokens(pair, scripts):
    ours, theirs = pair

    def check(text):
        ids, offsets = ours.encode_with_offsets(text)
        assert ids == ours.encode(text) == theirs.encode_ordinary(text)
        decoded, starts = theirs.decode_with_offsets(ids)
        assert decoded == text
        assert offsets[:, 0].tolist() == starts

    for text in scripts:
        check(text)
    settings(max_examples=200)(given(st.text())(check))()


def test_special_names_are_handled_as_in_tiktoken(pair):
    ours, theirs = pair
    text = "a<|endoftext|>b <|endofprompt|>"
    assert ours.encode(text) == theirs.encode_ordinary(text)
    assert ours.encode(text, allowed_special="all") == theirs.encode(text, allowed_special="all")
    for both in (ours, theirs):
        with pytest.raises((DataError, ValueError), match="endoftext"):
            both.encode(text, disallowed_special="all")


def test_what_is_not_at_hand_is_an_error_with_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(subject.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"gpt2 is not on this machine.*whisper"):
        published("gpt2")
    with pytest.raises(DataError, match=r"no published vocabulary 'gpt5'; use one of"):
        published("gpt5")


PACKED = gzip.compress(bytes(range(256)) * 9, mtime=0)


@pytest.mark.parametrize(
    "content",
    [b"", b"IQ== 0\n", PACKED, PACKED[:-20], PACKED[:9], PACKED[:12] + b"\xff\xff" + PACKED[14:]],
)
def test_file_that_is_damaged_or_another_is_named(monkeypatch, tmp_path, content):
    file = tmp_path / "ranks.gz"
    monkeypatch.setattr(subject, "_places", lambda known: [tmp_path / "none", file])
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"not on this machine: .*/ranks.gz is damaged.*remove it"):
        published("gpt2")
