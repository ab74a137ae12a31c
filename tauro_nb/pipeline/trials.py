"""What came of a sweep: one live object for the whole and one for each trial, filled in while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.errors import RunNotFound, UsageError
from tauro_nb.faces import Shown
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.pipeline.objective import Objective
from tauro_nb.pipeline.report import PipelineReport, PipelineStatus
from tauro_nb.pipeline.space import Space

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.mlops.tracking.run_table import RunTable
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker


class Trial:
    """One trial of a sweep.

    Attributes
    ----------
    number : int
        Counts from 1 within the sweep.
    params : mapping
        What the pipeline was given.
    status : RunStatus
    value : float or None
        Its objective.
    run_id : str
        Its run, of which the runs of the pipeline are children.
    error : BaseException or None
        What it failed by.
    started_at_ns, ended_at_ns : int or None
        UTC, nanoseconds since the epoch.
    """

    __slots__ = ("ended_at_ns", "error", "number", "params", "run_id", "started_at_ns", "status", "value")

    def __init__(self, number: int, params: Mapping[str, Any], run_id: str, started_at_ns: int) -> None:
        self.number = number
        self.params = params
        self.run_id = run_id
        self.started_at_ns = started_at_ns
        self.ended_at_ns: int | None = None
        self.status = RunStatus.RUNNING
        self.value: float | None = None
        self.error: BaseException | None = None

    @property
    def duration_s(self) -> float:
        """Seconds since it started, or between its start and its end."""
        return ((self.ended_at_ns or time.time_ns()) - self.started_at_ns) / 1e9

    def __repr__(self) -> str:
        value = "" if self.value is None else f", {self.value:.6g}"
        return f"<Trial {self.number} {dict(self.params)}: {self.status.value}{value}>"


class SweepReport(Shown):
    """What came of one sweep; made before its first trial, and filled in while it runs.

    Attributes
    ----------
    pipeline, environment, sampler : str
    sweep_id : str
        The tag ``sweep`` of all its runs.
    space : Space
        What is tried.
    objective : Objective or None
    planned : int or None
        How many trials there will be at most; None where that cannot be said.
    begun : list of Trial
        Oldest first.
    ended : int
        How many of them are over.
    leading : Trial or None
        The one whose objective is best so far.
    run_id : str or None
        The run of the whole, of which those of the trials are children; None before it begins.
    status : PipelineStatus
    error : BaseException or None
        Why it did not finish.
    started_at_ns, ended_at_ns : int or None
        UTC, nanoseconds since the epoch.
    """

    def __init__(
        self,
        tracker: ExperimentTracker,
        *,
        pipeline: str,
        environment: str,
        sweep_id: str,
        space: Space,
        sampler: str,
        objective: Objective | None,
        planned: int | None,
    ) -> None:
        self.pipeline = pipeline
        self.environment = environment
        self.sweep_id = sweep_id
        self.space = space
        self.sampler = sampler
        self.objective = objective
        self.planned = planned
        self.begun: list[Trial] = []
        self.ended = 0
        self.leading: Trial | None = None
        self.run_id: str | None = None
        self.status = PipelineStatus.RUNNING
        self.error: BaseException | None = None
        self.started_at_ns = time.time_ns()
        self.ended_at_ns: int | None = None
        self.now: PipelineReport | None = None
        """Of the trial that is running."""
        self._tracker = tracker

    @property
    def best(self) -> Trial:
        """The trial whose objective is best; of equals, the first.

        Raises
        ------
        UsageError
            The sweep has no objective.
        RunNotFound
            No trial has a value of it.
        """
        if self.objective is None:
            raise UsageError(
                "this sweep was not told what is good",
                fix="sweep with --maximize metrics.NAME, or ask report.runs.best('NAME')",
            )
        if self.leading is None:
            raise RunNotFound(f"no trial has a value of {self.objective.name!r}", fix="see report.trials")
        return self.leading

    def close(self, trial: Trial) -> None:
        """Count a trial that is over, which may be the best now."""
        self.ended += 1
        best = None if self.leading is None else self.leading.value
        if self.objective is not None and self.objective.beats(trial.value, best):
            self.leading = trial

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial: ``trial``, ``status``, ``params.*``, the objective under its name, ``duration_s``,
        ``run_id`` and ``error``.
        """  # noqa: D205 - the columns are the summary
        import pandas as pd

        rows = [
            {
                "trial": trial.number,
                "status": trial.status.value,
                **{f"params.{key}": trial.params.get(key) for key in self.space.dimensions},
                **({} if self.objective is None else {self.objective.name: trial.value}),
                "duration_s": trial.duration_s,
                "run_id": trial.run_id,
                "error": None if trial.error is None else f"{type(trial.error).__name__}: {trial.error}",
            }
            for trial in self.begun
        ]
        objective = [] if self.objective is None else [self.objective.name]
        params = [f"params.{key}" for key in self.space.dimensions]
        return pd.DataFrame(
            rows, columns=["trial", "status", *params, *objective, "duration_s", "run_id", "error"]
        ).astype(dict.fromkeys(objective, "float64"))

    @property
    def runs(self) -> RunTable:
        """The runs of the trials, oldest first: to compare, and for figures.

        Raises
        ------
        RunNotFound
            One was removed for good.
        """
        from tauro_nb.mlops.tracking.run_table import RunTable

        return RunTable([self._tracker.get_run(trial.run_id) for trial in self.begun])

    @property
    def run(self) -> Run:
        """The run of the whole.

        Raises
        ------
        RunNotFound
            It has not begun.
        """
        if self.run_id is None:
            raise RunNotFound("the sweep has no run yet", fix="wait until it begins")
        return self._tracker.get_run(self.run_id)

    @property
    def duration_s(self) -> float:
        """Seconds since the sweep started, or between its start and its end."""
        return ((self.ended_at_ns or time.time_ns()) - self.started_at_ns) / 1e9

    @property
    def busy(self) -> list[str]:
        """The nodes that are running, with their trial."""
        trial, now = self.begun[-1] if self.begun else None, self.now
        if trial is None or now is None:
            return []
        return [f"{node} of trial {trial.number}" for node in now.busy]

    def __repr__(self) -> str:
        done = sum(trial.status is RunStatus.FINISHED for trial in self.begun)
        of = "" if self.planned is None else f"/{self.planned}"
        return f"<SweepReport {self.pipeline!r}: {self.status.value}, {done}{of} trials, {self.duration_s:.3g} s>"
