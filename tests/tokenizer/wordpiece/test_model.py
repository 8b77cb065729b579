"""Longest match: the definition's laws, and the same ids as Hugging Face's model."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models

from textus.errors import DataError
from textus.tokenizer.wordpiece.model import LongestMatch

BYTES = [bytes([byte]) for byte in range(256)]


def bert(pieces: list[str], *, max_word_chars: int = 100) -> LongestMatch:
    ids = {piece: id_ for id_, piece in enumerate(pieces)}
    return LongestMatch(
        initial={p.encode(): i for p, i in ids.items() if not p.startswith("##")},
        continuation={p[2:].encode(): i for p, i in ids.items() if p.startswith("##")},
        unknown=ids["[UNK]"],
        max_word_chars=max_word_chars,
    )


def test_the_longest_piece_wins_at_each_place():
    model = bert(["[UNK]", "un", "##want", "##wanted", "##a", "##ed", "want"])
    assert model.encode_word(b"unwanted") == [1, 3]
    assert model.encode_word(b"unwanta") == [1, 2, 4]
    assert model.encode_word(b"wanted") == [6, 5]


def test_a_word_without_a_full_cut_is_unknown_as_a_whole():
    model = bert(["[UNK]", "un", "##want"])
    assert model.encode_word(b"unwantx") == [0]
    assert model.encode_word(b"want") == [0]


def test_a_word_of_too_many_characters_is_unknown_and_bytes_do_not_count():
    model = bert(["[UNK]", "é", "##é"], max_word_chars=3)
    assert model.encode_word("ééé".encode()) == [1, 2, 2]
    assert model.encode_word("éééé".encode()) == [0]


@pytest.mark.parametrize("space", [" ", "\n\t", "\xa0", "\u2003", "\u3000"])
def test_white_space_gives_no_ids_in_berts_form(space: str):
    assert bert(["[UNK]", " "]).encode_word(space.encode()) == []


def test_the_bytes_form_needs_every_byte_of_either_kind():
    every = {byte: id_ for id_, byte in enumerate(BYTES)}
    with pytest.raises(DataError, match="no continuation piece for the bytes \\[255\\]"):
        LongestMatch(initial=every, continuation={b: i for b, i in every.items() if b != b"\xff"})
    with pytest.raises(DataError, match="max_word_chars=7"):
        LongestMatch(initial=every, continuation=every, max_word_chars=7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial": {b"a": -1}}, "include -1; they are numbers from 0 on"),
        ({"initial": {b"a": 1, b"b": 1}}, "not each given once"),
        ({"continuation": {b"a": 1.5}}, r"include 1\.5, which is no whole number"),
        ({"continuation": {b"a": 1 << 31}}, "include 2147483648, outside"),
        ({"unknown": "0"}, "include '0', which is no whole number"),
        ({"max_word_chars": 1 << 63}, "max_word_chars=9223372036854775808 is no number from 0"),
        ({"max_word_chars": 1.0}, r"max_word_chars=1\.0 is no number from 0"),
    ],
)
def test_numbers_that_are_no_ids_are_refused(changes, message):
    fields: dict[str, Any] = {"initial": {b"a": 1}, "continuation": {}, "unknown": 0}
    LongestMatch(**fields)
    with pytest.raises(DataError, match=message):
        LongestMatch(**fields | changes)


ALPHABET = "ab é漢"
PIECES = st.lists(st.text(ALPHABET.replace(" ", ""), min_size=1, max_size=4), max_size=8)


@given(PIECES, PIECES, st.lists(st.text(ALPHABET.replace(" ", ""), min_size=1), max_size=8))
def test_ids_are_those_of_hugging_face(first: list[str], others: list[str], words: list[str]):
    pieces = list(dict.fromkeys(["[UNK]", *first, *(f"##{piece}" for piece in others)]))
    ours = bert(pieces, max_word_chars=5)
    theirs = models.WordPiece(
        {piece: id_ for id_, piece in enumerate(pieces)},
        unk_token="[UNK]",
        max_input_chars_per_word=5,
    )
    for word in words:
        assert ours.encode_word(word.encode()) == [token.id for token in theirs.tokenize(word)]
