"""Runs in a live table: sort, filter, choose, and compare: overlaid curves, and the parameters that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tauro_nb.display.live.decimate import columns, thin
from tauro_nb.display.live.explorer import Block, Explorer
from tauro_nb.display.live.feed import spelled
from tauro_nb.display.live.grid import MOST_ROWS, Action, Grid, GridColumn
from tauro_nb.display.palette import series_colour, series_dash
from tauro_nb.display.runs import NO_RUNS, common_first, labels
from tauro_nb.mlops.tracking.comparison import Comparison, Curve
from tauro_nb.mlops.tracking.run import Run

CURVE_POINTS = 3_500
"""All curves of a comparison together: 24 bytes each, 84 kB."""
MOST_CURVES = 150
MOST_COLUMNS = 40
"""Metrics, and as many parameters."""
MOST_COMPARED = 24

_COMPARE = Action(do="compare", label="Compare", command="%tauro compare {id}", most=MOST_COMPARED)


class RunsExplorer(Explorer):
    """A table of runs.

    Parameters
    ----------
    find : callable
        Returns the runs, as they are then; asked again by every refresh.
    bundle : callable
        Returns the static form, by MIME type.
    """

    curves = True

    def __init__(self, title: str, find: Callable[[], Iterable[Run]], bundle: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(bundle)
        self._title = title
        self._find = find
        self._runs: dict[str, Run] = {}
        self._compared: list[str] = []

    def main(self) -> Sequence[Block]:
        """Return the table of runs."""
        self._runs = {run.run_id: run for _, run in zip(range(MOST_ROWS), self._find(), strict=False)}
        return [runs_grid(self._title, list(self._runs.values()))]

    def detail(self) -> Sequence[Block]:
        """Return the comparison of the runs that were chosen last."""
        runs = [self._runs[run_id] for run_id in self._compared if run_id in self._runs]
        return comparison_blocks(Comparison(runs)) if runs else ()

    def opened(self, grid: str, key: str) -> None:
        """Show one run by itself."""
        self._compared = [key]

    def acted(self, do: str, keys: Sequence[str]) -> str:
        """Compare the chosen runs."""
        self._compared = list(keys)
        return ""


class ComparisonExplorer(Explorer):
    """A comparison, with live curves."""

    curves = True

    def __init__(self, comparison: Comparison, bundle: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(bundle)
        self._comparison = comparison

    def main(self) -> Sequence[Block]:
        """Return curves, parameters and metrics, read anew."""
        return comparison_blocks(Comparison(self._comparison.runs))


def runs_grid(title: str, runs: Sequence[Run]) -> Grid:
    """Return the runs as a table: first what most of them have, and parameters that differ before those they share."""
    held = [(run, run.params, run.metrics) for run in runs]
    metrics = common_first(own for _, _, own in held)[:MOST_COLUMNS]
    names = common_first(own for _, own, _ in held)
    seen = {name: {repr(own.get(name)) for _, own, _ in held} for name in names}
    params = sorted(names, key=lambda name: len(seen[name]) < 2)[:MOST_COLUMNS]
    rows = [
        (
            run.run_id,
            run.name,
            run.status.value,
            run.started_at_ns / 1e9,
            run.duration_s,
            *(own_metrics.get(name) for name in metrics),
            *(own_params.get(name) for name in params),
            run.experiment,
            run.run_id,
        )
        for run, own_params, own_metrics in held
    ]
    return Grid(
        id="runs",
        title=title,
        columns=(
            GridColumn(key="name", label="run"),
            GridColumn(key="state", kind="state"),
            GridColumn(key="started", kind="time"),
            GridColumn(key="time", kind="duration"),
            *(GridColumn(key=f"metrics.{name}", label=name, kind="number") for name in metrics),
            *(
                GridColumn(key=f"params.{name}", label=name, kind="number" if _numeric(name, held) else "text")
                for name in params
            ),
            GridColumn(key="experiment", kind="muted"),
            GridColumn(key="id", kind="code"),
        ),
        rows=rows,
        name="name",
        select="many",
        open=True,
        actions=(_COMPARE,),
        hint="Choose runs to compare them, or open one by its name.",
        empty=NO_RUNS,
    )


def comparison_blocks(comparison: Comparison) -> list[Block]:
    """Return overlaid curves, the parameters (what differs first) and the metrics."""
    if not len(comparison):
        return [{"kind": "text", "id": "nothing", "text": "no runs to compare: %tauro compare last:2"}]
    names = labels(comparison.runs)
    found = [curve for curve in comparison.curves() if len(curve.values) > 1]
    drawn = found[:MOST_CURVES]
    blocks: list[Block] = []
    title = names[0] if len(names) == 1 else f"Comparison of {len(names)} runs"
    if drawn:
        blocks.append({"kind": "curves", "id": "curves", "title": title, **_curves(comparison, names, drawn)})
    if len(found) > len(drawn):
        left = len({curve.key for curve in found}) - len({curve.key for curve in drawn})
        blocks.append({"kind": "text", "id": "left", "text": f"{left} more metrics: compare fewer runs to see them"})
    heads = [GridColumn(key=run.run_id, label=name) for run, name in zip(comparison.runs, names, strict=True)]
    differ = [row for row in comparison.params if row.differs]
    same = [row for row in comparison.params if not row.differs]
    for table, label, rows in (
        ("params", "Parameters" if len(names) == 1 else "Parameters that differ", differ or same),
        ("metrics", "Metrics", comparison.metrics),
    ):
        numeric = [GridColumn(key=head.key, label=head.label, kind="number") for head in heads]
        blocks.append(
            Grid(
                id=table,
                title=label if rows is not same or len(names) == 1 else "Parameters, the same in all",
                columns=(GridColumn(key="name", label=" "), *numeric),
                rows=[(row.name, row.name, *row.values) for row in rows],
                name="name",
                empty="none",
            )
        )
    return blocks


def _curves(comparison: Comparison, names: Sequence[str], drawn: Sequence[Curve]) -> dict[str, Any]:
    """Return the curves as the page takes them: one group for each metric, one colour for each run."""
    at = {run.run_id: index for index, run in enumerate(comparison.runs)}
    limit = max(20, CURVE_POINTS // len(drawn))
    lines, points, buffers = [], [], []
    for number, curve in enumerate(drawn):
        run = comparison.runs[at[curve.run_id]]
        seconds = (np.asarray(curve.at_ns) - run.started_at_ns) / 1e9
        table = thin(columns(curve.steps, seconds, curve.values), limit)
        index = at[curve.run_id]
        look = {"colour": series_colour(index), "dash": series_dash(index)}
        lines.append({"id": number, "key": curve.key, "group": curve.key, "label": names[index], **look})
        finite = curve.values[np.isfinite(curve.values)]
        points.append(
            {
                "id": number,
                "offset": 0,
                "count": len(curve.values),
                "last": spelled(float(curve.values[-1])),
                "min": float(finite.min()) if len(finite) else "NaN",
                "max": float(finite.max()) if len(finite) else "NaN",
            }
        )
        buffers += [np.ascontiguousarray(row).tobytes() for row in table]
    return {"lines": lines, "points": points, "buffers": buffers}


def _numeric(name: str, held: Iterable[tuple[Run, Mapping[str, Any], Mapping[str, float]]]) -> bool:
    values = [params[name] for _, params, _ in held if name in params]
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
