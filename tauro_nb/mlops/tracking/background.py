"""Work that no caller waits for: done one piece after the other in a thread that lives only while there is some.

The thread is no daemon: a process that ends does what is left first. What a piece raises is logged as a warning,
because nobody is there to catch it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable


class Background:
    """A queue of things to do; safe to share between threads.

    Parameters
    ----------
    pause_s : float
        How long the thread waits before it begins, so that it is not in the way of the very first thing that its
        caller does next. `wait` cuts it short.
    """

    def __init__(self, pause_s: float = 0.05) -> None:
        self._pause_s = pause_s
        self._thread: threading.Thread | None = None
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def later(self, job: Callable[[], None]) -> None:
        """Do `job` soon, in another thread."""
        with self._changed:
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tauro-background")
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is about to exit, and starts no thread any more
                    self._thread = threading.current_thread()
                    self._work()

    def wait(self, timeout_s: float = 10.0) -> bool:
        """Wait until nothing is left to do; tell whether that came true. In a job itself: False at once."""
        with self._changed:
            if self._thread is threading.current_thread():
                return False
            self._waiting += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: self._thread is None, timeout_s)
            finally:
                self._waiting -= 1

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._jobs: deque[Callable[[], None]] = deque()
        self._waiting = 0
        self._thread = None

    def _work(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, self._pause_s)
        while True:
            with self._changed:
                if not self._jobs:
                    self._thread = None
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
            try:
                job()
            except Exception as error:  # noqa: BLE001 - told here, because no caller is left to catch it
                warn("in the background: %s: %s", type(error).__name__, error)


def warn(message: str, *arguments: object) -> None:
    """Tell of a mishap that nobody can be told of by an exception."""
    import logging  # not needed on the way to the first metric

    logging.getLogger("tauro_nb").warning(message, *arguments)


background = Background()
"""This process's own."""
