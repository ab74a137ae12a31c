"""A sweep: one pipeline, run again and again with other parameters, each time as a trial with a run of its own.

The run of the sweep is the parent of those of the trials, and the run of a trial the parent of those that its nodes
start. A trial's run has the parameters of the trial and the last value of each metric that its pipeline's runs have,
so that trials are compared as runs are. All carry the tag ``sweep``; those of and below a trial ``trial`` too.

A trial that fails is kept, and the sweep goes on. It fails itself when all its trials did, or when the first that went
well has no value of the objective. What stops a pipeline stops a sweep.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.errors import TauroError, UsageError
from tauro_nb.events import Event, EventType, get_event_emitter
from tauro_nb.mlops.encoding import number
from tauro_nb.mlops.scope import Scope
from tauro_nb.mlops.stopping import StopRequested
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.records import RunError, RunStatus
from tauro_nb.pipeline.interrupts import Interrupts
from tauro_nb.pipeline.report import PipelineReport, PipelineStatus
from tauro_nb.pipeline.samplers import Sampler
from tauro_nb.pipeline.trials import SweepReport, Trial

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker
    from tauro_nb.pipeline.execution import Execution

SWEEP, TRIAL, KIND = "sweep", "trial", "kind"
"""Tags: of all runs of a sweep; of those of one trial; what a run is the run of."""

_LONGEST = 300
"""Characters of a failure that an event tells."""

Prepare = Callable[[Mapping[str, Any], Scope], "Execution"]
"""Given the parameters of a trial and the scope that it is executed in, returns what executes it."""


class Sweep:
    """Runs the trials of one sweep, one after the other; a job can be one.

    Parameters
    ----------
    prepare : callable
        Makes the execution of a trial.
    keep : callable
        Given the report of each trial's pipeline when it is over.
    settings : mapping
        What the run of the sweep keeps as its parameters.
    earlier : Run, optional
        The run of the sweep that this one goes on with.
    """

    def __init__(
        self,
        report: SweepReport,
        sampler: Sampler,
        tracker: ExperimentTracker,
        prepare: Prepare,
        keep: Callable[[PipelineReport], object],
        *,
        settings: Mapping[str, Any],
        earlier: Run | None = None,
    ) -> None:
        self.report = report
        self._sampler = sampler
        self._tracker = tracker
        self._prepare = prepare
        self._keep = keep
        self._settings = settings
        self._earlier = earlier
        self._now: Execution | None = None
        self._open: list[Run] = []
        """The run of the sweep, and that of the trial."""
        self._last = 0
        """The number of the last trial."""
        self._stopping = False

    def run(self) -> None:
        """Run all trials. Never raises: `SweepReport.error` has what is to be raised."""
        report = self.report
        with Interrupts(Sweep.run.__code__) as self._interrupts:
            self._tell(EventType.SWEEP_STARTED)
            try:
                self._begin()
                self._loop()
                self._demand_success()
            except BaseException as error:  # noqa: BLE001 - kept in the report, from which the caller raises it
                report.error = error
            finally:
                self._end()

    def stop(self) -> None:
        """Ask for the end, from any thread: it comes when the trial that is running stops."""
        self._stopping = True
        now = self._now
        if now is not None:
            now.stop()

    def kill(self) -> None:
        """Refuse to end at once.

        Raises
        ------
        UsageError
        """
        raise UsageError("a sweep runs in a thread, which cannot be ended from outside", fix="ask it to stop, and wait")

    def give_up(self) -> None:
        """End all open runs as INTERRUPTED, from any thread: the process ends."""
        self._stopping = True
        now = self._now
        if now is not None:
            now.give_up()
        for run in reversed(self._open):
            run.end_by(StopRequested("the process has ended"))

    def _begin(self) -> None:
        """Start the run of the sweep, or go on with that of an earlier one and its finished trials."""
        report = self.report
        if self._earlier is None:
            run = self._tracker.start_run(run_name=f"sweep {report.pipeline}", tags=self._tags(SWEEP))
            run.log_params(self._settings)
        else:
            run = self._tracker.resume_run(self._earlier.run_id)
            self._take_over(run)
        self._open.append(run)
        report.run_id = run.run_id

    def _take_over(self, run: Run) -> None:
        """Count the finished trials of an earlier sweep as those of this one."""
        report = self.report
        for each in self._tracker.search_runs(
            f"parent_id = '{run.run_id}' and tags.{KIND} = '{TRIAL}'", ["start_time"]
        ):
            self._last = int(each.tags[TRIAL])
            if each.status is not RunStatus.FINISHED:
                continue
            trial = Trial(self._last, each.params, each.run_id, each.started_at_ns)
            trial.status, trial.ended_at_ns = each.status, each.ended_at_ns
            if report.objective is not None:
                trial.value = each.metrics.get(report.objective.metric)
            report.begun.append(trial)
            report.close(trial)
            self._sampler.tell(trial.params, trial.value)

    def _loop(self) -> None:
        report = self.report
        while report.planned is None or len(report.begun) < report.planned:
            params = self._sampler.ask()
            if params is None:
                return
            if self._interrupts.take():
                raise KeyboardInterrupt
            if self._stopping:
                raise StopRequested(f"the sweep of {report.pipeline!r} was asked to stop")
            trial = self._attempt(params)
            if trial.status is RunStatus.INTERRUPTED and trial.error is not None:
                raise trial.error
            self._sampler.tell(params, trial.value)
            if trial.status is RunStatus.FINISHED and isinstance(trial.error, TauroError) and report.leading is None:
                raise trial.error

    def _attempt(self, params: Mapping[str, Any]) -> Trial:
        """Run one trial, and keep what came of it; an error is in the trial, and not raised."""
        report, parent = self.report, self._open[0]
        number = self._last = self._last + 1
        run = self._tracker.start_run(
            run_name=f"{report.pipeline} trial {number}",
            tags={**self._tags(TRIAL), TRIAL: number},
            parent=parent,
            system_metrics=False,
        )
        self._open.append(run)
        trial = Trial(number, params, run.run_id, run.started_at_ns)
        report.begun.append(trial)
        self._tell(EventType.TRIAL_STARTED, trial)
        try:
            run.log_params(params)
            trial.error = self._execute(trial, run)
        except Exception as error:  # noqa: BLE001 - the trial's own failure, told as such
            trial.error = error
            run.end_by(error)
        finally:
            self._open.pop()
        trial.status, trial.ended_at_ns = run.status, run.ended_at_ns
        report.close(trial)
        if report.leading is trial and report.objective is not None:
            parent.log_metric(f"best.{report.objective.metric}", trial.value, step=number)
        self._tell(EventType.TRIAL_ENDED, trial)
        return trial

    def _execute(self, trial: Trial, run: Run) -> BaseException | None:
        """Run the pipeline of a trial, and end its run; return why it has no value, or did not finish."""
        labels = {SWEEP: self.report.sweep_id, TRIAL: str(trial.number)}
        execution = self._prepare(trial.params, Scope(run=run, labels=labels))
        self._now, self.report.now = execution, execution.report
        try:
            if self._stopping:
                execution.stop()
            execution.run()
        finally:
            self._now = self.report.now = None
        outcome = execution.report
        self._keep(outcome)
        metrics = self._metrics(outcome, run)
        error: BaseException | None = outcome.error
        objective = self.report.objective
        if error is None and objective is not None:
            try:
                trial.value = objective.of(metrics, outcome.results)
                metrics[objective.metric] = trial.value
            except TauroError as lacking:
                error = lacking
        run.log_metrics(metrics)
        if outcome.error is None:
            run.end()
        else:
            run.end_by(outcome.error)
        return error

    def _metrics(self, outcome: PipelineReport, run: Run) -> dict[str, float]:
        """Return the last value of each metric of the runs that the nodes started, without the children of these."""
        found: dict[str, float] = {}
        for run_id in outcome.run_ids:
            each = self._tracker.get_run(run_id)
            if each.record.parent_id == run.run_id:
                found.update(each.metrics)
        return found

    def _demand_success(self) -> None:
        """Fail where all trials did."""
        trials = self.report.begun
        failed = [trial.error for trial in trials if trial.status is RunStatus.FAILED and trial.error is not None]
        if trials and len(failed) == len(trials):
            failed[0].add_note(f"all {len(trials)} trials failed, this one first" if failed[1:] else "the only trial")
            raise failed[0]

    def _end(self) -> None:
        report, error = self.report, self.report.error
        for run in reversed(self._open):
            try:
                run.end() if error is None else run.end_by(error)
            except TauroError as trouble:
                error = report.error = error or trouble
                error.add_note(f"the run {run.run_id} could not be ended: {trouble}")
        self._open.clear()
        report.ended_at_ns = time.time_ns()
        if error is None:
            report.status = PipelineStatus.FINISHED
        elif isinstance(error, KeyboardInterrupt):
            report.status = PipelineStatus.INTERRUPTED
        else:
            report.status = PipelineStatus.FAILED
        self._tell(EventType.SWEEP_ENDED)

    def _tags(self, kind: str) -> dict[str, str]:
        report = self.report
        return {
            KIND: kind,
            SWEEP: report.sweep_id,
            "pipeline": report.pipeline,
            "environment": report.environment,
        }

    def _tell(self, kind: EventType, trial: Trial | None = None) -> None:
        report = self.report
        data: dict[str, Any] = {"pipeline": report.pipeline, "sweep": report.sweep_id, "total": report.planned}
        if trial is None:
            data |= {"status": report.status.value, "duration_s": report.duration_s}
        else:
            data |= {
                "trial": trial.number,
                "done": report.ended,
                "run_id": trial.run_id,
                "params": {key: values.plain(key, value) for key, value in trial.params.items()},
                "status": trial.status.value,
                "objective": None if report.objective is None else report.objective.name,
                "value": None if trial.value is None else number(trial.value),
                "is_best": trial is report.leading,
                "error": None if trial.error is None else _line(trial.error),
            }
        get_event_emitter().emit(
            Event(
                type=kind,
                environment=report.environment,
                store=self._tracker.store.location,
                data=data,
                subject=report,
            )
        )


def _line(error: BaseException) -> str:
    told = RunError.of(error)
    return " ".join(f"{told.type}: {told.message}".split())[:_LONGEST]
