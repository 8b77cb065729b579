import math
import os
import random

import numpy as np
import pytest

from textus.errors import DataError
from textus.tokenizer.config import UnigramConfig
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.unigram import reference
from textus.tokenizer.unigram.coverage import covered_segments
from textus.tokenizer.unigram.estimate import _Corpus, digamma, learn_pieces
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.unigram.seeds import find_seeds
from textus.tokenizer.unigram.train import train_unigram


def random_words(seed: int, alphabet: str) -> dict[bytes, int]:
    draw = random.Random(seed)
    words: dict[bytes, int] = {}
    for _ in range(40):
        word = "".join(draw.choices(alphabet, k=draw.randint(1, 9)))
        words[word.encode()] = draw.randint(1, 9)
    return words


@pytest.fixture(
    params=[(0, "ab", False), (1, "abcé日", True), (2, "aé日\0", False), (3, "é", True)]
)
def case(request):
    seed, alphabet, characters = request.param
    return random_words(seed, alphabet), characters


def spelt(pieces, words: WordCounts) -> list[bytes]:
    data = words.data.tobytes()
    return [data[p : p + n] for p, n in zip(pieces.places, pieces.lengths, strict=True)]


@pytest.mark.parametrize("max_length", [1, 3, 5, 16])
def test_seeds_are_the_repeated_substrings(case, max_length):
    words, characters = case
    arrays = WordCounts.of(words)
    pieces = find_seeds(arrays, max_length=max_length, characters=characters)
    counts = reference.repeated_substrings(words, max_length=max_length, characters=characters)
    found = dict(zip(spelt(pieces, arrays), np.exp(pieces.scores), strict=True))
    assert set(found) == set(counts)
    total = sum(len(piece) * count for piece, count in counts.items())
    for piece, share in found.items():
        assert share == pytest.approx(len(piece) * counts[piece] / total)


def test_chains_hold_every_piece_that_begins_at_a_place(case):
    words, characters = case
    arrays = WordCounts.of(words)
    pieces = find_seeds(arrays, max_length=5, characters=characters)
    names = spelt(pieces, arrays)
    for word, start in zip(words_of(arrays), arrays.offsets, strict=False):
        for i in range(len(word)):
            chain, piece = set(), pieces.deepest[start + i]
            while piece >= 0:
                chain.add(names[piece])
                piece = pieces.parents[piece]
            within = characters and word[i] & 0xC0 == 0x80
            assert chain == {name for name in names if word.startswith(name, i) and not within}


def words_of(words: WordCounts) -> list[bytes]:
    return [word for word, _ in words.items()]


def test_expected_counts_and_losses_are_those_of_the_reference(case, pool):
    words, characters = case
    arrays = WordCounts.of(words)
    pieces = find_seeds(arrays, max_length=4, characters=characters)
    draw = np.random.default_rng(5)
    pieces = pieces.keep(np.full(len(pieces), True), np.log(draw.dirichlet(np.ones(len(pieces)))))
    names = spelt(pieces, arrays)
    scores = dict(zip(names, pieces.scores.tolist(), strict=True))
    corpus = _Corpus.of(arrays, pool)
    expected = reference.expected_counts(words, scores)
    assert corpus.expect(pieces) == pytest.approx([expected[name] for name in names])
    losses = reference.losses(words, scores)
    assert corpus.losses(pieces) == pytest.approx([losses[name] for name in names])


@pytest.fixture
def pool():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_pieces_that_are_given_up_leave_the_others_in_place(case):
    words, characters = case
    arrays = WordCounts.of(words)
    pieces = find_seeds(arrays, max_length=4, characters=characters)
    draw = random.Random(1)
    kept = np.array([bool(r) or draw.random() < 0.5 for r in pieces.required])
    fewer = pieces.keep(kept, pieces.scores)
    names = spelt(fewer, arrays)
    assert names == [n for n, k in zip(spelt(pieces, arrays), kept, strict=True) if k]
    assert fewer.scores.tolist() == pieces.scores[kept].tolist()
    data = arrays.data.tobytes()
    for place, piece in enumerate(fewer.deepest):
        if piece >= 0:
            assert data.startswith(names[piece], place)
            parent = fewer.parents[piece]
            shorter = [n for n in names if names[piece].startswith(n) and n != names[piece]]
            assert (names[parent] if parent >= 0 else None) == max(shorter, key=len, default=None)


def test_long_and_unlikely_words_neither_vanish_nor_overflow(pool):
    """5,000 bytes of rare pieces beside common ones: far below the smallest float."""
    draw = random.Random(0)
    words = {bytes(draw.choices(b"abcdefghij", k=5000)): 1, b"ab" * 3000: 7}
    arrays = WordCounts.of(words)
    pieces = find_seeds(arrays, max_length=4, characters=False)
    scores = np.log(np.random.default_rng(0).dirichlet(np.full(len(pieces), 0.1)) + 1e-12)
    pieces = pieces.keep(np.full(len(pieces), True), scores)
    expected = _Corpus.of(arrays, pool).expect(pieces)
    assert np.isfinite(expected).all()
    # every cut spells every byte
    assert expected @ pieces.lengths == pytest.approx(5000 + 7 * 6000)


def test_digamma_is_the_derivative_of_log_gamma():
    for x in (0.5, 1.0, 3.7, 8.0, 1e6):
        step = 1e-4 * max(x, 1)
        slope = (math.lgamma(x + step) - math.lgamma(x - step)) / (2 * step)
        assert digamma(np.array([x]))[0] == pytest.approx(slope, rel=1e-5)


def test_likelihood_rises_with_more_pieces(corpus):
    config = UnigramConfig()
    words = WordCounts.of({b"banana": 9, b"bandana": 5, b"an": 3, b"nab": 2})
    results = []
    for num_pieces in (4, 5, 6, 8):
        pieces = learn_pieces(words, num_pieces=num_pieces, config=config)
        scores = dict(zip(spelt(pieces, words), pieces.scores.tolist(), strict=True))
        assert len(scores) == num_pieces
        assert set(b"band") <= {name[0] for name in scores if len(name) == 1}
        results.append(reference.log_likelihood(dict(words.items()), scores))
    assert results == sorted(results)


@pytest.mark.parametrize("alphabet", ["bytes", "characters"])
def test_every_text_comes_back(alphabet, corpus, scripts):
    config = UnigramConfig(vocab_size=1500, alphabet=alphabet, character_coverage=0.99)
    definition = train_unigram(corpus, config)
    tokenizer = Tokenizer(definition)
    assert tokenizer.vocab_size == 1500
    for text in [*scripts, "", " ", "   a  b ", "▁", "a▁ ▁b", "\0", "<unk><0x41>", *corpus]:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("alphabet", ["bytes", "characters"])
def test_pieces_do_not_depend_on_threads_or_order(alphabet, corpus, monkeypatch):
    config = UnigramConfig(vocab_size=900, alphabet=alphabet)
    definition = train_unigram(corpus, config)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert train_unigram(corpus[::-1], config) == definition


def test_characters_that_are_not_covered_cut_the_words():
    words = WordCounts.of({"aéb".encode(): 3, "a日c".encode(): 1, b"aa": 9, b"b\0b": 2})
    segments = covered_segments(words, coverage=0.9, max_characters=100)
    assert sorted(segments.items()) == sorted(
        [(b"aa", 9), ("aéb".encode(), 3), (b"a", 1), (b"c", 1), (b"b", 2), (b"b", 2)]
    )
    assert sorted(covered_segments(words, coverage=1.0, max_characters=1).items()) == sorted(
        [(b"aa", 9), (b"a", 3), (b"a", 1)]
    )


def test_pieces_are_no_names_of_other_tokens():
    text = "<0x41> <unk> <|end|> " * 50
    config = UnigramConfig(vocab_size=400, alphabet="characters", special_tokens=("<|end|>",))
    definition = train_unigram([text], config)
    assert isinstance(definition.model, Unigram)
    assert not {b"<0x41>", b"<unk>", b"<|end|>"} & set(definition.model.ids)


def test_no_text_is_an_error():
    with pytest.raises(DataError, match="no text"):
        train_unigram(["", ""], UnigramConfig())
