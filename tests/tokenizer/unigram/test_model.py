import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.errors import DataError
from textus.tokenizer.unigram.kernels import cut_word
from textus.tokenizer.unigram.model import Unigram

LETTERS = "abcé日 "
WORDS = st.text("abcé日 xü🎉", min_size=1, max_size=80).map(str.encode)
BYTES = st.lists(st.sampled_from(list(b"abc\xc3\xa9\xe6\x97\xa5\xf0\xff\0")), min_size=1).map(bytes)


def model(*, characters: bool, byte_ids: bool = False, single: bool = False) -> Unigram:
    """Random pieces, half of them with whole numbers as scores, so that many cuts are equal."""
    draw = random.Random(4)
    ids: dict[bytes, int] = {}
    if not characters:
        ids = {bytes([byte]): byte + 3 for byte in range(256)}
    for _ in range(200):
        piece = "".join(draw.choices(LETTERS, k=draw.randint(1, 5))).encode()
        ids.setdefault(piece, len(ids) + 3)
    size = len(ids) + 3
    scores = [
        -draw.randint(1, 9) if draw.random() < 0.5 else -9 * draw.random() for _ in range(size)
    ]
    return Unigram(
        ids=ids,
        scores=(*np.array(scores, dtype=np.float32).tolist(), *[0.0] * 256),
        characters=characters,
        byte_ids=tuple(range(size, size + 256)) if byte_ids else None,
        unknown=0,
        unknown_score=-20.0,
        single_precision=single,
    )


@pytest.fixture(
    scope="module",
    params=[
        {"characters": False},
        {"characters": False, "single": True},
        {"characters": True},
        {"characters": True, "byte_ids": True},
        {"characters": True, "byte_ids": True, "single": True},
    ],
)
def any_model(request):
    return model(**request.param)


def cut(tables, word: bytes) -> list[int]:
    """What the kernel makes of a word that has other bytes before and behind it."""
    data = np.frombuffer(b"abc" + word + b"abc\xe6" * 8, dtype=np.uint8)
    out = np.full(len(word) + 5, 7, dtype=np.uint32)
    end = cut_word(data, 3, 3 + len(word), tables, np.empty(4096, dtype=np.uint64), out, 2)
    assert out[:2].tolist() == [7, 7]
    return out[2:end].tolist()


def test_kernel_cuts_as_the_model(any_model):
    tables = any_model.tables()

    # the first call compiles
    @given(WORDS | BYTES)
    def check(word):
        assert cut(tables, word) == any_model.encode_word(word)

    check()


@pytest.mark.parametrize("word", [b"a", "日".encode(), b"x", b"ab ", b"\xff"])
def test_long_words_take_linear_time(any_model, word):
    tables = any_model.tables()
    assert cut(tables, word * 3000) == any_model.encode_word(word * 3000)
    assert len(cut(tables, word * 1_000_000)) >= 1


def test_cut_is_the_likeliest():
    uneven = model(characters=False)
    names = {id_: piece for piece, id_ in uneven.ids.items()}

    def best(word: bytes) -> float:
        scores = [0.0]
        for end in range(1, len(word) + 1):
            found = [i for i in range(end) if word[i:end] in uneven.ids]
            scores.append(max(scores[i] + uneven.scores[uneven.ids[word[i:end]]] for i in found))
        return scores[-1]

    @given(WORDS)
    def check(word):
        ids = uneven.encode_word(word)
        assert b"".join(map(names.__getitem__, ids)) == word
        assert sum(uneven.scores[id_] for id_ in ids) == pytest.approx(best(word))

    check()


def test_unknown_characters_are_bytes_or_one_token():
    plain: dict[str, Any] = {
        "ids": {b"a": 1},
        "scores": (0.0, -1.0),
        "characters": True,
        "unknown": 0,
    }
    assert Unigram(**plain).encode_word("aéüa é".encode()) == [1, 0, 1, 0]
    spelt = Unigram(**plain, byte_ids=tuple(range(2, 258)))
    assert spelt.encode_word("aéa".encode()) == [1, 2 + 0xC3, 2 + 0xA9, 1]


@pytest.mark.parametrize("byte_ids", [None, tuple(range(1, 257))])
def test_without_pieces_every_character_is_unknown(byte_ids):
    bare = Unigram(ids={}, scores=(0.0,) * 257, characters=True, unknown=0, byte_ids=byte_ids)
    for word in (b"\0a", "é\0日".encode(), b"\xff" * 9):
        assert cut(bare.tables(), word) == bare.encode_word(word)
    assert np.all(bare.tables().slots[:, 2] == -1)


def test_of_equal_cuts_the_last_piece_is_the_longest():
    ids = {b"a": 1, b"aa": 2}
    even = Unigram(ids=ids, scores=(0.0, -1.0, -1.0), characters=True, unknown=0)
    assert even.encode_word(b"aaa") == [1, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"characters": False}, "no piece for the bytes"),
        ({"unknown": None}, "neither|no token for a character"),
        ({"byte_ids": (1, 2)}, "there must be 256"),
        ({"ids": {b"": 1, b"a": 2}}, "empty piece"),
        ({"ids": {b"a": 2}}, "piece has the id 2, and there are 2 scores"),
        ({"ids": {b"a": -1}}, "include -1; they are numbers from 0 on"),
        ({"ids": {b"a": 1, b"b": 1}}, "not each given once"),
        ({"ids": {b"a": True}}, "include True, which is no whole number"),
        ({"unknown": 0.0}, r"include 0\.0, which is no whole number"),
        ({"scores": (0.0, math.nan)}, "score nan is no number from -1e30"),
        ({"scores": (0.0, "-1")}, "score '-1' is no number from -1e30"),
        ({"scores": (0.0, 1e38)}, r"score 1e\+38 is no number"),
        ({"unknown_score": -math.inf}, "score -inf is no number from -1e30"),
    ],
)
def test_a_model_that_cannot_spell_is_an_error(changes, message):
    fields: dict[str, Any] = {
        "unknown": 0,
        "ids": {b"a": 1},
        "scores": (0.0, -1.0),
        "characters": True,
    }
    with pytest.raises(DataError, match=message):
        Unigram(**fields | changes)
