"""How tracking looks: a run, a table of runs, a comparison, the tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tauro_nb.display import curves
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Facts, Lines, Page, Panels, Section, Table, Tiles
from tauro_nb.display.grouping import group_of
from tauro_nb.mlops.tracking.comparison import Comparison, Row
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.run_table import RunTable
from tauro_nb.mlops.tracking.tracker import ExperimentTracker

MOST_RUNS = 20
MOST_COLUMNS = 6
"""Metrics, and as many parameters, that a static table shows."""

NO_RUNS = "no runs yet: %tauro run PIPELINE, or with tracker.start_run() as run: ..."


def run_page(run: Run) -> Page:
    """Return a run: its curves first, then what it was given."""
    panels, tiles = curves.of_run(run)
    sections: list[Section] = [Tiles(tiles), Panels(curves.shown(panels))]
    if run.error is not None:
        sections.append(Lines(f"{run.error.type}: {run.error.message}", tone="bad"))
    sections += [
        Facts(tuple((name, fmt.value(value)) for name, value in sorted(run.params.items())), title="Parameters"),
        Facts(tuple((name, fmt.text(value)) for name, value in sorted(run.tags.items())), title="Tags", folded=True),
        Facts(
            tuple((file.path, Cell(fmt.size(file.size_bytes), kind="number")) for file in run.artifacts()),
            title="Artifacts",
            folded=True,
        ),
    ]
    return Page(
        title=run.name,
        state=run.status.value,
        subtitle=(
            fmt.text(run.experiment),
            fmt.moment(run.started_at_ns),
            Cell(fmt.duration(run.duration_s) if run.ended_at_ns is not None else ""),
        ),
        sections=tuple(sections),
        footer=(_origin(run), f'tracker.get_run("{run.run_id}")'),
    )


def table_page(runs: RunTable) -> Page:
    """Return the runs as a table: what differs is shown, what is the same in all is left out."""
    return Page(title="Runs", subtitle=(Cell(fmt.plural(len(runs), "run")),), sections=(run_rows(list(runs)),))


def tracker_page(tracker: ExperimentTracker) -> Page:
    """Return the newest runs of a tracker."""
    found = tracker.search_runs()
    experiments = {run.experiment for run in found}
    return Page(
        title="Experiments",
        subtitle=(
            Cell(f"{fmt.plural(len(found), 'run')} in {fmt.plural(len(experiments), 'experiment')}"),
            fmt.text(tracker.store.location),
        ),
        sections=(run_rows(list(found)),),
    )


def run_rows(runs: Sequence[Run]) -> Table:
    """Return the first runs as rows; numbers that all of them share are left to `compare`."""
    first = runs[:MOST_RUNS]
    metrics = common_first(run.metrics for run in first)[:MOST_COLUMNS]
    params = [name for name in common_first(run.params for run in first) if _differs(name, first)][:MOST_COLUMNS]
    heads = (
        Column("run"),
        Column("state"),
        Column("started"),
        Column("time", numeric=True),
        *(Column(name, numeric=True) for name in metrics),
        *(Column(name, numeric=_numeric(name, first)) for name in params),
        Column("id"),
    )
    rows = tuple(
        (
            fmt.text(run.name, kind="strong"),
            Cell(run.status.value, kind=f"state:{run.status.value}"),
            fmt.moment(run.started_at_ns),
            Cell(fmt.duration(run.duration_s), kind="number"),
            *(_value(run.metrics.get(name)) for name in metrics),
            *(_value(run.params.get(name)) for name in params),
            Cell(run.run_id, kind="muted"),
        )
        for run in first
    )
    return Table(heads, rows, more=len(runs) - len(first), empty=NO_RUNS)


def comparison_page(comparison: Comparison) -> Page:
    """Return runs side by side: overlaid curves, then the parameters that differ, the metrics, and what is the same."""
    runs = comparison.runs
    names = labels(runs)
    heads = (Column(""), *(Column(name, numeric=True) for name in names))
    same = tuple((row.name, fmt.value(row.values[0])) for row in comparison.params_in_common)
    return Page(
        title="Comparison",
        subtitle=(Cell(fmt.plural(len(runs), "run")),),
        sections=(
            Panels(curves.shown(overlaid(comparison))),
            Table(
                heads,
                _rows(comparison.params_that_differ),
                title="Parameters that differ",
                empty="no parameter differs",
            ),
            Table(heads, _rows(comparison.metrics), title="Metrics", empty="no metrics"),
            Facts(same, title="The same in all", folded=True),
        ),
        footer=tuple(f"{name}: {run.run_id}" for name, run in zip(names, runs, strict=True)),
    )


def overlaid(comparison: Comparison) -> list[Any]:
    """Return one panel for each metric that has a curve in some run, with a curve for each run."""
    names = dict(zip((run.run_id for run in comparison.runs), labels(comparison.runs), strict=True))
    panels: dict[str, list[curves.Curve]] = {}
    for curve in comparison.curves():
        if len(curve.values) > 1:
            panels.setdefault(curve.key, []).append((names[curve.run_id], curve.steps, curve.values))
    return [curves.panel(key, panels[key]) for key in sorted(panels, key=lambda key: (group_of(key), key))]


def labels(runs: Sequence[Run]) -> list[str]:
    """Return a name for each run; where all have one name, the only parameter that differs; else names with a number.

    No id stands in them, because they go into pictures, which are to be the same for the same data.
    """
    names = [run.name for run in runs]
    if len(set(names)) == len(names):
        return names
    differing = [name for name in common_first(run.params for run in runs) if _differs(name, runs)]
    if len(differing) == 1 and len(set(names)) == 1:
        (name,) = differing
        marked = [f"{name}={_value(run.params.get(name)).text}" for run in runs]
        if len(set(marked)) == len(marked):
            return marked
    return [
        f"{name} #{names[: at + 1].count(name)}" if names.count(name) > 1 else name for at, name in enumerate(names)
    ]


def common_first(held: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return all names, those that most of the runs have first; equals by name."""
    counts = Counter(name for each in held for name in each)
    return sorted(counts, key=lambda name: (-counts[name], name))


def _rows(rows: Iterable[Row]) -> tuple[tuple[Cell, ...], ...]:
    return tuple((fmt.text(row.name), *(_value(value) for value in row.values)) for row in rows)


def _value(value: Any) -> Cell:
    return Cell("") if value is None else fmt.value(value)


def _differs(name: str, runs: Sequence[Run]) -> bool:
    return len({repr(run.params.get(name)) for run in runs}) > 1


def _numeric(name: str, runs: Sequence[Run]) -> bool:
    values = [run.params[name] for run in runs if name in run.params]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _origin(run: Run) -> str:
    source = run.source
    commit = ""
    if source is not None and source.git_commit:
        commit = f" · commit {source.git_commit[:8]}" + (" (dirty)" if source.git_dirty else "")
    return f"run {run.run_id} · store {run.store.location}{commit}"
