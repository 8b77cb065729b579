from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from textus.tokenizer.split.kernels import PADDING, SLACK, word_cutter, word_starts
from textus.tokenizer.split.patterns import PATTERNS, PatternSplitter
from textus.tokenizer.split.unicode_classes import class_runs

LIMITS = st.one_of(st.integers(1, 20), st.sampled_from([63, 64, 65, 128, 1000, 1 << 14]))
RUNS = ("a", "A", " ", "\n", "^", "1", "é", "\u3000", " \n", "'s", "!\n", "漢A", "!\u0301", "½1")

unhurried = settings(max_examples=40)  # the first example may compile


@njit
def find_starts(*arguments):
    return word_starts(*arguments)


def cut(pattern: str, data: bytes, *, limit: int, scalar: bool, before: bytes = b"") -> list[bytes]:
    """The words of a document, found in calls for `limit` bytes each; `before` lies before it."""
    padded = np.frombuffer(before + data + bytes(PADDING), np.uint8)
    begin, end = len(before), len(before + data)
    starts = np.empty(limit + SLACK, np.int64)
    cutter = word_cutter(pattern, scalar=scalar)
    position, edges = begin, [begin]
    while position < end:
        count = find_starts(cutter, padded, begin, position, position + limit, end, starts)
        assert count > 0
        edges += starts[1 : count + 1].tolist()
        position = edges[-1]
    assert position == end
    return [bytes(padded[i:j]) for i, j in pairwise(edges)]


def expected(pattern: str, text: str) -> list[bytes]:
    return [word.encode() for word in PatternSplitter(pattern=pattern).split(text)]


@pytest.mark.parametrize("scalar", [True, False])
@pytest.mark.parametrize("name", PATTERNS)
@unhurried
@given(data=st.data())
def test_words_are_those_of_plain_python_wherever_chunks_end(name, scalar, hard_texts, data):
    text, limit = data.draw(hard_texts), data.draw(LIMITS)
    assert cut(name, text.encode(), limit=limit, scalar=scalar) == expected(name, text)


@pytest.mark.parametrize("name", PATTERNS)
@unhurried
@given(data=st.data())
def test_documents_do_not_see_what_lies_before_them(name, hard_texts, data):
    text, limit = data.draw(hard_texts), data.draw(LIMITS)
    for before in (b"1", b"12a", b"!", b"\n", b" "):
        words = cut(name, text.encode(), limit=limit, scalar=False, before=before)
        assert words == expected(name, text)


def telling_characters() -> list[str]:
    """The first and last characters of each run of a class and of each two bytes of UTF-8."""
    edges = list(accumulate(class_runs()[1], initial=0))[:-1]
    points = {*range(0x3100), *edges, *(edge - 1 for edge in edges if edge)}
    points |= {i + last for i in range(0, 0x10000, 64) for last in (0, 63)}
    return [chr(point) for point in sorted(points) if not 0xD800 <= point < 0xE000]


@pytest.mark.parametrize("template", ["{}", "a{} ", "{}b1", " {}\n"])
@pytest.mark.parametrize("name", PATTERNS)
def test_every_character_has_its_class(name, template):
    text = "".join(map(template.format, telling_characters()))
    words = expected(name, text)
    for scalar in (True, False):
        assert cut(name, text.encode(), limit=1 << 14, scalar=scalar) == words


@pytest.mark.parametrize("scalar", [True, False])
@pytest.mark.parametrize("name", PATTERNS)
def test_long_runs_are_cut_in_linear_time(name, scalar):
    for run in RUNS:
        text = run * 100_000
        words = cut(name, text.encode(), limit=1 << 12, scalar=scalar)
        assert words == expected(name, text)


@pytest.mark.parametrize("scalar", [True, False])
@pytest.mark.parametrize("name", PATTERNS)
@unhurried
@given(data=st.binary(max_size=300), limit=LIMITS)
def test_any_bytes_are_cut_somehow(name, scalar, data, limit):
    assert b"".join(cut(name, data, limit=limit, scalar=scalar)) == data


@pytest.mark.parametrize("tail", ["é", "日", "👍"])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_truncated_character_at_the_end_is_read_no_further(name, tail):
    for kept in range(1, len(tail.encode())):
        data = b"x" * 70 + tail.encode()[:kept]
        for scalar in (True, False):
            words = cut(name, data, limit=1 << 12, scalar=scalar)
            assert b"".join(words) == data


def test_the_environment_can_ask_for_the_scalar_path(monkeypatch):
    monkeypatch.setenv("TEXTUS_SCALAR", "1")
    assert word_cutter("gpt2").mark == 0
    monkeypatch.delenv("TEXTUS_SCALAR")
    assert word_cutter("gpt2").mark != 0
