import math
from typing import Any

from textus.interpret.training import TrainingCharts, draw_training, skipped_steps


def records_of(losses: list[float]) -> list[dict[str, Any]]:
    records, skipped = [], 0
    for step, loss in enumerate(losses, start=1):
        skipped += not math.isfinite(loss)
        records.append({"step": step, "loss": loss, "skipped": skipped, "learning_rate": 0.1})
    return records


def drawn(losses: list[float], steps: int | None = None) -> TrainingCharts:
    charts = draw_training(records_of(losses), steps, None)
    assert charts is not None
    return charts


def test_skipped_steps_are_found_and_leave_the_curve_whole() -> None:
    losses = [5.0, math.nan, 4.0, math.inf, math.nan, 3.0]
    assert skipped_steps(records_of(losses)) == [2, 4, 5]
    charts = drawn(losses)
    assert charts.alarms
    assert "--chart-alarm" in charts.loss
    assert "nan" not in charts.loss.lower()


def test_a_single_step_can_be_drawn() -> None:
    charts = drawn([9.0])
    assert charts.window == 1
    assert not charts.cropped
    assert charts.held_out is charts.gradient_norm is None


def test_nothing_is_drawn_before_the_first_finite_loss() -> None:
    assert draw_training([], 10, None) is None
    assert draw_training(records_of([math.nan]), 10, None) is None


def test_the_steep_beginning_is_cut_off() -> None:
    charts = drawn([9.0, 8.0, *(4 + 1 / n for n in range(1, 200))])
    assert charts.cropped
    assert charts.first_loss == 9.0


def test_an_unfinished_run_is_drawn_over_all_its_steps() -> None:
    assert ">400</text>" in drawn([3.0, 2.5, 2.0], steps=400).loss
    assert ">400</text>" not in drawn([3.0, 2.5, 2.0]).loss
