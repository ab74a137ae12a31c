"""Runs pipelines: plans, prepares, and hands over to an `Execution`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from tauro_nb.config.context import Context
from tauro_nb.errors import UsageError
from tauro_nb.mlops.scope import Scope
from tauro_nb.pipeline.assembly import assemble
from tauro_nb.pipeline.execution import Execution
from tauro_nb.pipeline.graph import Plan, plan
from tauro_nb.pipeline.inputs import Inputs
from tauro_nb.pipeline.jobs import Around, Job, jobs
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.pipeline.preparation import Prepared, prepare
from tauro_nb.pipeline.report import PipelineReport
from tauro_nb.pipeline.runners import InlineRunner, Runner, ThreadRunner, Work
from tauro_nb.pipeline.validation import ValidationReport, raise_problems, validate
from tauro_nb.wiring import services


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
        with self._modules.running():
            return self._run(chosen, self._prepared(chosen, params or {}), params or {})

    def start_plan(self, chosen: Plan, params: Mapping[str, Any] | None, around: Around) -> Job:
        """Prepare the nodes of a plan here, and run them in a thread of its own.

        Parameters
        ----------
        around : callable
            Given the job, returns what is entered in its thread while it runs.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand; nothing was run.
        """
        __tracebackhide__ = True
        params = params or {}
        with ExitStack() as held:
            held.enter_context(self._modules.running())
            execution = self._execution(chosen, self._prepared(chosen, params, in_main=False), params)
            return jobs.start(execution, around, held.pop_all())

    def start_process(self, chosen: Plan, params: Mapping[str, Any] | None, around: Around) -> Job:
        """Prepare the nodes of a plan here, and run them in a process of its own; otherwise as `start_plan`.

        Raises
        ------
        TauroError
            Something is wrong that could be known beforehand, or cannot be sent there; nothing was run.
        """
        __tracebackhide__ = True
        from tauro_nb.pipeline.process import ProcessExecution, order_of

        params = params or {}
        working = services(self.context)
        with self._modules.running():
            nodes = self._prepared(chosen, params)
            report, steps = assemble(working, self.context, chosen, nodes, params)
            order = order_of(working, self.context, report)
        return jobs.start(ProcessExecution(order, report, steps, working), around, ExitStack())

    def execution_of(
        self,
        chosen: Plan,
        params: Mapping[str, Any],
        execution_id: str | None = None,
        *,
        within: Scope | None = None,
        in_main: bool = True,
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> Execution:
        """Prepare the nodes of a plan for who runs them himself; the project has to be the active one.

        Parameters
        ----------
        within : Scope, optional
            What the execution is a part of: its run and labels.
        in_main : bool
            It is run in the thread that this is, and not in one beside it.
        functions : mapping of node to callable, optional
            What `functions_of` gave before. Default: those that the project has now.

        Raises
        ------
        TauroError
            As `run_plan` does.
        """
        nodes = self._prepared(chosen, params, in_main=in_main, functions=functions)
        return self._execution(chosen, nodes, params, execution_id, within)

    def functions_of(
        self, chosen: Plan, params: Mapping[str, Any], *, in_main: bool = True
    ) -> dict[str, Callable[..., Any]]:
        """Return the functions of a plan's nodes, and check all that can be known beforehand; as `execution_of`."""
        return {name: node.function for name, node in self._prepared(chosen, params, in_main=in_main).items()}

    def load_inputs(self, chosen: Plan, name: str, params: Mapping[str, Any] | None = None) -> Inputs:
        """Run the nodes of a plan but the one that is named, and return the arguments that this one would be given.

        They are datasets, helpers, parameters and defaults; the run that the executor would start for it is left out.

        Raises
        ------
        Exception
            As `run_pipeline` does.
        """
        __tracebackhide__ = True
        params = params or {}
        with self._modules.running():
            nodes = self._prepared(chosen, params)
            before = chosen.keep(set(chosen.nodes) - {name})
            if before.nodes:
                report = self._run(before, nodes, params)
                if report.error is not None:
                    raise report.error
            working = services(self.context)
            _, steps = assemble(working, self.context, chosen.keep([name]), nodes, params)
            step = steps[name]
            found = step.load({}, working.catalog)
        asked = inspect.signature(nodes[name].function).parameters.values()
        values = {**{one.name: one.default for one in asked if one.default is not one.empty}, **found}
        order = [one.name for one in asked if one.name in values]
        return Inputs(name, {key: values[key] for key in dict.fromkeys([*order, *values])}, dict(step.data))

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

    def held(self) -> AbstractContextManager[None]:
        """Make the project the active one, and let it not be put aside during the ``with`` block.

        Raises
        ------
        PipelineError
            A pipeline of another project is running that has modules of the same names.
        """
        return self._modules.running()

    @property
    def _modules(self) -> ProjectModules:
        return ProjectModules(self.context.root)

    def _prepared(
        self,
        chosen: Plan,
        params: Mapping[str, Any],
        *,
        in_main: bool = True,
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> dict[str, Prepared]:
        __tracebackhide__ = True
        ready = prepare(
            services(self.context),
            self.context,
            chosen,
            self._modules,
            params,
            threaded=self.is_threaded,
            in_main=in_main,
            functions=functions,
        )
        raise_problems(ready.problems, chosen.pipeline)
        return ready.nodes

    def _run(self, chosen: Plan, nodes: Mapping[str, Prepared], params: Mapping[str, Any]) -> PipelineReport:
        execution = self._execution(chosen, nodes, params)
        self.last_report = execution.report
        execution.run()
        return execution.report

    def _execution(
        self,
        chosen: Plan,
        nodes: Mapping[str, Prepared],
        params: Mapping[str, Any],
        execution_id: str | None = None,
        within: Scope | None = None,
    ) -> Execution:
        working = services(self.context)
        report, steps = assemble(working, self.context, chosen, nodes, params, execution_id=execution_id, within=within)
        return Execution(report, steps, working, self._runner)

    def _runner(self, work: Work) -> Runner:
        if self._executor is not None:
            return ThreadRunner(work, self._executor, own=False)
        settings = self.context.settings.execution
        if settings.executor == "threads":
            return ThreadRunner(work, ThreadPoolExecutor(settings.max_workers, "tauro"), own=True)
        return InlineRunner(work)
