import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.interpret.cuts import UNKNOWN, best_cuts, explain_word, words_of
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.definition import Definition
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.wordpiece.model import LongestMatch

BYTES = tuple(bytes([byte]) for byte in range(256))
A, B, C = b"abc"
WORDS = st.text(alphabet="abcé", min_size=1, max_size=9).map(str.encode)


def definition(tokens, model) -> Definition:
    return Definition(tokens=tokens, model=model, splitter=PatternSplitter(pattern="gpt2"))


@pytest.fixture(scope="module")
def merges() -> Definition:
    tokens = (*BYTES, b"ab", b"bc", b"abc", b"abab")
    pairs = ((A, B), (B, C), (256, C), (256, 256))
    return definition(tokens, Merges(ids={t: i for i, t in enumerate(tokens)}, merges=pairs))


@pytest.fixture(scope="module")
def matches() -> Definition:
    pieces = (*BYTES, b"ab", b"abc")
    initial = {piece: id_ for id_, piece in enumerate(pieces)}
    continuation = {piece: id_ + len(pieces) for id_, piece in enumerate(pieces)}
    return definition((*pieces, *pieces), LongestMatch(initial=initial, continuation=continuation))


@pytest.fixture(scope="module")
def pieces() -> Definition:
    tokens = (*BYTES, b"ab", b"bc", b"abc")
    scores = (*(-9.0 - byte / 256 for byte in range(256)), -3.0, -2.5, -12.25)
    return definition(tokens, Unigram(ids={t: i for i, t in enumerate(tokens)}, scores=scores))


@pytest.mark.parametrize("kind", ["merges", "matches", "pieces"])
@given(word=WORDS)
def test_the_steps_end_in_the_tokens_of_the_word(request, kind, word):
    defined = request.getfixturevalue(kind)
    tokens = tuple(defined.tokens[id_] for id_ in defined.model.encode_word(word))
    steps = explain_word(defined, word)
    assert steps[0 if kind == "pieces" else -1].row == tokens
    assert all(b"".join(step.row) == word for step in steps)


def test_each_merge_is_told_with_its_rank_and_the_row_after_it(merges):
    steps = explain_word(merges, b"cabc")
    assert [step.what for step in steps] == ["start", "merge 0", "merge 2"]
    assert [step.tried for step in steps] == [b"", b"ab", b"abc"]
    assert [step.row for step in steps] == [
        (b"c", b"a", b"b", b"c"),
        (b"c", b"ab", b"c"),
        (b"c", b"abc"),
    ]


def test_longest_matches_are_told_in_order(matches):
    steps = explain_word(matches, b"abcab")
    assert [(step.what, step.tried) for step in steps] == [
        ("begins with", b"abc"),
        ("goes on with", b"ab"),
    ]
    assert steps[0].row == (b"abc", b"ab")


def test_the_best_cut_and_the_runner_up_are_the_first_of_all_cuts(pieces):
    model = pieces.model
    for letters in itertools.product("abc", repeat=5):
        word = "".join(letters).encode()
        cuts = sorted(all_scores(model, word), reverse=True)
        assert [cut.score for cut in best_cuts(model, word)] == pytest.approx(cuts[:2])


def all_scores(model: Unigram, word: bytes) -> list[float]:
    """The score of every way to cut a word."""
    if not word:
        return [0.0]
    return [
        model.scores[model.ids[word[:end]]] + rest
        for end in range(1, len(word) + 1)
        if word[:end] in model.ids
        for rest in all_scores(model, word[end:])
    ]


def test_scores_are_shown_beside_the_cuts(pieces):
    best, second = explain_word(pieces, b"abc")
    assert best.what == "best cut -11.88 = -9.38 -2.50"
    assert best.row == (b"a", b"bc")
    assert second.what == "runner-up -12.25 = -12.25"


def test_what_cannot_be_spelt_is_marked():
    tokens = (b"[UNK]", b"ab")
    bert = LongestMatch(initial={b"ab": 1}, continuation={}, unknown=0)
    assert explain_word(definition(tokens, bert), b"abx")[-1].row == (UNKNOWN,)
    assert explain_word(definition(tokens, bert), b" ")[-1].row == ()
    settings = {"ids": {b"ab": 1}, "scores": (0.0, -1.0), "characters": True, "unknown_score": -9}
    cut = best_cuts(Unigram(**settings, unknown=0), "abé".encode())[0]
    assert (cut.pieces, cut.score) == ((b"ab", UNKNOWN), -10.0)
    cut = best_cuts(Unigram(**settings, byte_ids=tuple(range(256))), "abé".encode())[0]
    assert cut.pieces == (b"ab", "é".encode())


def test_a_word_that_is_taken_as_a_whole_is_not_merged(merges):
    whole = dataclasses.replace(merges.model, whole_words=True)
    (step,) = explain_word(dataclasses.replace(merges, model=whole), b"abc")
    assert (step.what, step.row) == ("the word is a token", (b"abc",))


def test_words_are_those_of_the_normalized_text(merges):
    assert words_of(merges, "ab  cé") == [b"ab", b" ", " cé".encode()]
