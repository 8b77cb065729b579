import pytest

from textus.errors import RecipeError
from textus.tokenizer.config import BPEConfig, UnigramConfig, WordPieceConfig


def test_smallest_vocabulary_holds_the_bytes_and_the_special_tokens():
    BPEConfig(vocab_size=258, special_tokens=("<|a|>", "<|b|>"))
    with pytest.raises(RecipeError, match=r"vocab_size=257 .* use at least 258"):
        BPEConfig(vocab_size=257, special_tokens=("<|a|>", "<|b|>"))


@pytest.mark.parametrize(
    "settings",
    [
        {"special_tokens": ()},
        {"special_tokens": ("<|a|>", "<|a|>")},
        {"special_tokens": ("<|a|>", "")},
        {"min_frequency": 0},
        {"training_bytes": 0},
    ],
)
def test_error_names_the_setting_that_is_wrong(settings):
    with pytest.raises(RecipeError, match=next(iter(settings))):
        BPEConfig(**settings)


@pytest.mark.parametrize("word", ["end", " end", "12", "\n", "<|>"])
def test_special_token_that_is_an_ordinary_word_is_refused(word):
    with pytest.raises(RecipeError, match=r"single word of ordinary text; use .*'<\|"):
        BPEConfig(special_tokens=("<|endoftext|>", word))


@pytest.mark.parametrize(
    ("cls", "name", "value", "reason"),
    [
        (BPEConfig, "normalizer", "nfkc", "'nfkc' is none of 'none', 'nfc'"),
        (BPEConfig, "normalizer", "NFC", "is none of"),
        (BPEConfig, "normalizer", 5, "5 is none of"),
        (UnigramConfig, "alphabet", "char", "is none of 'bytes', 'characters'"),
        (WordPieceConfig, "form", "Bert", "is none of 'bytes', 'bert'"),
        (WordPieceConfig, "criterion", "xx", "is none of 'frequency', 'likelihood'"),
        (UnigramConfig, "sampling", 9.0, "must be from 0.0 to 1.0"),
        (BPEConfig, "vocab_size", "300", "'300' should be a whole number"),
        (BPEConfig, "vocab_size", 300.0, "300.0 should be a whole number"),
        (BPEConfig, "training_bytes", 1e9, "should be a whole number"),
        (BPEConfig, "dropout", "0.1", "should be a number"),
        (BPEConfig, "min_frequency", True, "should be a whole number"),
        (BPEConfig, "pattern", None, "should be a text"),
        (BPEConfig, "special_tokens", "<|a|>", "should be a tuple of texts"),
        (BPEConfig, "special_tokens", (1,), "should be a tuple of texts"),
    ],
)
def test_a_value_of_another_type_or_none_of_the_choices_is_refused(cls, name, value, reason):
    with pytest.raises(RecipeError, match=f"{name}=.*{reason}"):
        cls(**{name: value})


def test_none_and_whole_numbers_are_taken_where_they_fit():
    assert BPEConfig(training_bytes=None, dropout=0).training_bytes is None
