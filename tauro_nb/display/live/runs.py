"""Runs in a live table: sort, filter, choose columns, and compare what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tauro_nb.display.live.comparing import MOST_COMPARED, Looks, marks
from tauro_nb.display.live.explorer import Block, Explorer
from tauro_nb.display.live.grid import MOST_ROWS, Action, Grid, GridColumn
from tauro_nb.display.runs import NO_RUNS, common_first
from tauro_nb.mlops.tracking.comparison import Comparison
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.run_table import RunTable
from tauro_nb.mlops.tracking.tracker import ExperimentTracker

MOST_COLUMNS = 40
"""Metrics, and as many parameters."""
MOST_UNFOLDED = 8
"""Of each that are shown before anybody chooses; parameters that are the same in all are not."""

_COMPARE = Action(do="compare", label="Compare", command="%tauro compare {id}", most=MOST_COMPARED, looks=True)

Held = tuple[Run, Mapping[str, Any], Mapping[str, float]]
"""A run, its parameters and its metrics, read once."""


class RunsExplorer(Explorer):
    """A table of runs.

    Parameters
    ----------
    find : callable
        Returns the runs that a filter keeps, as they are then; with an empty one, all. Every refresh asks it again.
    bundle : callable
        Returns the static form, by MIME type.
    """

    def __init__(
        self, title: str, find: Callable[[str], Iterable[Run]], bundle: Callable[[], Mapping[str, str]]
    ) -> None:
        super().__init__(bundle)
        self._title = title
        self._find = find
        self._runs: dict[str, Run] = {}
        self._compared: list[str] = []
        self._looks = Looks()

    def main(self) -> Sequence[Block]:
        """Return the table of runs."""
        self._runs = {run.run_id: run for _, run in zip(range(MOST_ROWS), self._find(""), strict=False)}
        return [runs_grid(self._title, list(self._runs.values()))]

    def detail(self) -> Sequence[Block]:
        """Return the comparison of the runs that were chosen last."""
        runs = [self._runs[run_id] for run_id in self._compared if run_id in self._runs]
        return self._looks.blocks(Comparison(runs)) if runs else ()

    def opened(self, grid: str, key: str) -> None:
        """Show one run by itself."""
        self._compared = [key]

    def turned(self, block: str, name: str, value: str) -> None:
        """Look at the comparison in another way."""
        self._looks.turned(name, value)

    def matching(self, grid: str, text: str) -> Sequence[bool]:
        """Say of each run whether `search_runs` would find it."""
        found = {run.run_id for run in self._find(text)}
        return [run_id in found for run_id in self._runs]

    def acted(self, do: str, keys: Sequence[str], answer: str) -> str:
        """Compare the chosen runs."""
        self._compared = list(keys)
        return ""


class ComparisonExplorer(Explorer):
    """A comparison, with live curves and figures."""

    def __init__(self, comparison: Comparison, bundle: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(bundle)
        self._comparison = comparison
        self._looks = Looks()

    def main(self) -> Sequence[Block]:
        """Return the picture, parameters and metrics, read anew."""
        return self._looks.blocks(Comparison(self._comparison.runs))

    def turned(self, block: str, name: str, value: str) -> None:
        """Look at the comparison in another way."""
        self._looks.turned(name, value)


def within(runs: RunTable) -> Callable[[str], Iterable[Run]]:
    """Return how the runs of a table are found in it: those that their own tracker finds by the same filter."""

    def find(text: str) -> Iterable[Run]:
        if not text:
            return runs
        stores = {id(run.store): run.store for run in runs}
        return [run for store in stores.values() for run in ExperimentTracker(store).search_runs(text)]

    return find


def runs_grid(title: str, runs: Sequence[Run]) -> Grid:
    """Return the runs as a table: first what most of them have, and parameters that differ before those they share."""
    held: list[Held] = [(run, run.params, run.metrics) for run in runs]
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
            mark,
        )
        for (run, own_params, own_metrics), mark in zip(held, marks(runs), strict=True)
    ]
    return Grid(
        id="runs",
        title=title,
        columns=(
            GridColumn(key="name", label="run"),
            GridColumn(key="state", kind="state"),
            GridColumn(key="started", kind="time"),
            GridColumn(key="time", kind="duration"),
            *(
                GridColumn(key=f"metrics.{name}", label=name, kind="number", bar=True, folded=at >= MOST_UNFOLDED)
                for at, name in enumerate(metrics)
            ),
            *(
                _param(name, held, folded=at >= MOST_UNFOLDED or (len(runs) > 1 and len(seen[name]) < 2))
                for at, name in enumerate(params)
            ),
            GridColumn(key="experiment", kind="muted", folded=len({run.experiment for run in runs}) < 2),
            GridColumn(key="id", kind="code"),
            GridColumn(key="mark", hidden=True),
        ),
        rows=rows,
        name="name",
        mark="mark",
        select="many",
        open=True,
        actions=(_COMPARE,),
        filters=True,
        adjusts=True,
        hint="Choose runs to compare them, or open one by its name.",
        empty=NO_RUNS,
    )


def _param(name: str, held: Iterable[Held], *, folded: bool) -> GridColumn:
    values = [params[name] for _, params, _ in held if name in params]
    numeric = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return GridColumn(
        key=f"params.{name}", label=name, kind="number" if numeric else "text", bar=numeric, folded=folded
    )
