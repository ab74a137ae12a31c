"""Runs pipelines: plans, prepares, and hands over to an `Execution`."""

from __future__ import annotations

import functools
import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from tauro_nb.config.context import Context
from tauro_nb.errors import UsageError
from tauro_nb.io import spark
from tauro_nb.io.catalog import Catalog
from tauro_nb.mlops.scope import Scope
from tauro_nb.pipeline.execution import Execution
from tauro_nb.pipeline.graph import Plan, plan, written
from tauro_nb.pipeline.injection import Helper
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.pipeline.preparation import Prepared, prepare
from tauro_nb.pipeline.report import NodeReport, PipelineReport
from tauro_nb.pipeline.runners import InlineRunner, Runner, ThreadRunner, Work
from tauro_nb.pipeline.steps import Step
from tauro_nb.pipeline.validation import ValidationReport, raise_problems, validate
from tauro_nb.wiring import Services, services


class PipelineExecutor:
    """Runs the pipelines of one context. It prints nothing; who wants to see progress listens to the events.

    Parameters
    ----------
    context : Context
    executor : concurrent.futures.ThreadPoolExecutor, optional
        Where nodes run. Default: what ``execution.executor`` says, that is in the calling thread (``inline``) or in
        threads that live as long as one execution (``threads``).

    Attributes
    ----------
    last_report : PipelineReport or None
        What came of the last execution that began, whether it ended well or not.

    Raises
    ------
    UsageError
        Another kind of executor.
    """

    def __init__(self, context: Context, executor: Executor | None = None) -> None:
        if executor is not None and not isinstance(executor, ThreadPoolExecutor):
            raise UsageError(
                f"a {type(executor).__name__} cannot run nodes in this version",
                fix="pass a concurrent.futures.ThreadPoolExecutor, or leave executor= out",
            )
        self.context = context
        self.last_report: PipelineReport | None = None
        self._executor = executor

    def __repr__(self) -> str:
        return f"<PipelineExecutor of {self.context!r}>"

    def run_pipeline(
        self,
        name: str,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> PipelineReport:
        """Run a pipeline, or a slice of it.

        Nodes that do not come after a failed one are still run; then the first failure is raised.

        Parameters
        ----------
        nodes : iterable of str, optional
            Only these nodes.
        from_node, to_node : str, optional
            Only this node and what comes after, or before, it.
        params : mapping, optional
            ``node.key`` for one node, ``key`` for each that has such a parameter; the former wins.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand; nothing was run.
        Exception
            What a node's function raised: the user's own exception, with a note that names pipeline, node and inputs.
        KeyboardInterrupt
            The node that was running is INTERRUPTED, and so are its runs, with all their points.
        """
        __tracebackhide__ = True
        whole = plan(self.context, name)
        report = self.run_plan(whole.select(nodes, from_node=from_node, to_node=to_node), params)
        if report.error is not None:
            raise report.error
        return report

    def run_plan(self, chosen: Plan, params: Mapping[str, Any] | None = None) -> PipelineReport:
        """Run the nodes of a plan; what a node raises is in the report, and not raised.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand; nothing was run.
        """
        __tracebackhide__ = True
        working = services(self.context)
        modules = ProjectModules(self.context.root)
        with modules.running():
            ready = prepare(working, self.context, chosen, modules, params or {}, threaded=self.is_threaded)
            raise_problems(ready.problems, chosen.pipeline)
            report, steps = self._assemble(chosen, ready.nodes, params or {}, working)
            self.last_report = report
            Execution(report, steps, working, self._runner).run()
        return report

    def validate(
        self,
        name: str,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> ValidationReport:
        """Check all that can be known of a pipeline without running it; it takes what `run_pipeline` takes.

        No user code runs but the import of the nodes' modules. Nothing is raised: the report has every problem.
        """
        return validate(
            self.context,
            name,
            lambda whole: whole.select(nodes, from_node=from_node, to_node=to_node),
            params or {},
            threaded=self.is_threaded,
        )

    @property
    def is_threaded(self) -> bool:
        """Whether nodes run in threads."""
        return self._executor is not None or self.context.settings.execution.executor == "threads"

    def _runner(self, work: Work) -> Runner:
        if self._executor is not None:
            return ThreadRunner(work, self._executor, own=False)
        settings = self.context.settings.execution
        if settings.executor == "threads":
            return ThreadRunner(work, ThreadPoolExecutor(settings.max_workers, "tauro"), own=True)
        return InlineRunner(work)

    def _assemble(
        self, chosen: Plan, prepared: Mapping[str, Prepared], params: Mapping[str, Any], working: Services
    ) -> tuple[PipelineReport, dict[str, Step]]:
        context = self.context
        execution_id = uuid.uuid4().hex
        helpers = {
            Helper.TRACKER: working.tracker,
            Helper.REGISTRY: working.registry,
            Helper.CONTEXT: context,
            Helper.CATALOG: working.catalog,
        }
        steps: dict[str, Step] = {}
        for position, name in enumerate(chosen.nodes, start=1):
            node = prepared[name]
            binding = node.binding
            fixed = dict(binding.params)
            for parameter, helper in binding.helpers:
                if helper is Helper.SPARK:
                    fixed[parameter] = spark.session() if spark.is_installed() else None
                elif helper is Helper.LOGGER:
                    fixed[parameter] = logging.getLogger(f"tauro_nb.nodes.{name}")
                elif helper is not Helper.RUN:
                    fixed[parameter] = helpers[helper]
            steps[name] = Step(
                name,
                position,
                context.nodes[name],
                node.function,
                fixed=fixed,
                run_parameters=[parameter for parameter, helper in binding.helpers if helper is Helper.RUN],
                data=binding.data,
                positional=binding.positional,
                report=NodeReport(name, dict(binding.data), written(context.nodes[name])),
                scope=Scope(
                    environment=context.environment,
                    pipeline=chosen.pipeline,
                    node=name,
                    execution_id=execution_id,
                    inputs=functools.partial(_fingerprints, working.catalog, [dataset for _, dataset in binding.data]),
                ),
                where=functools.partial(context.where, "nodes", name, "outputs"),
            )
        report = PipelineReport(
            chosen,
            {name: step.report for name, step in steps.items()},
            environment=context.environment,
            execution_id=execution_id,
            params=dict(params),
            started_at_ns=time.time_ns(),
        )
        return report, steps


def _fingerprints(catalog: Catalog, datasets: Iterable[str]) -> dict[str, dict[str, Any]]:
    found = {dataset: catalog.fingerprint(dataset) for dataset in datasets}
    return {dataset: fingerprint.to_dict() for dataset, fingerprint in found.items() if fingerprint is not None}
