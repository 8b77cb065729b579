import pytest

from textus.errors import RecipeError
from textus.tokenizer.config import BPEConfig


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
