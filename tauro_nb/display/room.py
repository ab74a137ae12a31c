"""What takes room in a store, and what was removed from it."""

from __future__ import annotations

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Section, Table
from tauro_nb.mlops.tracking.deletion import Removal, RemovedRun
from tauro_nb.mlops.tracking.usage import RunUsage, Usage

MOST_ROWS = 20

_RUNS = (
    Column("run"),
    Column("experiment"),
    Column("size", numeric=True, yields=0),
    Column("metrics", numeric=True),
    Column("artifacts", numeric=True),
    Column("records", numeric=True),
    Column("", yields=2),
    Column("id", yields=0),
)
_REMOVED = (
    Column("run"),
    Column("experiment"),
    Column("size", numeric=True),
    Column("deleted"),
    Column("id", yields=0),
)


def usage_page(usage: Usage) -> Page:
    """Return the parts of a store, its experiments and its largest runs."""
    runs, experiments = usage.runs[:MOST_ROWS], list(usage.experiments.items())
    return Page(
        title="Room",
        subtitle=(_size(usage.size_bytes), fmt.place(usage.location)),
        sections=(
            fmt.facts((part.replace("_", " "), _size(count)) for part, count in usage.parts.items() if count),
            Table(
                (Column("experiment"), Column("size", numeric=True)),
                tuple((fmt.text(name, kind="strong"), _size(count)) for name, count in experiments[:MOST_ROWS]),
                title="Experiments",
                more=max(0, len(experiments) - MOST_ROWS),
                empty="no experiments",
            ),
            Table(
                _RUNS,
                tuple(map(_run_row, runs)),
                title="The largest runs",
                more=len(usage.runs) - len(runs),
                empty="no runs",
            ),
        ),
        footer=("tracker.usage().frame has every run",),
    )


def removal_page(removal: Removal) -> Page:
    """Return which runs were removed, or would be, and which stay because a registered version needs them."""
    verb = "would be removed" if removal.dry_run else "removed"
    sections: list[Section] = [
        _removed(removal.runs, title="", empty=f"no run was deleted {removal.older_than_days:g} days ago or earlier")
    ]
    written = tuple(run for run in removal.kept if run.written)
    needed = tuple(run for run in removal.kept if not run.written)
    if needed:
        sections.append(_removed(needed, title="Kept: registered versions lead back to them", empty=""))
    if written:
        sections.append(_removed(written, title="Kept: a process still logs to them", empty=""))
    if removal.dry_run and removal.runs:
        call = f"tracker.gc({removal.older_than_days:g}, dry_run=False)"
        sections.append(Lines(f"nothing was removed: {call} does it", tone="muted"))
    return Page(
        title="Deleted runs",
        subtitle=(Cell(f"{fmt.plural(len(removal.runs), 'run')} {verb}"), _size(removal.size_bytes)),
        sections=tuple(sections),
    )


def _run_row(run: RunUsage) -> tuple[Cell, ...]:
    return (
        fmt.text(run.name, kind="strong"),
        fmt.text(run.experiment),
        _size(run.size_bytes),
        _size(run.metrics_bytes),
        _size(run.artifacts_bytes),
        _size(run.records_bytes),
        Cell("deleted" if run.deleted else "", kind="muted"),
        Cell(run.run_id, kind="muted"),
    )


def _removed(runs: tuple[RemovedRun, ...], *, title: str, empty: str) -> Table:
    needed = any(run.versions for run in runs)
    rows = tuple(
        (
            fmt.text(run.name, kind="strong"),
            fmt.text(run.experiment),
            _size(run.size_bytes),
            fmt.moment(run.deleted_at_ns),
            Cell(run.run_id, kind="muted"),
            *((fmt.text(", ".join(run.versions)),) if needed else ()),
        )
        for run in runs[:MOST_ROWS]
    )
    heads = (*_REMOVED, Column("needed by")) if needed else _REMOVED
    return Table(heads, rows, title=title, more=max(0, len(runs) - MOST_ROWS), empty=empty)


def _size(count: int) -> Cell:
    return Cell(fmt.size(count), title=f"{count:,} bytes", kind="number")
