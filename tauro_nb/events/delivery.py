"""How an event reaches a callback that may be slow, hang or raise: on a thread of the callback's own.

Whoever emits waits for the callback, a moment at most, so that what a callback prints stands before what comes next.
One that was late once is never waited for again; its events queue up, and the oldest go where there are too many.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context

from tauro_nb.events.records import Callback, Event

GRACE_S = 0.5
"""How long one event waits for all callbacks together."""
MOST_WAITING = 10_000
"""Events that wait for one callback."""


class DeliveryThread(threading.Thread):
    """A thread of a callback; what is emitted on it waits for nobody, so that no two callbacks wait for each other."""


class Troubles:
    """What goes wrong with one callback: each kind is counted every time and told once; safe to share between threads.

    Parameters
    ----------
    count : callable
        Told ``"failed"``, ``"late"`` or ``"dropped"`` each time.
    """

    def __init__(self, callback: Callback, count: Callable[[str], None]) -> None:
        self._title = title(callback)
        self._count = count
        self._known: set[str] = set()
        self._news: deque[str] = deque()

    def failed(self, event: Event, error: BaseException) -> None:
        """Note that it raised."""
        self._happened("failed", f"for {event.type} raised {type(error).__name__}: {error}")

    def late(self) -> None:
        """Note that it was not done when the time was over."""
        self._happened("late", f"takes longer than {GRACE_S:g} s; it is no longer waited for, and hears events later")

    def dropped(self) -> None:
        """Note that it misses an event."""
        self._happened("dropped", f"is {MOST_WAITING:,} events behind; it misses the oldest of them")

    def news(self) -> list[str]:
        """Return what is to be told, once."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def _happened(self, what: str, told: str) -> None:
        self._count(what)
        if what not in self._known:
            self._known.add(what)
            self._news.append(f"the callback {self._title} {told}")


class Delivery:
    """Calls one callback with each event in turn; safe to share between threads."""

    def __init__(self, callback: Callback, troubles: Troubles) -> None:
        self._callback = callback
        self._troubles = troubles
        self._late = False
        self._free = 0
        """The number up to which it may be called."""
        self.forked()

    def hand(self, event: Event) -> int:
        """Give it an event that is its turn after those before, and return its number, to let go and to wait for."""
        with self._changed:
            if self._closed:
                return 0
            self._waiting.append((copy_context(), event))
            self._given += 1
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self._done += 1
                self._troubles.dropped()
            return self._given

    def let_go(self, number: int) -> None:
        """Have it called for this event and those before it; again is harmless."""
        with self._changed:
            if number > self._free:
                self._free = number
                if self._thread is None and not self._start():
                    self._work()
                self._changed.notify_all()

    def wait(self, number: int, deadline_s: float) -> None:
        """Wait until this event is done with, at most until `deadline_s` (monotonic); not if one was late before."""
        if self._late or isinstance(threading.current_thread(), DeliveryThread) or time.monotonic() >= deadline_s:
            return
        if not self._settled(number, deadline_s):
            self._late = True
            self._troubles.late()

    def settle(self, deadline_s: float) -> None:
        """Wait until it has been called for all that it was given, at most until `deadline_s` (monotonic)."""
        self._settled(self._given, deadline_s)

    def close(self) -> None:
        """Let its thread end; what was given is still delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def forked(self) -> None:
        """Have nothing to do, as in the beginning: in a forked child, what waits is the parent's to deliver."""
        # re-entrant: the last events of a process may have to be delivered by the thread that hands them
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[tuple[Context, Event]] = deque()
        self._given = self._done = 0
        self._free = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def _settled(self, number: int, deadline_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._done >= number, max(0.0, deadline_s - time.monotonic()))

    def _start(self) -> bool:
        self._thread = DeliveryThread(target=self._work, name=f"tauro-events-{title(self._callback)}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is about to exit, and starts no thread any more
            self._thread = None
            return False
        return True

    def _work(self) -> None:
        """Deliver what waits; on a thread of its own, go on until it is closed."""
        changed = self._changed
        while True:
            with changed:
                while self._given - len(self._waiting) >= self._free:
                    if self._thread is not threading.current_thread() or (self._closed and not self._waiting):
                        return
                    changed.wait()
                context, event = self._waiting.popleft()
            try:
                context.run(self._callback, event)
            except BaseException as error:  # noqa: BLE001 - nothing that a callback raises ends its thread
                self._troubles.failed(event, error)
            del context, event
            with changed:
                self._done += 1
                changed.notify_all()


def title(callback: Callback) -> str:
    """Return what a person calls it."""
    return getattr(callback, "__qualname__", None) or type(callback).__name__
