"""BERT's compiled normalizer and splitter are twins of those in plain Python."""

import itertools
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from textus.tokenizer.bert import BertNormalizer, BertSplitter
from textus.tokenizer.bert_characters import (
    HANGUL,
    IDEOGRAPHS,
    WHITE_SPACE,
    dropped,
    marks,
    parts_of_characters,
    punctuation,
    reordered,
    small_letters,
)
from textus.tokenizer.bert_kernels import bert_cutter, character_table, normalize_text
from textus.tokenizer.split.kernels import PADDING, SLACK, word_starts

EDGES = [i for first, last in IDEOGRAPHS for i in (first - 1, first, last, last + 1)]
EDGES += [0x7E, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF]
PICKED = st.sampled_from("aZ Éé.,'\t\n\r\x0b\x00\x7f\x80İΣ漢字한글각가か゛\ufffd\u3000🎉\U0001d160")
TEXTS = st.text(PICKED | st.characters(exclude_categories=["Cs"]), max_size=60)
SETTINGS = [
    BertNormalizer(
        clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=low
    )
    for clean, chinese, strip, low in itertools.product(*[(True, False)] * 4)
]


@njit
def find_starts(*arguments):
    return word_starts(*arguments)


def words_of(text: str) -> list[str]:
    """The words that the compiled splitter finds."""
    encoded = text.encode()
    data = np.frombuffer(encoded + bytes(PADDING), dtype=np.uint8)
    words: list[bytes] = []
    position = 0
    starts = np.empty(16 + SLACK, dtype=np.int64)
    while position < len(encoded):
        count = find_starts(bert_cutter(), data, 0, position, position + 16, len(encoded), starts)
        words += [encoded[a:b] for a, b in pairwise(starts[: count + 1].tolist())]
        position = starts[count]
    return [word.decode() for word in words]


@pytest.mark.parametrize("normalizer", SETTINGS, ids=str)
def test_special_characters_become_the_same(normalizer: BertNormalizer):
    special = {*dropped(), *WHITE_SPACE, *punctuation(), *EDGES, *HANGUL[::97]}
    special |= {*list(parts_of_characters())[::7], *list(small_letters())[::7], *list(marks())[::7]}
    text = "x".join(
        map(chr, sorted(i for i in special - reordered() if i not in range(0xE001, 0xF8FF)))
    )
    assert normalize_text(normalizer, text) == normalizer.by_characters(text)


def test_every_character_is_in_the_table_as_it_is_normalized():
    """Once for all code points: those that keep their bytes are the ones that no step changes."""
    normalizer = BertNormalizer()
    changed = {
        *dropped(),
        *WHITE_SPACE,
        *marks(),
        *parts_of_characters(),
        *small_letters(),
        *HANGUL,
    }
    changed |= {i for first, last in IDEOGRAPHS for i in range(first, last + 1)} | reordered()
    copied = np.flatnonzero(character_table(normalizer).entries[:0x110000] == 0)
    assert set(copied.tolist()) == set(range(0x110000)) - changed
    kept = "".join(map(chr, copied))
    assert normalize_text(normalizer, kept) == kept
    for code_point in sorted(changed)[::23]:
        character = chr(code_point)
        assert normalize_text(normalizer, character) == normalizer.step_by_step(character)


# the first call compiles
@given(TEXTS, st.sampled_from(SETTINGS))
def test_texts_become_the_same(text: str, normalizer: BertNormalizer):
    assert normalize_text(normalizer, text) == normalizer.step_by_step(text)


def test_characters_that_must_be_put_in_order_are_left_to_plain_python():
    text = "a\U0001d16d\u302e\U0001d165b" * 99
    assert normalize_text(BertNormalizer(), text) == BertNormalizer().step_by_step(text)


@pytest.mark.parametrize("text", ["\U0001d160", "각", "漢", "İ", "\u0390", "\U0002f800"])
@pytest.mark.parametrize("normalizer", SETTINGS, ids=str)
def test_text_that_grows_has_room(normalizer: BertNormalizer, text: str):
    assert normalize_text(normalizer, text * 999) == normalizer.by_characters(text) * 999


@given(TEXTS)
def test_texts_are_cut_into_the_same_words(text: str):
    assert words_of(text) == BertSplitter().split(text)


def test_every_character_is_cut_the_same():
    text = "".join(f"a{chr(i)}{chr(i)}" for i in sorted({*range(0x3100), *punctuation(), *EDGES}))
    text = text.encode(errors="replace").decode()
    assert words_of(text) == BertSplitter().split(text)
