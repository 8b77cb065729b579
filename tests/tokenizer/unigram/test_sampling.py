"""Random cuts of Unigram: as frequent as they are likely, and by the kernel those of the twin."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.draws import Draws
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.unigram.sampling import sample_word, weights_of
from textus.tokenizer.unigram.sampling_kernels import SamplingTables, cut_word

KEYS = st.integers(0, 2**64 - 1)
ALPHAS = st.sampled_from([0.0, 0.1, 1.0, 200.0, -1.0]) | st.floats(0.0, 3.0)
WORDS = st.text("abcé日 xü🎉", min_size=1, max_size=80).map(str.encode)


def random_model(*, characters: bool, byte_ids: bool = False) -> Unigram:
    """Random pieces with scores from -9 to 0."""
    draw = random.Random(4)
    ids: dict[bytes, int] = {}
    if not characters:
        ids = {bytes([byte]): byte + 3 for byte in range(256)}
    for _ in range(150):
        piece = "".join(draw.choices("abcé日 ", k=draw.randint(1, 5))).encode()
        ids.setdefault(piece, len(ids) + 3)
    size = len(ids) + 3
    return Unigram(
        ids=ids,
        scores=(*(-9 * draw.random() for _ in range(size)), *[0.0] * 256),
        characters=characters,
        byte_ids=tuple(range(size, size + 256)) if byte_ids else None,
        unknown=0,
        unknown_score=-20.0,
    )


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_cuts_are_as_frequent_as_they_are_likely(alpha):
    ids = {b"a": 1, b"b": 2, b"ab": 3, b"ba": 4, b"aba": 5}
    uneven = Unigram(
        ids=ids, scores=(0.0, -1.0, -2.0, -2.5, -1.5, -4.0), characters=True, unknown=0
    )
    cuts = {(1, 2, 1): -4.0, (3, 1): -3.5, (1, 4): -2.5, (5,): -4.0}
    weights, draws = weights_of(uneven, alpha=alpha), Draws(0)
    counts = Counter(tuple(sample_word(uneven, b"aba", weights, draws)) for _ in range(4000))
    total = sum(math.exp(alpha * score) for score in cuts.values())
    assert set(counts) == set(cuts)
    for ids_, score in cuts.items():
        assert counts[ids_] / 4000 == pytest.approx(math.exp(alpha * score) / total, abs=0.03)


@given(st.text("ab", min_size=1, max_size=40).map(str.encode), KEYS)
def test_a_high_power_draws_the_likeliest_cut(word, key):
    ids = {b"a": 1, b"b": 2, b"ab": 3, b"ba": 4, b"aab": 5}
    uneven = Unigram(
        ids=ids, scores=(0.0, -1.01, -2.2, -1.85, -3.47, -1.44), characters=True, unknown=0
    )
    best = sum(uneven.scores[id_] for id_ in uneven.encode_word(word))
    cut = sample_word(uneven, word, weights_of(uneven, alpha=1e6), Draws(key))
    assert sum(uneven.scores[id_] for id_ in cut) == pytest.approx(best)


def test_words_too_unlikely_for_a_float_are_drawn_from():
    single = Unigram(
        ids={b"a": 1, b"aa": 2}, scores=(0.0, -50.0, -100.0), characters=True, unknown=0
    )
    weights = weights_of(single, alpha=1.0)
    cuts = [sample_word(single, b"a" * 400, weights, Draws(key)) for key in range(3)]
    assert all({1, 2} == set(cut) and sum(cut) == 400 for cut in cuts)
    assert len(set(map(tuple, cuts))) == 3


@pytest.mark.parametrize(
    "form",
    [{"characters": False}, {"characters": True}, {"characters": True, "byte_ids": True}],
)
def test_the_kernel_cuts_as_its_twin(form):
    model = random_model(**form)
    pieces = model.tables()

    # the first call compiles
    @given(WORDS | st.sampled_from([b"a" * 3000, "é日 ".encode() * 400]), KEYS, ALPHAS)
    def check(word: bytes, key: int, alpha: float):
        weights = weights_of(model, alpha=alpha)
        state = np.array([key], dtype=np.uint64)
        tables = SamplingTables(pieces, *weights, state=state)
        data = np.frombuffer(b"abc" + word + b"abc\xe6" * 8, dtype=np.uint8)
        out = np.full(len(word) + 5, 7, dtype=np.uint32)
        end = cut_word(data, 3, 3 + len(word), tables, np.empty(4096, dtype=np.uint64), out, 2)
        draws = Draws(key)
        assert out[2:end].tolist() == sample_word(model, word, weights, draws)
        assert draws.next() == Draws(int(state[0])).next()  # both have drawn as often

    check()
