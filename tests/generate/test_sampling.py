import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from textus.generate import sampling
from textus.generate.config import SampleConfig
from textus.generate.sampling import (
    filter_logits,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    pick,
    sample,
)

logit_lists = st.lists(
    st.integers(-64, 64).map(lambda eighths: eighths / 8), min_size=1, max_size=30
)
"""Ties, but no near ties, which rounding may decide either way."""


def kept(logits: torch.Tensor) -> set[int]:
    return {i for i, value in enumerate(logits[0].tolist()) if value > -math.inf}


def row(values: list[float]) -> torch.Tensor:
    return torch.tensor([values], dtype=torch.float32)


def softmax(values: list[float]) -> list[float]:
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


@given(logit_lists, st.integers(1, 40))
def test_top_k_keeps_tokens_with_fewer_than_k_likelier_ones(values, k):
    expected = {i for i, v in enumerate(values) if sum(w > v for w in values) < k}
    assert kept(keep_top_k(row(values), k)) == expected


@given(logit_lists, st.floats(0.01, 0.99))
def test_top_p_keeps_tokens_until_their_sum_reaches_p(values, p):
    probabilities = softmax(values)
    likelier = [sum(q for q in probabilities if q > p_i) for p_i in probabilities]
    result = kept(keep_top_p(row(values), p))
    margin = 1e-5
    assert {i for i, mass in enumerate(likelier) if mass < p - margin} <= result
    # A tie may bring in its equals: only tokens less likely than the last one needed must be gone.
    assert result <= {i for i, mass in enumerate(likelier) if mass < p + margin}


@given(logit_lists, st.floats(0.01, 0.99))
def test_min_p_keeps_tokens_near_the_likeliest(values, p):
    margin = 1e-5
    ratios = [math.exp(v - max(values)) for v in values]
    result = kept(keep_min_p(row(values), p))
    assert {i for i, ratio in enumerate(ratios) if ratio > p + margin} <= result
    assert result <= {i for i, ratio in enumerate(ratios) if ratio > p - margin}


@given(logit_lists, st.integers(1, 10), st.floats(0.01, 1), st.floats(0, 1), st.floats(0.01, 5))
def test_the_likeliest_token_always_stays_and_no_filter_brings_one_back(values, k, p, m, t):
    config = SampleConfig(temperature=t, top_k=k, top_p=p, min_p=m)
    result = kept(filter_logits(row(values), config))
    assert values.index(max(values)) in result
    assert result <= kept(keep_top_k(row(values), k))


def test_top_p_looks_further_where_the_first_look_is_not_enough(monkeypatch):
    logits = torch.randn(3, 500, generator=torch.Generator().manual_seed(0))
    whole = keep_top_p(logits, 0.9)
    monkeypatch.setattr(sampling, "FIRST_LOOK", 5)
    assert torch.equal(keep_top_p(logits, 0.9), whole)
    assert 5 < len(kept(whole)) < 500


def test_filters_see_what_the_ones_before_have_left():
    """Of 0.4, 0.3, 0.2, 0.1 top-k leaves 4/7 and 3/7, and the first is then enough for p = 0.5."""
    logits = row([0.4, 0.3, 0.2, 0.1]).log()
    together = filter_logits(logits, SampleConfig(temperature=1, top_k=2, top_p=0.5))
    assert kept(together) == {0}
    assert kept(keep_top_p(logits, 0.5)) == {0, 1}


def test_temperature_comes_before_top_p():
    """At a temperature of 0.5, 0.4 beside 0.3 and 0.3 becomes 8/17: enough for p by itself."""
    logits = row([0.4, 0.3, 0.3]).log()
    assert kept(filter_logits(logits, SampleConfig(temperature=0.5, top_p=0.45))) == {0}
    assert kept(filter_logits(logits, SampleConfig(temperature=1, top_p=0.45))) == {0, 1, 2}


@given(logit_lists, st.floats(0, 1, exclude_max=True))
def test_pick_is_the_first_id_where_the_running_sum_reaches_the_draw(values, draw):
    probabilities = row(values).softmax(-1)
    [picked] = pick(probabilities, [draw])
    exact = probabilities[0].double().tolist()
    wanted, margin = (1 - draw) * sum(exact), 1e-9
    assert sum(exact[: picked + 1]) >= wanted - margin
    assert sum(exact[:picked]) < wanted + margin


@pytest.mark.parametrize("draw", [0.0, 0.25, 0.5, 1 - 2**-53])
def test_a_token_of_probability_zero_is_never_picked(draw):
    probabilities = row([0.0, 0.0, 0.5, 0.0, 0.5, 0.0])
    assert pick(probabilities, [draw])[0] in {2, 4}


def test_even_draws_give_each_token_its_share():
    probabilities = row([0.125, 0.5, 0.0, 0.375])
    draws = [i / 800 for i in range(800)]
    picked = pick(probabilities.expand(800, 4), draws)
    assert [picked.count(i) for i in range(4)] == [100, 400, 0, 300]


@settings(max_examples=20)
@given(st.integers(0, 4), st.floats(0, 0.999))
def test_a_row_depends_on_its_own_logits_and_draw_only(index, draw):
    logits = torch.randn(5, 50, generator=torch.Generator().manual_seed(1))
    config = SampleConfig(top_k=20, top_p=0.9, min_p=0.01)
    draws = [0.1, 0.3, 0.5, 0.7, 0.9]
    draws[index] = draw
    assert (
        sample(logits, config, draws)[index] == sample(logits[index : index + 1], config, [draw])[0]
    )


@pytest.mark.parametrize("temperature", [0, 1e-6])
def test_no_temperature_and_a_tiny_one_take_the_most_likely_token(temperature):
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(2)) * 1000
    config = SampleConfig(temperature=temperature)
    assert sample(logits, config, [0.0, 0.3, 0.6, 0.99]) == logits.argmax(-1).tolist()
