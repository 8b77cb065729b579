"""A run's metrics as curves: smoothed, and thinned to what an eye can tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """A number over the steps of a run, both float64 (points,); it may be NaN or infinite."""

    steps: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)


def read_curve(records: Sequence[dict[str, Any]], name: str) -> Curve:
    """The curve of a metric, from the records that have it."""
    pairs = [(record["step"], record[name]) for record in records if name in record]
    both = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return Curve(both[:, 0], both[:, 1])


def finite(curve: Curve) -> Curve:
    """The points whose value is a number."""
    good = np.isfinite(curve.values)
    return Curve(curve.steps[good], curve.values[good])


def smooth(curve: Curve, half_window: int) -> Curve:
    """Means over up to `half_window` points on either side, of a finite curve.

    Near the start the window shrinks on both sides alike, so that the steep fall there is not
    smeared; near the end only what lies ahead is missing, so that the last value is no single
    point's.
    """
    n = len(curve)
    position = np.arange(n)
    first = position - np.minimum(position, half_window)
    last = np.minimum(position + np.minimum(position, half_window), n - 1)
    sums = np.concatenate([[0.0], np.cumsum(curve.values)])
    return Curve(curve.steps, (sums[last + 1] - sums[first]) / (last + 1 - first))


def thin(curve: Curve, stretches: int) -> Curve:
    """At most two points of each of so many equal stretches: the lowest and the highest.

    So no spike is lost. The first and the last point stay as they are.
    """
    if len(curve) <= 2 * stretches + 2:
        return curve
    keep = {0, len(curve) - 1}
    for part in np.array_split(np.arange(len(curve)), stretches):
        values = curve.values[part]
        keep |= {int(part[values.argmin()]), int(part[values.argmax()])}
    chosen = np.array(sorted(keep))
    return Curve(curve.steps[chosen], curve.values[chosen])
