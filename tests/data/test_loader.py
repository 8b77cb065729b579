import itertools
import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from textus.data.loader import Loader
from textus.errors import DataError, RecipeError

TWO = {"web": [[3, 17, 5], [40]], "books": [[60, 2]]}
SEVERAL = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.lists(st.integers(0, 15), min_size=1, max_size=4), min_size=1, max_size=2),
    min_size=1,
)


def load(tokens, **options):
    settings: dict[str, Any] = {"seq_len": 8, "rows_per_step": 4, "seed": 1} | options
    return Loader(tokens, **settings)


def rows(loader, steps):
    """Each step's rows of one process: inputs, targets and source."""
    return [
        [
            (*row, source)
            for batch in step
            for *row, source in zip(
                batch.tokens.tolist(), batch.targets.tolist(), batch.sources, strict=True
            )
        ]
        for step in itertools.islice(loader, steps)
    ]


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


@given(SEVERAL, st.integers(1, 9), st.integers(1, 12), st.integers(1, 5))
def test_all_ranks_together_read_the_rows_of_one(
    make_tokens, lengths, rows_per_step, world_size, micro_rows
):
    tokens = make_tokens(lengths)
    options = {"rows_per_step": rows_per_step}
    ranks = [
        rows(load(tokens, rank=r, world_size=world_size, micro_rows=micro_rows, **options), 3)
        for r in range(world_size)
    ]
    together = [flat(parts) for parts in zip(*ranks, strict=True)]
    assert together == rows(load(tokens, **options), 3)
    sizes = {len(step) for rank in ranks for step in rank}
    assert max(sizes) - min(sizes) <= 1


@given(SEVERAL, st.integers(1, 7), st.integers(1, 7))
def test_a_row_of_the_run_does_not_depend_on_the_batch_size(make_tokens, lengths, a, b):
    tokens = make_tokens(lengths)
    by_a = flat(rows(load(tokens, rows_per_step=a), b))
    assert by_a == flat(rows(load(tokens, rows_per_step=b), a))


@given(
    SEVERAL,
    st.integers(0, 6),
    st.fixed_dictionaries(
        {"rank": st.just(0), "world_size": st.integers(1, 3), "micro_rows": st.integers(1, 3)}
    ),
)
def test_a_resumed_run_equals_an_uninterrupted_one(make_tokens, lengths, stop, layout):
    tokens = make_tokens(lengths)
    first = load(tokens, rank=1, world_size=2)
    rows(first, stop)
    resumed = load(tokens, **layout)
    resumed.restore(json.loads(json.dumps(first.state())))
    assert rows(resumed, 3) == rows(load(tokens, **layout), stop + 3)[stop:]


def test_the_state_does_not_depend_on_the_rank_and_does_not_change_behind_the_back(make_tokens):
    tokens = make_tokens(TWO)
    loaders = [load(tokens, rank=rank, world_size=6) for rank in range(6)]
    for loader in loaders:
        next(loader)
    states = [loader.state() for loader in loaders]
    assert all(state == states[0] for state in states)
    saved = json.dumps(states[0])
    next(loaders[0])
    assert json.dumps(states[0]) == saved


def test_a_state_of_other_data_is_refused_and_the_differences_named(make_tokens):
    state = load(make_tokens(TWO)).state()
    with pytest.raises(DataError, match="seq_len was 8, now 9"):
        load(make_tokens(TWO), seq_len=9).restore(state)
    with pytest.raises(DataError, match="seed was 1, now 2"):
        load(make_tokens(TWO), seed=2).restore(state)
    with pytest.raises(DataError, match=r"share of source 'books' was .*, now 0\.5"):
        load(make_tokens(TWO), weights={"web": 1, "books": 1}).restore(state)
    with pytest.raises(DataError, match="tokens of source 'web' was 69, now 70"):
        load(make_tokens(TWO | {"web": [[3, 17, 5], [41]]})).restore(state)
    with pytest.raises(DataError, match="tokens of source 'books' was 64, now absent"):
        load(make_tokens({"web": TWO["web"]})).restore(state)
    with pytest.raises(DataError, match="digest of source 'web'"):
        load(make_tokens(TWO | {"web": [[17, 3, 5], [40]]})).restore(state)


@given(SEVERAL, st.integers(1, 20), st.integers(1, 5))
def test_segments_tile_the_rows_and_begin_at_end_of_text_or_at_a_row(
    make_tokens, lengths, seq_len, micro_rows
):
    loader = load(make_tokens(lengths), seq_len=seq_len, micro_rows=micro_rows)
    for batch in itertools.chain.from_iterable(itertools.islice(loader, 3)):
        stream = batch.tokens.flatten().tolist()
        begins = {i for i, token in enumerate(stream) if token == 0 or i % seq_len == 0}
        if batch.segments is None:
            assert len(begins) == len(batch.tokens)
        else:
            ends = batch.segments.cumsum(0).tolist()
            assert ends[-1] == len(stream)
            assert {0, *ends[:-1]} == begins
            assert len(begins) > len(batch.tokens)


def test_targets_are_the_tokens_one_place_on_and_documents_end_in_end_of_text(make_tokens):
    tokens = make_tokens(TWO)
    followers = {}
    for source in tokens.sources.values():
        for number in range(source.documents):
            ids = source.document(number).tolist()
            followers |= dict(zip(ids[1:], [*ids[2:], 0], strict=True))
    for batch in itertools.chain.from_iterable(itertools.islice(load(tokens), 20)):
        assert batch.tokens.dtype == batch.targets.dtype == torch.int64
        assert torch.equal(batch.tokens[:, 1:], batch.targets[:, :-1])
        pairs = zip(batch.tokens.flatten().tolist(), batch.targets.flatten().tolist(), strict=True)
        assert all(followers[token] == target for token, target in pairs if token)


def test_drawn_reports_shares_and_epochs_beside_what_was_asked(make_tokens):
    loader = load(make_tokens(TWO), weights={"web": 3, "books": 1}, rows_per_step=10)
    assert [drawn.share for drawn in loader.drawn()] == [0, 0]
    rows(loader, 10)
    books, web = loader.drawn()
    assert (books.source, books.asked, books.share, books.rows) == ("books", 0.25, 0.25, 25)
    assert (books.tokens, books.epochs) == (200, 200 / 64)
    assert (web.source, web.asked, web.share, web.rows) == ("web", 0.75, 0.75, 75)


@pytest.mark.parametrize("field", ["rows_per_step", "micro_rows"])
def test_no_rows_at_all_are_refused(make_tokens, field):
    with pytest.raises(RecipeError, match=f"{field}=0"):
        load(make_tokens(TWO), **{field: 0})
