"""How long a store's calls take: counted here for the whole process, read by whoever shows figures."""

from __future__ import annotations

import functools
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar

import msgspec

P = ParamSpec("P")
R = TypeVar("R")

Operation = Literal["read", "write"]


class Timing(msgspec.Struct, frozen=True):
    """What was measured so far."""

    count: int = 0
    total_s: float = 0.0
    below: tuple[int, ...] = ()
    """How many took at most as long as each of `Timer.BOUNDS_S`, those of all smaller bounds included."""

    @property
    def mean_s(self) -> float:
        """How long one took on average; 0 if there was none."""
        return self.total_s / self.count if self.count else 0.0


class Timer:
    """Counts durations by their length; safe to share between threads."""

    BOUNDS_S = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3600.0)

    def __init__(self) -> None:
        self.reset()

    def observe(self, seconds: float) -> None:
        """Count one."""
        place = bisect_left(self.BOUNDS_S, seconds)
        with self._lock:
            self._counts[place] += 1
            self._total_s += seconds

    def read(self) -> Timing:
        """Return what was measured so far."""
        with self._lock:
            counts, total_s = list(self._counts), self._total_s
        below = []
        count = 0
        for each in counts:
            count += each
            below.append(count)
        return Timing(count, total_s, tuple(below[:-1]))

    def reset(self) -> None:
        """Begin at nothing, with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._counts = [0] * (len(self.BOUNDS_S) + 1)
        self._total_s = 0.0


TIMERS: dict[Operation, Timer] = {"read": Timer(), "write": Timer()}
"""Of the calls of this process, to all stores that measure."""


def timed(operation: Operation) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Measure each call of a store's method, those that raise too."""
    observe, now = TIMERS[operation].observe, time.perf_counter

    def measured(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            began = now()
            try:
                return method(*args, **kwargs)
            finally:
                observe(now() - began)

        return call

    return measured


def _forked() -> None:
    for timer in TIMERS.values():
        timer.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
