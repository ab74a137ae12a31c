"""What MLflow's client writes to runs: how they begin, take parameters, tags and points, and end.

Each call names a run and may come in another process than the last. In the process that trains, a run that is begun or
taken up here is a `Run` as any other, with this process as its owner. What a server writes was measured elsewhere:
such a run is owned by the server, and goes on as long as that runs; its workers, and all other processes that log to a
run of somebody else, visit it (see `visits`). So no run is in the way of another, whoever logs to it, and none is shown
INTERRUPTED while its client can still log to it.
"""

from __future__ import annotations

import getpass
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from tauro_nb.errors import RunNotFound
from tauro_nb.mlflow_plugin import labels, terms
from tauro_nb.mlflow_plugin.serving import is_server
from tauro_nb.mlflow_plugin.visits import Point, Visits
from tauro_nb.mlops.monitoring.counters import get_metrics_collector
from tauro_nb.mlops.tracking import deletion, owner, values
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.records import Owner, RunRecord, RunStatus, Source
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys

_NOW_NS = 1_000_000_000
"""A client that says when a run ended, and means now, says it as exactly as this."""

Edit = Callable[[RunRecord], RunRecord]


class Recording:
    """The writing to the runs of one store; safe to share between threads."""

    def __init__(self, archive: RunArchive, tracker: ExperimentTracker) -> None:
        self._archive = archive
        self._tracker = tracker
        self._visits = Visits(archive)
        self._own: dict[str, Run] = {}
        self._places: dict[str, str] = {}

    def find(self, run_id: str) -> RunRecord:
        """Return a run's record as a reader should see it.

        Raises
        ------
        RunNotFound
        """
        place = self._places.get(run_id)
        if place is not None:
            try:
                return self._known(self._archive.observed(self._archive.read(place, run_id)))
            except RunNotFound:
                pass
        record = self._archive.find(run_id)
        self._places[run_id] = record.experiment
        return self._known(self._archive.observed(record))

    def writable(self, run_id: str) -> RunRecord:
        """Return the same of a run that takes what is logged.

        Raises
        ------
        RunNotFound
        MlflowException
            It was deleted.
        """
        record = self.find(run_id)
        if record.deleted_at_ns is not None:
            raise terms.invalid(f"The run {run_id} must be in 'active' lifecycle_stage.")
        return record

    def change(self, record: RunRecord, edit: Edit) -> RunRecord:
        """Replace a run's record by `edit` of what it is now."""
        return self._archive.change(record.experiment, record.run_id, edit)

    def begin(
        self, experiment: str, user: str | None, at_ms: int | None, name: str, tags: Mapping[str, str]
    ) -> RunRecord:
        """Begin a run, and return its record."""
        at_ns = time.time_ns() if not at_ms else at_ms * 1_000_000
        told = dict(tags)
        if user:
            told.setdefault(labels.USER, user)
        if not is_server() and told.get(labels.USER) == _user():
            del told[labels.USER]  # found out with all else that is known of the source
        draft = RunRecord(
            run_id="",
            name=values.named("run", name),
            experiment=experiment,
            status=RunStatus.RUNNING,
            started_at_ns=at_ns,
            owner=_owner(),
        )
        draft = labels.applied(draft, {**told, labels.NAME: name})
        self._archive.open_experiment(experiment, at_ns)
        record = self._created(draft)
        self._places[record.run_id] = experiment
        get_metrics_collector().increment("runs_started")
        if not is_server():
            self._own[record.run_id] = self._tracker.resume_run(record.run_id)
        return self._known(record)

    def log(self, run_id: str, points: Iterable[Point], params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Keep parameters and tags, then points; nothing of a call in which a parameter would change.

        Raises
        ------
        RunNotFound
        MlflowException
        InvalidMetric, InvalidName
        """
        record = self.writable(run_id)
        self._taken_up(record)
        if params or tags:
            new = dict(values.param(key, value) for key, value in params.items())
            self.change(record, lambda now: labels.applied(_with_params(now, new), tags))
        run = self._active(run_id)
        if run is not None:
            run.log_points(points)
        else:
            self._visits.log(record, points)

    def update(self, run_id: str, status: RunStatus | None, ended_ms: int | None, name: str | None) -> RunRecord:
        """Give a run a status, a name, or both.

        Raises
        ------
        RunNotFound
        MlflowException
            It was deleted.
        """
        record = self.writable(run_id)
        if name:
            record = self.change(record, lambda now: labels.applied(now, {labels.NAME: name}))
        if status is RunStatus.RUNNING:
            self._go_on(record)
        elif status is not None:
            self._end(record, status, ended_ms)
        return self.find(run_id)

    def delete(self, run_id: str) -> None:
        """Put a run aside.

        Raises
        ------
        RunNotFound
        RunActive
            It goes on in another process. One that was logged through this server is ended first.
        """
        record = self.find(run_id)
        if record.status is RunStatus.RUNNING and is_server() and record.owner == _owner():
            self._end(record, RunStatus.INTERRUPTED, None)
        self._visits.leave(run_id)
        deletion.put_aside(self._archive, run_id, time.time_ns())

    def restore(self, run_id: str) -> None:
        """Bring back a run that was put aside."""
        deletion.bring_back(self._archive, run_id)

    def keep(self, run_id: str, source: str, folder: str | None, *, contents: bool) -> None:
        """Keep a copy of a file, or of what is in a folder, among a run's artifacts, also when that has ended.

        Raises
        ------
        RunNotFound
        ArtifactMissing, UnsafePath
        MlflowException
            It was deleted.
        """
        record = self.writable(run_id)
        run = self._active(run_id)
        if run is not None:
            run.log_artifacts(source, folder) if contents else run.log_artifact(source, folder)
            return
        artifacts = Artifacts(self._archive.store, record.experiment, run_id)
        if record.ended_at_ns is None:
            artifacts.add(source, folder, contents=contents)
            return
        artifacts.unseal()
        try:
            artifacts.add(source, folder, contents=contents)
        finally:
            self._seal(artifacts, record)

    def _created(self, draft: RunRecord) -> RunRecord:
        began = f"{datetime.fromtimestamp(draft.started_at_ns // 1_000_000_000, UTC):%Y%m%d-%H%M%S}"
        while True:
            record = msgspec.structs.replace(draft, run_id=f"{began}-{os.urandom(4).hex()}")
            if self._archive.create(record):
                return record

    def _known(self, record: RunRecord) -> RunRecord:
        """Return a record that says whose the run is, also while what else is known of its source is found out."""
        if record.source is not None or record.run_id not in self._own:
            return record
        return msgspec.structs.replace(record, source=Source(user=_user()))

    def _active(self, run_id: str) -> Run | None:
        run = self._own.get(run_id)
        if run is not None and not run.is_active:
            self._own.pop(run_id, None)
            return None
        return run

    def _taken_up(self, record: RunRecord) -> None:
        """Have a run go on whose server is gone, and whose client has found this one."""
        if is_server() and _is_left(record) and self._archive.is_gone(record):
            self._go_on(record)

    def _go_on(self, record: RunRecord) -> None:
        """Have a run go on: here if it had ended or its process is gone, else where it does."""
        if record.status is RunStatus.RUNNING:
            return
        if not is_server():
            self._own[record.run_id] = self._tracker.resume_run(record.run_id)
            return
        Artifacts(self._archive.store, record.experiment, record.run_id).unseal()
        self.change(
            record,
            lambda now: msgspec.structs.replace(
                now, status=RunStatus.RUNNING, ended_at_ns=None, metrics={}, error=None, owner=_owner()
            ),
        )

    def _end(self, record: RunRecord, status: RunStatus, ended_ms: int | None) -> None:
        ended_at_ns = None if not ended_ms else ended_ms * 1_000_000
        run = self._active(record.run_id)
        if run is not None:
            run.end(status)
            there = self.find(record.run_id).ended_at_ns
            if there is not None:
                if ended_at_ns is not None and abs(there - ended_at_ns) > _NOW_NS:
                    self.change(record, lambda now: msgspec.structs.replace(now, ended_at_ns=ended_at_ns))
                return
        metrics = MetricLog.reader(self._archive.store, keys.metrics(record.experiment, record.run_id)).last()
        at_ns = ended_at_ns or time.time_ns()

        def end(now: RunRecord) -> RunRecord:
            if now.error is not None and status is RunStatus.FINISHED:
                return now  # the script has failed; that it left its run as it was does not mend that
            # whoever is told that it was stopped, and not left, does not take it up again
            told = None if status is RunStatus.INTERRUPTED else now.owner
            return msgspec.structs.replace(now, status=status, ended_at_ns=at_ns, metrics=metrics, owner=told)

        done = self.change(record, end)
        self._visits.leave(record.run_id)
        if record.ended_at_ns is None:
            self._seal(Artifacts(self._archive.store, done.experiment, done.run_id), done)

    def _seal(self, artifacts: Artifacts, record: RunRecord) -> None:
        manifest = artifacts.described(record)
        self._archive.while_at_rest(record, lambda: artifacts.keep(manifest))


def _with_params(record: RunRecord, new: Mapping[str, object]) -> RunRecord:
    for key, value in new.items():
        if key in record.params and str(record.params[key]) != value:
            raise terms.invalid(
                f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                f"value='{record.params[key]}' for run ID='{record.run_id}'. Attempted logging new value '{value}'."
            )
    return msgspec.structs.replace(record, params={**new, **record.params})


def _owner() -> Owner:
    """Describe who owns the runs that this process begins: itself, or the server whose worker it is."""
    if not is_server():
        return owner.this_process()
    above = multiprocessing.parent_process()
    served = owner.this_process() if above is None or above.pid is None else owner.process(above.pid)
    return msgspec.structs.replace(served, beat_s=None)  # it gives no beats: nobody is to miss them


def _is_left(record: RunRecord) -> bool:
    """Tell whether a run was begun through a server, and nobody has ended it."""
    return record.status is RunStatus.INTERRUPTED and record.owner is not None and record.owner.beat_s is None


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return None
