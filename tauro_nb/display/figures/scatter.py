"""Any two columns of the runs against each other: a point for each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.display import format as fmt
from tauro_nb.display.figures.columns import Column, column, metric, params, ticks
from tauro_nb.display.figures.names import plain
from tauro_nb.display.figures.panels import titled
from tauro_nb.display.figures.templates import RAMP, template
from tauro_nb.display.palette import GREY, series_colour
from tauro_nb.display.runs import Measured, common_first, labels
from tauro_nb.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")

Shade = tuple[str, NDArray[np.bool_], dict[str, Any]]
"""Name in the legend, which runs, how their points look."""


class Scatter(msgspec.Struct, frozen=True, eq=False):
    """What is drawn: of each run that has both, its label and its place in the columns."""

    labels: tuple[str, ...]
    x: Column
    y: Column
    color: Column | None
    n_left_out: int


def pictured(runs: Sequence[Measured], x: str | None = None, y: str | None = None, color: str | None = None) -> Scatter:
    """Return the runs that have both; unless named, a parameter that differs (or a metric) against a metric."""
    return placed(runs, labels(runs), x, y, color)


def placed(
    runs: Sequence[Measured], names: Sequence[str], x: str | None = None, y: str | None = None, color: str | None = None
) -> Scatter:
    """Return the same, with a name for each run."""
    across = column(runs, x if x is not None else _first(runs, y))
    up = metric(runs, None) if y is None else column(runs, y)
    shade = None if color is None else column(runs, color)
    both = np.isfinite(across.values) & np.isfinite(up.values)
    if not both.any():
        raise UsageError(f"no run has both {across.name} and {up.name}", fix="widen the filter, or name other columns")
    kept = tuple(name for name, keep in zip(names, both.tolist(), strict=True) if keep)
    kept_shade = None if shade is None else _only(shade, both)
    return Scatter(kept, _only(across, both), _only(up, both), kept_shade, int((~both).sum()))


def draw(data: Scatter, *, dark: bool | None = None) -> go.Figure:
    """Draw the points; a colour is a category, or runs from low to high."""
    import plotly.graph_objects as go

    hover = np.array([plain(name, 80) for name in data.labels], dtype=object)
    place = f"{plain(data.x.label)} %{{x}}<br>{plain(data.y.label)} %{{y}}"
    figure = go.Figure()
    shade = data.color
    groups: list[Shade] = (
        [("", np.full(len(hover), True), {"color": series_colour(0)})] if shade is None else _shades(shade)
    )
    for at, (name, chosen, marker) in enumerate(groups):
        figure.add_trace(
            go.Scatter(
                x=data.x.values[chosen],
                y=data.y.values[chosen],
                text=hover[chosen],
                name=plain(name),
                mode="markers",
                marker={"size": 8, "opacity": 0.85, "symbol": SYMBOLS[at % len(SYMBOLS)], **marker},
                hovertemplate=f"%{{text}}<br>{place}<extra></extra>",
            )
        )
    left_out = f"without {fmt.plural(data.n_left_out, 'run')} that have not both" if data.n_left_out else ""
    figure.update_layout(
        template=template(dark),
        title=titled(f"{data.y.label} by {data.x.label}", left_out),
        height=420,
        xaxis=_axis(data.x),
        yaxis=_axis(data.y),
        showlegend=len(groups) > 1,
        legend={"title": {"text": plain(shade.label) if shade is not None else ""}},
    )
    return figure


def _only(item: Column, chosen: NDArray[np.bool_]) -> Column:
    return msgspec.structs.replace(item, values=item.values[chosen])


def _first(runs: Sequence[Measured], y: str | None) -> str:
    """Return the column to have across where none is named."""
    differing = params(runs, None)
    if differing:
        return next((each for each in differing if not each.categories), differing[0]).name
    shown = metric(runs, None).name if y is None else y
    others = [name for name in common_first(run.metrics for run in runs) if shown not in (name, f"metrics.{name}")]
    if not others:
        raise UsageError("the runs have no two columns to show", fix='name them: figure("scatter", x=..., y=...)')
    return f"metrics.{others[0]}"


def _shades(shade: Column) -> list[Shade]:
    found: list[Shade]
    if shade.categories:
        found = [(name, shade.values == at, {"color": series_colour(at)}) for at, name in enumerate(shade.categories)]
    else:
        values = np.log10(shade.values) if shade.is_log else shade.values
        bar: dict[str, Any] = {"title": {"text": plain(shade.label)}, "outlinewidth": 0, "thickness": 10}
        present = np.isfinite(values)
        if shade.is_log:
            bar["tickvals"], bar["ticktext"] = ticks(shade)
        found = [("", present, {"color": values[present], "colorscale": RAMP, "colorbar": bar})]
    none = np.isnan(shade.values)
    return [*found, ("none", none, {"color": GREY, "symbol": "x-thin-open"})] if none.any() else found


def _axis(item: Column) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": plain(item.label)}, "type": "log" if item.is_log else "linear"}
    if item.categories:
        names = [plain(name, 24) for name in item.categories]
        axis |= {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.5, len(names) - 0.5]}
    return axis
