import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from textus.errors import DataError
from textus.tokenizer.bpe import compiled, reference
from textus.tokenizer.bpe.model import Merges
from textus.tokenizer.bpe.rows import SEPARATOR, rows_of_ids
from textus.tokenizer.bpe.train import Learnt, first_tokens, learn_from_words, learn_more
from textus.tokenizer.config import BPEConfig, BytesConfig
from textus.tokenizer.counting import count
from textus.tokenizer.counting.count import count_documents, count_words
from textus.tokenizer.counting.word_counts import WordCounts
from textus.tokenizer.formats.byte_level import to_characters
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter
from textus.tokenizer.train import train_tokenizer


def train_hugging_face(texts: list[str], config: BPEConfig) -> dict:
    model = HuggingFaceTokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = pre_tokenizers.Split(Regex(PATTERNS["llama3"]), "isolated")
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


# the other trainer begins anew each time
@given(st.lists(st.text("ab \n", max_size=30), min_size=1), st.integers(1, 3))
def test_merges_are_those_of_hugging_face_on_repetitive_text(texts, min_frequency):
    config = BPEConfig(vocab_size=300, min_frequency=min_frequency)
    if any(texts):
        merges = train_tokenizer(texts, config).merges
        expected = train_hugging_face(texts, config)["merges"]
        assert [[to_characters(a), to_characters(b)] for a, b in merges] == expected


def learn(words: WordCounts, config: BPEConfig, *, plain: bool) -> list[tuple[int, int]]:
    return learn_from_words(words, config, config.vocab_size, plain=plain).merges


def learn_anew(words: WordCounts, config: BPEConfig) -> list[tuple[int, int]]:
    ids = {token: id_ for id_, token in enumerate(first_tokens(config))}
    return reference.learn_merges(
        [([ids[bytes([byte])] for byte in word], n) for word, n in words.items()],
        first_id=len(ids),
        count=config.vocab_size - len(ids),
        min_frequency=config.min_frequency,
    )


@pytest.mark.parametrize("plain", [True, False])
# compiling takes seconds, the first time
@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=20), st.integers(1, 9), min_size=1),
    st.integers(1, 4),
)
def test_incremental_training_learns_what_counting_anew_learns(plain, words, min_frequency):
    config = BPEConfig(vocab_size=280, min_frequency=min_frequency)
    counted = WordCounts.of({word.encode(): n for word, n in words.items()})
    assert learn(counted, config, plain=plain) == learn_anew(counted, config)


@pytest.mark.parametrize("plain", [True, False])
def test_counts_beyond_32_bits_do_not_overflow(plain):
    words = WordCounts.of({b"the": 2**33 + 1, b"this": 2**33, b"ab": 2**34, b"xyz": 3})
    config = BPEConfig(vocab_size=263)
    merges = learn(words, config, plain=plain)
    assert merges == learn_anew(words, config)
    tokens = first_tokens(config)
    # "th" occurs 2**34 + 1 times, "ab" one time less
    assert b"".join(tokens[id_] for id_ in merges[0]) == b"th"


def test_compiled_and_plain_training_agree_on_real_text(corpus):
    words = count_words(corpus, PatternSplitter(), training_bytes=None, memory=10**9)
    config = BPEConfig(vocab_size=8000, min_frequency=1)
    compiled = learn_from_words(words, config, config.vocab_size, plain=False)
    plain = learn_from_words(words, config, config.vocab_size, plain=True)
    assert len(compiled.merges) > 7000
    assert compiled.merges == plain.merges
    assert np.array_equal(compiled.symbols, plain.symbols)


@pytest.mark.parametrize("plain", [True, False])
def test_what_training_has_in_the_end_is_what_encoding_makes_of_the_text(plain, corpus):
    words = count_words(corpus[:1], PatternSplitter(), training_bytes=None, memory=10**9)
    config = BPEConfig(vocab_size=1500)
    learnt = learn_from_words(words, config, config.vocab_size, plain=plain)
    ids = {token: id_ for id_, token in enumerate(learnt.tokens) if id_ >= 1}
    model = Merges(ids=ids, merges=tuple(learnt.merges))
    expected = [SEPARATOR]
    for word in dict(words.items()):
        expected += [*model.encode_word(word), SEPARATOR]
    assert learnt.symbols.tolist() == expected


@pytest.fixture(scope="session")
def superwords(corpus):
    config = BPEConfig(vocab_size=1500, superwords=300)
    return train_tokenizer(corpus, config)


def test_superwords_come_last_and_span_words(superwords):
    tokens = superwords.definition.tokens
    split = PatternSplitter().split
    within, beyond = tokens[257:1200], tokens[1200:]
    assert len(beyond) == 300
    assert not any(len(split(token.decode("utf-8", "replace"))) > 1 for token in within)
    assert sum(len(split(token.decode("utf-8", "replace"))) > 1 for token in beyond) > 150


def test_first_stage_of_superwords_is_plain_training(superwords, corpus):
    plain = train_tokenizer(corpus, BPEConfig(vocab_size=1200))
    assert superwords.merges[: len(plain.merges)] == plain.merges


def test_second_stage_learns_from_what_encoding_made_of_the_first(superwords, corpus):
    definition = superwords.definition
    first = definition.model.merges[: 1200 - 257]
    ids = {token: id_ for token, id_ in definition.model.ids.items() if id_ < 1200}
    model = Merges(ids=ids, merges=first)
    stretches = [
        word for text in corpus for word in PatternSplitter(pattern="superbpe").split(text)
    ]
    rows = [(model.encode_word(stretch.encode()), 1) for stretch in stretches]
    expected = reference.learn_merges(rows, first_id=1200, count=20, min_frequency=2)
    assert list(definition.model.merges[1200 - 257 :][:20]) == expected


def test_superwords_give_fewer_tokens_and_the_text_comes_back(superwords, corpus):
    plain = train_tokenizer(corpus, BPEConfig(vocab_size=1500))
    for text in corpus:
        assert superwords.decode(superwords.encode(text)) == text
    assert sum(map(len, map(superwords.encode, corpus))) < sum(map(len, map(plain.encode, corpus)))


def test_composed_text_is_trained_on_where_the_settings_say_so():
    texts = ["e\u0301 " * 50]
    as_is = train_tokenizer(texts, BPEConfig())
    composed = train_tokenizer(texts, BPEConfig(normalizer="nfc"))
    assert "\u00e9".encode() in composed.definition.tokens
    assert "\u00e9".encode() not in as_is.definition.tokens
    assert composed.decode(composed.encode("e\u0301")) == "\u00e9"


def test_bytes_need_no_text():
    tokenizer = train_tokenizer([], BytesConfig())
    assert tokenizer.vocab_size == 257
    assert len(tokenizer.encode("zwölf")) == 6
    assert tokenizer.decode(tokenizer.encode("zwölf")) == "zwölf"


def test_merging_goes_on_after_an_array_has_become_full(corpus, monkeypatch):
    words = count_words(corpus, PatternSplitter(), training_bytes=None, memory=10**9)
    config = BPEConfig(vocab_size=2000)
    expected = learn(words, config, plain=False)
    monkeypatch.setattr(compiled, "_SPARE_PLACES", 1)
    monkeypatch.setattr(compiled, "_PLACES_A_SLICE", 1)
    assert learn(words, config, plain=False) == expected


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


@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=14), st.integers(1, 9), min_size=1),
)
def test_no_two_merges_spell_the_same_token(words):
    """So Hugging Face's rule for a token that is there already never comes to pass."""
    counted = WordCounts.of({word.encode(): n for word, n in words.items()})
    learnt = learn_from_words(counted, BPEConfig(vocab_size=300, min_frequency=1), 300, plain=True)
    assert len(set(learnt.tokens)) == len(learnt.tokens)


@pytest.mark.parametrize("plain", [True, False])
@given(st.lists(st.text("ab ", min_size=1, max_size=40), min_size=1), st.integers(1, 3))
def test_limit_of_words_is_kept_as_counting_anew_keeps_it(plain, texts, max_words):
    config = BPEConfig(vocab_size=290, min_frequency=1)
    tokens = first_tokens(config)
    ids = {token: id_ for id_, token in enumerate(tokens)}
    rows = [[ids[bytes([byte])] for byte in text.encode()] for text in texts]
    offsets = np.cumsum([0, *map(len, rows)])
    start = Learnt(tokens=tokens, merges=[], symbols=np.empty(0, np.int32))
    learnt = learn_more(
        start,
        rows_of_ids(np.concatenate(rows).astype(np.int32), offsets),
        config,
        config.vocab_size,
        max_words=max_words,
        plain=plain,
    )
    expected = reference.learn_merges(
        [(row, 1) for row in rows],
        first_id=len(tokens),
        count=config.vocab_size - len(tokens),
        min_frequency=1,
        tokens=tokens,
        max_words=max_words,
    )
    assert learnt.merges == expected
    assert all(len(token.split()) <= max_words for token in learnt.tokens[257:])
    model = Merges(ids={t: i for i, t in enumerate(learnt.tokens) if i}, merges=tuple(expected))
    encoded = [SEPARATOR]
    for text in texts:
        encoded += [*model.encode_word(text.encode()), SEPARATOR]
    assert learnt.symbols.tolist() == encoded


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("plain", [True, False])
def test_merges_are_those_of_hugging_face_for_any_number_of_threads(
    plain, threads, corpus, monkeypatch
):
    monkeypatch.setattr(count, "_BATCH", 50_000)  # so that every thread has some
    config = BPEConfig(vocab_size=1500)
    documents = corpus * 2
    words = count_documents(
        (text.encode() for text in documents),
        PatternSplitter(),
        memory=10**9,
        threads=threads,
        plain=plain,
    )
    learnt = learn_from_words(words, config, config.vocab_size, plain=plain)
    names = [to_characters(token) for token in learnt.tokens]
    merges = [[names[left], names[right]] for left, right in learnt.merges]
    assert merges == train_hugging_face(documents, config)["merges"]


TRAIN_FOR_EVER = """
from textus.tokenizer.bpe.train import learn_from_words
from textus.tokenizer.config import BPEConfig
from textus.tokenizer.counting.word_counts import WordCounts

words = WordCounts.of({f"{i:x}".encode(): 1 for i in range(2000)})
config = BPEConfig(vocab_size=600)
learn_from_words(words, config, 600, plain=False)
print("ready", flush=True)
while True:
    learn_from_words(words, config, 600, plain=False)
"""


def test_interrupt_ends_training():
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN_FOR_EVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
