import base64
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

    @settings(max_examples=300, deadline=None)
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


@pytest.mark.parametrize("line", [b"IQ==", b"IQ== x", b"I 1", b"IQ== 1 2", b"\xff 1"])
def test_line_that_is_no_rank_is_named(line):
    with pytest.raises(DataError, match=r"line 2 of here"):
        read_ranks(b"%s 0\n%s\n" % (base64.b64encode(b"a"), line), origin="here")
