"""Finishing what processes that are gone have left: points on their way, records of runs, and their manifests.

Safe at any time and in several processes at once: what a run has become meanwhile is looked at again under its lock,
and of those who would end it one does.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.errors import KeyMissing, RunNotFound, StoreError, TauroError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.background import background, warn
from tauro_nb.mlops.tracking.provenance import no_fork
from tauro_nb.mlops.tracking.records import Beat, RunRecord, RunStatus
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.points import Summary

_MANIFEST = keys.manifest("any", "any").rpartition("/")[2]


PAUSE_S = 0.05
"""How long recovering in the background waits, not to be in the way of what its caller does first."""


def recover(archive: RunArchive) -> list[RunRecord]:
    """Send what waits in the spool, end the runs whose process is gone, and write the manifests that are missing.

    A run that cannot be finished is told of by a warning and does not stop the others. Of runs that ended, a missing
    manifest is noticed where the store has a local folder: elsewhere that would be a request for each run.

    Returns
    -------
    list of RunRecord
        The runs that this call ended, as they are now.

    Raises
    ------
    StoreError
        The store is out of reach.
    """
    with no_fork:
        from tauro_nb.mlops.tracking import shipping  # noqa: F401 - asked below
        from tauro_nb.mlops.tracking.metric_log import MetricLog
    MetricLog.recover(archive.store)
    ended = []
    for record in _unfinished(archive):
        try:
            if record.status is not RunStatus.RUNNING:
                if owner.is_gone(record.owner):
                    _complete(archive, record)
            elif archive.is_gone(record) and (done := finish(archive, record)) is not None:
                ended.append(done)
        except TauroError as error:
            warnings.warn(f"run {record.run_id} could not be finished: {error}", RuntimeWarning, stacklevel=3)
    return ended


def recover_soon(store: Store) -> None:
    """Recover in a daemon thread, so that nobody waits for it; what goes wrong is logged."""

    def work() -> None:
        time.sleep(PAUSE_S)
        try:
            found = recover(RunArchive(store))
        except Exception as error:  # noqa: BLE001 - told here, because no caller is left to catch it
            warn("%s: crashed runs could not be finished: %s: %s", store.location, type(error).__name__, error)
        else:
            for record in found:
                warn("%s: the process of run %s is gone: it ended as INTERRUPTED", store.location, record.run_id)

    threading.Thread(target=work, name="tauro-recovery", daemon=True).start()


def finish(archive: RunArchive, record: RunRecord) -> RunRecord | None:
    """End a run whose process is gone; None if it was ended or resumed meanwhile."""
    ended_at_ns, metrics = _last_signs(archive.store, record)
    ended = False

    def end(now: RunRecord) -> RunRecord:
        nonlocal ended
        ended = now.status is RunStatus.RUNNING and now.owner == record.owner
        if not ended:
            return now
        return msgspec.structs.replace(now, status=RunStatus.INTERRUPTED, ended_at_ns=ended_at_ns, metrics=metrics)

    done = archive.change(record.experiment, record.run_id, end)
    if not ended:
        return None
    if not _stays_open(archive.store, done):
        _seal(archive, done)
    background.later(lambda: _compact(archive.store, done))
    return done


def is_written(store: Store, record: RunRecord) -> bool:
    """Tell whether some process still logs to a run, as far as this machine can see."""
    with no_fork:
        from tauro_nb.mlops.tracking.metric_log import MetricLog
    return MetricLog.is_written(store, keys.metrics(record.experiment, record.run_id))


def _stays_open(store: Store, record: RunRecord) -> bool:
    """Tell whether the manifest is to wait for a second writer: its absence tells, should that be killed, of the run.

    Where absence is not noticed there is no waiting.
    """
    return store.local_dir(keys.runs(record.experiment)) is not None and is_written(store, record)


def _complete(archive: RunArchive, record: RunRecord) -> None:
    """Seal a run that has ended, with what a second writer, who is gone too, has logged to it since."""
    if is_written(archive.store, record):
        return
    metrics = _summary(archive.store, record).last()

    def add(now: RunRecord) -> RunRecord:
        return now if now.ended_at_ns is None else msgspec.structs.replace(now, metrics=metrics)

    done = archive.change(record.experiment, record.run_id, add)
    if done.ended_at_ns is not None:
        _seal(archive, done)
        background.later(lambda: _compact(archive.store, done))


def _last_signs(store: Store, record: RunRecord) -> tuple[int, dict[str, float]]:
    """Return when the owner of a run was last there, and the last value of each metric."""
    points = _summary(store, record)
    signs_ns = [record.started_at_ns, points.last_ns() or 0]
    with contextlib.suppress(KeyMissing):
        signs_ns.append(encoding.read(store, keys.beat(record.experiment, record.run_id), Beat).at_ns)
    last_ns = max(signs_ns)
    changed_ns = store.stat(keys.run_record(record.experiment, record.run_id)).modified_ns
    if record.owner is not None and record.owner.beat_s is not None:
        # if the record was changed later than its owner could still live without a beat, somebody else did it
        changed_ns = min(changed_ns, last_ns + round(record.owner.beat_s * 1e9))
    return max(last_ns, changed_ns), points.last()


def _summary(store: Store, record: RunRecord) -> Summary:
    with no_fork:
        import numpy as np  # noqa: F401 - read with, below

        from tauro_nb.mlops.tracking.metric_log import MetricLog
    return MetricLog.reader(store, keys.metrics(record.experiment, record.run_id)).summary()


def _seal(archive: RunArchive, record: RunRecord) -> None:
    artifacts = Artifacts(archive.store, record.experiment, record.run_id)
    manifest = artifacts.described(record)
    archive.while_at_rest(record, lambda: artifacts.keep(manifest))


def _compact(store: Store, record: RunRecord) -> None:
    from tauro_nb.mlops.tracking.metric_log import MetricLog

    MetricLog.compact(store, keys.metrics(record.experiment, record.run_id))


def _unfinished(archive: RunArchive) -> Iterator[RunRecord]:
    """Yield the runs that have no manifest, which is written last; where that is not seen at once, those that go on."""
    for experiment in archive.experiments():
        folder = archive.store.local_dir(keys.runs(experiment.name))
        if folder is None:
            with no_fork:
                from tauro_nb.mlops.tracking import index  # noqa: F401 - asked below
            yield from (each for each in archive.records([experiment.name]) if each.status is RunStatus.RUNNING)
            continue
        for name in os.listdir(folder):  # noqa: PTH208 - thousands
            if os.path.exists(f"{folder}/{name}/{_MANIFEST}") or not (run_id := keys.unsegment(name)):  # noqa: PTH110
                continue
            try:
                yield archive.read(experiment.name, run_id)
            except RunNotFound:
                continue
            except StoreError as error:  # one damaged run must not hide all the others
                warnings.warn(f"{error.message}: the run is left out", RuntimeWarning, stacklevel=3)
