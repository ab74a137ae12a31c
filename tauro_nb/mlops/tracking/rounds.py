"""What is done for each of several runs from time to time, by a daemon thread that is there only while it is needed.

Nobody waits for it, and it may be cut off at any moment: what has to be done whatever happens is `background`'s.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.run import Run


class Rounds:
    """A thread that comes round to runs; safe to share between threads. A forked child begins with no runs.

    Parameters
    ----------
    name : str
        Of the thread.
    visit : callable
        Is handed the runs that are due, and raises nothing.
    slack_s : float
        Who would be due so soon is visited along with those who are.
    """

    def __init__(self, name: str, visit: Callable[[list[Run]], None], *, slack_s: float = 0.0) -> None:
        self._name = name
        self._visit = visit
        self._slack_s = slack_s
        self._wakes_s = 0.0
        self._thread: threading.Thread | None = None
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def add(self, run: Run, *, first_s: float, period_s: float) -> None:
        """Visit a run after `first_s` and then every `period_s` seconds, until `drop`."""
        with self._changed:
            due_s = time.monotonic() + first_s
            self._due[run] = due_s, period_s
            if self._thread is None:
                self._wakes_s = due_s
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            elif due_s < self._wakes_s:
                self._changed.notify()

    def drop(self, run: Run) -> None:
        """Visit a run no more."""
        with self._changed:
            self._due.pop(run, None)

    def has(self, run: Run) -> bool:
        """Tell whether a run is visited."""
        with self._changed:
            return run in self._due

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Run, tuple[float, float]] = {}
        self._thread = None

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._due:
                    self._thread = None
                    return
                # what is dropped is not told: the thread stays to the end of its pause, so that a loop over short runs
                # starts one thread and not one a run
                self._wakes_s = min(due_s for due_s, _ in self._due.values())
                self._changed.wait(max(0.0, self._wakes_s - time.monotonic()))
                now = time.monotonic()
                due = {run: each[1] for run, each in self._due.items() if each[0] <= now + self._slack_s}
                self._due.update({run: (now + period_s, period_s) for run, period_s in due.items()})
            if due:
                self._visit(list(due))
