"""Bring a series to what a screen can show: the least and greatest of equal runs of points, and what is not finite.

The envelope of a series is kept up to date as points arrive, in memory bounded by the limit. Beyond the limit, runs of
`width` consecutive points are each reduced to at most three: the least, the greatest and the first that is NaN or
infinite, in the order in which they came. When there are too many runs, neighbours are merged, which is exact. So no
spike and no diverged loss is lost, and old points are shown as finely as new ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Columns = NDArray[np.float64]
"""Shape (3, n): step, seconds since the start, value."""

LIMIT = 2_000


def columns(step: object, time: object, value: object) -> Columns:
    """Stack three sequences of equal length."""
    return np.array([step, time, value], dtype=np.float64).reshape(3, -1)


class Envelope:
    """A growing series as it is to be shown: whole up to `limit` points, its envelope beyond that."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._width = 1
        self._runs: Columns = np.empty((3, 0, 3))
        self._present = np.empty((0, 3), dtype=bool)
        self._tail: list[Columns] = []
        self._tail_length = 0

    def extend(self, points: Columns) -> None:
        """Take points that came after all others."""
        self._tail.append(points)
        self._tail_length += points.shape[1]
        if self._width == 1 and self._tail_length <= self.limit:
            return
        if self._width == 1:
            self._width = max(2, -(-4 * self._tail_length // self.limit))
        if self._tail_length > self._width:
            self._close_runs()
        while int(self._present.sum()) > self.limit and len(self._present) > 1:
            self._merge()

    def points(self) -> Columns:
        """Return what to show, oldest first; of the unfinished run also the very last point."""
        tail = self._joined()
        if self._width == 1:
            return tail
        return np.concatenate([self._runs[:, self._present], _summary(tail)], axis=1)

    def _joined(self) -> Columns:
        if len(self._tail) != 1:
            self._tail = [np.concatenate(self._tail, axis=1) if self._tail else np.empty((3, 0))]
        return self._tail[0]

    def _close_runs(self) -> None:
        tail = self._joined()
        count = (tail.shape[1] - 1) // self._width  # the very last point stays out
        rows = tail[:, : count * self._width].reshape(3, count, self._width)
        runs, present = _reduce(rows, np.ones(rows.shape[1:], dtype=bool))
        self._runs = np.concatenate([self._runs, runs], axis=1)
        self._present = np.concatenate([self._present, present])
        self._tail = [tail[:, count * self._width :].copy()]
        self._tail_length = self._tail[0].shape[1]

    def _merge(self) -> None:
        """Join neighbouring runs; a last one without a neighbour stays as it is."""
        odd = len(self._present) % 2
        runs = np.pad(self._runs, ((0, 0), (0, odd), (0, 0)))
        present = np.pad(self._present, ((0, odd), (0, 0)))
        pairs = len(present) // 2
        self._runs, self._present = _reduce(runs.reshape(3, pairs, 6), present.reshape(pairs, 6))
        self._width *= 2


def thin(points: Columns, limit: int) -> Columns:
    """Return `points`, reduced to about `limit` where there are more."""
    count = points.shape[1]
    if count <= limit:
        return points
    width = max(2, -(-2 * count // limit))
    whole = (count - 1) // width * width
    rows = points[:, :whole].reshape(3, -1, width)
    runs, present = _reduce(rows, np.ones(rows.shape[1:], dtype=bool))
    return np.concatenate([runs[:, present], _summary(points[:, whole:])], axis=1)


def _summary(points: Columns) -> Columns:
    """Reduce points that do not fill a run, keeping the very last one."""
    if points.shape[1] <= 3:
        return points
    body = points[:, None, :-1]
    runs, present = _reduce(body, np.ones(body.shape[1:], dtype=bool))
    return np.concatenate([runs[:, present], points[:, -1:]], axis=1)


def _reduce(points: Columns, present: NDArray[np.bool_]) -> tuple[Columns, NDArray[np.bool_]]:
    """Reduce each row of shape (3, rows, width) to three slots: shape (3, rows, 3), and which of them hold a point."""
    value = points[2]
    finite = present & np.isfinite(value)
    odd = present & ~finite
    least = np.where(finite, value, np.inf).argmin(axis=1)
    greatest = np.where(finite, value, -np.inf).argmax(axis=1)
    some = finite.any(axis=1)
    index = np.stack([least, greatest, odd.argmax(axis=1)], axis=1)
    kept = np.stack([some, some & (greatest != least), odd.any(axis=1)], axis=1)
    order = index.argsort(axis=1, kind="stable")
    index, kept = np.take_along_axis(index, order, axis=1), np.take_along_axis(kept, order, axis=1)
    return points[:, np.arange(len(index))[:, None], index], kept
