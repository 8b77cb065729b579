import base64
import dataclasses
from itertools import product

import pytest
import tiktoken
import tiktoken.load
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.errors import DataError
from textus.tokenizer.formats.tiktoken_ranks import (
    definition_of_ranks,
    merges_of,
    read_ranks,
    write_ranks,
)
from textus.tokenizer.normalize import Composed
from textus.tokenizer.split.patterns import PATTERNS
from textus.tokenizer.tokenizer import Tokenizer

BYTES = [bytes([byte]) for byte in range(256)]
TOKENS = [bytes(letters) for n in range(2, 6) for letters in product(b"ab", repeat=n)]


def encoding(ranks: dict[bytes, int], pattern: str = "llama3") -> tiktoken.Encoding:
    return tiktoken.Encoding(
        "test", pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens={"<|end|>": 999}
    )


def test_ids_are_tiktokens_whatever_the_ranks():
    """Tokens in any order, so that some are reached through later ones, or never."""

    @settings(max_examples=300)
    @given(st.lists(st.sampled_from(TOKENS), unique=True, max_size=20), st.text("ab ", max_size=30))
    def check(tokens, text):
        ranks = {token: rank for rank, token in enumerate([*BYTES, *tokens])}
        ours = Tokenizer(
            definition_of_ranks(
                ranks, pattern="llama3", special_tokens={"<|end|>": 999}, end_of_text="<|end|>"
            )
        )
        theirs = encoding(ranks)
        assert ours.encode(text) == theirs.encode_ordinary(text)
        text += "<|end|>" + text
        assert ours.encode(text, allowed_special="all") == theirs.encode(
            text, allowed_special="all"
        )

    check()


def test_a_token_that_merges_do_not_reach_has_none():
    ranks = {token: rank for rank, token in enumerate([*BYTES, b"ab", b"abcd", b"bc"])}
    assert merges_of(ranks) == ((97, 98), (98, 99))
    reached = {token: rank for rank, token in enumerate([*BYTES, b"abc", b"bc"])}
    assert merges_of(reached) == ((97, 257), (98, 99))


def test_written_ranks_are_read_by_tiktoken(tokenizer, scripts, tmp_path):
    file = tmp_path / "ours.tiktoken"
    write_ranks(tokenizer.definition, file)
    theirs = encoding(tiktoken.load.load_tiktoken_bpe(str(file)))
    for text in scripts:
        assert theirs.encode_ordinary(text) == tokenizer.encode(text)
    assert read_ranks(file.read_bytes(), origin="") == tokenizer.definition.model.ids


def test_a_normalizer_has_no_place_beside_ranks(tokenizer, tmp_path):
    normalized = dataclasses.replace(tokenizer.definition, normalizer=Composed())
    with pytest.raises(DataError, match=r"tiktoken changes no text.*Composed"):
        write_ranks(normalized, tmp_path / "ours.tiktoken")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "here holds no token"),
        (b"\n\n", "here holds no token"),
        (b"YQ== 0\nYg== 1000000000000\n", "its ranks are 2 and go up to 1000000000000"),
        (b"YQ== 0\nYg== -1\n", "its ranks include -1"),
        (b"YQ== 0\nYg== 0\n", "not each given once"),
        (b"YQ== 0\nYQ== 1\n", "line 2 of here gives b'a' another rank"),
        (b"YQ== " + b"9" * 5000, "line 1 of here"),
    ],
)
def test_what_are_no_ranks_is_refused(content, reason):
    with pytest.raises(DataError, match=f"{reason}.*copy the file"):
        read_ranks(content, origin="here")


@pytest.mark.parametrize(
    ("special", "reason"),
    [({"x": 10**12}, "go up to"), ({"x": 3}, "not each given once"), ({"x": -1}, "include -1")],
)
def test_special_tokens_that_do_not_fit_the_ranks_are_refused(special, reason):
    ranks = {token: rank for rank, token in enumerate(BYTES)}
    with pytest.raises(DataError, match=reason):
        definition_of_ranks(ranks, pattern="gpt2", special_tokens=special, end_of_text=None)


@pytest.mark.parametrize("line", [b"IQ==", b"IQ== x", b"I 1", b"IQ== 1 2", b"\xff 1"])
def test_line_that_is_no_rank_is_named(line):
    with pytest.raises(DataError, match=r"line 2 of here"):
        read_ranks(b"%s 0\n%s\n" % (base64.b64encode(b"a"), line), origin="here")
