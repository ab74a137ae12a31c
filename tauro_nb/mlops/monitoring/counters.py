"""Counters, gauges and timers of this process, labelled by environment and fed by the code itself.

A *counter* only grows (``models_registered``); a *gauge* says how it stands (``active_runs``); a *timer* counts
durations (``node_seconds``). What nobody has fed yet reads 0: asking for a number before the first run is no mistake.
`families` lists what the package feeds; anybody may add others. A forked child begins at nothing.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from tauro_nb.errors import InvalidName, UsageError
from tauro_nb.events import EventEmitter, get_event_emitter
from tauro_nb.mlops.monitoring.families import FAMILIES, LABEL, NAME, Kind, exported
from tauro_nb.store.timing import TIMERS, Timer, Timing

Labels = tuple[tuple[str, str], ...]
_Key = tuple[str, str, Labels]


class Sample(msgspec.Struct, frozen=True, order=True):
    """One number as it stood when the snapshot was taken."""

    name: str
    environment: str
    """Empty where the work belonged to no environment."""
    value: float
    kind: Kind
    """``counter`` or ``gauge``."""
    labels: Labels = ()


class TimerSample(msgspec.Struct, frozen=True):
    """One timer as it stood when it was read."""

    name: str
    environment: str
    labels: Labels
    timing: Timing


class Following:
    """A number that is read where it arises; `close` takes over its last value."""

    def __init__(self, collector: MetricsCollector, key: _Key, read: Callable[[], float]) -> None:
        self.key = key
        self.read = read
        self._collector = collector

    def close(self) -> None:
        """Keep what it says now, and ask no more; closing twice is harmless."""
        self._collector.stop_following(self)


class TimerGroup:
    """The timers of one name that differ in one label: what is observed most often takes least."""

    def __init__(self, make: Callable[[str], Timer]) -> None:
        self._make = make
        self.forked()

    def observe(self, content: str, seconds: float) -> None:
        """Count a duration in the timer whose label says `content`."""
        timer = self._timers.get(content)
        if timer is None:
            timer = self._timers[content] = self._make(content)
        timer.observe(seconds)

    def forked(self) -> None:
        """Begin at nothing in a forked child."""
        self._timers: dict[str, Timer] = {}


class MetricsCollector:
    """Numbers about what this process did; safe to share between threads, and to fork."""

    def __init__(self) -> None:
        self._following: tuple[Following, ...] = ()
        self._timers: dict[_Key, Timer] = {}
        self._adopted: dict[_Key, Timer] = {}
        self._groups: dict[tuple[_Key, str], TimerGroup] = {}
        self._kinds: dict[str, Kind] = {name: family.kind for name, family in FAMILIES.items()}
        self._exported = {exported(name, kind): name for name, kind in self._kinds.items()}
        self.forked()

    def increment(self, name: str, by: float = 1, environment: str | None = None, **labels: str) -> None:
        """Add `by`, which is at least 0, to a counter or gauge; it is a counter unless told otherwise.

        Raises
        ------
        ValueError
            `by` is negative or not finite: a counter never falls (`decrement` makes a gauge of it).
        InvalidName
            The name, or a label's, is not made of letters, digits and underscores.
        UsageError
            The name is a timer's.
        """
        if not 0 <= by < math.inf:
            raise ValueError(f"{name}: a counter never falls, and grows by what is finite, not by {by}; use decrement")
        self._add(name, by, environment, labels, "counter")

    def decrement(self, name: str, by: float = 1, environment: str | None = None, **labels: str) -> None:
        """Take `by` away; the name is a gauge from then on."""
        self._add(name, -by, environment, labels, "gauge")

    def set_gauge(self, name: str, value: float, environment: str | None = None, **labels: str) -> None:
        """Say how it stands now.

        Raises
        ------
        ValueError
            The value is no number.
        """
        key, number = _key(name, environment, labels), float(value)
        with self._lock:
            self._declare(key, "gauge")
            self._values[key] = number

    def observe(self, name: str, seconds: float, environment: str | None = None, **labels: str) -> None:
        """Count a duration in a timer.

        Raises
        ------
        InvalidName
        UsageError
            The name is a counter's or gauge's.
        ValueError
            It is no duration but NaN, which would spoil the sum.
        """
        if math.isnan(seconds):
            raise ValueError(f"{name}: {seconds} is no duration")
        self._timer(_key(name, environment, labels)).observe(seconds)

    def timers_by(self, label: str, name: str, environment: str | None = None, **labels: str) -> TimerGroup:
        """Return the timers of a name by one more label, for who observes many."""
        key = (_key(name, environment, labels), label)
        with self._lock:
            if key not in self._groups:
                self._groups[key] = TimerGroup(
                    lambda content: self._timer(_key(name, environment, {**labels, label: content}))
                )
            return self._groups[key]

    @contextmanager
    def timer(self, name: str, environment: str | None = None, **labels: str) -> Iterator[None]:
        """Count how long the block takes, also where it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.observe(name, time.perf_counter() - began, environment, **labels)

    def follow(self, name: str, read: Callable[[], float], environment: str | None = None, **labels: str) -> Following:
        """Let a counter be what it is and what `read` returns, until that is closed: nothing is paid while it grows.

        Parameters
        ----------
        read : callable
            Returns a number that never falls, and waits for nothing.
        """
        following = Following(self, _key(name, environment, labels), read)
        with self._lock:
            self._declare(following.key, "counter")
            self._following = (*self._following, following)
        return following

    def adopt(self, name: str, timer: Timer, environment: str | None = None, **labels: str) -> None:
        """Show a timer that is kept elsewhere."""
        key = _key(name, environment, labels)
        with self._lock:
            self._declare(key, "timer")
            self._adopted[key] = timer

    def get_counter(self, name: str, environment: str | None = None) -> float:
        """Return a counter or gauge of one environment, or (None) the sum over all of them; 0 if nothing fed it."""
        return sum(
            value
            for (each, label, _), value in self._read().items()
            if each == name and (environment is None or label == environment)
        )

    def get_timer(self, name: str, environment: str | None = None) -> Timing:
        """Return a timer of one environment, or (None) of all together; nothing was counted if nothing fed it."""
        found = [
            each.timing
            for each in self.timers()
            if each.name == name and (environment is None or each.environment == environment)
        ]
        return Timing(
            sum(each.count for each in found),
            sum((each.total_s for each in found), 0.0),
            tuple(map(sum, zip(*(each.below for each in found), strict=True))),
        )

    def snapshot(self) -> tuple[Sample, ...]:
        """Return every counter and gauge at one moment, sorted by name, environment and labels."""
        return tuple(
            Sample(name, environment, value, self._kinds[name], labels)
            for (name, environment, labels), value in sorted(self._read().items())
        )

    def timers(self) -> tuple[TimerSample, ...]:
        """Return every timer that has counted something, sorted by name, environment and labels."""
        with self._lock:
            timers = sorted({**self._timers, **self._adopted}.items(), key=lambda item: item[0])
        read = [(key, timer.read()) for key, timer in timers]
        return tuple(TimerSample(*key, timing) for key, timing in read if timing.count)

    def to_prometheus(self) -> str:
        """Return all as text in Prometheus's exposition format (0.0.4), to be served or put into a file.

        Names begin with ``tauro_``; counters end with ``_total``, timers are histograms that end with ``_seconds``.
        """
        from tauro_nb.mlops.monitoring import prometheus

        return prometheus.text(self.snapshot(), self.timers())

    def stop_following(self, following: Following) -> None:
        """Keep its last value; `Following.close` calls this."""
        with self._lock:
            if following in self._following:
                self._following = tuple(each for each in self._following if each is not following)
                self._values[following.key] = self._values.get(following.key, 0) + following.read()

    def forked(self) -> None:
        """Begin at nothing in a forked child, where nobody would free a lock that another thread held."""
        self._lock = threading.Lock()
        self._values: dict[_Key, float] = {}
        self._timers.clear()
        for group in self._groups.values():
            group.forked()

    def _add(self, name: str, by: float, environment: str | None, labels: dict[str, str], kind: Kind) -> None:
        key = _key(name, environment, labels)
        with self._lock:
            if key not in self._values or kind == "gauge":
                self._declare(key, kind)
            self._values[key] = self._values.get(key, 0) + by

    def _timer(self, key: _Key) -> Timer:
        timer = self._timers.get(key)
        if timer is None:
            with self._lock:
                self._declare(key, "timer")
                timer = self._timers.setdefault(key, Timer())
        return timer

    def _read(self) -> dict[_Key, float]:
        """Return what each number is now."""
        with self._lock:
            found = dict(self._values)
            for each in self._following:
                found[each.key] = found.get(each.key, 0) + each.read()
        return found

    def _declare(self, key: _Key, kind: Kind) -> None:
        """Take up a name, or refuse what it cannot be."""
        name, _, labels = key
        known = self._kinds.get(name)
        _check_name(name, labels)
        if known is not None and "timer" in (kind, known) and kind != known:
            raise UsageError(f"{name} is a {known}, and no {kind}", fix="choose another name")
        new = "gauge" if known == "gauge" and kind == "counter" else kind
        other = self._exported.setdefault(exported(name, new), name)
        if other != name:
            raise UsageError(f"{name} and {other} would both be shown as {exported(name, new)}", fix="rename one")
        self._kinds[name] = new


def _key(name: str, environment: str | None, labels: dict[str, str]) -> _Key:
    # a label that is no text would keep all of a name's numbers from being sorted
    told = tuple(sorted((label, str(content)) for label, content in labels.items())) if labels else ()
    return name, environment or "", told


def _check_name(name: str, labels: Labels) -> None:
    for each, rule in ((name, NAME), *((label, LABEL) for label, _ in labels)):
        if not rule.fullmatch(each):
            raise InvalidName(
                f"{each!r} is no name of a number or label", fix="use letters of ASCII, digits and _, a letter first"
            )


def _trouble(emitter: EventEmitter, what: str) -> int:
    return emitter.troubles[what]


def _of_this_process() -> MetricsCollector:
    collector, emitter = MetricsCollector(), get_event_emitter()
    for operation, timer in TIMERS.items():
        collector.adopt("store_seconds", timer, operation=operation)
    for what in emitter.troubles:
        collector.follow("event_callback_troubles", functools.partial(_trouble, emitter, what), what=what)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=collector.forked)
    return collector


_collector = _of_this_process()


def get_metrics_collector() -> MetricsCollector:
    """Return this process's collector."""
    return _collector
