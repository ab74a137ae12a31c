"""Counters and gauges of this process, labelled by environment and fed by the code itself.

A *counter* only grows (``models_registered``); a *gauge* says how it stands (``active_runs``). What nobody has fed yet
reads 0: asking for a number before the first run is no mistake.
"""

from __future__ import annotations

import threading
from typing import Literal

import msgspec

Kind = Literal["counter", "gauge"]


class Sample(msgspec.Struct, frozen=True, order=True):
    """One number as it stood when the snapshot was taken."""

    name: str
    environment: str
    """Empty where the work belonged to no environment."""
    value: float
    kind: Kind


class MetricsCollector:
    """Numbers about what this process did; safe to share between threads.

    The package feeds ``runs_started``, ``runs_finished``, ``runs_failed``, ``runs_interrupted``, ``active_runs`` (a
    gauge), ``models_registered`` and ``models_promoted``; anybody may add others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, str], float] = {}
        self._gauges: set[str] = set()

    def increment(self, name: str, by: float = 1, environment: str | None = None) -> None:
        """Add `by`, which is at least 0.

        Raises
        ------
        ValueError
            `by` is negative: a counter never falls (`decrement` makes a gauge of it).
        """
        if by < 0:
            raise ValueError(f"{name}: a counter never falls, and {by} is negative; use decrement")
        self._add(name, by, environment)

    def decrement(self, name: str, by: float = 1, environment: str | None = None) -> None:
        """Take `by` away; the name is a gauge from then on."""
        with self._lock:
            self._gauges.add(name)
        self._add(name, -by, environment)

    def set_gauge(self, name: str, value: float, environment: str | None = None) -> None:
        """Say how it stands now."""
        with self._lock:
            self._gauges.add(name)
            self._values[name, environment or ""] = value

    def get_counter(self, name: str, environment: str | None = None) -> float:
        """Return a counter or gauge of one environment, or (None) the sum over all of them; 0 if nothing fed it."""
        with self._lock:
            if environment is not None:
                return self._values.get((name, environment), 0)
            return sum(value for (each, _), value in self._values.items() if each == name)

    def snapshot(self) -> tuple[Sample, ...]:
        """Return every number at one moment, sorted by name and environment."""
        with self._lock:
            return tuple(
                Sample(name, environment, value, "gauge" if name in self._gauges else "counter")
                for (name, environment), value in sorted(self._values.items())
            )

    def _add(self, name: str, by: float, environment: str | None) -> None:
        key = (name, environment or "")
        with self._lock:
            self._values[key] = self._values.get(key, 0) + by


_collector = MetricsCollector()


def get_metrics_collector() -> MetricsCollector:
    """Return this process's collector."""
    return _collector
