"""A pipeline that runs in a process of its own, as seen from the one that started it: what it tells is told on here.

Its report fills in, its events are emitted, its runs are views of the store, and what it prints goes where this
process prints. It can be ended at once, with all that it has started; its runs are then ended from here.
"""

from __future__ import annotations

import codecs
import contextlib
import contextvars
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing import Pipe
from typing import IO, Any, cast

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.errors import PipelineError, TauroError
from tauro_nb.events import Event, EventType, get_event_emitter
from tauro_nb.mlops.stopping import StopRequested
from tauro_nb.mlops.tracking.cell import current_cell, current_notebook
from tauro_nb.pipeline.graph import read
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.pipeline.report import NodeStatus, PipelineReport, PipelineStatus
from tauro_nb.pipeline.steps import Step
from tauro_nb.pipeline.wire import (
    STOP,
    EndNews,
    Failure,
    Logged,
    News,
    NodeNews,
    Order,
    Told,
    pack_definition,
    pack_to_send,
    unpack,
)
from tauro_nb.wiring import Services

logger = logging.getLogger("tauro_nb.pipeline")

_LOOK_UP_S = 0.1
_LAST_WORDS_S = 2.0
"""How long what was printed is still read when the process has gone: something it started may hold the output open."""
_CODE = "import sys; sys.path[:] = {path!r}; from tauro_nb.pipeline.worker import main; main({descriptor})"


def order_of(working: Services, context: Context, report: PipelineReport) -> Order:
    """Return all that another process needs for an execution.

    Raises
    ------
    UsageError
        A parameter, a value in memory or something that a cell's function uses cannot be sent there.
    MissingDependency
        Cells define nodes, and cloudpickle is not installed.
    """
    plan = report.plan
    packed = {name: pack_definition(working.defined[name]) for name in plan.nodes if name in working.defined}
    made = {dataset for dataset, writers in plan.writers.items() if any(writer in plan for writer in writers)}
    asked = dict.fromkeys(dataset for name in plan.nodes for dataset in read(context.nodes[name]))
    memory = {
        dataset: (_sent(working, dataset), working.handed_by.get(dataset))
        for dataset in asked
        if dataset not in made and working.catalog.is_memory(dataset)
    }
    return Order(
        execution_id=report.execution_id,
        context=context,
        plan=plan,
        params=_params(report.params),
        defined={name: data for name, (data, _) in packed.items()},
        sources={file: text for _, texts in packed.values() for file, text in texts.items()},
        memory=memory,
        cell=current_cell(),
        notebook=current_notebook(),
        log_level=logging.getLogger().getEffectiveLevel(),
    )


def _sent(working: Services, dataset: str) -> bytes:
    fix = f"declare {dataset!r} in the output file, begin with the node that makes it, or run in a thread: --bg"
    return pack_to_send(working.catalog.load(dataset), f"the dataset {dataset!r}, which is in memory,", fix)


def _params(params: Mapping[str, Any]) -> bytes:
    for name, value in params.items():
        pack_to_send(value, f"the parameter {name!r}", "give a plain value, or run in a thread: --bg")
    return pack_to_send(dict(params), "the parameters", "run in a thread: --bg")


class ProcessExecution:
    """One execution in a process of its own; it starts with this object, and waits for `run`.

    Parameters
    ----------
    steps : mapping of node to Step
        Say what becomes of what the nodes return; they are not called.

    Attributes
    ----------
    left : dict of node to str
        Whose result stayed in the process, and why.
    """

    def __init__(self, order: Order, report: PipelineReport, steps: Mapping[str, Step], working: Services) -> None:
        self.report = report
        self.left: dict[str, str] = {}
        self._order: Order | None = order
        self._context = order.context
        self._steps = steps
        self._working = working
        self._modules = ProjectModules(order.context.root)
        self._emitter = get_event_emitter()
        self._began = self._ended = False
        self._open: dict[str, None] = {}
        """Runs whose end has not been told."""
        self._stop_asked = self._killed = False
        self._trouble: BaseException | None = None
        self._connection, theirs = Pipe()
        code = _CODE.format(path=sys.path, descriptor=theirs.fileno())
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environ(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # the stop button is not for jobs
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def run(self) -> None:
        """Tell on what the process tells, until it is gone; `PipelineReport.error` has what went wrong."""
        outputs = [_copied(cast("IO[bytes]", getattr(self._process, name)), name) for name in ("stdout", "stderr")]
        try:
            with self._connection:
                self._hear()
                code = self._process.wait()
        except BaseException as error:  # noqa: BLE001 - kept in the report
            self._trouble = error
            self._kill()
        finally:
            code = self._process.wait()
            self._kill_group()
            for output in outputs:
                output.join(_LAST_WORDS_S)
            self._close(code)

    def stop(self) -> None:
        """Ask for the end, from any thread: it comes at the next metric that a node logs, or after the node."""
        self._stop_asked = True

    def kill(self) -> None:
        """End the process and all that it has started, from any thread, whatever it does."""
        self._killed = True
        self._kill()

    def give_up(self) -> None:
        """End it at once, from any thread, its runs too: nobody can wait any more."""
        self.kill()
        self._process.wait()
        with contextlib.suppress(TauroError):  # whoever opens the store next does it
            self._working.tracker.recover()

    def _hear(self) -> None:
        with contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
            self._connection.send(self._order)
            self._order = None  # what was packed may be large
            told = False
            while True:
                if self._stop_asked and not told:
                    told = True
                    self._connection.send(STOP)
                if self._connection.poll(_LOOK_UP_S):
                    self._take(self._connection.recv())
                elif self._process.poll() is not None and not self._connection.poll(0):
                    return

    def _take(self, news: News) -> None:
        report = self.report
        match news:
            case NodeNews():
                self._take_node(news)
            case EndNews():
                self._ended = True
                report.status, report.ended_at_ns = news.status, news.ended_at_ns
                if news.failed is not None:
                    report.error = report.nodes[news.failed].error
                elif news.error is not None:
                    report.error = self._raised(news.error)
                if not self._began:
                    self._skip()
            case Told():
                self._tell_on(news)
            case Logged():
                where = logging.getLogger(news.name)
                if where.isEnabledFor(news.level):
                    where.handle(where.makeRecord(news.name, news.level, "", 0, news.message, (), None))

    def _take_node(self, news: NodeNews) -> None:
        node = self.report.nodes[news.name]
        news.tell(node)
        if news.stayed is not None:
            self.left[news.name] = news.stayed
        if news.error is not None:
            node.error = self._raised(news.error)
        if news.result is None:
            return
        try:
            with self._modules.running():
                node.result = unpack(news.result)
            node.returned = True
            self._hand_over(self._steps[news.name], node.result)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - opening what the user's code made may raise anything
            self.left[news.name] = f"{type(error).__name__}: {error}"

    def _raised(self, failure: Failure) -> BaseException:
        """Return what the code of the project raised, or its text where another project with the same names runs."""
        with contextlib.suppress(PipelineError), self._modules.running():
            return failure.error()
        return failure.error()

    def _hand_over(self, step: Step, value: Any) -> None:
        """Keep what nodes that are run here later would read out of memory."""
        inputs, outputs = self._context.inputs, self._context.outputs
        for dataset, part in step.parts(value) if step.report.status is NodeStatus.FINISHED else ():
            if dataset not in outputs and dataset not in inputs:
                self._working.hand_over(dataset, part, step.name)

    def _tell_on(self, news: Told) -> None:
        event = news.event
        subject: object = None
        if event.type in (EventType.RUN_STARTED, EventType.RUN_ENDED):
            run_id = event.data["run_id"]
            try:
                subject = self._working.tracker.get_run(run_id)
            except TauroError as error:
                logger.warning("run %s of pipeline %r cannot be shown: %s", run_id, self.report.pipeline, error)
                return
            node = self.report.nodes.get(news.node or "")
            if event.type is EventType.RUN_ENDED:
                self._open.pop(run_id, None)
            else:
                self._open[run_id] = None
                if node is not None and run_id not in node.run_ids:
                    node.run_ids.append(run_id)
        elif "execution_id" in event.data:
            self._began, subject = True, self.report
        self._emitter.emit(msgspec.structs.replace(event, subject=subject))

    def _close(self, code: int) -> None:
        """Finish what a process has left that did not come to its end."""
        if self._ended:
            return
        report = self.report
        busy = [name for name, node in report.nodes.items() if node.status is NodeStatus.RUNNING]
        report.error = self._reason(code, busy)
        at_ns = time.time_ns()
        self._recover()
        for name in busy:
            node = report.nodes[name]
            node.error, node.ended_at_ns = report.error, at_ns
            node.status = NodeStatus.INTERRUPTED if self._killed else NodeStatus.FAILED
            self._tell_node(name)
        self._skip()
        report.ended_at_ns = at_ns
        report.status = PipelineStatus.INTERRUPTED if self._killed else PipelineStatus.FAILED
        self._ended = True
        if self._began:
            self._tell(EventType.PIPELINE_ENDED, status=report.status.value, duration_s=report.duration_s)

    def _reason(self, code: int, busy: list[str]) -> BaseException:
        at = f" in node {', '.join(map(repr, busy))}" if busy else ""
        if self._trouble is not None:
            return self._trouble
        if self._killed:
            return StopRequested(f"pipeline {self.report.pipeline!r} was ended{at}, with its process")
        how = f"by {signal.Signals(-code).name}" if -code in set(signal.Signals) else f"with exit code {code}"
        return PipelineError(
            f"the process of pipeline {self.report.pipeline!r} ended {how}{at}",
            fix="SIGKILL is mostly the system's answer to too little memory" if code == -signal.SIGKILL else None,
        )

    def _recover(self) -> None:
        """End the runs that the process has left open."""
        try:
            self._working.tracker.recover()
            for run_id in list(self._open):
                del self._open[run_id]
                run = self._working.tracker.get_run(run_id)
                data = {"run_id": run_id, "run_name": run.name, "experiment": run.experiment, "status": str(run.status)}
                self._emit(EventType.RUN_ENDED, data, run)
        except TauroError as error:
            logger.warning("runs of pipeline %r could not be ended: %s", self.report.pipeline, error)

    def _skip(self) -> None:
        for name, node in self.report.nodes.items():
            if node.status is NodeStatus.PENDING:
                node.status = NodeStatus.SKIPPED
                self._tell_node(name)

    def _tell_node(self, name: str) -> None:
        step = self._steps[name]
        self._tell(
            EventType.NODE_ENDED,
            total=len(self._steps),
            node=name,
            position=step.position,
            status=step.report.status.value,
        )

    def _tell(self, kind: EventType, **data: Any) -> None:
        if self._began:
            labels = {"pipeline": self.report.pipeline, "execution_id": self.report.execution_id}
            self._emit(kind, {**labels, **data}, self.report)

    def _emit(self, kind: EventType, data: Mapping[str, Any], subject: object) -> None:
        place = self._working.store.location
        self._emitter.emit(
            Event(type=kind, environment=self.report.environment, store=place, data=data, subject=subject)
        )

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left of it
            os.killpg(self._process.pid, signal.SIGKILL)


def _environ() -> dict[str, str]:
    """Return the environment, without the kernel's way of showing matplotlib's figures, which needs the kernel."""
    environ = dict(os.environ)
    if environ.get("MPLBACKEND", "").startswith("module://"):
        environ["MPLBACKEND"] = "agg"
    return environ


def _copied(pipe: IO[bytes], name: str) -> threading.Thread:
    """Let a thread write what comes out of a pipe to this process's output of this name, from where this is called."""

    def copy() -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        with pipe:
            while data := os.read(pipe.fileno(), 65_536):
                getattr(sys, name).write(decoder.decode(data))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(copy,), name=f"tauro-{name}", daemon=True)
    thread.start()
    return thread
