from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st

from textus.data.batch import IGNORED
from textus.data.held_out import held_out_batches, iterate_documents

SEVERAL = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.lists(st.integers(0, 15), min_size=1, max_size=4), min_size=1, max_size=2),
    min_size=1,
)


@given(SEVERAL)
def test_documents_come_once_in_order_with_their_source(make_tokens, lengths):
    tokens = make_tokens(lengths)
    expected = [(n, d) for n in sorted(lengths) for shard in lengths[n] for d in shard]
    documents = list(iterate_documents(tokens))
    assert [(name, len(ids) - 1) for name, ids in documents] == expected
    assert all(ids[0] == 0 for _, ids in documents)


@given(SEVERAL, st.integers(1, 12), st.integers(1, 5))
def test_every_token_and_every_end_is_predicted_once_from_its_own_document(
    make_tokens, lengths, seq_len, rows
):
    tokens = make_tokens(lengths)
    expected = Counter(
        (name, int(token), int(target))
        for name, ids in iterate_documents(tokens)
        for token, target in zip(ids, [*ids[1:], 0], strict=True)
    )
    seen = Counter()
    for batch in held_out_batches(tokens, seq_len=seq_len, rows=rows):
        assert len(set(batch.sources)) == 1
        assert len(batch.sources) == len(batch.tokens) <= rows
        assert batch.segments is None
        kept = batch.targets != IGNORED
        pairs = torch.stack([batch.tokens[kept], batch.targets[kept]], dim=1).tolist()
        seen.update((batch.sources[0], *pair) for pair in pairs)
    assert seen == expected


@given(SEVERAL, st.integers(1, 12))
def test_filling_stands_after_the_document(make_tokens, lengths, seq_len):
    for batch in held_out_batches(make_tokens(lengths), seq_len=seq_len, rows=4):
        for targets in batch.targets.tolist():
            filled = targets.count(IGNORED)
            assert filled < seq_len
            assert targets[seq_len - filled :] == [IGNORED] * filled


@given(SEVERAL, st.integers(1, 12), st.integers(1, 40))
def test_the_quick_subset_is_fixed_bounded_and_has_every_source(
    make_tokens, lengths, seq_len, max_rows
):
    tokens = make_tokens(lengths)

    def subset(**limit):
        batches = held_out_batches(tokens, seq_len=seq_len, rows=3, **limit)
        return [
            (batch.sources[0], *row)
            for batch in batches
            for row in torch.cat([batch.tokens, batch.targets], dim=1).tolist()
        ]

    chosen, everything = subset(max_rows=max_rows), subset()
    assert chosen == subset(max_rows=max_rows)
    assert not Counter(chosen) - Counter(everything)
    assert {row[0] for row in chosen} == set(lengths)
    assert len(chosen) <= max(max_rows, len(lengths), max_rows + len(lengths) - 1)
    if max_rows >= len(everything):
        assert chosen == everything


def test_the_quick_subset_is_spread_over_the_documents(make_tokens):
    tokens = make_tokens({"web": [[9] * 30]})
    batches = held_out_batches(tokens, seq_len=10, rows=3, max_rows=3)
    firsts = [batch.tokens[:, 1].tolist() for batch in batches]
    assert firsts == [[1 + 9 * 5, 1 + 9 * 15, 1 + 9 * 25]]
