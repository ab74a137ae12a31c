"""Panels of lines or bars in one plotly figure: the drawing that curves and versions share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.display.figures.names import plain
from tauro_nb.display.figures.templates import template
from tauro_nb.display.format import short_number
from tauro_nb.display.grouping import group_of
from tauro_nb.display.palette import SERIES, series_colour

if TYPE_CHECKING:
    import plotly.graph_objects as go

DASHES = ("solid", "dash", "dot", "dashdot")

DOTTED = 40
"""A line of at most so many points has a dot at each."""

MOST_BELOW = 10
"""Names in a legend beneath the panels; more stand beside them, where they scroll."""

Course = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Where a line goes: along, and up; of one length."""

_BELOW = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"}


class Line(msgspec.Struct, frozen=True, eq=False):
    """One line of a panel; `x` and `y` are of one length, and of length 1 where there is one point."""

    label: str
    """The same in all panels for what is the same there: its entry in the legend."""
    detail: str
    """The metric's own name."""
    colour: int
    """Index of the colour, counted from 0."""
    dash: int
    """Index in `DASHES`."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """NaN and the infinities included."""


class Group(msgspec.Struct, frozen=True):
    """One panel: a quantity, and its lines; or bars, where each line is a single point."""

    title: str
    lines: tuple[Line, ...]
    note: str = ""
    """What the dashes mean."""

    @property
    def is_bars(self) -> bool:
        """Whether no line of it has a course."""
        return all(len(line.x) == 1 for line in self.lines)


def by_quantity(keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the metrics of each quantity, sorted by metric."""
    found: dict[str, list[str]] = {}
    for key in sorted(keys):
        found.setdefault(group_of(key)[0], []).append(key)
    return found


def by_split(groups: Mapping[str, Sequence[str]], course: Callable[[str], Course]) -> list[Group]:
    """Return a panel for each quantity, where each data split has a colour of its own, the same in all panels."""
    together = [group_of(key)[1] for keys in groups.values() if len(keys) > 1 for key in keys]
    colours = {split: at for at, split in enumerate(dict.fromkeys(together))}
    found = []
    for title, keys in groups.items():
        lines = []
        for key in keys:
            split = group_of(key)[1]
            at = colours.get(split, 0)
            lines.append(Line(split or (key if len(keys) > 1 else ""), key, at, at // len(SERIES), *course(key)))
        found.append(Group(title, tuple(lines)))
    return found


def draw(
    groups: Sequence[Group],
    *,
    title: str,
    note: str = "",
    x_title: str,
    x_axis: Mapping[str, Any] | None = None,
    dark: bool | None = None,
    bars: bool = True,
) -> go.Figure:
    """Draw the panels, two in a row, with one legend; `bars` says whether single points are drawn as such."""
    from plotly.subplots import make_subplots

    across = min(2, len(groups))
    rows = -(-len(groups) // across)
    row_px = _row_px(groups, rows, bars=bars)
    figure = make_subplots(
        rows=rows, cols=across, horizontal_spacing=0.09, vertical_spacing=60 / (rows * row_px) if rows > 1 else 0
    )
    for at, group in enumerate(groups):
        place = {"row": at // across + 1, "col": at % across + 1}
        if bars and group.is_bars:
            _add_bars(figure, group, place)
        else:
            _add_lines(figure, group, place, at + 1)
            is_last = at + across >= len(groups)
            figure.update_xaxes(title_text=x_title if is_last else None, **(x_axis or _whole(group)), **place)
        _add_heading(figure, group, place)
    several = {line.label for group in groups if len(group.lines) > 1 for line in group.lines}
    n_named = _name_once(figure, several)
    aside = n_named > MOST_BELOW
    top = 82 if note else 62
    figure.update_layout(
        template=template(dark),
        title=titled(title, note),
        height=rows * row_px + top + 40 + (24 if n_named > 1 and not aside else 0),
        margin={"t": top, "b": 20},
        showlegend=n_named > 1,
        legend={} if aside else _BELOW,
    )
    return figure


def titled(title: str, note: str = "") -> dict[str, Any]:
    """Return a title and what is to be said beneath it; the note is ours, the title may be a user's."""
    shown: dict[str, Any] = {"text": plain(title, 80), "yref": "container", "y": 1, "yanchor": "top", "pad": {"t": 14}}
    return {**shown, "subtitle": {"text": note}} if note else shown


def _add_heading(figure: go.Figure, group: Group, place: dict[str, int]) -> None:
    note = group.note or (plain(group.lines[0].label) if len(group.lines) == 1 else "")
    area = figure.get_subplot(place["row"], place["col"])
    figure.add_annotation(
        text=f"<b>{plain(group.title)}</b>" + (f"  {note}" if note else ""),
        x=area.xaxis.domain[0],
        y=area.yaxis.domain[1],
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        yshift=2,
        showarrow=False,
    )


def _add_lines(figure: go.Figure, group: Group, place: dict[str, int], number: int) -> None:
    import plotly.graph_objects as go

    floor = 1_000 + number
    lost = False
    for line in group.lines:
        finite = np.isfinite(line.y)
        lone = finite & ~np.r_[False, finite[:-1]] & ~np.r_[finite[1:], False]
        dotted = len(line.x) <= DOTTED
        colour = series_colour(line.colour)
        hover = f"{_who(line)} %{{y:.4~g}} at %{{x}}<extra></extra>"
        look = {"name": plain(line.label), "legendgroup": line.label, "hovertemplate": hover}
        figure.add_trace(
            go.Scatter(
                x=line.x,
                y=np.where(finite, line.y, np.nan),
                mode="lines+markers" if dotted or lone.any() else "lines",
                line={"color": colour, "width": 1.8, "dash": DASHES[line.dash % len(DASHES)]},
                marker={"color": colour, "size": 5 if dotted else np.where(lone, 5, 0)},
                connectgaps=False,
                **look,
            ),
            **place,
        )
        if finite.all():
            continue
        lost = True
        figure.add_trace(
            go.Scatter(
                x=line.x[~finite],
                y=np.full((~finite).sum(), 0.03),
                text=[short_number(value) for value in line.y[~finite]],
                mode="markers",
                marker={"symbol": "x-thin", "size": 8, "line": {"color": colour, "width": 2}},
                **{**look, "hovertemplate": hover.replace("%{y:.4~g}", "%{text}")},
            ),
            **place,
        )
        figure.data[-1].update(yaxis=f"y{floor}", showlegend=False)
    if lost:
        under = figure.get_subplot(place["row"], place["col"]).yaxis.plotly_name.replace("axis", "")
        figure.update_layout(
            {f"yaxis{floor}": {"overlaying": under, "range": [0, 1], "visible": False, "fixedrange": True}}
        )


def _add_bars(figure: go.Figure, group: Group, place: dict[str, int]) -> None:
    import plotly.graph_objects as go

    values = [float(line.y[0]) for line in group.lines]
    places = list(range(len(values)))
    figure.add_trace(
        go.Bar(
            x=values,
            y=places,
            orientation="h",
            text=[short_number(value) for value in values],
            marker={"color": [series_colour(line.colour) for line in group.lines]},
            hovertext=[f"{_who(line)} {value!r}" for line, value in zip(group.lines, values, strict=True)],
            hoverinfo="text",
            showlegend=False,
        ),
        **place,
    )
    figure.update_yaxes(
        tickvals=places,
        ticktext=[plain(line.label, 24) for line in group.lines],
        autorange="reversed",
        showgrid=False,
        **place,
    )


def _who(line: Line) -> str:
    """Return what a line is, for a hover text: its metric, under its label where the metric does not say that."""
    said = line.label in ("", line.detail, group_of(line.detail)[1])
    return plain(line.detail) if said else f"{plain(line.label)}<br>{plain(line.detail)}"


def _row_px(groups: Sequence[Group], rows: int, *, bars: bool) -> int:
    """Return the height of a row of panels: that of the bars, where there is nothing else."""
    if bars and all(group.is_bars for group in groups):
        return 60 + 26 * max(len(group.lines) for group in groups)
    return 280 if rows == 1 else 230


def _whole(group: Group) -> dict[str, int]:
    """Return what keeps an axis of few steps from having ticks between them."""
    x = np.concatenate([line.x for line in group.lines])
    return {"dtick": 1} if np.ptp(x) <= 5 and bool((x % 1 == 0).all()) else {}


def _name_once(figure: go.Figure, labels: Collection[str]) -> int:
    """Let each of the labels stand in the legend once; return how many do."""
    seen: set[str] = set()
    for trace in figure.data:
        if trace.showlegend is not False:
            trace.showlegend = trace.legendgroup in labels and trace.legendgroup not in seen
            if trace.showlegend:
                seen.add(trace.legendgroup)
    return len(seen)
