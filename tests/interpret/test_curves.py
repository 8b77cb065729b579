import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textus.interpret.curves import Curve, finite, read_curve, smooth, thin

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def curve_of(numbers: list[float]) -> Curve:
    return Curve(np.arange(1.0, len(numbers) + 1), np.array(numbers))


def test_a_curve_takes_the_records_that_have_the_metric() -> None:
    records = [
        {"step": 1, "loss": 3.0},
        {"step": 1, "held_out": 2.0},
        {"step": 2, "loss": math.nan},
    ]
    curve = read_curve(records, "loss")
    assert curve.steps.tolist() == [1, 2]
    assert finite(curve).values.tolist() == [3.0]
    assert len(read_curve(records, "absent")) == 0


@given(values, st.integers(0, 80))
def test_smoothing_equals_the_plain_mean_of_each_window(
    numbers: list[float], half_window: int
) -> None:
    smoothed = smooth(curve_of(numbers), half_window).values
    for i in range(len(numbers)):
        reach = min(i, half_window)
        window = numbers[i - reach : i + reach + 1]
        assert math.isclose(smoothed[i], sum(window) / len(window), rel_tol=1e-9, abs_tol=1e-6)


@given(values, st.integers(1, 12))
def test_thinning_keeps_ends_extremes_and_order(numbers: list[float], stretches: int) -> None:
    curve = curve_of(numbers)
    thinned = thin(curve, stretches)
    assert len(thinned) <= 2 * stretches + 2
    assert (np.diff(thinned.steps) > 0).all()
    assert thinned.values[[0, -1]].tolist() == [numbers[0], numbers[-1]]
    assert (thinned.values.min(), thinned.values.max()) == (min(numbers), max(numbers))
    assert (curve.values[thinned.steps.astype(int) - 1] == thinned.values).all()
