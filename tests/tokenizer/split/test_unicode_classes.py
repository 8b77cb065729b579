import unicodedata

import pytest
import regex  # pyrefly: ignore[untyped-import]
from tokenizers import Regex, pre_tokenizers

from textus.tokenizer.split.unicode_classes import WHITE_SPACE, is_letter, is_number

CODE_POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
EVERYTHING = "".join(map(chr, CODE_POINTS))
PYTHON_IS_YOUNGER = unicodedata.unidata_version > "16.0.0"


def matches(pattern: str) -> set[int]:
    """The code points that match a pattern of one character, as Hugging Face's library reads it."""
    splitter = pre_tokenizers.Split(Regex(pattern), "removed")
    chunks = (EVERYTHING[start : start + 4096] for start in range(0, len(EVERYTHING), 4096))
    kept = (part for chunk in chunks for part, _ in splitter.pre_tokenize_str(chunk))
    return set(CODE_POINTS) - {ord(character) for part in kept for character in part}


def test_classes_are_those_of_hugging_face_but_for_younger_characters():
    letters, numbers = set(filter(is_letter, CODE_POINTS)), set(filter(is_number, CODE_POINTS))
    assert matches(r"\s") == WHITE_SPACE
    their_letters, their_numbers = matches(r"\p{L}"), matches(r"\p{N}")
    assert letters <= their_letters
    assert numbers <= their_numbers
    assigned_here = {p for p in CODE_POINTS if unicodedata.category(chr(p)) != "Cn"}
    if not PYTHON_IS_YOUNGER:
        assert their_letters & assigned_here <= letters
        assert their_numbers & assigned_here <= numbers


@pytest.mark.skipif(PYTHON_IS_YOUNGER, reason="this Python knows letters that Unicode 16 does not")
def test_classes_are_those_of_python():
    for point in CODE_POINTS:
        category = unicodedata.category(chr(point))
        if category != "Cn":
            assert (is_letter(point), is_number(point)) == (category[0] == "L", category[0] == "N")


def test_white_space_is_that_of_regular_expressions_not_of_str_isspace():
    assert set(map(ord, regex.findall(r"\s", EVERYTHING))) == WHITE_SPACE
    assert "\x1c".isspace()
    assert 0x1C not in WHITE_SPACE
