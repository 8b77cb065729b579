from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.tokenizer.bpe.dropout import cut_with_dropout, merge_with_dropout
from textus.tokenizer.bpe.merge import merge_word

MERGES = {(0, 1): (0, 3), (3, 2): (1, 4), (0, 0): (2, 5), (5, 1): (3, 6), (4, 4): (4, 7)}
SPELT = {0: "a", 1: "b", 2: "c", 3: "ab", 4: "abc", 5: "aa", 6: "aab", 7: "abcabc"}


@given(st.lists(st.integers(0, 2)), st.integers())
def test_without_dropout_all_merges_are_made_and_with_all_none(ids, seed):
    assert merge_with_dropout(ids, MERGES, dropout=0, random=Random(seed)) == merge_word(
        ids, MERGES
    )
    assert merge_with_dropout(ids, MERGES, dropout=1, random=Random(seed)) == ids


@given(st.lists(st.integers(0, 2)), st.integers(), st.floats(0, 0.99))
def test_every_cut_is_one_of_the_word(ids, seed, dropout):
    cut = merge_with_dropout(ids, MERGES, dropout=dropout, random=Random(seed))
    assert "".join(SPELT[id_] for id_ in cut) == "".join(SPELT[id_] for id_ in ids)


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_a_single_merge_is_skipped_with_the_probability_of_dropout(dropout):
    random = Random(1)
    cuts = [merge_with_dropout([0, 1], MERGES, dropout=dropout, random=random) for _ in range(4000)]
    assert abs(cuts.count([0, 1]) / 4000 - dropout) < 0.03


def test_words_that_are_tokens_are_cut_too(tokenizer):
    model = tokenizer.definition.model
    cuts = {
        tuple(cut_with_dropout(model, b" return", dropout=0.5, random=Random(seed)))
        for seed in range(20)
    }
    assert len(cuts) > 5
    assert {tokenizer.decode(cut) for cut in cuts} == {" return"}
