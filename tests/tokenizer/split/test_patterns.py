import unicodedata

import pytest
import regex  # pyrefly: ignore[untyped-import]
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.split.patterns import LLAMA3, split_words

LETTERS = ["a", "B", "s", "ll", "ſ", "é", "日本", "1", "23", "456", "½", "٣"]
SIGNS = ["'", "'re", "'S", "'ſ", ".", "(", "!!", "_", "👍", "\u0301", "\u200d", "\ufeff", "\x1c"]
SPACES = [" ", "  ", "\n", "\r\n", "\t", "\x0b", "\x85", "\xa0", "\u2028", "\u3000", "\u180e"]
FRAGMENTS = st.sampled_from([*LETTERS, *SIGNS, *SPACES])
TEXTS = st.lists(FRAGMENTS, max_size=40).map("".join)
# Characters known since Unicode 3.2: no installed table is too old for them.
KNOWN = st.characters().filter(lambda c: unicodedata.ucd_3_2_0.category(c) not in ("Cs", "Cn"))


@given(TEXTS)
def test_words_are_those_of_the_pattern_on_hard_fragments(text):
    assert split_words(text) == regex.findall(LLAMA3, text)


@given(st.text(KNOWN))
def test_words_are_those_of_the_pattern_on_any_characters(text):
    assert split_words(text) == regex.findall(LLAMA3, text)


def test_words_are_those_of_the_pattern_in_many_scripts(scripts):
    for text in scripts:
        assert split_words(text) == regex.findall(LLAMA3, text)


@given(st.text())
def test_joined_words_are_the_text(text):
    assert "".join(split_words(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 12345 words.\n\n  Yes", "It|'s| |123|45| words|.\n\n| | Yes"),
        ("WE'LL 'ſ", "WE|'LL| '|ſ"),
        ("it'ſ", "it|'ſ"),
        ("a  \n \n  b", "a|  \n \n| | b"),
        ("x\xa0y\u3000z", "x|\xa0y|\u3000z"),
        ("end   ", "end|   "),
    ],
)
def test_examples(text, words):
    assert split_words(text) == words.split("|")


def test_cutting_long_runs_stays_linear():
    for run in ("a", " ", "\n", "^", "1", "é", "\u3000", " \n", "'s", "!\n"):
        text = run * 100_000
        assert "".join(split_words(text)) == text


def test_letter_assigned_after_unicode_16_is_no_letter():
    assert split_words("a\U0003d000") == ["a", "\U0003d000"]
    assert unicodedata.category("\U0003d000") in {"Cn", "Lo"}
