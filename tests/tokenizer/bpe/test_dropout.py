"""BPE-dropout: the paper's algorithm word for word, and the kernel as its twin."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.bpe.dropout import cut_with_dropout, merge_with_dropout
from textus.tokenizer.bpe.dropout_kernels import DropoutTables, cut_word
from textus.tokenizer.bpe.merge import merge_word
from textus.tokenizer.draws import Draws, threshold_of

MERGES = {(0, 1): (0, 3), (3, 2): (1, 4), (0, 0): (2, 5), (5, 1): (3, 6), (4, 4): (4, 7)}
SPELT = {0: "a", 1: "b", 2: "c", 3: "ab", 4: "abc", 5: "aa", 6: "aab", 7: "abcabc"}
KEYS = st.integers(0, 2**64 - 1)
DROPOUTS = st.sampled_from([0.1, 0.5, 0.9, 1.0]) | st.floats(0.001, 0.99)


def merge_by_the_book(
    ids: Sequence[int], merges: Mapping[tuple[int, int], tuple[int, int]], threshold: int, key: int
) -> list[int]:
    """Algorithm 1 of Provilkov et al. 2020: the best of the merges that are not dropped."""
    symbols, draws = list(ids), Draws(key)
    while True:
        pairs = [(merges.get((a, b)), i) for i, (a, b) in enumerate(pairwise(symbols))]
        possible = sorted((found[0], i, found[1]) for found, i in pairs if found)
        kept = next((pair for pair in possible if draws.next() >= threshold), None)
        if kept is None:
            return symbols
        _, i, joined = kept
        symbols[i : i + 2] = [joined]


@given(st.lists(st.integers(0, 2)), KEYS)
def test_without_dropout_all_merges_are_made_and_with_all_none(ids, key):
    assert merge_with_dropout(ids, MERGES, dropout=0, draws=Draws(key)) == merge_word(ids, MERGES)
    assert merge_with_dropout(ids, MERGES, dropout=1, draws=Draws(key)) == ids


@given(st.lists(st.integers(0, 2)), KEYS, DROPOUTS)
def test_merges_are_dropped_as_in_the_paper(ids, key, dropout):
    cut = merge_with_dropout(ids, MERGES, dropout=dropout, draws=Draws(key))
    assert cut == merge_by_the_book(ids, MERGES, threshold_of(dropout), key)
    assert "".join(SPELT[id_] for id_ in cut) == "".join(SPELT[id_] for id_ in ids)


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_a_single_merge_is_skipped_with_the_probability_of_dropout(dropout):
    draws = Draws(1)
    cuts = [merge_with_dropout([0, 1], MERGES, dropout=dropout, draws=draws) for _ in range(4000)]
    assert abs(cuts.count([0, 1]) / 4000 - dropout) < 0.03


def test_words_that_are_tokens_are_cut_too(tokenizer):
    model = tokenizer.definition.model
    cuts = {
        tuple(cut_with_dropout(model, b" return", dropout=0.5, draws=Draws(key)))
        for key in range(20)
    }
    assert len(cuts) > 5
    assert {tokenizer.decode(cut) for cut in cuts} == {" return"}


def test_the_kernel_cuts_as_its_twin(tokenizer):
    model = tokenizer.definition.model
    merges = model.tables()
    words = st.text(st.sampled_from("aeinrst  self."), min_size=1, max_size=150).map(str.encode)

    # the first call compiles
    @given(words | st.binary(min_size=1, max_size=100), KEYS, DROPOUTS)
    def check(word: bytes, key: int, dropout: float):
        tables = DropoutTables(merges, threshold_of(dropout), np.array([key], dtype=np.uint64))
        data = np.frombuffer(b"ab" + word + b"abc\xe6" * 8, dtype=np.uint8)
        out = np.full(len(word) + 3, 7, dtype=np.uint32)
        scratch = np.zeros(4096, dtype=np.uint64)
        end = cut_word(data, 2, 2 + len(word), tables, scratch, out, 1)
        twin = Draws(key)
        assert out[1:end].tolist() == cut_with_dropout(model, word, dropout=dropout, draws=twin)
        assert int(tables.state[0]) == twin._state  # both have drawn as often

    check()
