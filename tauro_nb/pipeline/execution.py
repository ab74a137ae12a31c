"""One execution of a plan: who is next, what came of each node, and what is told while it goes on.

Datasets, memory and reports are written by the thread that called, alone; where nodes run in threads, only loading the
inputs and calling the function is done there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from tauro_nb.errors import TauroError, UsageError
from tauro_nb.events import Event, EventEmitter, EventType, get_event_emitter
from tauro_nb.mlops.monitoring.counters import MetricsCollector, get_metrics_collector
from tauro_nb.mlops.scope import scope
from tauro_nb.mlops.stopping import StopRequested
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.pipeline.deadline import deadline
from tauro_nb.pipeline.frames import user_line, user_traceback
from tauro_nb.pipeline.interrupts import Interrupts
from tauro_nb.pipeline.report import NodeStatus, PipelineReport, PipelineStatus
from tauro_nb.pipeline.runners import Outcome, Runner, Work
from tauro_nb.pipeline.steps import Step
from tauro_nb.wiring import Services

logger = logging.getLogger("tauro_nb.pipeline")

MakeRunner = Callable[[Work], Runner]


class Execution:
    """Runs the steps of one plan once.

    Parameters
    ----------
    make_runner : callable
        Given the work that is to be done for a step, returns the `Runner` that does it.
    """

    def __init__(
        self,
        report: PipelineReport,
        steps: dict[str, Step],
        services: Services,
        make_runner: MakeRunner,
        *,
        clock: Callable[[], int] = time.time_ns,
        emitter: EventEmitter | None = None,
        collector: MetricsCollector | None = None,
    ) -> None:
        self.report = report
        self._steps = steps
        self._services = services
        self._catalog = services.catalog
        self._memory: dict[str, Any] = {}
        self._own_runs: dict[str, Run] = {}
        """The run that was started for each node that asked for one and is not done."""
        self._runs: dict[str, list[Run]] = {name: [] for name in steps}
        """All that were started inside each node that is not done."""
        self._clock = clock
        self._emitter = emitter or get_event_emitter()
        self._times = (collector or get_metrics_collector()).timers_by(
            "node", "node_seconds", report.environment, pipeline=report.pipeline
        )
        self._place = services.store.location
        self._labels = {
            "pipeline": report.pipeline,
            "execution_id": report.execution_id,
            "total": len(steps),
        }
        self._inputs, self._outputs = self._catalog.context.inputs, self._catalog.context.outputs
        self._waits_for = {name: len(before) for name, before in report.plan.predecessors.items()}
        self._runner = make_runner(self._work)
        self._stopping = False
        self._given_up: BaseException | None = None
        """Why what is still busy is no longer waited for."""

    def run(self) -> None:
        """Run all that can be run. Never raises: `PipelineReport.error` has what is to be raised."""
        with (
            Interrupts(Execution.run.__code__) as self._interrupts,
            self._emitter.on_event(EventType.RUN_STARTED, self._run_listener(), inline=True),
        ):
            self._tell(EventType.PIPELINE_STARTED, nodes=list(self._steps))
            try:
                self._loop()
            except BaseException as error:  # noqa: BLE001 - kept in the report, from which the caller raises it
                self._stop(error)
            finally:
                self._runner.close()
                self._end()

    def stop(self) -> None:
        """Ask for the end, from any thread: it comes at the next metric that a node logs, or after the node."""
        self._stopping = True
        for step in self._steps.values():
            self._stop_runs(step)

    def kill(self) -> None:
        """Refuse to end at once.

        Raises
        ------
        UsageError
        """
        raise UsageError(
            f"pipeline {self.report.pipeline!r} runs in a thread, which cannot be ended from outside",
            fix="ask it to stop, and wait; what is started with --bg=process can be ended at once",
        )

    def give_up(self) -> None:
        """End all open runs as INTERRUPTED, from any thread: nobody can wait any more for what is still busy."""
        error = StopRequested("the process has ended")
        self._stopping, self._given_up = True, error
        for step in self._steps.values():
            self._stop_runs(step)
            self._end_runs(step, error)

    def _loop(self) -> None:
        runner = self._runner
        for name, count in self._waits_for.items():
            if not count:
                runner.submit(self._steps[name])
        while self._goes_on() and (done := runner.next()) is not None:
            step, outcome = done
            error = outcome.error if outcome.error is not None else self._keep(step, outcome.value)
            if error is None:
                error = self._end_own_run(step)
            if error is None:
                self._finished(step)
                continue
            self._end_runs(step, error)
            if not isinstance(error, Exception):
                self._failed(step, error)
                self._stop(error)
            elif step.report.attempts <= step.config.retries:
                logger.warning("node %r: attempt %d failed: %r", step.name, step.report.attempts, error)
                runner.submit(step)
            else:
                self._failed(step, error)

    def _goes_on(self) -> bool:
        """Tell whether to look for the next step; an interrupt or a request to stop ends what is not done yet.

        Raises
        ------
        KeyboardInterrupt
        """
        if not (self._stopping or self._interrupts.is_pending):
            return True
        states = {step.report.status for step in self._steps.values()}
        if not states & {NodeStatus.PENDING, NodeStatus.RUNNING}:
            return False
        if self._interrupts.take():
            raise KeyboardInterrupt
        if NodeStatus.RUNNING in states:  # in threads, which end by themselves
            return True
        raise StopRequested(f"pipeline {self.report.pipeline!r} was asked to stop")

    def _work(self, step: Step) -> Outcome:
        """Load the inputs and call the function, in whatever thread this is."""
        report = step.report
        report.attempts += 1
        if report.attempts == 1:
            report.status = NodeStatus.RUNNING
            report.started_at_ns = at_ns = self._clock()
            self._tell_node(EventType.NODE_STARTED, step, "RUNNING", at_ns)
        outcome = Outcome()
        token = scope.set(step.scope)
        try:
            values = step.load(self._memory, self._catalog)
            if step.run_parameters:
                run = self._own_runs[step.name] = self._services.tracker.start_run(run_name=step.name)
                scope.set(msgspec.structs.replace(step.scope, run=run))
                values.update(dict.fromkeys(step.run_parameters, run))
            if step.config.timeout_s is None:
                outcome.value = step.run(values)
            else:
                with deadline(step.config.timeout_s, f"node {step.name!r}"):
                    outcome.value = step.run(values)
        except BaseException as error:  # noqa: BLE001 - the driver raises it, when what is independent of it has run
            outcome.error = error.with_traceback(user_traceback(error.__traceback__) or error.__traceback__)
        finally:
            scope.reset(token)
        if self._given_up is not None:  # nobody waits for this thread any more
            self._end_runs(step, self._given_up)
        return outcome

    def _keep(self, step: Step, value: Any) -> BaseException | None:
        """Keep what a node returned: in the report, in its datasets and in memory."""
        report, catalog = step.report, self._catalog
        report.result = value
        report.returned = True
        if step.config.outputs is None:
            return None
        try:
            for dataset, part in step.parts(value):
                if dataset in self._outputs:
                    catalog.save(dataset, part)
                else:
                    self._memory[dataset] = part
                    if dataset not in self._inputs:
                        self._services.hand_over(dataset, part, step.name)
                rows = catalog.rows(part)
                if rows is not None:
                    report.rows_out[dataset] = rows
        except BaseException as error:  # noqa: BLE001 - it is this node's failure, and told as such
            return error
        return None

    def _end_own_run(self, step: Step) -> BaseException | None:
        """End the run that was started for a node that went well; a run that cannot be ended is the node's failure."""
        run = self._own_runs.get(step.name)
        try:
            if run is not None:
                run.end()
        except BaseException as error:  # noqa: BLE001 - told as the node's failure; an interrupt may hit here too
            return error
        return None

    def _end_runs(self, step: Step, error: BaseException) -> None:
        """End by `error` the runs that a node which did not finish has left open, its own one among them."""
        for run in self._runs[step.name]:
            if run.is_active:
                try:
                    run.end_by(error)
                except TauroError as trouble:
                    _note(error, f"the run {run.run_id} could not be ended: {trouble}")
        self._runs[step.name] = []

    def _stop_runs(self, step: Step) -> None:
        for run in list(self._runs[step.name]):
            run.stop_at_next_point()

    def _finished(self, step: Step) -> None:
        self._runs[step.name] = []
        self._close(step, NodeStatus.FINISHED)
        for name in self.report.plan.successors[step.name]:
            self._waits_for[name] -= 1
            if not (self._waits_for[name] or self._stopping):
                self._runner.submit(self._steps[name])

    def _failed(self, step: Step, error: BaseException) -> None:
        step.report.error, step.report.traceback = error, error.__traceback__
        _note(error, self._situation(step, error))
        if self.report.error is None:
            self.report.error = error
        elif error is not self.report.error:
            _note(self.report.error, f"node {step.name!r} failed too: {type(error).__name__}: {error}")
        interrupted = isinstance(error, KeyboardInterrupt)
        self._close(step, NodeStatus.INTERRUPTED if interrupted else NodeStatus.FAILED)
        self._skip(self.report.plan.downstream(step.name))

    def _situation(self, step: Step, error: BaseException) -> str:
        rows = step.report.rows_in
        read = ", ".join(
            f"{parameter} = {dataset}" + (f" ({rows[dataset]} rows)" if dataset in rows else "")
            for parameter, dataset in step.data
        )
        attempts = step.report.attempts
        tried = f", attempt {attempts} of {step.config.retries + 1}" if step.config.retries else ""
        # an error of ours shows without a traceback, so the line of the user's that led to it is told here
        line = user_line(error.__traceback__) if isinstance(error, TauroError) else None
        at = f" ({line})" if line else ""
        return f"in node {step.name!r} of pipeline {self.report.pipeline!r}{tried}{at}; inputs: {read or 'none'}"

    def _stop(self, error: BaseException) -> None:
        """Start nothing more: the user has interrupted, or the runner itself failed."""
        self._stopping, self._given_up = True, error
        busy = self._runner.abandon()
        self.report.error = error
        if busy:
            _note(error, f"still running in threads, and no longer waited for: {', '.join(step.name for step in busy)}")
        for step in self._steps.values():
            self._stop_runs(step)  # what is busy in a thread leaves it at its next metric
            self._end_runs(step, error)
            if step.report.status is NodeStatus.RUNNING:
                step.report.error = error
                self._close(step, NodeStatus.INTERRUPTED)
        self._skip(self._steps)

    def _skip(self, names: Collection[str]) -> None:
        for name, step in self._steps.items():
            if name in names and step.report.status is NodeStatus.PENDING:
                self._close(step, NodeStatus.SKIPPED)

    def _end(self) -> None:
        report = self.report
        report.ended_at_ns = self._clock()
        if report.error is None:
            report.status = PipelineStatus.FINISHED
        elif isinstance(report.error, KeyboardInterrupt):
            report.status = PipelineStatus.INTERRUPTED
        else:
            report.status = PipelineStatus.FAILED
        self._tell(EventType.PIPELINE_ENDED, status=report.status.value, duration_s=report.duration_s)

    def _close(self, step: Step, status: NodeStatus) -> None:
        at_ns = self._clock()
        if status is not NodeStatus.SKIPPED:
            step.report.ended_at_ns = at_ns
            self._times.observe(step.name, (at_ns - (step.report.started_at_ns or at_ns)) / 1e9)
        step.report.status = status
        self._tell_node(EventType.NODE_ENDED, step, status.value, at_ns)

    def _tell_node(self, kind: EventType, step: Step, status: str, at_ns: int) -> None:
        data = {**self._labels, "node": step.name, "position": step.position, "status": status}
        self._emitter.emit(
            Event(
                type=kind,
                environment=self.report.environment,
                store=self._place,
                at_ns=at_ns,
                data=data,
                subject=self.report,
            )
        )

    def _tell(self, kind: EventType, **data: Any) -> None:
        report = self.report
        self._emitter.emit(
            Event(
                type=kind,
                environment=report.environment,
                store=self._place,
                at_ns=self._clock(),
                data={"pipeline": report.pipeline, "execution_id": report.execution_id, **data},
                subject=report,
            )
        )

    def _run_listener(self) -> Callable[[Event], None]:
        """Return what notes the runs that are started inside this execution's nodes, in the thread that starts them."""

        def note_run(event: Event) -> None:
            here = scope.get()
            if here is not None and here.execution_id == self.report.execution_id and here.node in self._steps:
                self._steps[here.node].report.run_ids.append(event.data["run_id"])
                self._runs[here.node].append(event.subject)
                if self._stopping:
                    event.subject.stop_at_next_point()

        return note_run


def _note(error: BaseException, text: str) -> None:
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)
