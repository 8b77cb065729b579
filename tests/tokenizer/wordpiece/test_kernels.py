"""The compiled longest match equals its twin, `LongestMatch.encode_word`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.wordpiece.kernels import cut_word
from textus.tokenizer.wordpiece.model import SPACES, LongestMatch

BYTES = [bytes([byte]) for byte in range(256)]
MARGIN = b"ab\xc3\xa9 " * 7
"""What lies behind the word in the buffer, which must not matter."""


def cut(model: LongestMatch, word: bytes) -> list[int]:
    data = np.frombuffer(b"x" + word + MARGIN, dtype=np.uint8).copy()
    out = np.full(len(word) + 3, 77, dtype=np.uint32)
    scratch = np.empty(4096, dtype=np.uint64)
    end = cut_word(data, 1, 1 + len(word), model.tables(), scratch, out, 2)
    assert out[:2].tolist() == [77, 77]
    return out[2:end].tolist()


WORDS = st.binary(max_size=12) | st.text("abé ", max_size=12).map(str.encode)
PIECES = st.lists(WORDS, max_size=12)


# the first call compiles
@given(PIECES, PIECES, st.lists(WORDS.filter(bool), max_size=8), st.none() | st.integers(0, 8))
def test_berts_form_equals_the_twin(
    first: list[bytes], others: list[bytes], words: list[bytes], limit: int | None
):
    model = LongestMatch(
        initial={piece: id_ for id_, piece in enumerate(first)},
        continuation={piece: 100 + id_ for id_, piece in enumerate(others)},
        unknown=99,
        max_word_chars=limit,
    )
    for word in (*words, *SPACES):
        assert cut(model, word) == model.encode_word(word)


# the first call compiles
@given(PIECES, PIECES, st.lists(WORDS.filter(bool), max_size=8))
def test_the_bytes_form_equals_the_twin_and_spells_every_word(
    first: list[bytes], others: list[bytes], words: list[bytes]
):
    initial = {piece: id_ for id_, piece in enumerate(dict.fromkeys(BYTES + first)) if piece}
    other = {p: 1000 + i for i, p in enumerate(dict.fromkeys(BYTES + others)) if p}
    model = LongestMatch(initial=initial, continuation=other)
    tokens = {id_: piece for pieces in (initial, other) for piece, id_ in pieces.items()}
    for word in (*words, *SPACES):
        ids = cut(model, word)
        assert ids == model.encode_word(word)
        assert b"".join(map(tokens.__getitem__, ids)) == word


def test_a_word_of_a_million_letters_is_cut_to_its_end():
    pieces = {piece: id_ for id_, piece in enumerate([*BYTES, b"a" * 16])}
    model = LongestMatch(initial=pieces, continuation=pieces)
    assert cut(model, b"a" * 1_000_003) == [256] * 62_500 + [ord("a")] * 3
