"""What one session executes, and what came of it: the last report, and how each node ended.

What runs pipelines is imported when the first one is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tauro_nb.config.context import Context
from tauro_nb.wiring import Services

if TYPE_CHECKING:
    from tauro_nb.pipeline.executor import PipelineExecutor
    from tauro_nb.pipeline.graph import Plan
    from tauro_nb.pipeline.inputs import Inputs
    from tauro_nb.pipeline.jobs import Around, Job
    from tauro_nb.pipeline.report import NodeReport, NodeStatus, PipelineReport
    from tauro_nb.pipeline.sweep_settings import SweepSettings
    from tauro_nb.pipeline.trials import SweepReport

Outcome = TypeVar("Outcome")


class Executions:
    """The executions of one session, which may run in several threads at once.

    Each takes the context as it is when it begins; a session's context changes with its files.

    Attributes
    ----------
    last : PipelineReport or None
        Of the last execution that ended, well or not; one in which nothing could begin leaves it as it is.
    last_sweep : SweepReport or None
        Of the last sweep that began.
    """

    def __init__(self, working: Services) -> None:
        self.last: PipelineReport | None = None
        self.last_sweep: SweepReport | None = None
        self._working = working
        self._last_run: PipelineReport | None = None
        """Of a pipeline, as opposed to a node alone."""
        self._ended: dict[str, dict[str, NodeReport]] = {}
        """By pipeline, what came of each node the last time."""

    def run(self, context: Context, chosen: Plan, params: Mapping[str, Any] | None) -> PipelineReport:
        """Run the nodes of a plan, and raise what the first one that failed raised."""
        __tracebackhide__ = True
        report = self._watched(context, lambda executor: executor.run_plan(chosen, params))
        self._last_run = report
        if report.error is not None:
            raise report.error
        return report

    def start(
        self,
        context: Context,
        chosen: Plan,
        params: Mapping[str, Any] | None,
        around: Around | None,
        *,
        process: bool = False,
    ) -> Job:
        """Run the nodes of a plan in a thread or process of its own; see `PipelineExecutor.start_plan`."""
        __tracebackhide__ = True
        from tauro_nb.pipeline.executor import PipelineExecutor

        @contextmanager
        def kept(job: Job) -> Iterator[None]:
            with nullcontext() if around is None else around(job):
                yield
                self._last_run = cast("PipelineReport", job.report)
                self._keep(self._last_run)

        executor = PipelineExecutor(context)
        return (executor.start_process if process else executor.start_plan)(chosen, params, kept)

    def sweep(self, context: Context, chosen: Plan, settings: SweepSettings) -> SweepReport:
        """Run the trials of a sweep, and raise why it did not finish."""
        __tracebackhide__ = True
        from tauro_nb.pipeline.executor import PipelineExecutor

        executor = PipelineExecutor(context)
        with executor.held():
            sweep = settings.sweep(executor, self._working.tracker, chosen, self._keep, in_main=True)
            self.last_sweep = sweep.report
            sweep.run()
        if sweep.report.error is not None:
            raise sweep.report.error
        return sweep.report

    def start_sweep(self, context: Context, chosen: Plan, settings: SweepSettings, around: Around | None) -> Job:
        """Run the trials of a sweep in a thread of its own."""
        __tracebackhide__ = True
        from tauro_nb.pipeline.executor import PipelineExecutor
        from tauro_nb.pipeline.jobs import jobs

        executor = PipelineExecutor(context)
        with ExitStack() as held:
            held.enter_context(executor.held())
            sweep = settings.sweep(executor, self._working.tracker, chosen, self._keep, in_main=False)
            self.last_sweep = sweep.report
            return jobs.start(sweep, around or (lambda _: nullcontext()), held.pop_all())

    def retry(self, context: Context, params: Mapping[str, Any]) -> PipelineReport:
        """Run what did not finish of the last pipeline; see `needs.resumption`."""
        __tracebackhide__ = True
        from tauro_nb.pipeline.needs import resumption, to_go_on

        report = to_go_on(self.last, self._last_run)
        return self.run(context, *resumption(self._working, context, report, params))

    def node(self, context: Context, name: str, params: Mapping[str, Any] | None) -> Any:
        """Run one node, and those before it that make what is not there; return what it returned."""
        __tracebackhide__ = True
        chosen = self._plan_of(context, name)
        report = self._watched(context, lambda executor: executor.run_plan(chosen, params))
        if report.error is not None:
            raise report.error
        return report.results[name]

    def inputs(self, context: Context, node: str, params: Mapping[str, Any] | None) -> Inputs:
        """Return what a node's function would be called with; see `PipelineExecutor.load_inputs`."""
        __tracebackhide__ = True
        chosen = self._plan_of(context, node)
        return self._watched(context, lambda executor: executor.load_inputs(chosen, node, params))

    def ends(self, pipeline: str) -> dict[str, NodeStatus]:
        """Return how each node of a pipeline ended when it was last executed."""
        return {name: one.status for name, one in self._ended.get(pipeline, {}).items()}

    def _watched(self, context: Context, act: Callable[[PipelineExecutor], Outcome]) -> Outcome:
        """Do something that may run nodes, and keep the report of it."""
        __tracebackhide__ = True
        from tauro_nb.pipeline.executor import PipelineExecutor

        executor = PipelineExecutor(context)
        try:
            return act(executor)
        finally:
            if executor.last_report is not None:
                self._keep(executor.last_report)

    def _keep(self, report: PipelineReport) -> None:
        self.last = report
        self._ended.setdefault(report.pipeline, {}).update(report.nodes)

    def _plan_of(self, context: Context, name: str) -> Plan:
        from tauro_nb.pipeline.needs import plan_of

        return plan_of(self._working, context, name, self.last)
