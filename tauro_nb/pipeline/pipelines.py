"""What is done with the pipelines of a project that is open: run, tried with other parameters, checked, drawn.

What runs pipelines is imported when the first one is planned: to track runs takes none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.config.context import Context
from tauro_nb.pipeline.executions import Executions
from tauro_nb.pipeline.project import Project
from tauro_nb.wiring import Services

if TYPE_CHECKING:
    from tauro_nb.pipeline.dag import Dag
    from tauro_nb.pipeline.graph import Plan
    from tauro_nb.pipeline.inputs import Inputs
    from tauro_nb.pipeline.jobs import Around, Job
    from tauro_nb.pipeline.report import PipelineReport
    from tauro_nb.pipeline.trials import SweepReport
    from tauro_nb.pipeline.validation import ValidationReport


class Pipelines(Project):
    """The half of a `Session` that runs pipelines; any number of times, in several threads at once."""

    def __init__(self, context: Context, working: Services) -> None:
        super().__init__(context, working)
        self._executions = Executions(working)

    @property
    def last_report(self) -> PipelineReport | None:
        """What came of the last execution that ended, well or not; where nothing could begin, nothing was executed."""
        return self._executions.last

    @property
    def last_sweep(self) -> SweepReport | None:
        """What came of the last sweep that began."""
        return self._executions.last_sweep

    def run(
        self,
        pipeline: str,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> PipelineReport:
        """Run a pipeline, or a slice of it; see `PipelineExecutor.run_pipeline`."""
        __tracebackhide__ = True
        self.reload()
        return self._executions.run(self.context, self._chosen(pipeline, nodes, from_node, to_node), params)

    def start(
        self,
        pipeline: str,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        process: bool = False,
        around: Around | None = None,
    ) -> Job:
        """Run a pipeline as `run` does, in a thread of its own; return at once.

        Parameters
        ----------
        process : bool
            In a process of its own, which can be ended at once. It is sent what the nodes are given out of memory, and
            what they return comes back, where it can be pickled.
        around : callable, optional
            Given the job, returns a context manager that its thread is in while it runs.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand, or cannot be sent to a process; nothing was run.
        """
        __tracebackhide__ = True
        self.reload()
        chosen = self._chosen(pipeline, nodes, from_node, to_node)
        return self._executions.start(self.context, chosen, params, around, process=process)

    def sweep(
        self,
        pipeline: str,
        params: Mapping[str, Any],
        *,
        sampler: str = "grid",
        trials: int | None = None,
        maximize: str | None = None,
        minimize: str | None = None,
        seed: int | None = None,
        resume: bool = False,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
    ) -> SweepReport:
        """Run a pipeline, or a slice of it, once for each of many parameters.

        There is one run for the whole, and one for each trial, whose children are the runs that the pipeline starts. A
        trial that fails is kept, and the sweep goes on.

        Parameters
        ----------
        params : mapping
            By parameter (``key``, or ``node.key``) a list or array of choices; a range of numbers as text
            (``"0.1..0.9"``, ``"log:1e-4..1e-1"``, ``"2..12"``) or as `space.Range`; or one value, for all trials.
        sampler : {"grid", "random", "optuna"}
            ``"grid"`` tries every combination in order, ``"random"`` each at most once, ``"optuna"`` what its TPE
            expects most of.
        trials : int, optional
            How many at most. Default: all there are; ranges of numbers that are not whole have no end.
        maximize, minimize : str, optional
            The objective, one of the two: ``"metrics.f1"`` or ``"f1"``, whose last value counts, or a number that a
            node returns: ``"results.NODE"``, ``"results.NODE.KEY"``.
        seed : int, optional
            Has a sampler give the same trials again.
        resume : bool
            Go on with the newest sweep of the same arguments, but for `trials`: what finished there is not run again.
        nodes, from_node, to_node
            As for `run`.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand, and nothing was run; or the first trial that went well
            has no value of the objective.
        Exception
            All trials failed: what the first one raised.
        KeyboardInterrupt
            The trial that was running and the sweep are INTERRUPTED; `last_sweep` has what finished.
        """
        __tracebackhide__ = True
        self.reload()
        from tauro_nb.pipeline.sweep_settings import SweepSettings

        settings = SweepSettings(
            params=params,
            sampler=sampler,
            trials=trials,
            maximize=maximize,
            minimize=minimize,
            seed=seed,
            resume=resume,
        )
        return self._executions.sweep(self.context, self._chosen(pipeline, nodes, from_node, to_node), settings)

    def start_sweep(
        self,
        pipeline: str,
        params: Mapping[str, Any],
        *,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        around: Around | None = None,
        **settings: Any,
    ) -> Job:
        """Sweep as `sweep` does, with the same arguments, in a thread of its own; return at once.

        Parameters
        ----------
        around : callable, optional
            As for `start`.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand; nothing was run.
        """
        __tracebackhide__ = True
        self.reload()
        from tauro_nb.pipeline.sweep_settings import SweepSettings

        chosen = self._chosen(pipeline, nodes, from_node, to_node)
        return self._executions.start_sweep(self.context, chosen, SweepSettings(params=params, **settings), around)

    def retry(self, params: Mapping[str, Any] | None = None) -> PipelineReport:
        """Run what did not finish of the last pipeline that was run here, with the parameters that it was given.

        What its finished nodes handed over is reused. A node that was run by itself in between changes nothing.

        Parameters
        ----------
        params : mapping, optional
            These win over those that were given before.

        Raises
        ------
        UsageError
            Nothing was run, or all of it finished.
        Exception
            As `run` does.
        """
        __tracebackhide__ = True
        self.reload()
        return self._executions.retry(self.context, params or {})

    def node(self, name: str, params: Mapping[str, Any] | None = None) -> Any:
        """Run one node with its inputs, and return what it returned.

        An input that another node hands over in memory is the one from the last time; where there was none, that node
        is run first.

        Raises
        ------
        UnknownName
            There is no such node.
        Exception
            As `run` does.
        """
        __tracebackhide__ = True
        self.reload()
        return self._executions.node(self.context, name, params)

    def inputs(self, node: str, params: Mapping[str, Any] | None = None) -> Inputs:
        """Return what a node's function would be called with, by the names of its parameters.

        They are its datasets, helpers, parameters and defaults; `Inputs` is a dict. Those before it that make what is
        neither in a file nor in memory are run. A `Run` is left out, for the executor starts it with the node.

        Raises
        ------
        UnknownName
            There is no such node.
        Exception
            As `run` does.
        """
        __tracebackhide__ = True
        self.reload()
        return self._executions.inputs(self.context, node, params)

    def validate(
        self,
        pipeline: str,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> ValidationReport:
        """Check all that can be known of a pipeline without running it; see `PipelineExecutor.validate`."""
        self.reload()
        from tauro_nb.pipeline.executor import PipelineExecutor

        return PipelineExecutor(self.context).validate(pipeline, nodes, from_node, to_node, params)

    def dag(self, pipeline: str) -> Dag:
        """Return the graph of a pipeline, with how each node ended when it last ran in this session.

        Raises
        ------
        UnknownName, ConfigError, GraphCycle
            As `run` does.
        """
        from tauro_nb.pipeline.dag import Dag
        from tauro_nb.pipeline.graph import plan

        return Dag(plan(self.context, pipeline), self._executions.ends(pipeline))

    def _chosen(self, pipeline: str, nodes: Iterable[str] | None, from_node: str | None, to_node: str | None) -> Plan:
        from tauro_nb.pipeline.graph import plan

        return plan(self.context, pipeline).select(nodes, from_node=from_node, to_node=to_node)
