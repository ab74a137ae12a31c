"""One run: how it begins, is handed on and ends.

A run that was started or resumed here is *active*: it takes what is logged until it ends. Any other is a view, whose
properties are read anew while it is still RUNNING in another process. Tags can be set on both, also after the end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tauro_nb.errors import RunEnded, TauroError, UnknownName
from tauro_nb.events import Event, EventType
from tauro_nb.mlops import encoding
from tauro_nb.mlops.scope import Scope, current_run
from tauro_nb.mlops.tracking import heartbeat, owner, provenance, values
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.cell import current_cell
from tauro_nb.mlops.tracking.heartbeat import heart
from tauro_nb.mlops.tracking.lifetime import open_runs
from tauro_nb.mlops.tracking.recorder import RunRecorder
from tauro_nb.mlops.tracking.records import Beat, RunError, RunRecord, RunStatus, Source
from tauro_nb.mlops.tracking.view import Surroundings
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.config.schema import TrackingSettings


class Run(RunRecorder):
    """A run; made by `ExperimentTracker`.

    Leaving its ``with`` block by an exception marks it FAILED (INTERRUPTED where the exception is a `KeyboardInterrupt`
    or another that is no `Exception`) and lets the exception go on. Safe to share between threads.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        record: RunRecord,
        *,
        active: bool = False,
        scope: Scope | None = None,
        sample_s: float | None = None,
    ) -> None:
        super().__init__(surroundings, record, active=active)
        self._sample_s = sample_s
        self._guest = False
        self._scope = scope
        self._pid = os.getpid()
        self._outer: list[Run | None] = []
        self._source: Source | None = None
        self._alive_ns = record.started_at_ns

    def __copy__(self) -> Self:
        """A run is one thing: its copy is itself."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """A run is one thing: its copy is itself."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Let another process have the run: while it goes on and is active here, as a second writer, one a process."""
        surroundings = self._surroundings
        return _reopened, (
            self._archive.store,
            surroundings.settings,
            surroundings.environment,
            self.run_id,
            self._active,
        )

    @property
    def is_entered(self) -> bool:
        """Whether code is inside its ``with`` block."""
        return bool(self._outer)

    def end(self, status: str | RunStatus = RunStatus.FINISHED) -> None:
        """End the run; a second time is harmless, and changes nothing.

        Parameters
        ----------
        status : str or RunStatus
            FINISHED, FAILED or INTERRUPTED.

        Raises
        ------
        StoreError
            What was logged is safe, but the end could not be written; call it again when the cause is mended.
        """
        self._end(_final(status), None)

    def end_by(self, error: BaseException) -> None:
        """End the run as FAILED, or INTERRUPTED where `error` is no `Exception`, and keep the error."""
        if isinstance(error, SystemExit) and error.code in (None, 0):
            self._end(RunStatus.FINISHED, None)
        else:
            failed = isinstance(error, (Exception, SystemExit))
            self._end(RunStatus.FAILED if failed else RunStatus.INTERRUPTED, RunError.of(error))

    def __enter__(self) -> Self:
        self._must_be_active()
        self._outer.append(current_run.get())
        current_run.set(self)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        outer = self._outer.pop()
        if current_run.get() is self:
            current_run.set(outer)
        if error is None:
            self.end()
            return
        try:
            self.end_by(error)
        except TauroError as trouble:
            error.add_note(f"The run {self.run_id} could not be ended: {trouble}")

    def resume(self) -> None:
        """Take the run over, or join it where it goes on elsewhere; the tracker calls this.

        Raises
        ------
        RunEnded
            It was deleted.
        """
        here = owner.this_process()

        def go_on(record: RunRecord) -> RunRecord:
            if record.deleted_at_ns is not None:
                raise RunEnded(
                    f"run {self.run_id} was deleted", fix=f"tracker.restore_run({self.run_id!r}) brings it back"
                )
            self._guest = record.status is RunStatus.RUNNING and (
                open_runs.has(self.store, self.run_id, besides=self)
                if record.owner == here
                else not self._archive.is_gone(record)
            )
            if self._guest:
                return record
            self._artifacts.unseal()
            return msgspec.structs.replace(
                record, status=RunStatus.RUNNING, ended_at_ns=None, metrics={}, error=None, owner=here
            )

        self._fresh = False
        open_runs.add(self, current_cell())  # before it is looked for: others may resume it at once
        try:
            self._change(go_on)
        except BaseException:
            open_runs.drop(self)
            raise
        self.begin()

    def begin(self) -> None:
        """Tell the world that it has started; the tracker calls this when that is durable."""
        open_runs.add(self, current_cell())
        if not self._guest:
            self._alive_ns = self._surroundings.clock()
            heart.add(self, first_s=owner.BEAT_S, period_s=owner.BEAT_S)
            self._sample()
        self._count("active_runs", 1)
        self._tell(EventType.RUN_STARTED)
        seen = provenance.circumstances()
        background.later(lambda: self._learn_source(seen))
        self._learn_inputs_later()

    def beat(self) -> None:
        """Give a sign of life; `heartbeat` calls this from time to time while the run is open.

        Whoever held this process for gone meanwhile is put right.
        """
        at_ns = self._surroundings.clock()
        record = self._record
        self._archive.store.put(keys.beat(record.experiment, record.run_id), encoding.encode(Beat(at_ns=at_ns)))
        silent_ns, self._alive_ns = at_ns - self._alive_ns, at_ns
        if silent_ns > heartbeat.silence_ns(owner.BEAT_S):
            self._take_back()

    def _take_back(self) -> None:
        def go_on(record: RunRecord) -> RunRecord:
            if record.status is not RunStatus.INTERRUPTED or record.owner != owner.this_process():
                return record
            self._artifacts.unseal()
            return msgspec.structs.replace(record, status=RunStatus.RUNNING, ended_at_ns=None, metrics={})

        with self._lock:
            if self._active:
                self._change(go_on)

    def _end(self, status: RunStatus, error: RunError | None) -> None:
        with self._lock:
            if not self._active:
                return
            metrics = self._close_writer()
            if not self._owns_end():
                self._add_late(metrics)
            else:
                at_ns = self._surroundings.clock()
                self._change(
                    lambda record: msgspec.structs.replace(
                        record,
                        status=status,
                        ended_at_ns=at_ns,
                        metrics=metrics,
                        error=error,
                        source=record.source or self._source,
                    )
                )
                self._artifacts.seal(self._record)
            self._active = False
            self._append = self._append_many = self._refuse
        open_runs.drop(self)
        heart.drop(self)
        if self._sample_s is not None:
            from tauro_nb.mlops.tracking.system import sampler

            sampler.drop(self)
        if self._pid == os.getpid():  # what a forked child counts begins at nothing
            self._count("active_runs", -1)
        if self._owns_end():
            self._count(f"runs_{status.lower()}", 1)
            self._learn_inputs_later()
            self._tell(EventType.RUN_ENDED)

    def _add_late(self, metrics: dict[str, float]) -> None:
        """Have the record of a run that its owner has ended meanwhile say what was logged here since."""

        def add(record: RunRecord) -> RunRecord:
            return record if record.ended_at_ns is None else msgspec.structs.replace(record, metrics=metrics)

        self._change(add)
        if self._record.ended_at_ns is not None:
            manifest = self._artifacts.described(self._record)
            self._archive.while_at_rest(self._record, lambda: self._artifacts.keep(manifest))

    def _owns_end(self) -> bool:
        """Whether the run ends with this object: not where a forked child or a second process only adds to it."""
        return not self._guest and self._pid == os.getpid()

    def _sample(self) -> None:
        if self._sample_s is not None:
            from tauro_nb.mlops.tracking import system

            system.sample(self, self._sample_s)

    def _learn_source(self, seen: provenance.Circumstances) -> None:
        self._source = provenance.gather(seen)
        self._change(lambda record: msgspec.structs.replace(record, source=record.source or self._source))

    def _learn_inputs_later(self) -> None:
        ask = self._scope.inputs if self._scope is not None else None
        if ask is not None:
            background.later(lambda: self._learn_inputs(ask()))

    def _learn_inputs(self, loaded: Mapping[str, Any]) -> None:
        found = {name: values.plain(name, msgspec.to_builtins(each)) for name, each in loaded.items()}
        self._change(lambda record: msgspec.structs.replace(record, inputs={**record.inputs, **found}))

    def _count(self, name: str, by: int) -> None:
        collector, environment = self._surroundings.collector, self._surroundings.environment
        if by < 0:
            collector.decrement(name, -by, environment)
        else:
            collector.increment(name, by, environment)

    def _tell(self, what: EventType) -> None:
        record = self._record
        data = {
            "run_id": record.run_id,
            "run_name": record.name,
            "experiment": record.experiment,
            "status": str(record.status),
        }
        surroundings = self._surroundings
        surroundings.emitter.emit(
            Event(
                type=what,
                environment=surroundings.environment,
                store=self.store.location,
                at_ns=surroundings.clock(),
                data=data,
                subject=self,
            )
        )


def _reopened(store: Store, settings: TrackingSettings, environment: str | None, run_id: str, active: bool) -> Run:
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker

    here = open_runs.find(store, run_id) if active else None
    if here is not None:
        return here
    tracker = ExperimentTracker(store, settings, environment=environment)
    run = tracker.get_run(run_id)
    return tracker.resume_run(run_id) if active and run.status is RunStatus.RUNNING else run


def _final(status: str | RunStatus) -> RunStatus:
    known = [each.value for each in RunStatus if each is not RunStatus.RUNNING]
    if status not in known:
        raise UnknownName.among("final status", str(status), known)
    return RunStatus(status)
