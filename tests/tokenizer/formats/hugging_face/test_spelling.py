import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.formats.hugging_face.spelling import BYTE_NAMES, byte_name, parse, spell


@given(st.binary())
def test_any_bytes_come_back_from_their_visible_characters(token):
    spelt = spell(token, "byte level")
    assert spelt.isprintable()
    assert parse(spelt, "byte level") == token


@pytest.mark.parametrize("spelling", ["underlined", "plain"])
@given(st.text(st.characters(codec="utf-8", exclude_characters="▁")))
def test_text_comes_back(spelling, text):
    assert parse(spell(text.encode(), spelling), spelling) == text.encode()


def test_spaces_are_underlined():
    assert spell(b" a b", "underlined") == "▁a▁b"


def test_each_byte_has_a_name_of_its_own():
    assert [BYTE_NAMES[byte_name(byte)] for byte in range(256)] == list(range(256))
