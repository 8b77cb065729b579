"""The package sentencepiece trains small models; their ids must come out the same here."""

import io
import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.errors import DataError
from textus.tokenizer.formats.sentencepiece import (
    parse_sentencepiece,
    read_sentencepiece,
    write_sentencepiece,
)
from textus.tokenizer.tokenizer import Tokenizer
from textus.tokenizer.unigram.model import Unigram

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SPACED = st.text("ab ▁<s>,\t\n\u3000ﬁée\u0301ｱ①")

KINDS = {
    "unigram": {"model_type": "unigram"},
    "unigram, bytes": {"model_type": "unigram", "byte_fallback": True},
    "unigram, as it is": {
        "model_type": "unigram",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
    },
    "unigram, symbols": {
        "model_type": "unigram",
        "user_defined_symbols": ["<sep>", "ab", "self.", "日本語"],
        "control_symbols": ["<c>"],
    },
    "bpe": {"model_type": "bpe"},
    "bpe, bytes": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "bpe, across words": {"model_type": "bpe", "split_by_whitespace": False},
    "bpe, symbols": {
        "model_type": "bpe",
        "byte_fallback": True,
        "user_defined_symbols": ["<sep>", "ab", "self.", "日本語", "self"],
    },
}


def train(corpus, **options):
    buffer = io.BytesIO()
    options: dict[str, Any] = {
        "vocab_size": 1200,
        "minloglevel": 2,
        "character_coverage": 0.999,
        **options,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=itertools.chain.from_iterable(map(str.splitlines, corpus)),
        model_writer=buffer,
        **options,
    )
    return buffer.getvalue()


@pytest.fixture(scope="module", params=KINDS)
def both(request, corpus):
    """A tokenizer read from a file, and SentencePiece with the same file."""
    content = train(corpus, **KINDS[request.param])
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    return Tokenizer(parse_sentencepiece(content)), theirs


def test_ids_are_those_of_sentencepiece(both, corpus, scripts):
    ours, theirs = both
    for text in [*scripts, *(text[:3000] for text in corpus), "", " ", "  ", "▁", "a" * 2000]:
        assert ours.encode(text) == theirs.encode(text)

    @settings(max_examples=150)
    @given(TEXTS | SPACED | st.lists(st.sampled_from([*scripts, "<sep>", " a b"])).map("".join))
    def check(text):
        assert ours.encode(text) == theirs.encode(text)

    check()


def test_random_letters_are_cut_as_by_sentencepiece(both):
    """Many cuts that are almost equally likely."""
    ours, theirs = both
    draw = random.Random(3)
    for _ in range(40):
        text = "".join(draw.choices("etaoinselfr .\n", k=500))
        assert ours.encode(text) == theirs.encode(text)


def test_text_comes_back_as_from_sentencepiece(both, scripts):
    ours, theirs = both
    known = 0
    for text in scripts:
        ids = theirs.encode(text)
        if theirs.unk_id() not in ids:
            known += 1
            assert ours.decode(ids) == theirs.decode(ids)
    assert known


def test_special_tokens_are_control_and_unknown_pieces(corpus):
    content = train(corpus, pad_id=3, control_symbols=["<c>"])
    definition = parse_sentencepiece(content)
    assert definition.special_tokens == {"<unk>": 0, "<s>": 1, "</s>": 2, "<pad>": 3, "<c>": 4}
    assert definition.end_of_text == "</s>"
    assert parse_sentencepiece(train(corpus, eos_id=-1)).end_of_text is None


@pytest.fixture(scope="module")
def own(corpus):
    from textus.tokenizer.config import UnigramConfig
    from textus.tokenizer.unigram.train import train_unigram

    return train_unigram(corpus, UnigramConfig(vocab_size=1500, alphabet="characters"))


def test_written_file_gives_the_same_ids_in_sentencepiece(own, scripts, corpus, tmp_path):
    write_sentencepiece(own, tmp_path / "own.model")
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "own.model"))
    ours = Tokenizer(own)
    equal = total = 0
    for text in [*scripts, *(text[:2000] for text in corpus), "  x\n\n  y "]:
        ids, other_ids = ours.encode(text), theirs.encode(text)
        assert theirs.decode(ids) == theirs.decode(other_ids) == text
        # single and double precision may choose differently between equals, in runs of one letter
        scores = [sum(own.model.scores[id_] for id_ in row) for row in (ids, other_ids)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-6)
        equal += ids == other_ids
        total += 1
    assert equal >= 0.8 * total


def test_written_file_is_read_as_what_it_was(own, tmp_path):
    write_sentencepiece(own, tmp_path / "own.model")
    again = read_sentencepiece(tmp_path / "own.model")
    assert again.tokens == own.tokens
    assert again.special_tokens == own.special_tokens
    assert again.end_of_text == own.end_of_text
    # SentencePiece's sums are in single precision, and what is unknown counts the lowest score less
    # 10, which no cut of this tokenizer depends on
    assert isinstance(again.model, Unigram)
    unknown_score = again.model.unknown_score
    assert again.model == replace(own.model, single_precision=True, unknown_score=unknown_score)


def test_other_tokenizers_are_not_written(tokenizer, tmp_path):
    with pytest.raises(DataError, match="alphabet='characters'"):
        write_sentencepiece(tokenizer.definition, tmp_path / "bpe.model")


def test_broken_files_are_errors(corpus, tmp_path):
    file = tmp_path / "tokenizer.model"
    with pytest.raises(DataError, match=r"tokenizer\.model does not exist"):
        read_sentencepiece(file)
    content = train(corpus)
    for broken in (b"", content[: len(content) // 2], b"{}", b"\xff" * 20):
        file.write_bytes(broken)
        with pytest.raises(DataError, match="is no model of SentencePiece"):
            read_sentencepiece(file)


@pytest.mark.parametrize("type_", ["word", "char"])
def test_other_types_are_errors(corpus, type_):
    vocab_size = 120 if type_ == "char" else 300
    content = train(corpus, model_type=type_, vocab_size=vocab_size, hard_vocab_limit=False)
    with pytest.raises(DataError, match="neither unigram"):
        parse_sentencepiece(content)


def test_what_a_tokenizer_json_cannot_hold_is_named(both, tmp_path):
    with pytest.raises(DataError, match=r"SentencePiece.*eep the \.model file"):
        both[0].save(tmp_path)
