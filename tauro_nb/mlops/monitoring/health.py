"""Health checks: registered by name, run when asked, and given up on when their time is over.

Each check runs in a thread of its own, so that one that hangs costs its time-out and no more. A thread cannot be
stopped: while an old one still hangs, its check is not started again, and the report says since when.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from tauro_nb.errors import TauroError, UsageError
from tauro_nb.events import Event, EventEmitter, EventType, get_event_emitter
from tauro_nb.mlops.monitoring import storage
from tauro_nb.mlops.monitoring.findings import CheckResult, Finding, HealthReport, HealthStatus

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker

__all__ = ["CheckResult", "Finding", "HealthMonitor", "HealthReport", "HealthStatus", "get_health_monitor"]

DEFAULT_TIMEOUT_S = 10.0

Check = Callable[[], Finding | bool | str | None]


class _Looking:
    """One check, and the thread that is at it."""

    def __init__(self, name: str, check: Check, timeout_s: float, critical: bool) -> None:
        self.name = name
        self.check = check
        self.timeout_s = timeout_s
        self.critical = critical
        self._thread: threading.Thread | None = None
        self._started_s = 0.0
        self._ended_s = 0.0
        self._finding: Finding | None = None

    def forked(self) -> None:
        """Go on in a forked child, to which its thread does not come along."""
        self._thread = None

    def start(self) -> None:
        """Begin to look, unless the last look still hangs."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._finding = None
        self._started_s = time.monotonic()
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._look,), name=f"tauro-health-{self.name}", daemon=True)
        self._thread.start()

    def result(self, deadline_s: float) -> CheckResult:
        """Wait until it is known or `deadline_s` (monotonic) has come."""
        assert self._thread is not None  # noqa: S101 - `start` was called
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        finding, took_s = self._finding, self._ended_s - self._started_s
        if finding is None:
            took_s = time.monotonic() - self._started_s
            finding = Finding(
                HealthStatus.UNHEALTHY,
                f"no answer within {self.timeout_s:g} s; hanging for {took_s:.1f} s in thread {self._thread.name!r}",
                "see what it waits for, or give it more time: register_check(..., timeout_s=)",
            )
        return CheckResult(
            finding.status, finding.figure, finding.fix, name=self.name, critical=self.critical, took_s=took_s
        )

    def _look(self) -> None:
        try:
            finding = _read(self.check())
        except BaseException as error:  # noqa: BLE001 - that a check raises, or exits, is what it found
            fix = error.fix if isinstance(error, TauroError) else None
            finding = Finding(HealthStatus.UNHEALTHY, f"{type(error).__name__}: {error}", fix)
        self._ended_s = time.monotonic()
        self._finding = finding


class HealthMonitor:
    """Named checks and what they find; safe to share between threads."""

    def __init__(self, clock: Callable[[], int] = time.time_ns, emitter: EventEmitter | None = None) -> None:
        self._emitter = emitter or get_event_emitter()
        self._clock = clock
        self._checks: dict[str, _Looking] = {}
        self._last: HealthReport | None = None
        self._ending: threading.Event | None = None
        self.forked()

    @property
    def names(self) -> tuple[str, ...]:
        """The registered checks, in order."""
        return tuple(self._checks)

    def register_storage_check(self, path: str | os.PathLike[str] | None = None) -> None:
        """Check free space, and that a file can be written.

        Parameters
        ----------
        path : str or PathLike, optional
            A folder, which need not be there yet; unless given, every store that this process works with then, or
            the working directory if there is none.
        """
        if path is None:
            self.register_check("storage", storage.check_stores, critical=True)
            return
        folder = Path(path).absolute()
        self.register_check(f"storage {folder}", lambda: storage.check_path(folder), critical=True)

    def register_store_checks(
        self,
        tracker: ExperimentTracker,
        registry: ModelRegistry,
        *,
        sample: int | None = 20,
        timeout_s: float = 120.0,
        mend: str = "tauro doctor --clean",
    ) -> None:
        """Check what is kept in a store: its format, records, the files of models, and what killed processes left.

        One on Databricks is also asked whether it can be reached.

        Those of another store replace them.

        Parameters
        ----------
        sample : int, optional
            How many versions are compared with their checksums, chosen anew each time; None: all.
        timeout_s : float
            For each of the checks.
        mend : str
            The command that cleans up, as it is shown.
        """
        from tauro_nb.mlops.monitoring.databricks import reach
        from tauro_nb.mlops.monitoring.inspection import Inspection
        from tauro_nb.store.databricks import DatabricksStore

        self.remove_check("databricks")
        if isinstance(tracker.store, DatabricksStore):
            self.register_check("databricks", partial(reach, tracker.store), timeout_s, critical=True)
        for name, check, critical in Inspection(tracker, registry, mend=mend, sample=sample).checks():
            self.register_check(name, check, timeout_s, critical)

    def register_check(self, name: str, fn: Check, timeout_s: float | None = None, critical: bool = False) -> None:
        """Let `check_all` ask `fn`; a check of the same name (a cell that ran again) is replaced.

        Parameters
        ----------
        fn : callable
            Returns a `Finding`, or True or None if all is well, a text if it is and that was measured, False if not.
            One that raises is unhealthy.
        timeout_s : float, optional
            How long its answer is waited for; 10 seconds unless given.
        critical : bool
            If it is unhealthy, so is the whole, which is degraded otherwise.

        Raises
        ------
        UsageError
            The time-out is no number above 0, or longer than any wait.
        """
        if timeout_s is not None and not _is_wait(timeout_s):
            raise UsageError(f"{name}: timeout_s={timeout_s!r}", fix="give it some seconds, or leave it out")
        looking = _Looking(name, fn, DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s, critical)
        with self._lock:
            self._checks[name] = looking

    def remove_check(self, name: str) -> bool:
        """Ask it no more; tell whether there was one."""
        with self._lock:
            return self._checks.pop(name, None) is not None

    def check_all(self) -> HealthReport:
        """Run every check at the same time, and return what they found; takes no longer than the longest time-out."""
        with self._lock:
            checks = list(self._checks.values())
            for looking in checks:
                looking.start()
        started_s = time.monotonic()
        results = tuple(looking.result(started_s + looking.timeout_s) for looking in checks)
        report = HealthReport(checks=results, at_ns=self._clock())
        with self._lock:
            self._last = report
        return report

    @property
    def last_report(self) -> HealthReport | None:
        """What the newest look found; None: nobody has looked."""
        return self._last

    def start(self, interval_s: float) -> None:
        """Look now and every `interval_s` from now on, on a daemon thread, until `stop`; another interval replaces it.

        What is found is `last_report`. When it comes to another status than the look before, listeners hear
        ``HEALTH_CHANGED``; that it is healthy at first is no news.

        Raises
        ------
        UsageError
            The interval is no number above 0, or longer than any wait.
        """
        if not _is_wait(interval_s):
            raise UsageError(f"interval_s={interval_s!r}", fix="give it some seconds")
        self.stop()
        with self._lock:
            self._ending = ending = threading.Event()
        work = (ending, interval_s)
        threading.Thread(target=self._look_again, args=work, name="tauro-health", daemon=True).start()

    def stop(self) -> None:
        """Look no more by itself; harmless where it does not. A look that goes on is not waited for."""
        with self._lock:
            if self._ending is not None:
                self._ending.set()
            self._ending = None

    @property
    def is_started(self) -> bool:
        """Whether it looks by itself."""
        return self._ending is not None

    def forked(self) -> None:
        """Go on in a forked child, to which no thread comes along."""
        self._lock = threading.Lock()
        self._ending = None
        for looking in self._checks.values():
            looking.forked()

    def _look_again(self, ending: threading.Event, interval_s: float) -> None:
        former = HealthStatus.HEALTHY
        while not ending.is_set():
            report = self.check_all()
            if report.status is not former:
                self._tell(report, former)
                former = report.status
            ending.wait(interval_s)

    def _tell(self, report: HealthReport, former: HealthStatus) -> None:
        data = {
            "status": report.status.value,
            "former": former.value,
            "checks": {check.name: check.status.value for check in report.checks},
        }
        self._emitter.emit(Event(type=EventType.HEALTH_CHANGED, at_ns=report.at_ns, data=data, subject=report))


def _is_wait(seconds: object) -> bool:
    """Tell whether a thread can wait for so long."""
    return isinstance(seconds, Real) and 0 < float(seconds) <= threading.TIMEOUT_MAX


def _read(answer: Finding | bool | str | None) -> Finding:
    if isinstance(answer, Finding):
        return answer
    if isinstance(answer, str):
        return Finding(HealthStatus.HEALTHY, answer)
    return Finding(HealthStatus.HEALTHY if answer is None or answer else HealthStatus.UNHEALTHY)


_monitor = HealthMonitor()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_monitor.forked)


def get_health_monitor() -> HealthMonitor:
    """Return this process's monitor; it has no checks until some are registered."""
    return _monitor
