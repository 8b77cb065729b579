"""BERT's normalizer and splitter: its own cases' laws, and equality with Hugging Face's."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from textus.tokenizer.bert import WHITE_SPACE, BertNormalizer, BertSplitter

OLD = unicodedata.ucd_3_2_0
"""Unicode 3.2: what it knows, every table knows, but for those that were reclassified since."""

RECLASSIFIED = "\u166d\u1734\u17b4\u17b5\u200b\u06dd\u070f\u180e"
CHARACTERS = st.characters(max_codepoint=0x1FFFF, exclude_categories=["Cs"]).filter(
    lambda c: OLD.category(c) != "Cn" and c not in RECLASSIFIED
)
PICKED = st.sampled_from(
    "\U00010100\U00010400\U0001d16d"
    "aB ,.!?-'\t\n\r\x00\x1c\x85\xa0éÀÅİΣς漢字かяЁñ\u0301\u0327\ufffd\u3000$~¿«»"
)
TEXTS = st.text(CHARACTERS | PICKED)


def words(text: str, **settings: bool) -> list[str]:
    """What is left of a text without white space."""
    split = BertSplitter().split(BertNormalizer(**settings)(text))
    return [word for word in split if ord(word[0]) not in WHITE_SPACE]


def test_chinese_characters_are_set_off():
    assert words("ab\u6f22\u5b57yz") == ["ab", "\u6f22", "\u5b57", "yz"]
    assert words("かなカナ한글") == [unicodedata.normalize("NFD", "かなカナ한글")]


def test_lower_casing_strips_accents_and_keeping_case_keeps_them():
    text = " \tÀ demain?  \n Ça ira, Zoë! "
    assert words(text) == ["a", "demain", "?", "ca", "ira", ",", "zoe", "!"]
    assert words(text, lowercase=False) == ["À", "demain", "?", "Ça", "ira", ",", "Zoë", "!"]


def test_accents_and_case_can_be_asked_for_apart():
    assert words("Zoë", strip_accents=False) == ["zoë"]
    assert words("Zoë", strip_accents=True, lowercase=False) == ["Zoe"]


@pytest.mark.parametrize(
    "character", ["-", "$", "`", ".", "^", "¿", "\u2014", "\u3002", "\U00010100"]
)
def test_each_punctuation_character_is_a_word(character: str):
    assert BertSplitter().split(f"a{character}{character}b") == ["a", character, character, "b"]


@pytest.mark.parametrize("character", ["A", " ", "€", "©", "\u0301"])
def test_symbols_letters_and_marks_are_no_punctuation(character: str):
    assert len(BertSplitter().split(f"{character}{character}")) == 1


@pytest.mark.parametrize("character", ["\x00", "\x05", "\x7f", "\x85", "\xad", "\u200d", "\ufffd"])
def test_control_characters_are_dropped(character: str):
    assert BertNormalizer()(f"a{character}b") == "ab"


@pytest.mark.parametrize("character", [" ", "\t", "\r", "\n", "\xa0", "\u2003", "\u3000"])
def test_white_space_becomes_a_space(character: str):
    assert BertNormalizer()(f"a{character}b") == "a b"


def test_cleaning_can_be_left_out():
    assert BertNormalizer(clean_text=False)("A\x00\tB") == "a\x00\tb"


@given(TEXTS)
def test_the_words_are_the_text(text: str):
    assert "".join(BertSplitter().split(text)) == text


@given(TEXTS, st.booleans(), st.booleans(), st.sampled_from([None, True, False]), st.booleans())
def test_texts_are_normalized_as_by_hugging_face(
    text: str, clean: bool, chinese: bool, strip: bool | None, lower: bool
):
    ours = BertNormalizer(
        clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower
    )
    theirs = normalizers.BertNormalizer(
        clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower
    )
    assert ours(text) == ours.step_by_step(text) == theirs.normalize_str(text)


def test_marks_of_some_width_are_put_in_order():
    text = "a\U0001d16d\u302e\U0001d165b"
    assert BertNormalizer()(text) == normalizers.BertNormalizer().normalize_str(text)
    assert BertNormalizer()(text) == "a\U0001d165\u302e\U0001d16db"


@given(TEXTS)
def test_texts_are_split_as_by_hugging_face(text: str):
    ours = [word for word in BertSplitter().split(text) if ord(word[0]) not in WHITE_SPACE]
    theirs = pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text)
    assert ours == [word for word, _ in theirs]
