"""What is said of a copy on an MLflow server: how it stands, what differs there, what was delivered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.faces import Shown
from tauro_nb.kinds import known
from tauro_nb.mlops.mlflow.difference import Difference
from tauro_nb.mlops.mlflow.ledger import Ledgers, RunLedger, ledger_mark
from tauro_nb.mlops.mlflow.replica import Replica, run_errand
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus
from tauro_nb.store import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from tauro_nb.mlops.registry.registry import ModelRegistry

MOST_DETAILS = 20


@dataclass(frozen=True)
class MirrorReport(Shown):
    """Runs and models that are not on the server as they are here."""

    title: str
    target: str
    """The server's address, without secrets."""
    looked_at: int
    """Runs and models that were looked at."""
    found: tuple[Difference, ...]
    trouble: str = ""
    """What keeps them from being delivered, as far as it is known."""
    asked: bool = True
    """The server was asked; else the report is of what was acknowledged."""
    ok: bool = True

    def __repr__(self) -> str:
        return f"<MirrorReport {self.title}: {len(self.found)} of {self.looked_at} on {self.target}>"


def status(replica: Replica, registry: ModelRegistry) -> MirrorReport:
    """Tell from the ledgers what is not there yet, and what was said otherwise; the server is not asked."""
    store = replica.errand.store
    archive, ledgers = RunArchive(store), Ledgers(store, replica.errand.address.name)
    found: list[Difference] = []
    things = 0
    errand = replica.errand
    for record in map(archive.observed, archive.records()):
        if errand.came_from_there(record.tags):
            continue
        things += 1
        found += _of_run(record, ledgers.run(record.experiment, record.run_id), archive)
    waiting = {each.model for each in ledgers.waiting()}
    for model in registry.models():
        ledger = ledgers.model(model.name)
        if not ledger.complete and not errand.own_versions(registry, model.name):
            continue
        things += 1
        what = "missing" if not ledger.complete else "behind" if model.name in waiting else "changed"
        details = tuple(f"{name}: {why}" for name, why in ledger.changed.items())
        if what != "changed" or details:
            found.append(Difference(kind="model", name=model.name, id=model.name, what=what, details=details))
    found.sort(key=lambda each: (each.kind, each.id), reverse=True)
    return MirrorReport(
        "Status", replica.errand.address.shown, things, tuple(found), ledgers.standing().told, asked=False
    )


def diff(replica: Replica, progress: Callable[[int, int], object]) -> MirrorReport:
    """Compare every run and model with what the server has.

    Raises
    ------
    MirrorError
        The server does not answer.
    """
    told = msgspec.convert(run_errand("diff", replica.errand, replica.folder, progress), known(_Compared))
    return MirrorReport("Differences", replica.errand.address.shown, told.things, tuple(told.found), ok=not told.found)


def sync(replica: Replica, progress: Callable[[int, int], object]) -> MirrorReport:
    """Deliver all that is missing or differs, and tell what is left.

    Raises
    ------
    MirrorError
        The server does not answer.
    """
    told = msgspec.convert(run_errand("sync", replica.errand, replica.folder, progress), known(_Synced))
    return MirrorReport(
        "Delivered",
        replica.errand.address.shown,
        told.total,
        tuple(told.found),
        told.trouble,
        ok=not told.found and not told.trouble,
    )


class _Compared(msgspec.Struct):
    things: int
    found: list[Difference]


class _Synced(msgspec.Struct):
    total: int
    found: list[Difference]
    trouble: str


def _of_run(record: RunRecord, ledger: RunLedger, archive: RunArchive) -> Iterator[Difference]:
    complete = ledger.complete == ledger_mark(record)
    details = [f"{name}: {why}" for name, why in ledger.changed.items()]
    if not complete and ledger.there:
        reader = MetricLog.reader(archive.store, keys.metrics(record.experiment, record.run_id))
        total = sum(len(stream) for stream, _ in reader.stretches() if stream is not None)
        details.insert(0, f"{sum(ledger.points.values()):,} of {total:,} points are there")
    if complete and not details:
        return
    what = "changed" if complete else "missing" if not ledger.there else "behind"
    if what == "behind" and record.status is RunStatus.RUNNING:
        details.insert(0, "it goes on")
    yield Difference(
        kind="run",
        name=record.name,
        id=record.run_id,
        experiment=record.experiment,
        what=what,
        details=tuple(details[:MOST_DETAILS]),
    )
