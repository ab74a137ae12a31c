"""Charts as pictures: panels of curves by `svg`, a confusion matrix and bars here; pure and deterministic like those.

The cells of a matrix have a ground of their own, so that the numbers on it can be read on any page.
"""

from __future__ import annotations

import base64
import math

from tauro_nb.display import svg
from tauro_nb.display.data import Bars, Chart, Matrix, Panel, Series
from tauro_nb.display.format import short_number
from tauro_nb.display.palette import GREY, series_colour

CLASS_CHARS = 14
FEATURE_CHARS = 20
CHAR_PX = 6.2
TITLE_PX = 24
BAR_PX = 16
ROOM_PX = 44
"""Of the number behind a bar."""

EVERY_ZERO = 5
"""Classes up to which a cell of a matrix says that nothing is in it."""

DARK_FROM = 0.4
"""Share of its row from which a cell is so dark that its number is white."""

_PALE, _FULL = (0xE3, 0xEC, 0xF3), (0x00, 0x50, 0x7D)
_INK_ON_PALE, _INK_ON_FULL = "#1b1b1b", "#ffffff"


def image(chart: Chart) -> str:
    """Return the chart as a ``data:`` address for an ``<img>``."""
    return "data:image/svg+xml;base64," + base64.b64encode(draw(chart).encode()).decode()


def size(chart: Chart) -> tuple[int, int]:
    """Return width and height of its picture, in pixels: those of a panel, or more where it needs more."""
    match chart:
        case Panel():
            return svg.WIDTH, svg.HEIGHT
        case Matrix():
            side = len(chart.names)
            wide, high = _cell(side)
            across, down = _names_px(chart.names, CLASS_CHARS) + side * wide + 12, TITLE_PX + 40 + side * high
            return max(svg.WIDTH, round(across)), max(svg.HEIGHT, down)
        case Bars():
            down = TITLE_PX + 8 + BAR_PX * (len(chart.names) + bool(chart.more))
            return svg.WIDTH, max(svg.HEIGHT, down)


def describe(chart: Chart) -> str:
    """Return what a reader hears who does not see the picture, and everybody else over it."""
    if isinstance(chart, Panel) and chart.steps:
        told = [f"{series.name} {course(series)}".rstrip() for series in chart.series[: svg.MOST_NAMES]]
        return f"Chart of {chart.title}: " + "; ".join(told)
    names = [series.name for series in chart.series] if isinstance(chart, Panel) else chart.names
    return f"Chart of {chart.title}: " + ", ".join(names[: svg.MOST_NAMES])


def course(series: Series) -> str:
    """Return last, least and greatest value of a curve over steps, in words."""
    if not series.y:
        return ""
    last = f"last {short_number(series.y[-1])}"
    known = [y for y in series.y if not math.isnan(y)]
    if not known:
        return last
    low, high = short_number(min(known)), short_number(max(known))
    return f"{last}  min {low}  max {high}  at step {short_number(int(series.x[-1]))}"


def draw(chart: Chart) -> str:
    """Return the chart as an SVG document."""
    match chart:
        case Panel():
            return svg.draw(chart)
        case Matrix():
            return _matrix(chart)
        case Bars():
            return _bars(chart)


def _matrix(matrix: Matrix) -> str:
    left, side = _names_px(matrix.names, CLASS_CHARS), len(matrix.names)
    wide, high = _cell(side)
    top = TITLE_PX + 36
    fits = int(wide / CHAR_PX)
    parts = [
        svg.head(matrix.title, *size(matrix), 0),
        f'<text x="{left:g}" y="{TITLE_PX + 12}">predicted</text><text x="0" y="{top - 6}">actual</text>',
    ]
    for at, name in enumerate(matrix.names):
        x, y = left + (at + 0.5) * wide, top + (at + 0.5) * high
        parts.append(
            f'<text x="{x:.1f}" y="{top - 6}" text-anchor="middle">{svg.label(name, max(2, fits - 1))}</text>'
            f'<text x="0" y="{y + 4:.1f}">{svg.label(name, CLASS_CHARS)}</text>'
        )
    parts.append(
        f'<rect x="{left:.1f}" y="{top}" width="{side * wide}" height="{side * high}" fill="{ground(0)}"/>'
        f'<g text-anchor="middle" fill="{_INK_ON_PALE}">'
    )
    for down, row in enumerate(matrix.cells):
        total = sum(row) or 1.0
        for across, count in enumerate(row):
            if count or side <= EVERY_ZERO:
                parts.append(_number(left + across * wide, top + down * high, (wide, high), count, count / total))
    return "".join([*parts, "</g></svg>"])


def _number(x: float, y: float, cell: tuple[int, int], count: float, share: float) -> str:
    wide, high = cell
    ink = f' fill="{_INK_ON_FULL}"' if share >= DARK_FROM else ""
    under = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide - 1}" height="{high - 1}" fill="{ground(share)}"/>'
        if share
        else ""
    )
    number = svg.label(_count(count, int(wide / CHAR_PX)), 9)
    return f'{under}<text x="{x + wide / 2:.1f}" y="{y + high / 2 + 4:.1f}"{ink}>{number}</text>'


def _bars(bars: Bars) -> str:
    left = _names_px(bars.names, FEATURE_CHARS) + 4
    ends = [
        value + sign * spread
        for value, spread in zip(bars.values, bars.deviations or (0.0,) * len(bars.values), strict=True)
        for sign in (-1, 1)
    ]
    scale = svg.Axis.over([0.0, *ends], left, svg.WIDTH - ROOM_PX - svg.RIGHT)
    zero = scale(0.0)
    parts = [svg.head(bars.title, *size(bars), 0)]
    for at, (name, value) in enumerate(zip(bars.names, bars.values, strict=True)):
        y, end = TITLE_PX + at * BAR_PX, scale(value)
        parts.append(
            f'<text x="0" y="{y + 11}">{svg.label(name, FEATURE_CHARS)}</text>'
            f'<rect x="{min(zero, end):.1f}" y="{y + 2}" width="{abs(end - zero):.1f}" height="{BAR_PX - 5}"'
            f' fill="{series_colour(0)}"/>'
        )
        right = max(zero, end)
        if bars.deviations:
            low, high = (scale(value + sign * bars.deviations[at]) for sign in (-1, 1))
            right = max(right, high)
            parts.append(f'<path d="M{low:.1f} {y + 7.5}H{high:.1f}" stroke="{GREY}"/>')
        parts.append(f'<text x="{right + 4:.1f}" y="{y + 11}">{svg.label(short_number(value), 9)}</text>')
    bottom = TITLE_PX + len(bars.names) * BAR_PX
    parts.append(f'<path d="M{zero:.1f} {TITLE_PX}V{bottom}" stroke="{GREY}" stroke-opacity=".5"/>')
    if bars.more:
        parts.append(f'<text x="0" y="{bottom + 12}">{bars.more:,} more</text>')
    return "".join([*parts, "</svg>"])


def _cell(side: int) -> tuple[int, int]:
    """Return width and height of a cell of a matrix with so many rows: wide enough for five digits."""
    return (90, 44) if side <= 2 else (62, 30) if side <= 5 else (38, 20)


def _names_px(names: tuple[str, ...], longest: int) -> float:
    return 12 + CHAR_PX * min(longest, max([6, *map(len, names)]))


def ground(share: float) -> str:
    """Return the colour of a cell that has this share of its row."""
    return "#" + "".join(f"{round(pale + (full - pale) * share):02x}" for pale, full in zip(_PALE, _FULL, strict=True))


def _count(count: float, fits: int) -> str:
    """Write a count so that a cell holds it: ``12,345``, or ``12k``."""
    text = short_number(int(count) if float(count).is_integer() else count)
    for factor, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        if len(text) <= fits:
            break
        text = f"{count / factor:.0f}{unit}"
    return text
