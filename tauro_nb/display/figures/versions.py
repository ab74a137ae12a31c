"""The metrics of a model over its versions, with one of them marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tauro_nb.display.figures import panels
from tauro_nb.display.figures.curves import chosen
from tauro_nb.display.figures.panels import Course, Group, by_quantity, by_split
from tauro_nb.display.palette import series_colour
from tauro_nb.errors import UsageError
from tauro_nb.mlops.registry.version import ModelVersion

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_TICKS = 30
"""Versions up to which each has its number, and its stage, on the axis."""


class Versions(msgspec.Struct, frozen=True):
    """What is drawn: one panel for each quantity."""

    model: str
    version: int
    """The marked one."""
    groups: tuple[Group, ...]
    stages: dict[int, str]
    """Of every version, its number first; the stage may be empty."""


def pictured(version: ModelVersion, key: str | Sequence[str] | None = None) -> Versions:
    """Return the metrics that are named, or else those of this version, of all versions that are not removed."""
    others = [each for each in version.registry.versions(version.name) if each.version != version.version]
    every = sorted([*others, version], key=lambda each: each.version)
    known = {name for each in every for name in each.metrics} if key is not None else set(version.metrics)
    if not known:
        raise UsageError(
            f"{version.name} v{version.version} has no metrics", fix="pass metrics={...} to register_model"
        )

    def course(key: str) -> Course:
        x, y = np.array([(each.version, each.metrics[key]) for each in every if key in each.metrics], np.float64).T
        return x, y

    groups = tuple(by_split(by_quantity(known if key is None else chosen(known, key)), course))
    return Versions(version.name, version.version, groups, {each.version: each.stage or "" for each in every})


def draw(data: Versions, *, dark: bool | None = None) -> go.Figure:
    """Draw a line over the versions for each metric, and a ring around the version."""
    import plotly.graph_objects as go

    axis = {"range": [min(data.stages) - 0.5, max(data.stages) + 0.5], "tickprefix": "v"}
    if len(data.stages) <= MOST_TICKS:
        ticks = [f"v{number}<br>{stage}" if stage else f"v{number}" for number, stage in data.stages.items()]
        axis |= {"tickvals": list(data.stages), "ticktext": ticks, "tickprefix": ""}
    title = f"{data.model} v{data.version}"
    figure = panels.draw(data.groups, title=title, x_title="", x_axis=axis, dark=dark, bars=False)
    across = min(2, len(data.groups))
    for at, group in enumerate(data.groups):
        for line in group.lines:
            own = line.x == data.version
            ring = {"symbol": "circle-open", "size": 13, "color": series_colour(line.colour), "line": {"width": 2}}
            figure.add_trace(
                go.Scatter(
                    x=line.x[own],
                    y=line.y[own],
                    mode="markers",
                    marker=ring,
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=line.label,
                ),
                row=at // across + 1,
                col=at % across + 1,
            )
    return figure
