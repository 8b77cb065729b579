"""How training went, as charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textus.interpret.charts import Line, draw
from textus.interpret.curves import Curve, finite, read_curve, smooth, thin

WINDOW_SHARE = 1 / 50  # of the steps, averaged in the strong line
STRETCHES = 300  # of a curve: finer than the pixels of a chart on a telephone
ALARMS = 200


@dataclass(frozen=True, kw_only=True)
class TrainingCharts:
    """The charts as `<svg>`; None where there is nothing to draw."""

    loss: str
    held_out: str | None
    learning_rate: str | None
    gradient_norm: str | None
    tokens_per_second: str | None
    window: int
    """Steps averaged in a strong line."""
    first_loss: float
    alarms: bool
    """Whether there are skipped steps, marked at the foot of the loss chart."""
    cropped: bool
    """Whether the first losses lie above the chart."""


def draw_training(
    records: Sequence[dict[str, Any]], steps: int | None, compressor: tuple[str, float] | None
) -> TrainingCharts | None:
    """Charts of the records of training, over all the `steps` there are to be; None before the
    first of them.

    `compressor` is the name of a general-purpose compressor and the bits per byte that it needs for
    held-out text.
    """
    loss = finite(read_curve(records, "loss"))
    if not len(loss):
        return None
    last = max(float(steps or 0), float(records[-1]["step"]))
    half_window = round(len(loss) * WINDOW_SHARE / 2)
    top, skipped = _crop(loss), skipped_steps(records)
    return TrainingCharts(
        loss=draw(
            "loss",
            _faint_and_strong(loss, half_window),
            label="Training loss over steps",
            size="large",
            last_step=last,
            top=top,
            alarms=skipped[:ALARMS],
        ),
        held_out=_draw_held_out(records, last, compressor),
        learning_rate=_draw_small(records, "learning_rate", last),
        gradient_norm=_draw_small(records, "gradient_norm", last, half_window=half_window),
        tokens_per_second=_draw_small(records, "tokens_per_second", last, half_window=half_window),
        window=2 * half_window + 1,
        first_loss=float(loss.values[0]),
        alarms=bool(skipped),
        cropped=bool(loss.values[0] > top),
    )


def skipped_steps(records: Sequence[dict[str, Any]]) -> list[int]:
    """The steps that changed nothing because loss or gradients were not finite."""
    counts = read_curve(records, "skipped")
    rises = np.diff(counts.values, prepend=0) > 0
    return [int(step) for step in counts.steps[rises]]


def _crop(loss: Curve) -> float:
    """Where to cut the chart off: the fall of the first steps would leave the rest flat."""
    later = loss.values[len(loss) // 33 :]
    return float(later.max() + 0.04 * (later.max() - later.min()))


def _faint_and_strong(curve: Curve, half_window: int) -> list[Line]:
    strong = Line(curve=thin(smooth(curve, half_window), STRETCHES), role="first")
    if not half_window:
        return [strong]
    return [Line(curve=thin(curve, STRETCHES), role="faint"), strong]


def _draw_held_out(
    records: Sequence[dict[str, Any]], last: float, compressor: tuple[str, float] | None
) -> str | None:
    curve = finite(read_curve(records, "held_out_bits_per_byte"))
    if not len(curve):
        return None
    return draw(
        "held-out",
        [Line(curve=thin(curve, STRETCHES), role="second", dots=True)],
        label="Held-out bits per byte over steps",
        size="large",
        last_step=last,
        reference=compressor and (compressor[1], compressor[0]),
    )


def _draw_small(
    records: Sequence[dict[str, Any]],
    name: str,
    last: float,
    *,
    half_window: int = 0,
) -> str | None:
    curve = finite(read_curve(records, name))
    if not len(curve):
        return None
    if half_window:
        lines = _faint_and_strong(curve, half_window)
    else:
        lines = [Line(curve=thin(curve, STRETCHES), role="first")]
    return draw(
        name,
        lines,
        label=f"{name.replace('_', ' ').capitalize()} over steps",
        last_step=last,
        top=1.25 * float(np.quantile(curve.values, 0.99)) if half_window else None,
        from_zero=True,
        end_label=half_window > 0,
    )
