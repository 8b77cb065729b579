import re

import numpy as np
import pytest

from textus.interpret.charts import Line, draw
from textus.interpret.curves import Curve


def line(points: int = 20) -> Line:
    steps = np.arange(1.0, points + 1)
    return Line(curve=Curve(steps, 3 + 2 / steps), role="first", dots=True)


@pytest.fixture(scope="module")
def chart() -> str:
    return draw(
        "loss", [line()], label="Loss", last_step=40, reference=(4.0, "level"), alarms=[7.0]
    )


def test_a_chart_is_drawn_the_same_each_time(chart: str) -> None:
    again = draw(
        "loss", [line()], label="Loss", last_step=40, reference=(4.0, "level"), alarms=[7.0]
    )
    assert again == chart


def test_a_chart_takes_its_colours_from_the_page(chart: str) -> None:
    used = set(re.findall(r"var\(--chart-(\w+)\)", chart))
    assert {"ink", "grid", "first", "plain", "alarm"} <= used
    assert "#0a0b0" not in chart


def test_a_chart_says_the_last_value_in_full_letters(chart: str) -> None:
    assert ">3.1</text>" in chart
    assert ">level</text>" in chart


def test_charts_on_one_page_share_no_names(chart: str) -> None:
    other = draw("speed", [line()], label="Speed", last_step=40)
    names = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (chart, other)]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


def test_every_name_that_a_chart_refers_to_is_in_it(chart: str) -> None:
    referred = set(re.findall(r'(?:url\(|href=")#([^")]+)', chart))
    assert referred
    assert referred <= set(re.findall(r'\bid="([^"]+)"', chart))


def test_values_above_the_top_are_cut_off() -> None:
    def highest_tick(top: float | None) -> float:
        svg = draw("a", [line()], label="A", last_step=20, top=top, end_label=False)
        vertical = re.findall(r"text-anchor: end[^>]*>([\d.]+)<", svg)
        return max(map(float, vertical))

    assert highest_tick(4.0) <= 4.0 < highest_tick(None)
