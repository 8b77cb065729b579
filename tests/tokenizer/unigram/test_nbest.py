"""The likeliest cuts: all of them in order, and those of SentencePiece."""

import io
from itertools import pairwise

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from textus.errors import DataError
from textus.tokenizer.config import UnigramConfig
from textus.tokenizer.formats.sentencepiece import parse_sentencepiece
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.train import train_tokenizer
from textus.tokenizer.unigram.model import Unigram
from textus.tokenizer.unigram.nbest import best_cuts
from textus.tokenizer.unigram.reference import cuts

PIECES = {b"a": -1.0, b"b": -2.0, b"ab": -2.6, b"ba": -3.3, b"bb": -3.9, b"aba": -4.05}
MODEL = Unigram(
    ids={piece: i + 1 for i, piece in enumerate(PIECES)},
    scores=(0.0, *PIECES.values()),
    characters=True,
    unknown=0,
    unknown_score=-9.0,
)


@given(st.lists(st.text("ab", max_size=5).map(str.encode), max_size=2), st.integers(1, 300))
def test_the_cuts_are_the_best_of_all(words: list[bytes], n: int):
    found = best_cuts(MODEL, words, n=n)
    every: dict[tuple[int, ...], float] = {(): 0.0}
    for word in words:
        ids = [tuple(MODEL.ids[piece] for piece in cut) for cut in cuts(word, PIECES)]
        every = {
            head + tail: score + sum(MODEL.scores[id_] for id_ in tail)
            for head, score in every.items()
            for tail in ids
        }
    best = sorted(every.values(), reverse=True)[:n]
    assert [cut.score for cut in found] == pytest.approx(best)
    assert len({cut.ids for cut in found}) == len(best)
    assert all(every[cut.ids] == pytest.approx(cut.score) for cut in found)


def test_unknown_characters_and_ids_stay():
    found = best_cuts(MODEL, [b"axx", 77, "é".encode()], n=9)
    assert [cut.ids for cut in found] == [(1, 0, 77, 0)]


@pytest.fixture(scope="module")
def pair(corpus: list[str]) -> tuple[Tokenizer, sentencepiece.SentencePieceProcessor]:
    """A small model of SentencePiece, read by Textus and by itself."""
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter("\n".join(corpus).splitlines()),
        model_writer=file,
        vocab_size=1000,
        model_type="unigram",
        minloglevel=2,
    )
    content = file.getvalue()
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    return Tokenizer(parse_sentencepiece(content)), theirs


@pytest.mark.parametrize(
    "text", ["return value", "the heron doesn't", "a 日本 x", "  two  spaces ", "", "x" * 30]
)
def test_the_cuts_are_those_of_sentencepiece(pair, text: str):
    ours, theirs = pair
    model = ours.definition.model
    found = ours.encode_nbest(text, 12)
    assert found[0] == ours.encode(text)

    def score(ids: list[int]) -> float:
        return sum(
            model.unknown_score if id_ == model.unknown else model.scores[id_] for id_ in ids
        )

    expected = theirs.nbest_encode_as_ids(text, 12)
    assert list(map(score, found)) == pytest.approx(list(map(score, expected)), abs=1e-3)
    scores = [*map(score, found), -1e9]
    for (high, low), cut in zip(pairwise(scores), found, strict=True):
        if high - low > 1e-3:  # the cuts so far are none of a tie with those that follow
            end = found.index(cut) + 1
            assert sorted(found[:end]) == sorted(expected[:end])


def test_every_cut_gives_the_text_back(corpus: list[str]):
    tokenizer = train_tokenizer(corpus, UnigramConfig(vocab_size=600))
    found = tokenizer.encode_nbest("return the value, é", 10)
    assert len({tuple(ids) for ids in found}) == 10
    assert {tokenizer.decode(ids) for ids in found} == {"return the value, é"}
    with pytest.raises(DataError, match="n=0 is below 1"):
        tokenizer.encode_nbest("a", 0)


def test_merges_have_no_likeliest_cuts(tokenizer: Tokenizer):
    with pytest.raises(DataError, match="kind bpe, whose cuts have no probabilities"):
        tokenizer.encode_nbest("a", 2)
