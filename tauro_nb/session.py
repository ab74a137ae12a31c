"""A project, or only a store, opened for work: everything that a notebook or a script needs, in one object.

What runs pipelines is imported when the first one is planned: to track runs takes none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tauro_nb.config.context import Context
from tauro_nb.errors import UnknownName
from tauro_nb.faces import Shown
from tauro_nb.mlops.tracking.recovery import recover_soon
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.wiring import services

if TYPE_CHECKING:
    from tauro_nb.io.catalog import Catalog
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.pipeline.graph import Plan
    from tauro_nb.pipeline.report import PipelineReport
    from tauro_nb.pipeline.validation import ValidationReport


def open_session(descriptor: str | Path | None = None, env: str = "dev") -> Session:
    """Open a project in one of its environments.

    Parameters
    ----------
    descriptor : str or Path, optional
        The descriptor (``settings_json.json``) or its folder. Default: it is searched upwards from here.
    env : str

    Raises
    ------
    DescriptorNotFound
    UnknownName
        The project has no such environment.
    ConfigError
        Everything that is wrong with the project's files.
    """
    from tauro_nb.config.descriptor import AppConfigManager
    from tauro_nb.config.loader import ContextLoader

    paths = AppConfigManager(descriptor).get_env_config(env)
    return Session(ContextLoader().load_from_paths(paths, env))


def open_store(path: str | Path) -> Session:
    """Open a store without a project: a session with tracker and registry, and no pipelines.

    Parameters
    ----------
    path : str or Path
        The store's folder, relative to the working directory; made when something is first kept.
    """
    return Session(Context.bare(Path.cwd(), path))


class Session(Shown):
    """A context with all that works in it; pipelines can be run in it any number of times, in several threads at once.

    While a session of a project is open, the project's root stands on `sys.path`. Opening one finishes, in the
    background, what processes that crashed have left in its store: see `ExperimentTracker.recover`.

    Attributes
    ----------
    context : Context
    tracker : ExperimentTracker
    last_report : PipelineReport or None
        What came of the last execution that ended, well or not; one in which nothing could begin leaves it as it is.
    """

    def __init__(self, context: Context) -> None:
        working = services(context)
        self.context = context
        self.tracker: ExperimentTracker = working.tracker
        self.last_report: PipelineReport | None = None
        self._working = working
        self._modules = None
        recover_soon(working.store)
        if context.pipelines or context.nodes:
            from tauro_nb.pipeline.modules import ProjectModules

            self._modules = ProjectModules(context.root)
            self._modules.open()

    @property
    def registry(self) -> ModelRegistry:
        """The models of the store."""
        return self._working.registry

    @property
    def catalog(self) -> Catalog:
        """The datasets of the project."""
        return self._working.catalog

    def __repr__(self) -> str:
        place = f"store {self.context.storage_dir}" if self._modules is None else f"project {self.context.root}"
        return f"<Session of {place} [{self.context.environment}]>"

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
        from tauro_nb.pipeline.graph import plan

        report = self._execute(plan(self.context, pipeline).select(nodes, from_node=from_node, to_node=to_node), params)
        if report.error is not None:
            raise report.error
        return report

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
        report = self._execute(self._with_what_it_needs(name), params)
        if report.error is not None:
            raise report.error
        return report.results[name]

    def validate(
        self,
        pipeline: str,
        nodes: Iterable[str] | None = None,
        from_node: str | None = None,
        to_node: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> ValidationReport:
        """Check all that can be known of a pipeline without running it; see `PipelineExecutor.validate`."""
        from tauro_nb.pipeline.executor import PipelineExecutor

        return PipelineExecutor(self.context).validate(pipeline, nodes, from_node, to_node, params)

    def close(self) -> None:
        """Take the project's root off `sys.path`; closing twice is harmless. Runs that are open stay open."""
        if self._modules is not None:
            self._modules.close()
            self._modules = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _execute(self, chosen: Plan, params: Mapping[str, Any] | None) -> PipelineReport:
        __tracebackhide__ = True
        from tauro_nb.pipeline.executor import PipelineExecutor

        executor = PipelineExecutor(self.context)
        try:
            return executor.run_plan(chosen, params)
        finally:
            if executor.last_report is not None:
                self.last_report = executor.last_report

    def _with_what_it_needs(self, name: str) -> Plan:
        """Return the node with those before it that have to make what it takes from memory."""
        from tauro_nb.pipeline.graph import read

        if name not in self.context.nodes:
            raise UnknownName.among("node", name, self.context.nodes)
        whole = self._pipeline_of(name)
        wanted: set[str] = set()
        todo = [name]
        while todo:
            node = todo.pop()
            wanted.add(node)
            for dataset in read(self.context.nodes[node]):
                writers = whole.writers.get(dataset, ())
                declared = dataset in self.context.inputs or dataset in self.context.outputs
                if not declared and not self._working.has_in_memory(dataset, writers):
                    todo.extend(writer for writer in writers if writer not in wanted)
        return whole.keep(wanted)

    def _pipeline_of(self, name: str) -> Plan:
        """Return the pipeline that was run last, if the node is in it; else the first that has it; else it alone."""
        from tauro_nb.pipeline.graph import order, plan

        last = [self.last_report.pipeline] if self.last_report is not None else []
        for pipeline in (*last, *self.context.pipelines):
            if pipeline in self.context.pipelines and name in self.context.pipelines[pipeline].nodes:
                return plan(self.context, pipeline)
        return order(name, [name], self.context.nodes)
