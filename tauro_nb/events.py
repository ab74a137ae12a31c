"""What happens, as frozen records, and the emitter that tells it.

Events are delivered in order, on the thread that emits, after what they tell is durable. So one thread emits at a time,
and a callback must not wait for another thread that does; asking for events, and ending that, never waits for one. A
callback that raises is a warning and breaks nothing.

There are no per-point events: who wants points asks the run (`Run.tail`).
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from tauro_nb.errors import UnknownName


class EventType(StrEnum):
    """Every kind of event; the value is the name that `on_event` takes."""

    PIPELINE_STARTED = "PIPELINE_STARTED"
    PIPELINE_ENDED = "PIPELINE_ENDED"
    NODE_STARTED = "NODE_STARTED"
    NODE_ENDED = "NODE_ENDED"
    RUN_STARTED = "RUN_STARTED"
    RUN_ENDED = "RUN_ENDED"
    MODEL_REGISTERED = "MODEL_REGISTERED"
    MODEL_PROMOTED = "MODEL_PROMOTED"
    MODEL_ROLLED_BACK = "MODEL_ROLLED_BACK"
    ALIAS_SET = "ALIAS_SET"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    type: EventType
    environment: str | None = None
    at_ns: int = msgspec.field(default_factory=time.time_ns)
    """UTC wall clock, nanoseconds since the epoch."""
    data: Mapping[str, Any] = {}
    """Plain JSON values that identify the subject (names, ids, status)."""
    subject: Any = None
    """The live object itself (a Run, a report, a version), for listeners in this process; never written anywhere."""


Callback = Callable[[Event], object]


class Subscription:
    """A registered callback; `close` ends it, and so does leaving a ``with`` block.

    An event that is being delivered on another thread may still arrive after `close`.
    """

    def __init__(self, emitter: EventEmitter, event_type: str, callback: Callback) -> None:
        self.event_type = event_type
        self.callback = callback
        self._emitter = emitter

    def close(self) -> None:
        """Stop calling back; closing twice is harmless."""
        self._emitter.drop(self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class EventEmitter:
    """Delivers events to whoever asked for them; safe to share between threads."""

    HISTORY = 1_000

    def __init__(self) -> None:
        self._delivering = threading.RLock()
        self._changing = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._history: deque[Event] = deque(maxlen=self.HISTORY)

    def on_event(self, event_type: str, callback: Callback) -> Subscription:
        """Call `callback(event)` for every later event of this type.

        Registering the same function again, as a re-run cell does, replaces the earlier registration.

        Parameters
        ----------
        event_type : str or EventType
            A name such as ``"MODEL_REGISTERED"``, or ``"*"`` for all.

        Raises
        ------
        UnknownName
            There is no such type of event.
        """
        if event_type != "*" and event_type not in EventType.__members__:
            raise UnknownName.among("event type", str(event_type), EventType.__members__)
        new = Subscription(self, str(event_type), callback)
        with self._changing:
            kept = tuple(old for old in self._subscriptions if not _same(old, new))
            self._subscriptions = (*kept, new)
        return new

    def emit(self, event: Event) -> None:
        """Tell everybody who asked, in the order in which they asked."""
        with self._delivering:
            self._history.append(msgspec.structs.replace(event, subject=None))
            for subscription in self._subscriptions:
                if subscription.event_type in ("*", event.type):
                    try:
                        subscription.callback(event)
                    except Exception as error:  # noqa: BLE001 - a listener's mistake is reported, and stays the listener's
                        warnings.warn(
                            f"the callback {_title(subscription.callback)} for {event.type} raised "
                            f"{type(error).__name__}: {error}",
                            RuntimeWarning,
                            stacklevel=2,
                        )

    @property
    def history(self) -> list[Event]:
        """The newest events, oldest first (at most `HISTORY`), without their live subjects."""
        with self._delivering:
            return list(self._history)

    def forked(self) -> None:
        """Go on in a forked child, where nobody would free a lock that another thread held."""
        self._delivering = threading.RLock()
        self._changing = threading.Lock()

    def drop(self, gone: Subscription) -> None:
        """End a subscription; `Subscription.close` calls this."""
        with self._changing:
            self._subscriptions = tuple(item for item in self._subscriptions if item is not gone)


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


def _title(callback: Callback) -> str:
    return getattr(callback, "__qualname__", None) or type(callback).__name__


_emitter = EventEmitter()
if hasattr(os, "register_at_fork"):
    # a callback may be at work in another thread, which holds the locks and does not come along
    os.register_at_fork(after_in_child=_emitter.forked)


def get_event_emitter() -> EventEmitter:
    """Return this process's emitter."""
    return _emitter
