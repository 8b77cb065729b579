"""Texts that are hard to cut, shared by the tests of all ways to cut them."""

import unicodedata

import pytest
from hypothesis import strategies as st

LETTERS = ["a", "B", "s", "ll", "hello", "HTMLParser", "ſ", "é", "É", "ж", "日本", "ǅ", "ʰ", "กำ"]
NUMBERS = ["1", "23", "456", "123456789", "½", "٣", "𝟘"]
CONTRACTIONS = ["'", "'re", "'S", "'ſ", "'ll", "'VE", "don't", "’"]
SIGNS = [".", "(", "!!", "_", "/", "//", "👍", "👍🏽", "“", "、", "\u200d", "\ufeff", "\x1c", "\0"]
MARKS = ["\u0301", "\ufe0f", "\u20e3"]
SPACES = [" ", "  ", "\n", "\r\n", "\t", "\x0b", "\x0c", "\r", " \n", "\n    ", " " * 70, "\u180e"]
WIDE_SPACES = [chr(i) for i in (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029)]
WIDE_SPACES += ["\u202f", "\u205f", "\u3000"]
FRAGMENTS = [*LETTERS, *NUMBERS, *CONTRACTIONS, *SIGNS, *MARKS, *SPACES]


def _mixtures(max_size: int) -> st.SearchStrategy[str]:
    """Texts of a few kinds of fragments each, so that runs of them are met too."""
    kinds = st.lists(st.sampled_from([*FRAGMENTS, *WIDE_SPACES]), min_size=1, max_size=8)
    return kinds.flatmap(
        lambda some: st.lists(st.sampled_from(some), max_size=max_size).map("".join)
    )


# Characters known since Unicode 3.2: no installed table is too old for them.
_KNOWN = st.characters().filter(lambda c: unicodedata.ucd_3_2_0.category(c) not in ("Cs", "Cn"))


@pytest.fixture(scope="session")
def hard_texts() -> st.SearchStrategy[str]:
    """A strategy for texts of hard fragments and of any characters known to every table."""
    return st.one_of(_mixtures(40), _mixtures(300), st.text(_KNOWN))
