import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.data.mixture import Mixture, shares
from textus.errors import RecipeError

weights = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


def as_shares(values):
    return {f"s{i}": value / sum(values) for i, value in enumerate(values)}


@given(weights, st.integers(1, 300))
def test_each_source_is_within_one_row_of_its_share_at_any_time(values, count):
    mixture = Mixture(as_shares(values))
    for row in range(1, count + 1):
        mixture.deal(1)
        assert sum(mixture.drawn.values()) == row
        for name, share in mixture.shares.items():
            assert abs(mixture.drawn[name] - share * row) < 1 + 1e-9


@given(weights, st.lists(st.integers(0, 9), max_size=10))
def test_the_rows_dealt_do_not_depend_on_how_many_are_asked_for_at_once(values, sizes):
    parts, whole = Mixture(as_shares(values)), Mixture(as_shares(values))
    assert [row for size in sizes for row in parts.deal(size)] == whole.deal(sum(sizes))


def test_a_source_gives_its_rows_in_order():
    dealt = Mixture(as_shares([1, 2, 5])).deal(80)
    for name, count in [("s0", 10), ("s1", 20), ("s2", 50)]:
        assert [row for source, row in dealt if source == name] == list(range(count))


def test_shares_are_weights_or_sizes_adding_up_to_one(make_tokens):
    tokens = make_tokens({"a": [[9]], "b": [[14, 14]], "c": [[59]]})
    assert shares(tokens, None) == {"a": 0.1, "b": 0.3, "c": 0.6}
    assert shares(tokens, {"c": 3, "a": 1, "b": 0}) == {"a": 0.25, "c": 0.75}
    assert shares(tokens, {"a": 1, "b": 0, "c": 0, "gone": 0}) == {"a": 1}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": 1}, "'b' has no weight"),
        ({"a": 1, "b": -2}, "weight=-2 of source 'b'"),
        ({"a": 1, "b": float("nan")}, "weight=nan of source 'b'"),
        ({"a": 1, "b": 1, "gone": 2}, "'gone' has weight 2 but no documents .*'a', 'b'"),
        ({"a": 0, "b": 0}, "Every source has weight 0"),
    ],
)
def test_weights_that_do_not_fit_the_sources_are_refused(make_tokens, weights, message):
    with pytest.raises(RecipeError, match=message):
        shares(make_tokens({"a": [[1]], "b": [[1]]}), weights)
