"""How tracking looks: a run, a table of runs, a comparison, the tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from tauro_nb.display import curves, evaluations
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Panel, Panels, Section, Table
from tauro_nb.display.grouping import group_of, is_system
from tauro_nb.errors import KeyMissing, RunNotFound
from tauro_nb.mlops.tracking.comparison import Comparison, Row
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.run_table import RunTable
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys

MOST_RUNS = 20
MOST_COLUMNS = 6
"""Metrics, and as many parameters, that a static table shows."""

MOST_COMPARED = 12
"""Runs that stand side by side."""

NO_RUNS = "no runs here: (%)tauro run PIPELINE, or with tracker.start_run() as run: ..., or a wider filter"


def run_page(run: Run) -> Page:
    """Return a run: its curves first, then what it was given.

    Raises
    ------
    RunNotFound
        It was deleted after this object was made.
    """
    _check_there(run)
    panels, tiles = curves.of_run(run)
    sections: list[Section] = [tiles, Panels(panels), *evaluations.sections(run.evaluations())]
    if run.error is not None:
        said = f": {run.error.message}" if run.error.message else ""
        sections.append(Lines(fmt.excerpt(f"{run.error.type}{said}"), tone="bad"))
    if run.notes:
        sections.append(Lines(fmt.excerpt(run.notes)))
    files = run.artifacts()
    sections += [
        fmt.facts(((name, fmt.value(value)) for name, value in sorted(run.params.items())), title="Parameters"),
        fmt.facts(((name, fmt.text(value)) for name, value in sorted(run.tags.items())), title="Tags", folded=True),
        fmt.facts(
            ((file.path, Cell(fmt.size(file.size_bytes), kind="number")) for file in files),
            title="Artifacts",
            folded=True,
        ),
    ]
    return Page(
        title=fmt.name(run.name),
        state=run.status.value,
        subtitle=(
            fmt.text(run.experiment),
            fmt.moment(run.started_at_ns),
            Cell(fmt.duration(run.duration_s) if run.ended_at_ns is not None else ""),
            Cell(f"part of {run.parent_id}" if run.parent_id else "", kind="muted"),
            Cell("deleted" if run.deleted_at_ns is not None else "", kind="muted"),
        ),
        sections=tuple(sections),
        footer=(_origin(run), f'tracker.get_run("{run.run_id}")'),
    )


def table_page(runs: RunTable, *, most: int = MOST_RUNS) -> Page:
    """Return the first runs as a table: what differs is shown, what is the same in all is left out."""
    return Page(
        title="Runs",
        subtitle=(Cell(fmt.plural(len(runs), "run")),),
        sections=(run_rows(runs, most),),
        footer=(*_stores(runs[:most]), "tracker.search_runs()"),
    )


def tracker_page(tracker: ExperimentTracker) -> Page:
    """Return the newest runs of a tracker."""
    found = tracker.search_runs()
    return Page(
        title="Experiments",
        subtitle=(
            Cell(f"{fmt.plural(len(found), 'run')} in {fmt.plural(len(found.experiments), 'experiment')}"),
            fmt.place(tracker.store.location),
        ),
        sections=(run_rows(found),),
        footer=("tracker  ·  %tauro runs",),
    )


def run_rows(runs: RunTable, most: int = MOST_RUNS) -> Table:
    """Return the first runs as rows; numbers that all of them share are left to `compare`."""
    first = [(run, run.params, run.metrics) for run in runs[:most]]
    metrics = common_first(held for _, _, held in first)[:MOST_COLUMNS]
    given = [held for _, held, _ in first]
    params = [name for name in common_first(given) if _differs(name, given)][:MOST_COLUMNS]
    heads = (
        Column("run"),
        Column("state", yields=0),
        Column("started", least=fmt.MOMENT_WIDTH, yields=2),
        Column("time", numeric=True, least=fmt.TIME_WIDTH, yields=2),
        *(Column(fmt.name(name), numeric=True) for name in metrics),
        *(Column(fmt.name(name), numeric=_numeric(name, given)) for name in params),
        Column("id", yields=0),
    )
    rows = tuple(
        (
            fmt.text(run.name, kind="strong"),
            Cell(run.status.value, kind=f"state:{run.status.value}"),
            fmt.moment(run.started_at_ns),
            Cell(fmt.duration(run.duration_s), kind="number"),
            *(_value(own_metrics.get(name)) for name in metrics),
            *(_value(own_params.get(name)) for name in params),
            Cell(run.run_id, kind="muted"),
        )
        for run, own_params, own_metrics in first
    )
    return Table(heads, rows, more=len(runs) - len(first), empty=NO_RUNS)


def comparison_page(comparison: Comparison, *, most: int = MOST_COMPARED) -> Page:
    """Return runs side by side: overlaid curves, then the parameters that differ, the metrics, and what is the same."""
    count = fmt.plural(len(comparison), "run")
    if len(comparison) > most:
        count += f", the first {most} are compared"
        comparison = Comparison(comparison.runs[:most])
    runs = comparison.runs
    if not runs:
        return Page(title="Comparison", subtitle=(Cell(count),), sections=(Lines(NO_RUNS, tone="muted"),))
    names = labels(runs)
    heads = (Column(""), *(Column(name, numeric=True) for name in names))
    return Page(
        title="Comparison",
        subtitle=(Cell(count),),
        sections=(
            Panels(tuple(overlaid(comparison))),
            _rows(heads, comparison.params_that_differ, "Parameters that differ", "no parameter differs"),
            _rows(heads, comparison.metrics, "Metrics", "no metrics"),
            fmt.facts(
                ((row.name, fmt.value(row.values[0])) for row in comparison.params_in_common),
                title="The same in all",
                folded=True,
            ),
        ),
        footer=(
            *(f"{name}: {run.run_id}" for name, run in zip(names, runs, strict=True)),
            *_stores(runs),
            f"%tauro compare {' '.join(run.run_id for run in runs)}",
        ),
    )


def overlaid(comparison: Comparison) -> list[Panel]:
    """Return one panel for each of the first metrics that have a curve in some run, with a curve for each run."""
    names = dict(zip((run.run_id for run in comparison.runs), labels(comparison.runs), strict=True))
    panels: dict[str, list[curves.Curve]] = {}
    for curve in comparison.curves():
        if len(curve.values) > 1:
            panels.setdefault(curve.key, []).append((names[curve.run_id], curve.steps, curve.values))
    first = sorted(panels, key=lambda key: (is_system(key), group_of(key), key))[: curves.MOST_PANELS]
    return [curves.panel(key, panels[key]) for key in first]


class Measured(Protocol):
    """What a row, a label or a column of numbers needs of a run."""

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of each metric."""


def labels(runs: Sequence[Measured], marks: Sequence[str] = ()) -> list[str]:
    """Return a name for each run; where all have one name, the only parameter that differs; else marked names.

    The mark is a number unless `marks` has one for each run: ids do not go into pictures, which are to be the same for
    the same data.
    """
    names = [fmt.name(run.name) for run in runs]
    if len(set(names)) == len(names):
        return names
    given = [run.params for run in runs]
    differing = [name for name in common_first(given) if _differs(name, given)]
    if len(differing) == 1 and len(set(names)) == 1:
        (name,) = differing
        marked = [f"{fmt.name(name)}={_value(held.get(name)).text}" for held in given]
        if len(set(marked)) == len(marked):
            return marked
    counts = Counter(names)
    shown = marks or [f"#{names[: at + 1].count(name)}" for at, name in enumerate(names)]
    return [f"{name} {mark}" if counts[name] > 1 else name for name, mark in zip(names, shown, strict=True)]


def common_first(held: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return all names, those that most of the runs have first; equals by name, what is said of the machine last."""
    counts = Counter(name for each in held for name in each)
    return sorted(counts, key=lambda name: (is_system(name), -counts[name], name))


def _rows(heads: tuple[Column, ...], rows: Sequence[Row], title: str, empty: str) -> Table:
    shown = tuple((fmt.text(row.name), *(_value(value) for value in row.values)) for row in rows[: fmt.MOST_ITEMS])
    return Table(heads, shown, title=title, more=len(rows) - len(shown), empty=empty)


def _value(value: Any) -> Cell:
    return Cell("") if value is None else fmt.value(value)


def _differs(name: str, given: Sequence[Mapping[str, Any]]) -> bool:
    return len({repr(params.get(name)) for params in given}) > 1


def _numeric(name: str, given: Sequence[Mapping[str, Any]]) -> bool:
    values = [params[name] for params in given if name in params]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _check_there(run: Run) -> None:
    try:
        run.store.stat(keys.run_record(run.experiment, run.run_id))
    except KeyMissing:
        raise RunNotFound(
            f"{run.store.location}: run {run.run_id} is no longer there",
            fix="tracker.search_runs() lists what there is",
        ) from None


def _stores(runs: Iterable[Run]) -> list[str]:
    return [f"store {location}" for location in dict.fromkeys(run.store.location for run in runs)]


def _origin(run: Run) -> str:
    source = run.source
    commit = ""
    if source is not None and source.git_commit:
        commit = f" · commit {source.git_commit[:8]}" + (" (dirty)" if source.git_dirty else "")
    return f"run {run.run_id} · store {run.store.location}{commit}"
