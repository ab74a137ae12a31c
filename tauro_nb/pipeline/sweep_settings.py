"""What a caller says of a sweep, checked before its first trial, and the sweep that this makes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.errors import RunNotFound, UsageError
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.records import RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.pipeline.graph import Plan
from tauro_nb.pipeline.objective import Objective
from tauro_nb.pipeline.report import PipelineReport
from tauro_nb.pipeline.samplers import sampler_of
from tauro_nb.pipeline.space import Space
from tauro_nb.pipeline.sweep import KIND, SWEEP, Sweep
from tauro_nb.pipeline.trials import SweepReport

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.pipeline.executor import PipelineExecutor

_COUNT = "trials"
"""The one setting in which a sweep may differ from the one that it goes on with."""


class SweepSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of `Session.sweep`."""

    params: Mapping[str, Any]
    sampler: str = "grid"
    trials: int | None = None
    maximize: str | None = None
    minimize: str | None = None
    seed: int | None = None
    resume: bool = False

    @property
    def objective(self) -> Objective | None:
        """What the sweep is after.

        Raises
        ------
        UsageError
            Two objectives are named.
        """
        if self.maximize is not None and self.minimize is not None:
            raise UsageError("a sweep has one objective, and two are named", fix="maximize or minimize, not both")
        if self.maximize is not None:
            return Objective(self.maximize)
        return None if self.minimize is None else Objective(self.minimize, maximize=False)

    def sweep(
        self,
        executor: PipelineExecutor,
        tracker: ExperimentTracker,
        chosen: Plan,
        keep: Callable[[PipelineReport], object],
        *,
        in_main: bool,
    ) -> Sweep:
        """Return the sweep of the nodes of a plan; the project has to be the active one.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand; nothing was run.
        """
        space, objective = Space(self.params), self.objective
        if objective is not None:
            objective.check(chosen.nodes)
        sampler = sampler_of(
            self.sampler, space, seed=self.seed, maximize=None if objective is None else objective.maximize
        )
        planned = self._planned(space)
        functions = executor.functions_of(chosen, space.first(), in_main=in_main)
        settings = self._kept(space, chosen)
        earlier = _earlier(tracker, chosen.pipeline, settings) if self.resume else None
        report = SweepReport(
            tracker,
            pipeline=chosen.pipeline,
            environment=executor.context.environment,
            sweep_id=uuid.uuid4().hex[:12] if earlier is None else earlier.tags[SWEEP],
            space=space,
            sampler=self.sampler,
            objective=objective,
            planned=planned,
        )
        return Sweep(
            report,
            sampler,
            tracker,
            lambda params, within: executor.execution_of(
                chosen, params, within=within, in_main=in_main, functions=functions
            ),
            keep,
            settings=settings,
            earlier=earlier,
        )

    def _planned(self, space: Space) -> int:
        if self.trials is not None and (isinstance(self.trials, bool) or self.trials < 1):
            raise UsageError(f"a sweep of {self.trials} trials tries nothing", fix="at least 1")
        if space.size is None and self.trials is None:
            raise UsageError(
                f"the range of {space.uncounted[0]!r} has no end of values",
                fix="say how many to try: --trials 20, or trials=20",
            )
        return min(each for each in (space.size, self.trials) if each is not None)

    def _kept(self, space: Space, chosen: Plan) -> dict[str, Any]:
        """Return what the run of the sweep has as its parameters."""
        told = {
            "sampler": self.sampler,
            _COUNT: self.trials,
            "maximize": self.maximize,
            "minimize": self.minimize,
            "seed": self.seed,
        }
        return {
            **{key: value for key, value in told.items() if value is not None},
            "nodes": list(chosen.nodes),
            "space": space.plain(),
        }


def _earlier(tracker: ExperimentTracker, pipeline: str, settings: Mapping[str, Any]) -> Run:
    """Return the newest run of a sweep of this pipeline with these settings that is over.

    Raises
    ------
    RunNotFound
    """
    wanted = {key: value for key, value in settings.items() if key != _COUNT}
    for run in tracker.search_runs(f"tags.{KIND} = '{SWEEP}'"):
        had = {key: value for key, value in run.params.items() if key != _COUNT}
        if run.tags.get("pipeline") == pipeline and run.status is not RunStatus.RUNNING and values.same(had, wanted):
            return run
    raise RunNotFound(
        f"no sweep of {pipeline!r} with these parameters, sampler and objective is there to go on with",
        fix="leave --resume out to begin one",
    )
