"""Training WordPiece: the compiled trainers equal their twins and Hugging Face's, in both forms."""

from collections import Counter
from itertools import chain
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as TheirTokenizer
from tokenizers import models, trainers

from textus.errors import DataError
from textus.tokenizer import bert
from textus.tokenizer.bert import BertNormalizer, BertSplitter
from textus.tokenizer.config import WordPieceConfig
from textus.tokenizer.counting import count
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.formats.byte_level import to_characters
from textus.tokenizer.split.patterns import PatternSplitter
from textus.tokenizer.wordpiece import train
from textus.tokenizer.wordpiece.ranking import compare_products
from textus.tokenizer.wordpiece.reference import learn_by_frequency, learn_by_likelihood
from textus.tokenizer.wordpiece.spelling import Spelling, spell_bytes, spell_characters
from textus.tokenizer.wordpiece.train import (
    learn_pieces,
    merges_by_frequency,
    merges_by_likelihood,
    train_wordpiece,
)

Criterion = Literal["frequency", "likelihood"]
Form = Literal["bytes", "bert"]
LEARN = {
    "frequency": (merges_by_frequency, learn_by_frequency),
    "likelihood": (merges_by_likelihood, learn_by_likelihood),
}
CRITERIA = pytest.mark.parametrize("criterion", LEARN)
WORDS = st.dictionaries(st.text("abcé", min_size=1, max_size=12), st.integers(1, 9), min_size=1)


def counted(words: dict[str, int]) -> WordCounts:
    return WordCounts.of({word.encode(): count for word, count in words.items()})


def words_of(texts: list[str], *, form: Form) -> Counter[str]:
    if form == "bert":
        normalize, splitter = BertNormalizer(), BertSplitter()
        return Counter(chain.from_iterable(splitter.split(normalize(text)) for text in texts))
    return Counter(chain.from_iterable(map(PatternSplitter().split, texts)))


def check_twin(spelling: Spelling, criterion: Criterion, *, count: int, min_frequency: int) -> None:
    fast, slow = LEARN[criterion]
    first_id = len(spelling.initial) + len(spelling.continuation)
    slices = fast(spelling, vocab_size=first_id + count, min_frequency=min_frequency)
    assert [tuple(pair) for pair in chain.from_iterable(slices)] == slow(
        spelling.rows(), first_id=first_id, count=count, min_frequency=min_frequency
    )


@CRITERIA
# the first call compiles
@given(words=WORDS, scale=st.sampled_from([1, 10**6, 10**11]), min_frequency=st.integers(1, 4))
def test_merges_equal_those_of_the_twin(
    criterion: Criterion, words: dict[str, int], scale: int, min_frequency: int
):
    words = {word: count * scale for word, count in words.items()}
    spelling = spell_characters(counted(words), limit=9)
    check_twin(spelling, criterion, count=40, min_frequency=min_frequency)


@CRITERIA
def test_merges_of_a_corpus_equal_those_of_the_twin(criterion: Criterion, corpus: list[str]):
    words = Counter(dict(words_of(corpus, form="bytes").most_common(1500)))
    check_twin(spell_bytes(counted(words)), criterion, count=60, min_frequency=2)


COUNTS = st.integers(0, 2**63 - 1) | st.integers(2**40 - 2, 2**40 + 2) | st.integers(0, 9)


@given(st.tuples(COUNTS, COUNTS, COUNTS), st.tuples(COUNTS, COUNTS, COUNTS))
def test_products_are_compared_exactly(one: tuple[int, int, int], other: tuple[int, int, int]):
    left, right = one[0] * one[1] * one[2], other[0] * other[1] * other[2]
    assert compare_products(*one, *other) == (left > right) - (left < right)
    assert compare_products(*one, one[2], one[0], one[1]) == 0


def their_vocabulary(
    words: dict[str, int], config: WordPieceConfig, symbols: list[str], *, prefix: str
) -> dict[str, int]:
    """Hugging Face's vocabulary, with the symbols' ids given, which are random otherwise."""
    theirs = TheirTokenizer(models.WordPiece(unk_token="[UNK]"))
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=[*config.special_tokens, *symbols],
        continuing_subword_prefix=prefix,
        show_progress=False,
    )
    theirs.train_from_iterator(chain.from_iterable([w] * n for w, n in words.items()), trainer)
    return theirs.get_vocab()


def check_bert(words: dict[str, int], config: WordPieceConfig) -> None:
    words = {word: count for word, count in words.items() if not word.isspace()}
    spelling = spell_characters(counted(words), limit=config.vocab_size)
    room = config.vocab_size - len(config.special_tokens)
    ours = {
        ("" if begins else "##") + piece.decode(): id_
        for id_, (piece, begins) in enumerate(learn_pieces(spelling, config, room=room))
    }
    symbols = list(ours)[: len(spelling.initial) + len(spelling.continuation)]
    theirs = their_vocabulary(words, config, symbols, prefix="##")
    assert {piece: id_ + len(config.special_tokens) for piece, id_ in ours.items()} == {
        piece: id_ for piece, id_ in theirs.items() if piece not in config.special_tokens
    }


@given(WORDS, st.integers(10, 60), st.integers(1, 4))
def test_pieces_of_characters_are_those_of_hugging_face(
    words: dict[str, int], vocab_size: int, min_frequency: int
):
    check_bert(
        words, WordPieceConfig(form="bert", vocab_size=vocab_size, min_frequency=min_frequency)
    )


def test_pieces_of_a_corpus_are_those_of_hugging_face(corpus: list[str]):
    check_bert(words_of(corpus, form="bert"), WordPieceConfig(form="bert", vocab_size=4000))


def test_pieces_of_bytes_are_those_of_hugging_face(corpus: list[str]):
    config = WordPieceConfig(vocab_size=3000)
    words = words_of(corpus, form="bytes")
    pieces = learn_pieces(spell_bytes(counted(words)), config, room=config.vocab_size - 1)
    ours = [("" if begins else "‿") + to_characters(piece) for piece, begins in pieces]
    spelt = {to_characters(word.encode()): count for word, count in words.items()}
    theirs = their_vocabulary(spelt, config, ours[:512], prefix="‿")
    assert ["<|endoftext|>", *ours] == sorted(theirs, key=theirs.__getitem__)


def test_rare_characters_are_left_out_of_berts_words():
    spelling = spell_characters(counted({"aba": 5, "zab": 1, "z": 1, " ": 7}), limit=2)
    assert (spelling.initial, spelling.continuation) == ((b"a", b"b"), (b"a", b"b"))
    assert spelling.rows() == [([0, 3, 2], 5), ([2, 3], 1)]


@CRITERIA
@pytest.mark.parametrize("form", ["bytes", "bert"])
def test_a_trained_definition_has_the_size_that_was_asked_for(
    criterion: Criterion, form: Form, corpus: list[str]
):
    config = WordPieceConfig(vocab_size=1500, criterion=criterion, form=form)
    assert len(train_wordpiece(corpus, config).tokens) == 1500


def test_the_bytes_form_gives_every_text_back(corpus: list[str], scripts: list[str]):
    definition = train_wordpiece(corpus, WordPieceConfig(vocab_size=1500))
    for text in scripts:
        ids = chain.from_iterable(
            definition.model.encode_word(word.encode()) for word in definition.splitter.split(text)
        )
        assert b"".join(definition.tokens[id_] for id_ in ids) == text.encode()


def test_berts_form_has_an_unknown_token_that_is_no_special_one(corpus: list[str]):
    definition = train_wordpiece(corpus, WordPieceConfig(vocab_size=500, form="bert"))
    assert definition.tokens[:2] == (b"<|endoftext|>", b" [UNK]")
    assert definition.model.encode_word("\U0001f9ff".encode()) == [1]
    assert list(definition.special_tokens) == ["<|endoftext|>"]


@pytest.mark.parametrize(
    ("form", "texts"), [("bytes", []), ("bert", []), ("bert", [" \n "]), ("bert", ["\x00"])]
)
def test_without_text_there_is_nothing_to_learn(form: Form, texts: list[str]):
    with pytest.raises(DataError, match="no text"):
        train_wordpiece(texts, WordPieceConfig(form=form))


def test_much_text_is_normalized_by_kernels_to_the_same_pieces(corpus, monkeypatch):
    config = WordPieceConfig(vocab_size=500, form="bert")
    plain = train_wordpiece(corpus, config)
    monkeypatch.setattr(train, "_SMALL", 1000)
    monkeypatch.setattr(count, "_SMALL", 1000)
    assert train_wordpiece(corpus, config) == plain
    assert bert._loaded
