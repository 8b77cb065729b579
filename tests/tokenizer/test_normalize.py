import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.bert import BertNormalizer
from textus.tokenizer.normalize import (
    Composed,
    Lowercased,
    Prefixed,
    Replaced,
    SingleSpaces,
    Stripped,
    UnicodeForm,
    WithoutAccents,
    after_token,
    align,
    chain,
    parts_of,
)

NORMALIZERS = [
    None,
    Composed(),
    UnicodeForm(form="NFKD"),
    Lowercased(),
    BertNormalizer(),
    Prefixed(scheme="always"),
    Prefixed(scheme="missing"),
    SingleSpaces(words=True),
    chain(Composed(), WithoutAccents(), SingleSpaces(words=False), Prefixed(scheme="first")),
    chain(Replaced(old="ab", new="c"), Stripped(left=True, right=True)),
]
TEXTS = st.text(st.sampled_from("abe \u0301\u0323\tÉİΣ\u1100\u1161\u11a8ﬁ日👍")) | st.text()


@pytest.mark.parametrize("normalizer", NORMALIZERS, ids=str)
def test_aligned_text_is_the_normalized_text(normalizer):
    @given(TEXTS)
    def check(text):
        aligned = align(normalizer, text)
        assert aligned.text == (normalizer(text) if normalizer else text)
        assert len(aligned.starts) == len(aligned.ends) == len(aligned.text)
        assert (aligned.starts <= aligned.ends).all()
        assert (np.diff(aligned.starts) >= 0).all()
        assert (np.diff(aligned.ends) >= 0).all()
        assert all(0 <= place <= len(text) for place in [*aligned.starts, *aligned.ends])

    check()


def test_composed_characters_come_from_all_that_they_are_made_of():
    aligned = align(Composed(), "ae\u0301\u0323 \u1100\u1161\u11a8b")
    assert aligned.text == "aẹ\u0301 각b"
    assert aligned.starts.tolist() == [0, 1, 1, 4, 5, 8]
    assert aligned.ends.tolist() == [1, 4, 4, 5, 8, 9]


def test_what_is_put_in_comes_from_nothing():
    aligned = align(Prefixed(scheme="always"), "a")
    assert (aligned.starts.tolist(), aligned.ends.tolist()) == ([0, 0], [0, 1])


def test_every_character_of_a_changed_text_is_found_by_its_offsets():
    text = "Ünï  Cödé"
    aligned = align(BertNormalizer(), text)
    for character, start, end in zip(aligned.text, aligned.starts, aligned.ends, strict=True):
        assert unicodedata.normalize("NFD", text[start:end]).lower().startswith(character)


def test_prefix_for_the_first_stretch_only():
    first = chain(Composed(), Prefixed(scheme="first"))
    assert align(first, "a").text == " a"
    assert after_token(first) == Composed()
    assert after_token(Prefixed(scheme="first")) is None
    missing = Prefixed(scheme="missing")
    assert after_token(missing) == missing
    assert (missing("a"), missing(" a"), missing("")) == (" a", " a", "")
    assert parts_of(chain(first, missing)) == (Composed(), Prefixed(scheme="first"), missing)
    assert chain(None) is None


def test_white_space_is_unicodes():
    text = "\x1c\u3000a\u2003\x85\tb\u200b "
    assert SingleSpaces(words=True)(text) == "\x1c a b\u200b"
    assert Stripped(left=True, right=True)(text) == text[:-1]
