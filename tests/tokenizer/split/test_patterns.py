import unicodedata

import pytest
import regex  # pyrefly: ignore[untyped-import]
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from textus.errors import RecipeError
from textus.tokenizer.split.patterns import (
    PATTERNS,
    PatternSplitter,
    check_pattern,
    splits_into_several,
)

# `$` is the end of the text alone for tiktoken, hence \Z
TIKTOKEN_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++\Z|\s+(?!\S)|\s"
TIKTOKEN_CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++\Z|\s*[\r\n]|\s+(?!\S)|\s"
)

unhurried = settings(max_examples=40)


def split(pattern: str, text: str) -> list[str]:
    return PatternSplitter(pattern=pattern).split(text)


@pytest.mark.parametrize("name", PATTERNS)
@unhurried
@given(data=st.data())
def test_words_are_those_of_the_pattern(name, hard_texts, data):
    text = data.draw(hard_texts)
    assert split(name, text) == regex.findall(PATTERNS[name], text)


@pytest.mark.parametrize("name", PATTERNS)
@unhurried
@given(data=st.data())
def test_hugging_face_reads_the_pattern_alike(name, hard_texts, data):
    text = data.draw(hard_texts)
    theirs = pre_tokenizers.Split(Regex(PATTERNS[name]), "isolated").pre_tokenize_str(text)
    assert split(name, text) == [word for word, _ in theirs]


@pytest.mark.parametrize(
    ("name", "published"), [("gpt2", TIKTOKEN_GPT2), ("cl100k", TIKTOKEN_CL100K)]
)
@unhurried
@given(data=st.data())
def test_tiktoken_s_own_spelling_cuts_alike(name, published, hard_texts, data):
    text = data.draw(hard_texts)
    assert split(name, text) == regex.findall(published, text)


@pytest.mark.parametrize("name", PATTERNS)
def test_words_are_those_of_the_pattern_in_many_scripts(name, scripts):
    for text in scripts:
        assert split(name, text) == regex.findall(PATTERNS[name], text)


@pytest.mark.parametrize("name", PATTERNS)
@unhurried
@given(text=st.text())
def test_joined_words_are_the_text(name, text):
    assert "".join(split(name, text)) == text


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("llama3", "It's 12345 words.\n\n  Yes", "It|'s| |123|45| words|.\n\n| | Yes"),
        ("llama3", "WE'LL 'ſ", "WE|'LL| '|ſ"),
        ("llama3", "it'ſ", "it|'ſ"),
        ("gpt2", "it'ſ IT'S it's", "it|'|ſ| IT|'|S| it|'s"),
        ("llama3", "a  \n \n  b", "a|  \n \n| | b"),
        ("llama3", "x\xa0y\u3000z", "x|\xa0y|\u3000z"),
        ("llama3", "end \n  ", "end| \n|  "),
        ("cl100k", "end \n  ", "end| \n  "),
        ("o200k", "HTMLParser camelCase 漢AB don'tyou", "HTMLParser| camel|Case| 漢|AB| don't|you"),
        ("o200k", "!\n//x", "!\n//|x"),
        ("qwen2", "2024", "2|0|2|4"),
        ("digits", "1234567 12", "1|234|567| |12"),
        ("superbpe", "It is 1234567, no½123", "It is |1|234|567|, no|½|123"),
        ("none", "a b\n", "a b\n"),
    ],
)
def test_examples(name, text, words):
    assert split(name, text) == words.split("|")


@pytest.mark.parametrize("name", PATTERNS)
def test_cutting_long_runs_stays_linear(name):
    for run in ("a", "A", " ", "\n", "^", "1", "é", "\u3000", " \n", "'s", "!\n", "漢A", "!\u0301"):
        text = run * 50_000
        assert "".join(split(name, text)) == text


def test_letter_assigned_after_unicode_16_is_no_letter():
    assert split("llama3", "a\U0003d000") == ["a", "\U0003d000"]
    assert unicodedata.category("\U0003d000") in {"Cn", "Lo"}


@pytest.mark.parametrize("expression", [r"\w+", r"\p{L}+|\d", r"(a)|b*", "[.]", r"(?=a)"])
@unhurried
@given(data=st.data())
def test_an_own_expression_cuts_as_hugging_face_does(expression, data):
    # ASCII: the classes beyond are those of the installed `regex`
    text = data.draw(st.text(st.sampled_from("aab.1 \n"), max_size=30))
    theirs = pre_tokenizers.Split(Regex(f"(?:{expression})(?<=[\\s\\S])"), "isolated")
    kept = [word for word, _ in theirs.pre_tokenize_str(text) if word]
    ours = split(expression, text)
    assert "".join(ours) == text
    if expression not in (r"(a)|b*", r"(?=a)"):  # they also cut at empty matches
        assert ours == kept


def test_empty_matches_cut_nothing():
    assert split("(?=a)", "baab") == ["baab"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("lama3", "llama3"), ("", "unknown"), ("(", "missing"), ("a**", "mult")],
)
def test_what_is_neither_name_nor_expression_is_refused(pattern, message):
    with pytest.raises(RecipeError, match=message):
        check_pattern(pattern)
    with pytest.raises(RecipeError, match=message):
        PatternSplitter(pattern=pattern)


@pytest.mark.parametrize(("text", "several"), [("<|x|>", True), (" the", False), ("ab", False)])
def test_several_words_by_every_pattern(text, several):
    assert splits_into_several(text) == several
