"""Pipelines that run beside what one does next: each can be waited for and asked to stop.

A job runs in a thread, or in a process of its own, which a thread looks after. That thread has the context variables of
whoever started the job, so a kernel sends its output to that cell. Stopping is cooperative: it comes at the next
metric that a node logs, or when the node is done; a process can also be ended at once. When this process ends, its jobs
are asked to stop, and the runs of those that do not in time are ended as INTERRUPTED, with all their points.
"""

from __future__ import annotations

import atexit
import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Protocol

from tauro_nb.errors import UnknownName
from tauro_nb.faces import Shown
from tauro_nb.mlops.scope import current_run
from tauro_nb.mlops.tracking.lifetime import open_runs
from tauro_nb.pipeline.report import PipelineReport

if TYPE_CHECKING:
    from tauro_nb.pipeline.trials import SweepReport

MOST_KEPT = 50
"""Jobs that have ended and are still listed."""
EXIT_S = 2.0
"""How long the end of the process waits for its jobs."""

Around = Callable[["Job"], AbstractContextManager[object]]


class Course(Protocol):
    """An execution that a job is: `Execution` or `Sweep` in its thread, `ProcessExecution` in a process of its own."""

    @property
    def report(self) -> PipelineReport | SweepReport:
        """What has come of it so far."""
        ...

    def run(self) -> None:
        """Go through with it; what went wrong is in the report."""
        ...

    def stop(self) -> None:
        """Ask for the end, and return at once."""
        ...

    def kill(self) -> None:
        """End it at once, or raise a `UsageError` where that cannot be."""
        ...

    def give_up(self) -> None:
        """End what it has open as INTERRUPTED: the process ends."""
        ...


class Job(Shown):
    """A pipeline or a sweep that runs in the background; made by `Session.start` and `Session.start_sweep`.

    Attributes
    ----------
    number : int
        Counts from 1 in this process.
    report : PipelineReport or SweepReport
        What has come of it so far; filled in while it runs.
    """

    def __init__(self, number: int, execution: Course) -> None:
        self.number = number
        self.report: PipelineReport | SweepReport = execution.report
        self._execution = execution
        self._stop_asked = False
        self._over = threading.Event()

    @property
    def status(self) -> str:
        """RUNNING, STOPPING, or how it ended: FINISHED, FAILED, INTERRUPTED."""
        if self._over.is_set():
            return self.report.status.value
        return "STOPPING" if self._stop_asked else "RUNNING"

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._over.is_set()

    @property
    def busy(self) -> list[str]:
        """The nodes that are running; of a sweep, before them, the trial."""
        return self.report.busy

    @property
    def pid(self) -> int | None:
        """Its process; None where it runs in a thread of this one."""
        return getattr(self._execution, "pid", None)

    @property
    def left(self) -> dict[str, str]:
        """The nodes whose result stayed in the process of the job, and why; `report.results` has all others."""
        return dict(getattr(self._execution, "left", {}))

    def stop(self, *, now: bool = False) -> None:
        """Ask it to stop, and return at once; it does at the next metric that a node logs, or when the node is done.

        Where that is, the node meets a `KeyboardInterrupt`. Asking again, or when it is over, is harmless.

        Parameters
        ----------
        now : bool
            Do not ask, but end its process, with all that it has started; its runs are INTERRUPTED and keep their
            points.

        Raises
        ------
        UsageError
            `now`, and it runs in a thread.
        """
        if self.is_over:
            return
        if now:
            self._execution.kill()
        else:
            self._execution.stop()
        self._stop_asked = True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is over, and tell whether it is; an interrupt ends the waiting, not the job.

        Parameters
        ----------
        timeout_s : float, optional
            Default: as long as it takes.
        """
        return self._over.wait(timeout_s)

    def give_up(self) -> None:
        """End what it has open as INTERRUPTED, whatever it still does: the process ends."""
        self._execution.give_up()

    def __repr__(self) -> str:
        return f"<Job {self.number}: {self.report.pipeline!r} [{self.status}]>"

    def work(self, around: Around) -> None:
        """Run it, in whatever thread this is; `Jobs` calls this."""
        current_run.set(None)
        try:
            with around(self):
                self._execution.run()
        finally:
            self._over.set()


class Jobs:
    """The jobs of this process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._last = 0
        self._watched = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def start(self, execution: Course, around: Around, held: ExitStack) -> Job:
        """Run an execution in a thread of its own.

        Parameters
        ----------
        around : callable
            Given the job, returns what is entered in its thread while it runs.
        held : ExitStack
            Closed when it is over.
        """
        with self._lock:
            self._last += 1
            job = self._jobs[self._last] = Job(self._last, execution)
            for number in [number for number, one in self._jobs.items() if one.is_over][:-MOST_KEPT]:
                del self._jobs[number]
            self._watch_exit()

        def work() -> None:
            with held:
                job.work(around)

        # a daemon: the end of the process asks it to stop, and does not wait for what does not listen
        threading.Thread(
            target=contextvars.copy_context().run, args=(work,), name=f"tauro-job-{job.number}", daemon=True
        ).start()
        return job

    def __iter__(self) -> Iterator[Job]:
        with self._lock:
            return iter(list(self._jobs.values()))

    def __getitem__(self, number: int) -> Job:
        for job in self:
            if job.number == number:
                return job
        raise UnknownName.among("job", str(number), [str(job.number) for job in self])

    @property
    def running(self) -> list[Job]:
        """Those that are not over, oldest first."""
        return [job for job in self if not job.is_over]

    def end_all(self, timeout_s: float = EXIT_S) -> None:
        """Ask all to stop, and give up those that do not in time."""
        deadline_s = time.monotonic() + timeout_s
        running = self.running
        for job in running:
            job.stop()
        for job in running:
            if not job.wait(max(0.0, deadline_s - time.monotonic())):
                job.give_up()

    def _watch_exit(self) -> None:
        if self._watched:
            return
        self._watched = True
        open_runs.watch_exit()  # first, so that it ends runs after us
        atexit.register(self.end_all)
        # before that, the exit waits for the threads of pools, which have to be asked earlier: as these themselves are
        import concurrent.futures.thread  # noqa: F401 - registers first, and so comes later

        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            register(self.end_all)

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._jobs = {}
        self._watched = False


jobs = Jobs()
"""This process's own."""
