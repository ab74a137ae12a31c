"""Points that come for a run which is not this process's: another process's, one that a client sends, or an ended one.

Each such run has a writer here, a file of its own beside the owner's, which is kept open for as long as points come: a
server is asked anew for each of them. It is let go of a moment after the run has ended, or when nothing has come for a
while, so that no run looks as if somebody still wrote to it.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Iterable

import msgspec

from tauro_nb.errors import RunNotFound, TauroError
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.background import warn
from tauro_nb.mlops.tracking.metric_log import MetricLog, MetricWriter
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys

Point = tuple[str, float, int, int]
"""Key, value, step, and when it was measured: UTC, nanoseconds since the epoch."""

LOOK_S = 1.0
"""How often it is looked which writers are to be let go of."""
IDLE_S = 60.0


class _Visit:
    """The writer for one run."""

    def __init__(self, archive: RunArchive, record: RunRecord) -> None:
        self.record = record
        self.lock = threading.Lock()
        self.used_s = time.monotonic()
        self._archive = archive
        self._prefix = keys.metrics(record.experiment, record.run_id)
        self._writer: MetricWriter = MetricLog.writer(archive.store, self._prefix)

    def log(self, points: Iterable[Point]) -> None:
        for point in points:
            self._writer.append(*point)
        self.used_s = time.monotonic()
        if self._archive.read(self.record.experiment, self.record.run_id).ended_at_ns is not None:
            self._tell()

    def is_over(self) -> bool:
        idle_s = time.monotonic() - self.used_s
        if idle_s > IDLE_S:
            return True
        try:
            record = self._archive.read(self.record.experiment, self.record.run_id)
        except RunNotFound:
            return True
        return record.ended_at_ns is not None and idle_s > LOOK_S

    def close(self) -> None:
        self._writer.close()
        try:
            ended = self._archive.read(self.record.experiment, self.record.run_id).ended_at_ns is not None
        except RunNotFound:
            return
        if ended:
            MetricLog.compact(self._archive.store, self._prefix)

    def _tell(self) -> None:
        """Have the record of a run that has ended say what was logged since."""
        metrics = MetricLog.reader(self._archive.store, self._prefix).last()

        def add(record: RunRecord) -> RunRecord:
            return record if record.ended_at_ns is None else msgspec.structs.replace(record, metrics=metrics)

        self._archive.change(self.record.experiment, self.record.run_id, add)


class Visits:
    """The writers of one store for runs of others; safe to share between threads, and in a forked child empty."""

    def __init__(self, archive: RunArchive) -> None:
        self._archive = archive
        self._reset()
        atexit.register(self.leave)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def log(self, record: RunRecord, points: Iterable[Point]) -> None:
        """Log points to a run; none of them where one is bad.

        Raises
        ------
        InvalidMetric
        StoreError
        """
        checked = [
            (values.metric_key(key), values.metric_value(key, value), values.metric_step(step), at_ns)
            for key, value, step, at_ns in points
        ]
        if not checked:
            return
        while True:
            visit = self._visit(record)
            with visit.lock:
                if self._open.get(record.run_id) is visit:  # nobody has closed it meanwhile
                    visit.log(checked)
                    return

    def leave(self, run_id: str | None = None) -> None:
        """Let go of the writer for one run, or of all."""
        for each in list(self._open) if run_id is None else [run_id]:
            visit = self._open.get(each)
            if visit is not None:
                self._close(visit)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Visit] = {}
        self._thread: threading.Thread | None = None

    def _visit(self, record: RunRecord) -> _Visit:
        with self._lock:
            visit = self._open.get(record.run_id)
            if visit is None:
                visit = self._open[record.run_id] = _Visit(self._archive, record)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="tauro-mlflow-visits", daemon=True)
                self._thread.start()
            return visit

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_S)
            for visit in list(self._open.values()):
                try:
                    if visit.is_over():
                        self._close(visit)
                except TauroError as error:
                    warn("run %s: what was logged to it could not be closed: %s", visit.record.run_id, error)
            with self._lock:
                if not self._open:
                    self._thread = None
                    return

    def _close(self, visit: _Visit) -> None:
        with visit.lock:
            with self._lock:
                if self._open.get(visit.record.run_id) is not visit:
                    return
                del self._open[visit.record.run_id]
            visit.close()
