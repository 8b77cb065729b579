import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.corpus.batches import Row
from textus.corpus.config import CorpusConfig, Source
from textus.corpus.held_out import Cutting, choose_held_out, cut_rows, lowest_keys

CONFIG = CorpusConfig(source=(Source(name="s", uri="s"),))


def text_of(seed, size):
    rng = random.Random(seed)
    return "\n\n".join(f"{rng.random()}" for _ in range(size // 20))


def rows_of(texts, source="s"):
    return [Row(source, "f", 1, n, text) for n, text in enumerate(texts)]


def cutting_of(rows, config=CONFIG):
    total = sum(len(row.text) for row in rows)
    return {"s": Cutting.of(config, documents=len({r.document for r in rows}), total=total)}


def chosen_pieces(rows, config=CONFIG):
    cuttings = cutting_of(rows, config)
    keys = choose_held_out(cut_rows(rows, cuttings), cuttings)
    return [p.text for _, pieces in cut_rows(rows, cuttings) for p in pieces if p.key in keys]


@given(
    st.dictionaries(st.integers(0, 2**64 - 1), st.integers(1, 100), min_size=2, max_size=30),
    st.integers(1, 2000),
)
def test_the_lowest_keys_fill_the_budget_and_never_none(sizes, budget):
    keys = lowest_keys(np.array(list(sizes), np.uint64), np.array(list(sizes.values())), budget)
    taken = sum(sizes[key] for key in keys)
    assert keys
    assert taken <= budget or (len(keys) == 1 and taken == min(sizes.values()))
    passed = [k for k in sizes if k not in keys and k < max(keys) and sizes[k] <= budget]
    assert len(keys) == 1 or not passed


def test_equal_keys_are_held_out_together():
    keys = np.array([5, 1, 5, 9], np.uint64)
    assert lowest_keys(keys, np.array([10, 10, 10, 10], np.uint64), 20) == {1}
    assert lowest_keys(keys, np.array([10, 10, 10, 10], np.uint64), 30) == {1, 5}


@pytest.mark.parametrize("size", [400, 5_000, 100_000, 3_000_000])
def test_one_large_text_is_shared_piece_by_piece(size):
    text = text_of(size, size)
    held_out = "".join(chosen_pieces(rows_of([text])))
    assert 0 < len(held_out) <= max(0.02 * len(text), min(2_000, len(text) // 10))
    assert len(held_out) > 0.001 * len(text)


def test_the_choice_does_not_depend_on_the_order_of_the_documents():
    texts = [text_of(n, 5_000) for n in range(50)]
    shuffled = random.Random(1).sample(texts, len(texts))
    assert sorted(chosen_pieces(rows_of(texts))) == sorted(chosen_pieces(rows_of(shuffled)))


def test_of_many_documents_whole_ones_are_held_out():
    texts = [text_of(n, 2_000 + n) for n in range(600)]
    held_out = chosen_pieces(rows_of(texts))
    assert set(held_out) <= set(texts)
    assert 5 <= len(held_out) <= 12


def test_of_few_documents_no_whole_one_is_held_out():
    texts = [text_of(n, 60_000) for n in range(30)]
    held_out = chosen_pieces(rows_of(texts))
    assert not set(held_out) & set(texts)
    assert len(held_out) > 1


def test_the_parts_of_one_file_stay_together_among_many():
    rows = [Row("s", "f", 1, n // 2, text_of(n, 2_000)) for n in range(1200)]
    cuttings = cutting_of(rows)
    for (_, first), (_, second) in zip(*[cut_rows(rows, cuttings)] * 2, strict=True):
        assert [p.key for p in first] == [p.key for p in second]


def test_pieces_joined_are_the_text():
    rows = rows_of([text_of(n, 30_000) for n in range(5)])
    for row, pieces in cut_rows(rows, cutting_of(rows)):
        assert "".join(piece.text for piece in pieces) == row.text


def test_most_of_the_choice_stays_when_documents_are_added():
    texts = [text_of(n, 2_000) for n in range(1000)]
    before = set(chosen_pieces(rows_of(texts[:900])))
    after = set(chosen_pieces(rows_of(texts)))
    assert len(before & after) > 0.7 * len(before)
