"""Curves as SVG that takes its colours from the page.

matplotlib draws each role in a stand-in colour; afterwards each stand-in becomes a CSS variable, so
that one chart reads on a light page and on a dark one. Texts stay texts, in the page's font.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Literal

from textus.interpret.curves import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Role = Literal["faint", "first", "second", "plain"]

_STAND_INS = {
    "ink": "#0a0b01",
    "grid": "#0a0b02",
    "faint": "#0a0b03",
    "first": "#0a0b04",
    "second": "#0a0b05",
    "plain": "#0a0b06",
    "alarm": "#0a0b07",
}
_WIDTHS = {"faint": 0.8, "first": 2.0, "second": 2.0, "plain": 1.6}
_SIZES = {"large": (430, 240, 11), "small": (330, 165, 11)}  # width, height, letters: pixels
_DOTS = 40  # above so many points a line is drawn without them


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve and how it is drawn: `faint` behind, or in one of the page's colours."""

    curve: Curve
    role: Role
    dots: bool = False


def draw(
    name: str,
    lines: Sequence[Line],
    *,
    label: str,
    size: Literal["large", "small"] = "small",
    last_step: float,
    top: float | None = None,
    from_zero: bool = False,
    reference: tuple[float, str] | None = None,
    alarms: Sequence[float] = (),
    end_label: bool = True,
) -> str:
    """Lines over steps 0 to `last_step` as an inline `<svg>`; the same input gives the same text.

    `name` tells the chart from others on the page; `label` describes it to those who cannot see it.
    Values above `top` are cut off. `reference` is a level with its name, `alarms` are steps to mark
    at the foot. The last point of the last line is labelled with its value, with `end_label`.
    """
    import matplotlib
    from matplotlib.figure import Figure

    width, height, letters = _SIZES[size]
    settings = {"svg.hashsalt": name, "svg.fonttype": "none", "font.size": letters}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width / 72, height / 72))
        axes = figure.add_axes(_frame(width, height))
        _style(axes, last_step)
        for line in lines:
            _plot(axes, line)
        if reference:
            _mark_level(axes, *reference)
        _set_limits(axes, top, from_zero)
        _mark_steps(axes, alarms)
        if end_label:
            _label_end(axes, lines[-1])
        return _to_svg(figure, label)


def _frame(width: int, height: int) -> tuple[float, float, float, float]:
    """Where the axes lie in the figure: at the right there is room for the last value."""
    left, right, below, above = 44, 46, 24, 10
    return left / width, below / height, 1 - (left + right) / width, 1 - (below + above) / height


def _style(axes: "Axes", last_step: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.patch.set_visible(False)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_STAND_INS["grid"])
    axes.tick_params(length=0, labelcolor=_STAND_INS["ink"], pad=6)
    axes.grid(axis="y", color=_STAND_INS["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlim(0, max(last_step, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e3 else f"{value:.6g}"


def _plot(axes: "Axes", line: Line) -> None:
    dotted = line.dots and len(line.curve) <= _DOTS
    axes.plot(
        line.curve.steps,
        line.curve.values,
        color=_STAND_INS[line.role],
        linewidth=_WIDTHS[line.role],
        marker="o" if dotted else None,
        markersize=4.5,
        solid_joinstyle="round",
        solid_capstyle="round",
        clip_on=not dotted,
    )


def _mark_level(axes: "Axes", value: float, text: str) -> None:
    axes.axhline(value, color=_STAND_INS["plain"], linewidth=1, dashes=(4, 3))
    axes.annotate(
        text,
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        color=_STAND_INS["ink"],
    )


def _set_limits(axes: "Axes", top: float | None, from_zero: bool) -> None:
    low, high = axes.get_ylim()
    if from_zero:
        low = 0
    axes.set_ylim(low, high if top is None or top >= high or top <= low else top)


def _mark_steps(axes: "Axes", steps: Sequence[float]) -> None:
    if steps:
        axes.vlines(
            list(steps),
            0,
            0.06,
            transform=axes.get_xaxis_transform(),
            color=_STAND_INS["alarm"],
            linewidth=1.5,
        )


def _label_end(axes: "Axes", line: Line) -> None:
    step, value = line.curve.steps[-1], line.curve.values[-1]
    axes.annotate(
        _short(float(f"{value:.3g}")),
        (step, value),
        xytext=(7, -4),
        textcoords="offset points",
        color=_STAND_INS[line.role],
        weight="bold",
        annotation_clip=False,
    )


def _to_svg(figure: "Figure", label: str) -> str:
    file = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    svg = file.getvalue()
    view = re.search(r'viewBox="[^"]+"', svg)
    assert view is not None
    body = re.sub(
        r"<metadata>.*?</metadata>", "", svg[svg.index(">", view.end()) + 1 :], flags=re.DOTALL
    )
    return f'<svg {view[0]} role="img" aria-label="{label}">{_themed(_slim(body))}'


def _slim(svg: str) -> str:
    """Without names that nothing refers to, without blanks, and to a tenth of a pixel."""
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d)\d+", r"\1", tag[0]), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)


def _themed(svg: str) -> str:
    for role, colour in _STAND_INS.items():
        svg = svg.replace(colour, f"var(--chart-{role})")
    return svg
