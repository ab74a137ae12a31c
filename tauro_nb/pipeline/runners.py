"""Where nodes run: here, one after the other, or in the threads of a `concurrent.futures` executor.

A runner knows nothing of pipelines. It is given steps whose predecessors are done, and gives back what came of them.
The work that it is told to do never raises: it returns an `Outcome`.
"""

from __future__ import annotations

import concurrent.futures
import contextvars
import heapq
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from tauro_nb.pipeline.steps import Step

_LOOK_UP_S = 0.2
"""How long a wait lasts: an interrupt that comes just before one begins does not wake it."""


class Outcome(msgspec.Struct):
    """What came of one call of a node's function."""

    value: Any = None
    error: BaseException | None = None


Work = Callable[[Step], Outcome]


class Runner(Protocol):
    """Runs steps; used by one thread."""

    def submit(self, step: Step) -> None:
        """Take a step that can run now."""
        ...

    def next(self) -> tuple[Step, Outcome] | None:
        """Wait for a step to be done and return it; None if none was submitted that has not been returned."""
        ...

    def abandon(self) -> list[Step]:
        """Start nothing more; return the steps that are still being run and cannot be stopped."""
        ...

    def close(self) -> None:
        """Let go of what this runner itself made."""
        ...


class InlineRunner:
    """Runs a step when its outcome is asked for, in the thread that asks; the first of the plan first."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ready: list[tuple[int, Step]] = []

    def submit(self, step: Step) -> None:
        """Take a step that can run now."""
        heapq.heappush(self._ready, (step.position, step))

    def next(self) -> tuple[Step, Outcome] | None:
        """Run the first step."""
        if not self._ready:
            return None
        step = heapq.heappop(self._ready)[1]
        return step, self._work(step)

    def abandon(self) -> list[Step]:
        """Forget what has not been run; nothing else goes on."""
        self._ready.clear()
        return []

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class ThreadRunner:
    """Runs steps in the threads of an executor, each with the context variables of the thread that submitted it.

    Parameters
    ----------
    threads : Executor
    own : bool
        It was made for this runner, which shuts it down.
    """

    def __init__(self, work: Work, threads: concurrent.futures.Executor, *, own: bool) -> None:
        self._work = work
        self._threads = threads
        self._own = own
        self._futures: dict[concurrent.futures.Future[Outcome], Step] = {}

    def submit(self, step: Step) -> None:
        """Queue a step."""
        future = self._threads.submit(contextvars.copy_context().run, self._work, step)
        self._futures[future] = step

    def next(self) -> tuple[Step, Outcome] | None:
        """Wait for the next step that is done."""
        if not self._futures:
            return None
        done: set[concurrent.futures.Future[Outcome]] = set()
        while not done:
            done, _ = concurrent.futures.wait(self._futures, _LOOK_UP_S, return_when=concurrent.futures.FIRST_COMPLETED)
        future = min(done, key=lambda one: self._futures[one].position)
        return self._futures.pop(future), future.result()

    def abandon(self) -> list[Step]:
        """Cancel what has not begun; idle threads go, busy ones go on until their node's function returns."""
        busy = [step for future, step in self._futures.items() if not future.cancel() and not future.done()]
        self._futures.clear()
        return busy

    def close(self) -> None:
        """End the threads as they become idle, if they are this runner's own."""
        if self._own:
            self._threads.shutdown(wait=False, cancel_futures=True)
