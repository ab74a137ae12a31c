"""A panel as SVG: the picture that a saved notebook keeps.

Pure and deterministic: the same points give the same bytes. Colours read on white and on black, because the picture
stands in an ``<img>`` and cannot see the page's theme. NaN breaks a line and is a cross on the floor; an infinity is a
mark at the edge it went to.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from tauro_nb.display.data import Panel, Series
from tauro_nb.display.format import short_number
from tauro_nb.display.palette import GREY, series_colour, series_dash

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 44, 26
_LARGEST = sys.float_info.max

MOST_NAMES = 8
"""Names in a legend; more are counted."""

LONGEST_NAME = 24
LONGEST_LABEL = LONGEST_NAME + 12
"""A name with its last value."""

LETTER_PX = 6.2
CROSS_PX = 8
"""Between two crosses of one curve, at least."""


def draw(panel: Panel) -> str:
    """Return the panel as an SVG document."""
    corners = ((0.0, 0.0), (1.0, 1.0)) if panel.square else panel.guide
    along = [x for series in panel.series for x in series.x] + [x for x, _ in corners]
    up = [y for series in panel.series for y in series.y] + [y for _, y in corners]
    x_axis = Axis.over(along, LEFT, WIDTH - RIGHT, whole=panel.steps)
    y_axis = Axis.over(up, HEIGHT - BOTTOM, TOP)
    parts = [head(panel.title, WIDTH, HEIGHT, LEFT), _legend(panel), *_grid(x_axis, y_axis)]
    if panel.guide:
        way = "L".join(f"{x_axis(x):.1f} {y_axis(y):.1f}" for x, y in panel.guide)
        parts.append(f'<path d="M{way}" fill="none" stroke="{GREY}" stroke-dasharray="4 4"/>')
    for index, series in enumerate(panel.series):
        curve = _dots if series.dots else _curve
        parts.append(curve(series, index, x_axis, y_axis))
    parts.append("</svg>")
    return "".join(parts)


def head(title: str, width: float, height: float, left: float) -> str:
    """Return the beginning of a document, with its title."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    font = f'font-family="system-ui, sans-serif" font-size="11" fill="{GREY}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>'
        f'<text x="{left:g}" y="14" font-size="12" font-weight="600">{label(title, 44)}</text>'
    )


class Axis:
    """A linear scale from values to pixels, with ticks at round values."""

    def __init__(self, low: float, high: float, start: float, end: float, *, whole: bool = False) -> None:
        if low == high:
            pad = abs(low) * 0.1 or 1.0
            low, high = max(low - pad, -_LARGEST), min(high + pad, _LARGEST)
        self.start, self.end = start, end
        self._unit = max(abs(low), abs(high))  # in this unit no difference of two finite values overflows
        self._low, self._high = low / self._unit, high / self._unit
        self.ticks = _ticks(low, high, whole=whole)

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, whole: bool = False) -> Axis:
        """Return the axis that holds all finite `values`."""
        finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        return cls(min(finite), max(finite), start, end, whole=whole)

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; an infinity is at the edge."""
        if math.isinf(value):
            return self.end if value > 0 else self.start
        return self.start + (value / self._unit - self._low) / (self._high - self._low) * (self.end - self.start)


def _ticks(low: float, high: float, *, whole: bool, count: int = 5) -> list[float]:
    """Return about `count` round values between `low` and `high` (Heckbert, "Nice numbers for graph labels", 1990)."""
    rough = high / count - low / count
    if rough <= 0:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(1.0, step)
    first = math.ceil(low / step - 1e-9)
    ticks = [(first + i) * step for i in range(count * 3)]
    return [tick for tick in ticks if low <= tick <= high] or [low, high]


def _grid(x_axis: Axis, y_axis: Axis) -> list[str]:
    parts = []
    for tick in y_axis.ticks:
        y = y_axis(tick)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GREY}" stroke-opacity=".25"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label(short_number(tick), 9)}</text>'
        )
    for tick in x_axis.ticks:
        x = x_axis(tick)
        at = short_number(round(tick) if tick.is_integer() else tick)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{label(at, 9)}</text>')
    return parts


def _legend(panel: Panel) -> str:
    """Return the names, with the last values where there is room for all of them."""
    names = [
        each.name if len(each.name) <= LONGEST_NAME else each.name[: LONGEST_NAME - 1] + "…" for each in panel.series
    ]
    if panel.steps:
        lasts = [short_number(each.y[-1]) if each.y else "" for each in panel.series]
        told = [f"{name} {last}" for name, last in zip(names, lasts, strict=True)]
        if sum(28 + LETTER_PX * len(each) for each in told) <= WIDTH - RIGHT - LEFT + 8:
            names = told
    parts, x = [], float(LEFT)
    for index, name in enumerate(names):
        width = 20 + LETTER_PX * len(name)
        if index == MOST_NAMES or x + width > WIDTH - RIGHT:
            parts.append(f'<text x="{x:.1f}" y="32">+{len(names) - index}</text>')
            break
        dash = f' stroke-dasharray="{series_dash(index)}"' if series_dash(index) else ""
        parts.append(
            f'<path d="M{x:.1f} 28h12" stroke="{series_colour(index)}" stroke-width="2"{dash}/>'
            f'<text x="{x + 16:.1f}" y="32">{label(name, LONGEST_LABEL)}</text>'
        )
        x += width + 8
    return "".join(parts)


def _curve(series: Series, index: int, x_axis: Axis, y_axis: Axis) -> str:
    colour = series_colour(index)
    dash = f' stroke-dasharray="{series_dash(index)}"' if series_dash(index) else ""
    steps: list[str] = []
    marks: list[str] = []
    pen_down = False
    crosses: list[str] = []
    free = -math.inf
    for x, y in zip(series.x, series.y, strict=True):
        if not math.isfinite(x) or math.isnan(y):
            pen_down = False
            if math.isfinite(x) and x_axis(x) >= free:
                free = x_axis(x) + CROSS_PX
                crosses.append(f"M{x_axis(x) - 3:.1f} {HEIGHT - BOTTOM - 8}l6 6m0 -6l-6 6")
            continue
        spot = f"{x_axis(x):.1f} {y_axis(y):.1f}"
        if math.isinf(y):
            marks.append(f'<path d="M{spot}m-4 0h8l-4 {-6 if y > 0 else 6}z" fill="{colour}"/>')
            pen_down = False
            continue
        steps.append(("L" if pen_down else "M") + spot)
        pen_down = True
    lone = [step for step, after in pairwise([*steps, "M"]) if step[0] == after[0] == "M"]
    dots = "".join(f'<circle cx="{dot[1:].split()[0]}" cy="{dot.split()[1]}" r="2" fill="{colour}"/>' for dot in lone)
    line = f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="1.75"{dash}/>' if steps else ""
    if crosses:
        marks.append(f'<path d="{"".join(crosses)}" stroke="{colour}" stroke-width="1.75"/>')
    return line + dots + "".join(marks)


def _dots(series: Series, index: int, x_axis: Axis, y_axis: Axis) -> str:
    spots = zip(series.x, series.y, strict=True)
    path = "".join(f"M{x_axis(x):.0f} {y_axis(y):.0f}h0" for x, y in spots if math.isfinite(x) and math.isfinite(y))
    look = f'stroke="{series_colour(index)}" stroke-width="4" stroke-linecap="round" stroke-opacity=".6"'
    return f'<path d="{path}" fill="none" {look}/>'


def label(text: str, longest: int) -> str:
    """Return a text as it may stand in a document: cut where it is long, without what is not printable."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape(shown if len(shown) <= longest else shown[: longest - 1] + "…")
