"""The process of a job: runs the pipeline that it is ordered to, and tells what happens while it does.

It belongs to whoever started it. Where that process is gone it stops as if it had been asked to, and what does not stop
in time is ended with it: runs as INTERRUPTED, with all their points, and whatever the nodes have started.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import TextIO

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.events import Event, EventType, get_event_emitter
from tauro_nb.mlops.scope import scope
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.cell import work_for
from tauro_nb.pipeline.execution import Execution
from tauro_nb.pipeline.executor import PipelineExecutor
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.pipeline.report import PipelineStatus
from tauro_nb.pipeline.wire import EndNews, Failure, Logged, News, NodeNews, Order, Told, unpack, unpack_definition
from tauro_nb.wiring import services

GONE_S = 2.0
"""How long nodes may take to stop when there is nobody left to tell."""
_LOOK_UP_S = 0.5
_NODES = "tauro_nb.nodes"


class Home:
    """The process that gave the order: what is told to it, and what it says; safe to share between threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pid, self._parent = os.getpid(), os.getppid()
        self._lock = threading.Lock()
        self._is_silent = False

    def order(self) -> Order:
        """Wait for the order."""
        order: Order = self._connection.recv()
        return order

    def tell(self, news: News) -> None:
        """Send news; nothing is done where nobody is there to hear it, and in a forked child, which is not asked."""
        if not self.is_own:
            return
        with self._lock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(news)

    @property
    def is_own(self) -> bool:
        """Whether this is the process that was started, and no child that it has forked."""
        return os.getpid() == self._pid

    @property
    def is_gone(self) -> bool:
        """Whether nobody is left there."""
        return self._is_silent or os.getppid() != self._parent

    @property
    def has_spoken(self) -> bool:
        """Whether a word waits to be heard, or nobody is left to say one."""
        return self._connection.poll(0)

    def hear(self) -> str | None:
        """Wait for the next word; None where nobody is left to say one."""
        while not self.is_gone:
            try:
                if self._connection.poll(_LOOK_UP_S):
                    return str(self._connection.recv())
            except (EOFError, ConnectionResetError):
                self._is_silent = True
        return None


class _Telling(logging.Handler):
    """Sends home what is logged."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, its traceback as text; a forked child prints it."""
        if not self._home.is_own:
            if logging.lastResort is not None and record.levelno >= logging.lastResort.level:
                logging.lastResort.emit(record)
            return
        try:
            self._home.tell(Logged(record.name, record.levelno, self.format(record)))
        except Exception:  # noqa: BLE001 - an argument of the user's that cannot be printed
            self.handleError(record)


class _Lasting(io.FileIO):
    """An output whose reader may go away: what is written then is lost, and no error of the code that writes it."""

    def write(self, data: object) -> int:
        """Write, or seem to."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            return len(data)  # type: ignore[arg-type]


def main(descriptor: int) -> None:
    """Do what is ordered by way of this file descriptor."""
    os.set_inheritable(descriptor, False)
    home = Home(Connection(descriptor))
    sys.stdout, sys.stderr = _lasting(1), _lasting(2)
    order = home.order()
    sys.argv[:] = ["tauro", "run", order.plan.pipeline]
    work_for(order.cell, order.notebook)
    logging.getLogger().addHandler(_Telling(home))
    logging.getLogger().setLevel(order.log_level)
    logging.getLogger(_NODES).setLevel(min(order.log_level, logging.INFO))
    linecache.cache.update(
        {name: (len(text), None, text.splitlines(True), name) for name, text in order.sources.items()}
    )
    try:
        with _ready(order) as execution:
            over = threading.Event()
            threading.Thread(target=_listen, args=(home, execution, over), name="tauro-home", daemon=True).start()
            if home.has_spoken:
                execution.stop()
            with get_event_emitter().on_event("*", lambda event: _report(home, execution, event), inline=True):
                execution.run()
            over.set()
    except BaseException as error:  # noqa: BLE001 - told to whoever gave the order
        home.tell(EndNews(status=PipelineStatus.FAILED, ended_at_ns=time.time_ns(), error=Failure.of(error)))
        return
    if execution.report.status is PipelineStatus.INTERRUPTED or home.is_gone:
        _leave(home)  # a node that is still busy in a thread would keep the process from ending


@contextlib.contextmanager
def _ready(order: Order) -> Iterator[Execution]:
    """Open what came along, and prepare the nodes."""
    context = _without_event_log(order.context)
    with ProjectModules(context.root).running():
        working = services(context)
        working.defined.update({name: unpack_definition(data) for name, data in order.defined.items()})
        for dataset, (data, by) in order.memory.items():
            working.hand_over(dataset, unpack(data), by)
        yield PipelineExecutor(context).execution_of(order.plan, unpack(order.params), order.execution_id)


def _without_event_log(context: Context) -> Context:
    """Return the context without a log of events: they are told at home, and written there."""
    mlops = msgspec.structs.replace(context.settings.mlops, event_log=False)
    return msgspec.structs.replace(context, settings=msgspec.structs.replace(context.settings, mlops=mlops))


def _report(home: Home, execution: Execution, event: Event) -> None:
    """Tell an event, and before it what it is about."""
    report, here = execution.report, scope.get()
    if event.type in (EventType.NODE_STARTED, EventType.NODE_ENDED):
        home.tell(NodeNews.of(report.nodes[event.data["node"]]))
    elif event.type is EventType.PIPELINE_ENDED:
        error = report.error
        home.tell(
            EndNews(
                status=report.status,
                ended_at_ns=report.ended_at_ns or event.at_ns,
                error=None if error is None else Failure.of(error),
                failed=next((name for name, node in report.nodes.items() if node.error is error and error), None),
            )
        )
    home.tell(Told(msgspec.structs.replace(event, subject=None), None if here is None else here.node))


def _listen(home: Home, execution: Execution, over: threading.Event) -> None:
    """Stop when that is asked for, and when nobody is left to ask."""
    while home.hear() is not None:
        execution.stop()
    execution.stop()
    if over.wait(GONE_S):
        time.sleep(GONE_S)  # in which the process leaves by itself
    else:
        execution.give_up()
    _end_all()


def _lasting(descriptor: int) -> TextIO:
    raw = _Lasting(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


def _leave(home: Home) -> None:
    """End the process as its normal end would, but for waiting for other threads than our own."""
    import atexit

    background.wait()
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to have them run before `os._exit`
    if home.is_gone:
        _end_all()
    os._exit(0)  # a thread may be busy for as long as it likes


def _end_all() -> None:
    """End the process with all that its nodes have started, as otherwise whoever gave the order does."""
    os.killpg(os.getpgid(0), signal.SIGKILL)
