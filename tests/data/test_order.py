from collections import Counter
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textus.data.order import SourceRows, shuffled

shard_lengths = st.lists(
    st.lists(st.integers(0, 20), min_size=1, max_size=4), min_size=1, max_size=4
)


def rows_of(tokens, seq_len, seed=1):
    source = tokens.sources["web"]
    return SourceRows(source, seq_len=seq_len, seed=seed, end_of_text=0)


def read(rows, number):
    out = np.empty(rows.seq_len + 1, np.int64)
    rows.read(number, out)
    return out.tolist()


def stream(source, seed, epochs):
    """The slow twin: the first epochs written out, document after document."""
    ids = []
    for epoch in range(epochs):
        for document in shuffled(source.documents, seed, "web", epoch, "documents"):
            ids += source.document(document).tolist()
    return ids


@given(shard_lengths, st.integers(1, 30), st.integers(0, 2**40))
def test_a_row_equals_its_stretch_of_the_written_out_stream(make_tokens, shards, seq_len, seed):
    tokens = make_tokens({"web": shards})
    source, rows = tokens.sources["web"], rows_of(tokens, seq_len, seed)
    count = -(-3 * source.total // seq_len)
    written = stream(source, seed, 4 + seq_len)
    for row in range(count):
        begin = rows.place(row) * seq_len
        assert read(rows, row) == written[begin : begin + seq_len + 1]


@given(shard_lengths, st.integers(1, 30))
def test_every_token_of_an_epoch_is_drawn_exactly_once(make_tokens, shards, seq_len):
    tokens = make_tokens({"web": shards})
    source, rows = tokens.sources["web"], rows_of(tokens, seq_len)
    for epochs in (1, 2, 3):
        count = -(-epochs * source.total // seq_len)
        drawn = Counter(i for row in range(count) for i in read(rows, row)[:-1])
        surplus = Counter(stream(source, 1, epochs + seq_len)[: count * seq_len])
        surplus.subtract(Counter(source.tokens(0, source.total).tolist() * epochs))
        drawn.subtract(surplus)
        assert drawn == Counter(source.tokens(0, source.total).tolist() * epochs)
        assert 0 <= sum(surplus.values()) < seq_len


@given(shard_lengths, st.integers(1, 30), st.randoms())
def test_rows_do_not_depend_on_the_order_of_asking(make_tokens, shards, seq_len, random):
    tokens = make_tokens({"web": shards})
    numbers = list(range(-(-4 * tokens.sources["web"].total // seq_len)))
    in_order = rows_of(tokens, seq_len)
    expected = [read(in_order, number) for number in numbers]
    random.shuffle(numbers)
    at_random = rows_of(tokens, seq_len)
    assert all(read(at_random, number) == expected[number] for number in numbers)


def test_each_epoch_and_each_seed_has_its_own_order(make_tokens):
    tokens = make_tokens({"web": [[9] * 40]})
    orders = {
        tuple(i for row in range(40) for i in read(rows_of(tokens, 10, seed), first + row))
        for seed in (1, 2)
        for first in (0, 40)
    }
    assert len(orders) == 4


def test_a_single_document_still_comes_in_another_order_of_rows_each_epoch(make_tokens):
    rows = rows_of(make_tokens({"web": [[399]]}), 10)
    first, second = ([rows.place(40 * epoch + row) % 40 for row in range(40)] for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second


def test_neighbouring_rows_of_a_document_come_far_apart(make_tokens):
    rows = rows_of(make_tokens({"web": [[9_999]]}), 10)
    places = [rows.place(row) for row in range(1_000)]
    neighbours = sum(abs(a - b) == 1 for a, b in pairwise(places))
    assert neighbours < 10  # two are expected of a random order


@given(st.integers(0, 300), st.integers(), st.text(max_size=5))
def test_shuffled_is_a_permutation_decided_by_its_key(count, number, text):
    order = shuffled(count, number, text).tolist()
    assert sorted(order) == list(range(count))
    assert shuffled(count, number, text).tolist() == order


def split_mix(number, seed):
    """The slow twin of the hash that `shuffled` sorts by."""
    x = (number * 0x9E3779B97F4A7C15 + seed) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


@given(st.integers(0, 100), st.integers(), st.text(max_size=5))
def test_shuffled_sorts_by_its_hash(count, number, text):
    seed = int.from_bytes(blake2b(f"{number}\0{text}".encode(), digest_size=8).digest(), "little")
    expected = sorted(range(count), key=lambda i: split_mix(i, seed))
    assert shuffled(count, number, text).tolist() == expected


def test_shuffled_is_the_same_for_ever():
    # A change here would change the order of every run that is to be resumed.
    assert shuffled(8, 1, "web", 0, "documents").tolist() == [2, 0, 5, 4, 3, 7, 1, 6]


def test_shuffled_reaches_every_permutation_equally_often():
    counts = Counter(tuple(shuffled(4, seed).tolist()) for seed in range(24 * 200))
    assert len(counts) == 24
    assert all(130 < count < 280 for count in counts.values())  # 200, five deviations around
