from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textus.train.config import TrainConfig
from textus.train.schedule import learning_rate_factor


def _factors(**settings: float) -> list[float]:
    config = TrainConfig(**settings)  # pyrefly: ignore
    return [learning_rate_factor(step, config) for step in range(config.steps)]


@given(st.integers(1, 300), st.integers(0, 400), st.floats(0, 1))
def test_factor_rises_stays_and_falls(steps: int, warmup: int, decay: float):
    warmup = min(warmup, steps)
    factors = _factors(steps=steps, warmup_steps=warmup, decay_share=decay)
    assert all(0 < f <= 1 for f in factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    if warmup + decay * steps < steps - 1:
        assert max(factors) == 1


@given(st.integers(2, 100), st.integers(0, 50))
def test_changes_are_even(steps: int, warmup: int):
    """No step changes the rate by more than its part of the way up or down."""
    warmup = min(warmup, steps)
    factors = _factors(steps=steps, warmup_steps=warmup, decay_share=0.5)
    for before, after in pairwise(factors):
        assert after - before <= 1 / (warmup + 1) + 1e-9
        assert before - after <= 2 / steps + 1e-9


def test_schedule_of_ten_steps_is_drawn_by_hand():
    factors = _factors(steps=10, warmup_steps=3, decay_share=0.4)
    drawn = [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert factors == pytest.approx(drawn)


def test_without_warmup_and_decay_the_rate_is_constant():
    assert _factors(steps=5, warmup_steps=0, decay_share=0.0) == [1] * 5
