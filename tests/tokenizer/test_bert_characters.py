"""The shipped tables say what Unicode says of the characters that all versions know."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.bert_characters import lowered, reordered, taken_apart

OLD = unicodedata.ucd_3_2_0
KNOWN = "".join(chr(i) for i in range(0x110000) if OLD.category(chr(i)) not in ("Cn", "Co", "Cs"))


def test_characters_are_taken_apart_as_unicode_has_it():
    assert taken_apart(KNOWN) == unicodedata.normalize("NFD", KNOWN)


def test_small_letters_are_those_of_python():
    assert lowered(KNOWN) == "".join(map(str.lower, KNOWN))


@given(st.text("aé\u0301\u0327\u0323\u05b0\u302e\U0001d165\U0001d16d각\u0345\u0600", max_size=12))
def test_marks_are_put_in_the_order_of_their_classes(text: str):
    assert taken_apart(text) == unicodedata.normalize("NFD", text)


def test_some_characters_of_some_width_are_put_in_order():
    assert {0x302E, 0x1D165} <= reordered()
    assert 0x301 not in reordered()
