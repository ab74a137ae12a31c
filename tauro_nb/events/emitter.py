"""The emitter: who asked for which events, what was told, and in which order."""

from __future__ import annotations

import atexit
import os
import threading
import time
import warnings
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.errors import EventTimeout
from tauro_nb.events.delivery import GRACE_S, Delivery, Troubles
from tauro_nb.events.records import ALL, Callback, Event, EventType, checked_type

if TYPE_CHECKING:
    from os import PathLike

EXIT_S = 2.0
"""How long a process that exits waits for callbacks that are late."""


class Subscription:
    """A registered callback; `close` ends it, and so does leaving a ``with`` block.

    An event that was emitted before `close` may still arrive after it.
    """

    def __init__(self, emitter: EventEmitter, event_type: str, callback: Callback, *, inline: bool) -> None:
        self.event_type = event_type
        self.callback = callback
        self._emitter = emitter
        self.troubles = Troubles(callback, emitter.count_trouble)
        self.delivery = None if inline else Delivery(callback, self.troubles)

    def close(self) -> None:
        """Stop calling back; closing twice is harmless."""
        self._emitter.drop(self)

    def wants(self, event_type: EventType) -> bool:
        """Tell whether it asked for events of this type."""
        return self.event_type in (ALL, event_type)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Waiter:
    """A thread that waits for the next event of a type."""

    def __init__(self, event_type: str) -> None:
        self.event_type = event_type
        self.event: Event | None = None
        self.come = threading.Event()


class EventEmitter:
    """Delivers events to whoever asked for them; safe to share between threads, and to fork."""

    HISTORY = 1_000

    def __init__(self) -> None:
        self._asked: dict[str, tuple[Subscription, ...]] = {}
        self._history: deque[Event] = deque(maxlen=self.HISTORY)
        self._subscribe(())
        self._waiters: tuple[_Waiter, ...] = ()
        self.forked()

    def on_event(self, event_type: str, callback: Callback, *, inline: bool = False) -> Subscription:
        """Call `callback(event)` for every later event of this type, one after the other.

        The callback runs on a thread of its own, in a copy of the emitter's context. Whoever emits waits for it, half a
        second at most; one that was late once is not waited for again, and hears its events later, in order. An error
        that it raises, and being late, is a warning, once; `troubles` counts them all. Registering the same function
        again, as a re-run cell does, replaces the earlier registration.

        Parameters
        ----------
        event_type : str or EventType
            A name such as ``"MODEL_REGISTERED"``, or ``"*"`` for all.
        inline : bool
            Call it on the thread that emits, which waits as long as it takes, as does everybody else who emits: for
            what belongs to one thread. It must not wait for another thread that emits.

        Raises
        ------
        UnknownName
            There is no such type of event.
        """
        new = Subscription(self, checked_type(event_type), callback, inline=inline)
        with self._changing:
            same = [old for old in self._subscriptions if _same(old, new)]
            self._subscribe((*(old for old in self._subscriptions if old not in same), new))
        for old in same:
            _let_go(old)
        return new

    def to_jsonl(self, path: str | PathLike[str], *, store: str | None = None) -> Subscription:
        """Append every later event to a file as a line of JSON, until the subscription is closed.

        Several processes may write to one file. What looks like a secret is written as ``***``.

        Parameters
        ----------
        path : str or PathLike
            Its folder is made if need be. Writing to the same file again replaces the earlier registration.
        store : str, optional
            Only events of the store that has this `location`.

        Raises
        ------
        StoreError
            The folder cannot be made, or the file not be written.
        """
        from tauro_nb.events.lines import JsonLines

        return self.on_event(ALL, JsonLines.at(Path(path), store))

    def wait_for(self, event_type: str, timeout_s: float | None = None, *, since_ns: int | None = None) -> Event:
        """Wait for the next event of this type, and return it without its live subject.

        Parameters
        ----------
        event_type : str or EventType
            Or ``"*"`` for any.
        timeout_s : float, optional
            How long; None: as long as it takes.
        since_ns : int, optional
            UTC, nanoseconds since the epoch: the first event from then on counts, also one that has come already.

        Raises
        ------
        EventTimeout
            None came.
        UnknownName
            There is no such type of event.
        """
        waiter = _Waiter(checked_type(event_type))
        with self._delivering:
            if since_ns is not None:
                for event in self._history:
                    if event.at_ns >= since_ns and waiter.event_type in (ALL, event.type):
                        return event
            self._waiters = (*self._waiters, waiter)
        try:
            waiter.come.wait(timeout_s)
        finally:
            with self._delivering:
                self._waiters = tuple(each for each in self._waiters if each is not waiter)
        if waiter.event is None:
            raise EventTimeout(
                f"no event {waiter.event_type} within {timeout_s:g} s",
                fix="wait longer, or say since_ns= where it may have come before",
            )
        return waiter.event

    def emit(self, event: Event) -> None:
        """Tell everybody who asked, in the order in which they asked.

        Inline callbacks come first. What a callback emits while it is called, it tells the others side by side.
        """
        handed: list[tuple[Delivery, int]] = []
        try:
            with self._delivering:
                kept = event if event.subject is None else msgspec.structs.replace(event, subject=None)
                self._history.append(kept)
                for waiter in self._waiters:
                    if waiter.event is None and waiter.event_type in (ALL, event.type):
                        waiter.event = kept
                        waiter.come.set()
                asked = self._asked[event.type]
                if not asked:
                    return
                handed += [(each.delivery, each.delivery.hand(event)) for each in asked if each.delivery is not None]
                for subscription in asked:
                    if subscription.delivery is None:
                        try:
                            subscription.callback(event)
                        except Exception as error:  # noqa: BLE001 - a listener's mistake is reported, and stays the listener's
                            subscription.troubles.failed(event, error)
            deadline_s = time.monotonic() + GRACE_S
            for delivery, number in handed:
                delivery.let_go(number)
                delivery.wait(number, deadline_s)
        finally:
            for delivery, number in handed:  # an interrupt may have come
                delivery.let_go(number)
        for subscription in asked:
            for told in subscription.troubles.news():
                warnings.warn(told, RuntimeWarning, stacklevel=2)

    @property
    def history(self) -> list[Event]:
        """The newest events, oldest first (at most `HISTORY`), without their live subjects."""
        with self._delivering:
            return list(self._history)

    @property
    def troubles(self) -> dict[str, int]:
        """How often a callback ``failed`` or was ``late``, and how many events were ``dropped`` for one behind."""
        with self._changing:
            return {what: self._troubles[what] for what in ("failed", "late", "dropped")}

    def count_trouble(self, what: str) -> None:
        """Count a callback's trouble; its subscription calls this."""
        with self._changing:
            self._troubles[what] += 1

    def drop(self, gone: Subscription) -> None:
        """End a subscription; `Subscription.close` calls this."""
        with self._changing:
            self._subscribe(tuple(item for item in self._subscriptions if item is not gone))
        _let_go(gone)

    def settle(self, timeout_s: float = EXIT_S) -> None:
        """Wait until every callback has heard all that was emitted, or the time is over."""
        deadline_s = time.monotonic() + timeout_s
        for subscription in self._subscriptions:
            if subscription.delivery is not None:
                subscription.delivery.settle(deadline_s)

    def _subscribe(self, subscriptions: tuple[Subscription, ...]) -> None:
        """Have these subscriptions, and no others."""
        self._subscriptions = subscriptions
        self._asked = {kind: tuple(each for each in subscriptions if each.wants(kind)) for kind in EventType}

    def forked(self) -> None:
        """Go on in a forked child, where nobody would free a lock that another thread held."""
        self._delivering = threading.RLock()
        self._changing = threading.Lock()
        self._waiters = ()
        self._troubles: Counter[str] = Counter()
        for subscription in self._subscriptions:
            if subscription.delivery is not None:
                subscription.delivery.forked()


def _let_go(subscription: Subscription) -> None:
    if subscription.delivery is not None:
        subscription.delivery.close()


def _same(old: Subscription, new: Subscription) -> bool:
    if old.event_type != new.event_type or _identity(old.callback) != _identity(new.callback):
        return False
    was, now = (getattr(each.callback, "__self__", None) for each in (old, new))
    # methods of two objects are two callbacks, unless a re-run cell made their class anew
    return was is now or type(was) is not type(now)


def _identity(callback: Callback) -> object:
    """What stays the same when the cell that defines `callback` runs again."""
    code = getattr(callback, "__code__", None)
    if code is None or getattr(callback, "__closure__", None) or "<locals>" in callback.__qualname__:
        return callback
    if callback.__name__ == "<lambda>":
        return code
    return (callback.__module__, callback.__qualname__)


_emitter = EventEmitter()
# before any run is open, so that what ends with the process is told first
atexit.register(_emitter.settle)
if hasattr(os, "register_at_fork"):
    # a callback may be at work in another thread, which holds the locks and does not come along
    os.register_at_fork(after_in_child=_emitter.forked)


def get_event_emitter() -> EventEmitter:
    """Return this process's emitter."""
    return _emitter
