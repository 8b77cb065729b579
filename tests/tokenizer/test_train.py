import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from textus.errors import DataError
from textus.tokenizer import reference
from textus.tokenizer.byte_level import to_characters
from textus.tokenizer.config import TokenizerConfig
from textus.tokenizer.pretokenize import PATTERN
from textus.tokenizer.train import learn_vocabulary, train_bpe


def train_hugging_face(texts: list[str], config: TokenizerConfig) -> dict:
    model = HuggingFaceTokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    model.pre_tokenizer = pre_tokenizers.Sequence([words, byte_level])
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        special_tokens=list(config.special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=config.min_frequency,
        show_progress=False,
    )
    model.train_from_iterator(texts, trainer)
    return json.loads(model.to_str())["model"]


def test_merges_and_ids_are_those_of_hugging_face(corpus):
    config = TokenizerConfig(vocab_size=4096, special_tokens=("<|endoftext|>", "<|user|>"))
    tokenizer, expected = train_bpe(corpus, config), train_hugging_face(corpus, config)
    assert len(tokenizer.merges) > 3000
    merges = [[to_characters(left), to_characters(right)] for left, right in tokenizer.merges]
    assert merges == expected["merges"]
    ids = {to_characters(t): id_ for t, id_ in tokenizer.vocabulary.ordinary_ids().items()}
    assert ids | tokenizer.special_tokens == expected["vocab"]


@given(st.lists(st.text("ab \n", max_size=30), min_size=1), st.integers(1, 3))
def test_merges_are_those_of_hugging_face_on_repetitive_text(texts, min_frequency):
    config = TokenizerConfig(vocab_size=300, min_frequency=min_frequency)
    if any(texts):
        merges = train_bpe(texts, config).merges
        expected = train_hugging_face(texts, config)["merges"]
        assert [[to_characters(a), to_characters(b)] for a, b in merges] == expected


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=20), st.integers(1, 9), min_size=1),
    st.integers(1, 4),
)
def test_incremental_training_learns_what_counting_anew_learns(words, min_frequency):
    config = TokenizerConfig(vocab_size=280, min_frequency=min_frequency)
    vocabulary = learn_vocabulary(words, config)
    ids = vocabulary.ordinary_ids()
    expected = reference.learn_merges(
        [([ids[bytes([byte])] for byte in word.encode()], n) for word, n in words.items()],
        first_id=257,
        count=280 - 257,
        min_frequency=min_frequency,
    )
    assert list(vocabulary.merges) == expected


def test_most_frequent_pair_is_merged_first():
    tokenizer = train_bpe(["ab ab ab xy xy ab"], TokenizerConfig(vocab_size=259))
    assert tokenizer.merges == [(b"a", b"b"), (b" ", b"ab")]


def test_rare_pairs_are_left_alone():
    text = ["aa aa bb"]
    once = train_bpe(text, TokenizerConfig(min_frequency=1)).merges
    twice = train_bpe(text, TokenizerConfig(min_frequency=2)).merges
    assert (b"b", b"b") in once
    assert twice == [(b"a", b"a")]


def test_small_text_gives_a_smaller_vocabulary_and_says_so():
    notes: list[str] = []
    tokenizer = train_bpe(
        ["aa aa"], TokenizerConfig(), progress=lambda done, total, text: notes.append(text)
    )
    assert tokenizer.vocab_size == 258
    assert notes[-1] == "no pair is frequent enough to go on"


def test_order_of_documents_does_not_matter(corpus):
    config = TokenizerConfig(vocab_size=500)
    assert train_bpe(iter(corpus), config).merges == train_bpe(reversed(corpus), config).merges


def test_long_words_cost_no_more_than_their_length():
    tokenizer = train_bpe(["ab" * 20_000, "a" * 20_000], TokenizerConfig(vocab_size=280))
    assert tokenizer.decode(tokenizer.encode("ab" * 99 + "a" * 77)) == "ab" * 99 + "a" * 77


@pytest.mark.parametrize("texts", [[], [""]])
def test_no_text_is_an_error(texts):
    with pytest.raises(DataError, match="at least one document"):
        train_bpe(texts, TokenizerConfig())


def test_surrogates_are_trained_on_as_they_are_encoded():
    tokenizer = train_bpe(["\ud800" * 9], TokenizerConfig())
    assert tokenizer.pieces("\udc00" * 4) == tokenizer.pieces("\ufffd" * 4)
    assert "\ufffd".encode() in tokenizer.vocabulary.tokens
