"""Putting runs aside, bringing them back, and removing for good those that were put aside long ago.

A run's children stay when it goes, as in MLflow. A run to which a registered version leads back, or whose child is one,
is not removed, so that every version keeps its run, whatever became of the version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tauro_nb.errors import RunActive, StoreError, UsageError
from tauro_nb.faces import Shown
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import recovery
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.lifetime import open_runs
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus
from tauro_nb.mlops.tracking.usage import size_below
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

DAY_NS = 86_400_000_000_000


class RemovedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was put aside, when `ExperimentTracker.gc` looked at it."""

    run_id: str
    name: str
    experiment: str
    deleted_at_ns: int
    size_bytes: int
    """Of all its files."""
    versions: tuple[str, ...] = ()
    """The registered versions that came from it or its children: ``churn-predictor v3``."""
    written: bool = False
    """Some process still logs to it."""


@dataclass(frozen=True)
class Removal(Shown):
    """What `ExperimentTracker.gc` removed, or would."""

    runs: tuple[RemovedRun, ...]
    """Oldest deletion first."""
    kept: tuple[RemovedRun, ...]
    """Those that are due, and stay because registered versions lead back to them, or somebody still logs to them."""
    dry_run: bool
    """Nothing was removed."""
    older_than_days: float

    @property
    def size_bytes(self) -> int:
        """What it freed, or would."""
        return sum(run.size_bytes for run in self.runs)

    def __repr__(self) -> str:
        act = "would remove" if self.dry_run else "removed"
        return f"<Removal {act} {len(self.runs)} runs, {self.size_bytes} bytes; {len(self.kept)} kept>"


def put_aside(archive: RunArchive, run_id: str, at_ns: int) -> RunRecord:
    """Mark a run as deleted; one whose process is gone is ended first.

    Raises
    ------
    RunNotFound
    RunActive
        It goes on, or its owner has ended it and another process still logs to it.
    """
    found = archive.find(run_id)
    left = found.status is RunStatus.RUNNING and archive.is_gone(found)
    if (left or found.status is not RunStatus.RUNNING) and recovery.is_written(archive.store, found):
        raise RunActive(
            f"another process still logs to run {run_id}, and it cannot be deleted",
            fix="end it there first: whoever resumed it has a run of its own to end",
        )
    if left:
        recovery.finish(archive, found)

    def mark(record: RunRecord) -> RunRecord:
        if record.status is RunStatus.RUNNING:
            raise _goes_on(archive.store, record)
        return record if record.deleted_at_ns is not None else msgspec.structs.replace(record, deleted_at_ns=at_ns)

    return archive.change(found.experiment, run_id, mark)


def bring_back(archive: RunArchive, run_id: str) -> RunRecord:
    """Take the mark back.

    Raises
    ------
    RunNotFound
    """
    found = archive.find(run_id)
    return archive.change(found.experiment, run_id, lambda record: msgspec.structs.replace(record, deleted_at_ns=None))


def clear(archive: RunArchive, now_ns: int, *, older_than_days: float, dry_run: bool, force: bool) -> Removal:
    """Remove the runs that were put aside so long ago; see `ExperimentTracker.gc`."""
    if not hasattr(older_than_days, "__float__") or not older_than_days >= 0:
        raise UsageError(f"older_than_days={older_than_days!r}", fix="give a number of days, or 0 for all")
    records = list(archive.records())
    due = [
        record
        for record in sorted(records, key=lambda record: record.deleted_at_ns or 0)
        if record.deleted_at_ns is not None and record.deleted_at_ns <= now_ns - older_than_days * DAY_NS
    ]
    needed = _Needed(archive.store, records) if due and not force else None
    removed, kept = [], []
    for record in due:
        seen = RemovedRun(
            run_id=record.run_id,
            name=record.name,
            experiment=record.experiment,
            deleted_at_ns=record.deleted_at_ns or 0,
            size_bytes=size_below(archive.store, keys.run(record.experiment, record.run_id)),
            versions=needed.versions(record.run_id) if needed is not None else (),
            written=recovery.is_written(archive.store, record),
        )
        if seen.versions or seen.written:
            kept.append(seen)
        elif dry_run or archive.remove(record):
            removed.append(seen)
    return Removal(runs=tuple(removed), kept=tuple(kept), dry_run=dry_run, older_than_days=older_than_days)


class _Needed:
    """Which runs are needed by which registered versions, removed ones too: those can be restored."""

    def __init__(self, store: Store, records: list[RunRecord]) -> None:
        self._children: dict[str, list[str]] = defaultdict(list)
        for record in records:
            if record.parent_id is not None:
                self._children[record.parent_id].append(record.run_id)
        self._by_run: dict[str, list[str]] = defaultdict(list)
        for run_id, version in _registered(store):
            self._by_run[run_id].append(version)

    def versions(self, run_id: str) -> tuple[str, ...]:
        """Return the versions that came from this run, its children, and theirs."""
        todo, seen = [run_id], set[str]()
        while todo:
            each = todo.pop()
            if each not in seen:
                seen.add(each)
                todo += self._children.get(each, ())
        return tuple(sorted(version for each in seen for version in self._by_run.get(each, ())))


def _registered(store: Store) -> Iterator[tuple[str, str]]:
    """Yield the run of each registered version that has one, and the version.

    Raises
    ------
    StoreError
        A version cannot be read: which run it needs is not known.
    """
    from tauro_nb.mlops.registry.records import VersionRecord

    for folder in store.list(keys.MODELS):
        prefix = f"{keys.MODELS}/{folder.name}/versions"
        for entry in store.list(prefix) if folder.is_folder else ():
            if keys.number(entry.name) is not None:
                try:
                    version = encoding.read(store, f"{prefix}/{entry.name}", VersionRecord)
                except StoreError as error:
                    raise StoreError(
                        f"{error.message}: which run it needs is not known, so no run is removed",
                        fix="restore that file from a copy, or pass force=True",
                    ) from error
                if version.run_id is not None:
                    yield version.run_id, f"{version.model} v{version.version}"


def _goes_on(store: Store, record: RunRecord) -> RunActive:
    if open_runs.has(store, record.run_id):
        where, fix = "in this process", f"end it first: tracker.get_run({record.run_id!r}).end()"
    else:
        owner = record.owner
        where = f"in process {owner.pid} on {owner.host}" if owner is not None else "elsewhere"
        fix = "end it there first"
    return RunActive(f"run {record.run_id} still goes on {where}, and cannot be deleted", fix=fix)
