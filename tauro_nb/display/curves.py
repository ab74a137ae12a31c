"""From the points of runs to panels and tiles; a picture stays small, however many metrics and points there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Panel, Series, Tiles
from tauro_nb.display.grouping import group_of, is_system

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tauro_nb.mlops.tracking.run import Run

MOST_PANELS = 12
"""Charts in a static picture; the live form has them all."""

MOST_CURVES = 24
"""Curves in one chart."""

POINTS = 900
"""Points of a curve in a picture: three for each pixel across."""

PANEL_POINTS = 5_400
"""Points of all curves of a chart together; many curves are coarser."""

Curve = tuple[str, "NDArray[np.int64]", "NDArray[np.float64]"]
"""Name, steps, values."""


def of_run(run: Run) -> tuple[tuple[Panel, ...], Tiles]:
    """Return the first charts of a run, one for each group of metrics, and as tiles the metrics that have one point."""
    points, _ = run.tail()
    groups: dict[str, list[Curve]] = {}
    tiles: list[tuple[str, Cell]] = []
    for key in sorted(points.keys, key=lambda key: (is_system(key), key)):
        own = points.only(key)
        if len(own) == 1:
            tiles.append((key, _figure(float(own.values[0]))))
        else:
            groups.setdefault(group_of(key)[0], []).append((key, own.steps, own.values))
    return tuple(panel(title, group) for title, group in list(groups.items())[:MOST_PANELS]), fmt.tiles(tiles)


def panel(title: str, curves: Sequence[Curve]) -> Panel:
    """Return one chart of these curves; of very many the first."""
    shown = curves[:MOST_CURVES]
    if len(curves) > len(shown):
        title = f"{fmt.name(title)} ({len(shown)} of {len(curves):,})"
    limit = min(POINTS, PANEL_POINTS // max(1, len(shown)))
    return Panel(title, tuple(_series(*curve, limit) for curve in shown))


def _series(name: str, steps: NDArray[np.int64], values: NDArray[np.float64], limit: int) -> Series:
    from tauro_nb.display.live.decimate import columns, thin

    step, _, value = thin(columns(steps, steps, values), limit)
    return Series(name, tuple(step.tolist()), tuple(value.tolist()))


def _figure(value: float) -> Cell:
    """Write a metric; one that holds a whole number was most likely a count."""
    return fmt.number(int(value) if value.is_integer() else value)
