import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from textus.errors import DataError
from textus.tokenizer.bpe import reference
from textus.tokenizer.bpe.train import learn_merges
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.formats.byte_level import to_characters
from textus.tokenizer.split.patterns import LLAMA3
from textus.tokenizer.train import train_tokenizer


def train_hugging_face(texts: list[str], config: BPEConfig) -> dict:
    model = HuggingFaceTokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
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
    config = BPEConfig(vocab_size=4096, special_tokens=("<|endoftext|>", "<|user|>"))
    tokenizer, expected = train_tokenizer(corpus, config), train_hugging_face(corpus, config)
    assert len(tokenizer.merges) > 3000
    merges = [[to_characters(left), to_characters(right)] for left, right in tokenizer.merges]
    assert merges == expected["merges"]
    tokens = enumerate(tokenizer.definition.tokens)
    ids = {to_characters(t): id_ for id_, t in tokens if id_ >= 2}
    assert ids | tokenizer.special_tokens == expected["vocab"]


@given(st.lists(st.text("ab \n", max_size=30), min_size=1), st.integers(1, 3))
def test_merges_are_those_of_hugging_face_on_repetitive_text(texts, min_frequency):
    config = BPEConfig(vocab_size=300, min_frequency=min_frequency)
    if any(texts):
        merges = train_tokenizer(texts, config).merges
        expected = train_hugging_face(texts, config)["merges"]
        assert [[to_characters(a), to_characters(b)] for a, b in merges] == expected


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=20), st.integers(1, 9), min_size=1),
    st.integers(1, 4),
)
def test_incremental_training_learns_what_counting_anew_learns(words, min_frequency):
    config = BPEConfig(vocab_size=280, min_frequency=min_frequency)
    tokens, merges = learn_merges(words, config)
    ids = {token: id_ for id_, token in enumerate(tokens)}
    expected = reference.learn_merges(
        [([ids[bytes([byte])] for byte in word.encode()], n) for word, n in words.items()],
        first_id=257,
        count=280 - 257,
        min_frequency=min_frequency,
    )
    assert merges == expected


def test_most_frequent_pair_is_merged_first():
    tokenizer = train_tokenizer(["ab ab ab xy xy ab"], BPEConfig(vocab_size=259))
    assert tokenizer.merges == [(b"a", b"b"), (b" ", b"ab")]


def test_rare_pairs_are_left_alone():
    text = ["aa aa bb"]
    once = train_tokenizer(text, BPEConfig(min_frequency=1)).merges
    twice = train_tokenizer(text, BPEConfig(min_frequency=2)).merges
    assert (b"b", b"b") in once
    assert twice == [(b"a", b"a")]


def test_small_text_gives_a_smaller_vocabulary_and_says_so():
    notes: list[str] = []
    tokenizer = train_tokenizer(
        ["aa aa"], BPEConfig(), progress=lambda done, total, text: notes.append(text)
    )
    assert tokenizer.vocab_size == 258
    assert notes[-1] == "no pair is frequent enough to go on"


def test_order_of_documents_does_not_matter(corpus):
    config = BPEConfig(vocab_size=500)
    assert (
        train_tokenizer(iter(corpus), config).merges
        == train_tokenizer(reversed(corpus), config).merges
    )


def test_long_words_cost_no_more_than_their_length():
    tokenizer = train_tokenizer(["ab" * 20_000, "a" * 20_000], BPEConfig(vocab_size=280))
    assert tokenizer.decode(tokenizer.encode("ab" * 99 + "a" * 77)) == "ab" * 99 + "a" * 77


@pytest.mark.parametrize("texts", [[], [""]])
def test_no_text_is_an_error(texts):
    with pytest.raises(DataError, match="at least one document"):
        train_tokenizer(texts, BPEConfig())


def test_surrogates_are_trained_on_as_they_are_encoded():
    tokenizer = train_tokenizer(["\ud800" * 9], BPEConfig())
    assert tokenizer.pieces("\udc00" * 4) == tokenizer.pieces("\ufffd" * 4)
    assert "\ufffd".encode() in tokenizer.definition.tokens
