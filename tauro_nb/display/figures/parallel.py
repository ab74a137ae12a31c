"""Parallel coordinates: an axis for each parameter in which the runs differ, the metric last, a line for each run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.display import format as fmt
from tauro_nb.display.figures.columns import Column, metric, params, ticks
from tauro_nb.display.figures.names import bare, plain
from tauro_nb.display.figures.panels import titled
from tauro_nb.display.figures.templates import RAMP, template
from tauro_nb.display.runs import Measured
from tauro_nb.errors import UsageError

if TYPE_CHECKING:
    import plotly.graph_objects as go

LETTER_PX = 6.5
NONE = "none"
"""The tick of runs that have not the parameter, below all others."""


class Axis(msgspec.Struct, frozen=True, eq=False):
    """One axis: where each run crosses it, and its ticks."""

    label: str
    values: NDArray[np.float64]
    """Finite; logarithms of base 10 where that reads better."""
    ticks: tuple[float, ...]
    texts: tuple[str, ...]


class Parallel(msgspec.Struct, frozen=True, eq=False):
    """What is drawn; the last axis is the metric."""

    axes: tuple[Axis, ...]
    n_runs: int
    n_left_out: int
    """Runs without a finite value of the metric."""


def pictured(
    runs: Sequence[Measured],
    metric: str | None = None,
    params: Iterable[str] | None = None,
) -> Parallel:
    """Return the axes of the runs that have the metric."""
    kept, target, given = measured(runs, metric, params)
    return Parallel(tuple(_axis(each) for each in (*given, target)), len(kept), len(runs) - len(kept))


def measured(
    runs: Sequence[Measured], name: str | None, names: Iterable[str] | None
) -> tuple[list[Measured], Column, list[Column]]:
    """Return the runs that have a finite value of the metric, that metric, and their parameters.

    Raises
    ------
    UsageError
        There are none, or they differ in no parameter.
    """
    target = metric(runs, name)
    present = np.isfinite(target.values)
    kept = [run for run, keep in zip(runs, present.tolist(), strict=True) if keep]
    if not kept:
        raise UsageError(f"no run has a finite {target.name}", fix="name another metric, or widen the filter")
    given = params(kept, names)
    if not given:
        raise UsageError(
            f"the {fmt.plural(len(kept), 'run')} with {target.name} differ in no parameter",
            fix="log what you vary: run.log_param",
        )
    return kept, msgspec.structs.replace(target, values=target.values[present]), given


def draw(data: Parallel, *, dark: bool | None = None) -> go.Figure:
    """Draw the lines, coloured by the metric."""
    import plotly.graph_objects as go

    dimensions: list[dict[str, Any]] = [
        {"label": plain(axis.label, 24), "values": axis.values, "tickvals": axis.ticks, "ticktext": axis.texts}
        for axis in data.axes
    ]
    last = data.axes[-1]
    figure = go.Figure(go.Parcoords(dimensions=dimensions, line={"color": last.values, "colorscale": RAMP}))
    left_out = f", without {data.n_left_out} that have no such metric" if data.n_left_out else ""
    figure.update_layout(
        template=template(dark),
        title=titled(f"{last.label} by parameters", fmt.plural(data.n_runs, "run") + left_out),
        height=440,
        margin={"l": max(80, LETTER_PX * max(map(len, data.axes[0].texts)) + 16), "r": 60, "t": 110, "b": 30},
    )
    return figure


def _axis(item: Column) -> Axis:
    missing = np.isnan(item.values)
    values = np.log10(item.values) if item.is_log else item.values
    if missing.all():
        return Axis(item.label, np.zeros(len(values)), (0.0,), (NONE,))
    low, high = float(values[~missing].min()), float(values[~missing].max())
    if item.categories:
        places, texts = [float(at) for at in range(len(item.categories))], [bare(each, 16) for each in item.categories]
    else:
        places, texts = ticks(item)
    if missing.any():
        below = low - (0.15 * (high - low) or 1.0)
        values, places, texts = np.where(missing, below, values), [below, *places], [NONE, *texts]
    return Axis(item.label, values, tuple(places), tuple(texts))
