"""Objects as listings: a table of runs, one run, a comparison, models, versions, a history, health checks."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.commands.document import moment
from tauro_nb.commands.listing import SECTIONS, Listing, Row
from tauro_nb.mlops.tracking import comparison

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.commands.desk import Desk
    from tauro_nb.mlops.mlflow.report import MirrorReport
    from tauro_nb.mlops.monitoring.findings import HealthReport
    from tauro_nb.mlops.moving.copied import Copied
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel
    from tauro_nb.mlops.tracking.deletion import Removal, RemovedRun
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.mlops.tracking.run_table import RunTable
    from tauro_nb.mlops.tracking.usage import Usage

_RUN = ("run_id", "run_name", "experiment", "status", "start_time", "end_time")
_RUN_MORE = ("duration_s", "user_id", "parent_id", "deleted_at")
_RUN_WHOLE = ("notes", "error", "artifacts", "models", "inputs", "source")
_MODEL = ("name", "latest_version", "n_versions", "production", "stages", "aliases", "description")
_VERSION = ("name", "version", "stage", "aliases", "created_at", "run_id", "experiment", "description")
_VERSION_MORE = ("flavor", "size_bytes", "runs_code")
_CHECK = ("name", "status", "critical", "figure", "fix", "took_s")
_ACT = ("at", "act", "version", "former", "stage", "alias", "details", "comment")
_WHO = ("user", "host", "environment", "pipeline", "node", "run_id")
_BYTES = ("metrics_bytes", "artifacts_bytes", "records_bytes", "size_bytes")
_USED = ("experiment", "run_id", "run_name", "deleted", *_BYTES)
_REMOVED = ("run_id", "run_name", "experiment", "deleted_at", "size_bytes", "removed", "versions", "written")
_COPIED = ("kind", "name", "run_id", "experiment", "outcome", "versions", "events", "size_bytes", "why", "fix")
_MIRRORED = ("kind", "name", "id", "experiment", "what", "details")

COLUMNS = {
    "of_models": _MODEL,
    "of_versions": (*_VERSION, *_VERSION_MORE, "metrics.*", "tags.*"),
    "of_history": (*_ACT, *_WHO),
    "of_health": _CHECK,
    "of_usage": _USED,
    "of_removal": _REMOVED,
    "of_copied": _COPIED,
    "of_mirror": _MIRRORED,
}
"""What is offered behind ``--columns``, where it is not up to the runs there are."""


def of_runs(desk: Desk, runs: RunTable) -> Listing:
    """List runs, with the columns of `RunTable.frame`."""
    rows = tuple(map(_run_row, runs))
    return Listing("Runs", _columns(_RUN, rows), rows, more=_RUN_MORE, sections=SECTIONS, elsewhere=_of_all_runs(desk))


def of_run(desk: Desk, run: Run) -> Listing:
    """List one run; its document has all that is kept of it but the points of its metrics."""
    row = {**_run_row(run), **_whole(run)}
    more = (*_RUN_MORE, *_RUN_WHOLE)
    return _One("Run", _columns(_RUN, [row]), (row,), more=more, sections=SECTIONS, elsewhere=_of_all_runs(desk))


def of_comparison(desk: Desk, compared: comparison.Comparison) -> Listing:
    """List runs side by side: what `of_runs` has as columns stands as rows, and each run is a column."""
    rows = tuple(map(_run_row, compared.runs))
    return _SideBySide(
        "Comparison", _columns(_RUN, rows), rows, more=_RUN_MORE, sections=SECTIONS, elsewhere=_of_all_runs(desk)
    )


def of_models(_: Desk, registry: ModelRegistry) -> Listing:
    """List the models of a registry."""
    return Listing("Models", _MODEL, tuple(map(_model_row, registry.models())))


def of_versions(_: Desk, model: RegisteredModel) -> Listing:
    """List the versions of a model, newest first."""
    rows = tuple(map(_version_row, reversed(model.versions())))
    return Listing(model.name, _columns(_VERSION, rows), rows, more=_VERSION_MORE, sections=("metrics", "tags"))


def of_history(_: Desk, history: pd.DataFrame) -> Listing:
    """List what `ModelRegistry.history` tells."""
    known = history.notna().to_dict("records")
    rows = tuple(
        {str(name): value for name, value in row.items() if there[name]}
        for row, there in zip(history.to_dict("records"), known, strict=True)
    )
    return Listing("History", tuple(history.columns), rows)


def of_health(_: Desk, report: HealthReport) -> Listing:
    """List the checks of a report; the document tells of the whole too."""
    rows = tuple({name: getattr(check, name) for name in _CHECK} for check in report.checks)
    return _Checks("Health", _CHECK, rows, ok=report.ok, status=report.status.value, at_ns=report.at_ns)


def of_usage(_: Desk, usage: Usage) -> Listing:
    """List the runs, the largest first; the document tells of the whole store too."""
    rows = tuple(
        {"run_name": run.name, **{name: getattr(run, name) for name in _USED if name != "run_name"}}
        for run in usage.runs
    )
    return _Measured("Usage", _USED, rows, usage=usage)


def of_removal(_: Desk, removal: Removal) -> Listing:
    """List the runs that were removed or would be, then those that stay."""
    rows = [_removed_row(run, removed=not removal.dry_run) for run in removal.runs]
    rows += [_removed_row(run, removed=False) for run in removal.kept]
    return Listing("Removal", _REMOVED, tuple(rows))


def of_copied(_: Desk, copied: Copied) -> Listing:
    """List every run and model that was looked at; the document tells of the whole too."""
    rows = tuple({name: getattr(each, name) for name in _COPIED} for each in copied.moved)
    about = {name: getattr(copied, name) for name in ("source", "target", "dry_run", "ok", "size_bytes", "delivered")}
    return _Told("Copied", _COPIED, rows, ok=copied.ok, about=about)


def of_mirror(_: Desk, report: MirrorReport) -> Listing:
    """List the runs and models that an MLflow server does not have as they are here."""
    rows = tuple({name: getattr(each, name) for name in _MIRRORED} for each in report.found)
    about = {name: getattr(report, name) for name in ("target", "looked_at", "trouble", "ok")}
    return _Told(report.title, _MIRRORED, rows, ok=report.ok, about=about)


@dataclass(frozen=True)
class _One(Listing):
    """A single thing: its document is no list, and has everything unless columns were named."""

    def document(self) -> Any:
        return self.nested(self.rows[0], (*self.columns, *self.more))


@dataclass(frozen=True)
class _SideBySide(Listing):
    """Rows that stand as columns, under their ids."""

    @property
    def n_rows(self) -> int:
        return len(self.columns)

    def table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        heads = ("name", *(row["run_id"] for row in self.rows))
        return heads, [(name, *(row.get(name) for row in self.rows)) for name in self.columns if name != "run_id"]

    def document(self) -> Any:
        own = [name for name in self.columns if name.partition(".")[0] not in SECTIONS]
        differ: dict[str, Any] = {section: {} for section in SECTIONS}
        same: dict[str, Any] = {section: {} for section in SECTIONS}
        for column in self.columns:
            section, _, name = column.partition(".")
            if section not in SECTIONS:
                continue
            compared = comparison.Row(name, tuple(row.get(column) for row in self.rows))
            if compared.differs:
                differ[section][name] = {row["run_id"]: row[column] for row in self.rows if column in row}
            else:
                same[section][name] = compared.values[0]
        runs = [{name: row.get(name) for name in dict.fromkeys(("run_id", *own))} for row in self.rows]
        return {"runs": runs, "differ": differ, "same": same}


@dataclass(frozen=True)
class _Checks(Listing):
    """Health checks, and what they come to."""

    status: str = ""
    at_ns: int = 0

    def document(self) -> Any:
        return {"status": self.status, "at": moment(self.at_ns), "checks": super().document()}


@dataclass(frozen=True)
class _Measured(Listing):
    """Runs by size, and the store that holds them."""

    usage: Usage | None = None

    def document(self) -> Any:
        assert self.usage is not None  # noqa: S101 - `of_usage` gives it
        whole = {name: getattr(self.usage, name) for name in ("location", "size_bytes", "parts", "experiments")}
        return {**whole, "runs": super().document()}


@dataclass(frozen=True)
class _Told(Listing):
    """Things, and the work that was done with them."""

    about: Row = field(default_factory=dict)

    def document(self) -> Any:
        return {**self.about, "things": super().document()}


def _columns(own: tuple[str, ...], rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the columns of these rows: a thing's own, then the sections, each sorted by name."""
    found: dict[str, set[str]] = {section: set() for section in SECTIONS}
    for name in {name for row in rows for name in row}:
        section, dot, _ = name.partition(".")
        if dot:
            found[section].add(name)
    return (*own, *(name for section in SECTIONS for name in sorted(found[section])))


def _of_all_runs(desk: Desk) -> Any:
    @functools.cache
    def columns() -> Collection[str] | None:
        runs = desk.session.tracker.search_runs()
        return set(_columns(_RUN, map(_run_row, runs))) if len(runs) else None

    return columns


def _run_row(run: Run) -> dict[str, Any]:
    record, metrics = run.record, run.metrics
    row = {
        "run_id": record.run_id,
        "run_name": record.name,
        "experiment": record.experiment,
        "status": record.status.value,
        "start_time": moment(record.started_at_ns),
        "end_time": moment(record.ended_at_ns),
        "duration_s": run.duration_s,
        "user_id": record.source.user if record.source is not None else None,
        "parent_id": record.parent_id,
        "deleted_at": moment(record.deleted_at_ns),
    }
    for section, held in (("params", record.params), ("metrics", metrics), ("tags", record.tags)):
        row |= {f"{section}.{name}": value for name, value in held.items()}
    return row


def _whole(run: Run) -> dict[str, Any]:
    source = run.source  # waited for before the record is read
    record = run.record
    return {
        "notes": record.notes,
        "error": msgspec.to_builtins(record.error),
        "artifacts": [msgspec.to_builtins(file) for file in run.artifacts()],
        "models": record.models,
        "inputs": run.inputs,
        "source": msgspec.to_builtins(source),
    }


def _removed_row(run: RemovedRun, *, removed: bool) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "run_name": run.name,
        "experiment": run.experiment,
        "deleted_at": moment(run.deleted_at_ns),
        "size_bytes": run.size_bytes,
        "removed": removed,
        "versions": list(run.versions),
        "written": run.written,
    }


def _model_row(model: RegisteredModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in _MODEL} | {
        "stages": {str(version): stage for version, stage in model.stages.items()}
    }


def _version_row(version: ModelVersion) -> dict[str, Any]:
    row = {name: getattr(version, name) for name in (*_VERSION, *_VERSION_MORE)}
    for section, held in (("metrics", version.metrics), ("tags", version.tags)):
        row |= {f"{section}.{name}": value for name, value in held.items()}
    return row
