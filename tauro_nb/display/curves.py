"""From the points of runs to panels and tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Panel, Series
from tauro_nb.display.grouping import group_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tauro_nb.mlops.tracking.run import Run

MOST_PANELS = 12
"""Charts in a static picture; the live form has them all."""

POINTS = 900
"""Points of a curve in a picture: three for each pixel across."""

Curve = tuple[str, "NDArray[np.int64]", "NDArray[np.float64]"]
"""Name, steps, values."""


def of_run(run: Run) -> tuple[tuple[Panel, ...], tuple[tuple[str, Cell], ...]]:
    """Return the charts of a run, one for each group of metrics, and the tiles: the metrics that have one point."""
    points, _ = run.tail()
    curves: dict[str, Curve] = {}
    tiles: list[tuple[str, Cell]] = []
    for key in sorted(points.keys):
        own = points.only(key)
        if len(own) == 1:
            tiles.append((key, _figure(float(own.values[0]))))
        else:
            curves[key] = (key, own.steps, own.values)
    groups: dict[str, list[Curve]] = {}
    for key, curve in curves.items():
        groups.setdefault(group_of(key)[0], []).append(curve)
    return tuple(panel(title, group) for title, group in groups.items()), tuple(tiles)


def panel(title: str, curves: Iterable[Curve]) -> Panel:
    """Return one chart of these curves."""
    return Panel(title, tuple(_series(*curve) for curve in curves))


def shown(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Return the panels that a static picture has."""
    return tuple(panels[:MOST_PANELS])


def _series(name: str, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
    from tauro_nb.display.live.decimate import columns, thin

    step, _, value = thin(columns(steps, steps, values), POINTS)
    return Series(name, tuple(step.tolist()), tuple(value.tolist()))


def _figure(value: float) -> Cell:
    """Write a metric; one that holds a whole number was most likely a count."""
    return fmt.number(int(value) if value.is_integer() else value)
