"""What a page must be told of a run's metrics: only what is new, as binary columns, bounded by what a screen shows.

A feed asks the run for its tail, keeps the envelope of each series and remembers what it last sent of it. News is the
part of each envelope that differs, with the offset from which it replaces what the page holds; so appending, a finer
end and a coarser whole are one kind of message, and a page that misses a part can tell and ask for all again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tauro_nb.display.grouping import group_of
from tauro_nb.display.live.decimate import LIMIT, Columns, Envelope, columns, thin
from tauro_nb.display.palette import series_colour, series_dash

OPEN_POINTS = 2_000
"""All series of a snapshot together: 24 bytes each, 48 kB."""
LIVE_POINTS = 12_000
"""All series of a card together, while it grows."""


class Points(Protocol):
    """What `Run.tail` gives: parallel arrays in the order of logging."""

    keys: Any
    key_ids: Any
    steps: Any
    values: Any
    at_ns: Any


class _Series:
    def __init__(self, number: int, key: str, position: int) -> None:
        self.number = number
        self.key = key
        self.position = position
        """Among the series of its group: it chooses the colour, as in the static picture."""
        self.count = 0
        self.last = self.low = self.high = math.nan
        self.envelope = Envelope()
        self.sent: Columns = np.empty((3, 0))

    def take(self, points: Columns) -> None:
        values = points[2]
        self.count += len(values)
        self.last = float(values[-1])
        finite = values[np.isfinite(values)]
        if len(finite):
            self.low = float(np.fmin(self.low, finite.min()))
            self.high = float(np.fmax(self.high, finite.max()))
        self.envelope.extend(points)

    def spec(self) -> dict[str, Any]:
        group, label = group_of(self.key)
        return {
            "id": self.number,
            "key": self.key,
            "group": group,
            "label": label or self.key,
            "colour": series_colour(self.position),
            "dash": series_dash(self.position),
        }

    def facts(self, offset: int) -> dict[str, Any]:
        return {
            "id": self.number,
            "offset": offset,
            "count": self.count,
            "last": spelled(self.last),
            "min": spelled(self.low),
            "max": spelled(self.high),
        }


class Feed:
    """The metrics of one run on their way to a page; not safe to share between threads.

    Parameters
    ----------
    tail : callable
        ``tail(cursor) -> (points, cursor)``: what was logged since; None asks for everything.
    started_ns : int
        Times are told in seconds since then.
    """

    def __init__(self, tail: Callable[[Any], tuple[Points, Any]], started_ns: int) -> None:
        self._tail = tail
        self._cursor: Any = None
        self._started_ns = started_ns
        self._series: dict[str, _Series] = {}
        self._stale: set[str] = set()
        self._told = 0
        self._opened = False

    @property
    def has_curves(self) -> bool:
        """Whether any series has more than one point."""
        return any(series.count > 1 for series in self._series.values())

    def poll(self) -> bool:
        """Ask the run for news; True if there is any to tell."""
        points, self._cursor = self._tail(self._cursor)
        ids = np.asarray(points.key_ids)
        if len(ids):
            order = ids.argsort(kind="stable")
            seconds = (np.asarray(points.at_ns) - self._started_ns) / 1e9
            table = columns(points.steps, seconds, points.values)[:, order]
            present, starts = np.unique(ids[order], return_index=True)
            for key_id, part in zip(present, np.split(table, starts[1:], axis=1), strict=True):
                key = points.keys[int(key_id)]
                if key not in self._series:
                    twins = sum(group_of(other)[0] == group_of(key)[0] for other in self._series)
                    self._series[key] = _Series(len(self._series), key, twins)
                self._series[key].take(part)
                self._stale.add(key)
        return bool(self._stale)

    def news(self) -> tuple[dict[str, Any], list[bytes]]:
        """Return the message and buffers that bring a page up to date."""
        limit = max(200, min(LIMIT, LIVE_POINTS // max(1, len(self._series))))
        lines = [series.spec() for series in list(self._series.values())[self._told :]]
        self._told = len(self._series)
        facts, buffers = [], []
        for key, series in self._series.items():
            if key not in self._stale:
                continue
            series.envelope.limit = limit
            now = series.envelope.points()
            offset = _common(series.sent, now)
            facts.append(series.facts(offset))
            buffers += _buffers(now[:, offset:])
            series.sent = now
        self._stale.clear()
        return {"lines": lines, "points": facts}, buffers

    def snapshot(self) -> dict[str, Any]:
        """Return everything, thinned to `OPEN_POINTS`, for a page that opens.

        News goes on from the first snapshot, which all pages get. A later one is for a page that was loaded again: the
        other pages hold something else, so the next news of each series is told whole.
        """
        limit = max(50, OPEN_POINTS // max(1, len(self._series)))
        facts, buffers = [], []
        for series in self._series.values():
            shown = thin(series.envelope.points(), limit)
            series.sent = np.empty((3, 0)) if self._opened else shown
            facts.append(series.facts(0))
            buffers += _buffers(shown)
        if not self._opened:
            self._stale.clear()
            self._told = len(self._series)
        self._opened = True
        return {"lines": [series.spec() for series in self._series.values()], "points": facts, "buffers": buffers}

    def forget(self) -> None:
        """Tell everything again with the next news: a page said that it misses a part."""
        self._told = 0
        for key, series in self._series.items():
            series.sent = np.empty((3, 0))
            self._stale.add(key)


def spelled(value: Any) -> Any:
    """Return a float as JSON can carry it: NaN and the infinities become words that the page reads back."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _common(old: Columns, new: Columns) -> int:
    """Return how many leading points two tables share, bit by bit."""
    count = min(old.shape[1], new.shape[1])
    same = (
        np.ascontiguousarray(old[:, :count]).view(np.int64) == np.ascontiguousarray(new[:, :count]).view(np.int64)
    ).all(axis=0)
    return count if same.all() else int(same.argmin())


def _buffers(points: Columns) -> list[bytes]:
    return [np.ascontiguousarray(row, dtype="<f8").tobytes() for row in points]
