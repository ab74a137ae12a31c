"""Points as columns, and how far a reader has come.

Owns the merging of several writers' points into one order: each writer's own order is kept, and writers are merged by
the time of logging.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Points(msgspec.Struct, frozen=True, eq=False):
    """Points of a run, oldest first; the four arrays are of one length."""

    keys: list[str]
    """Names of the keys, each with at least one point here."""
    key_ids: NDArray[np.int32]
    """Of each point, the index of its key in `keys`."""
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    at_ns: NDArray[np.int64]
    """UTC wall clock, nanoseconds since the epoch."""

    def __len__(self) -> int:
        return len(self.steps)

    def only(self, key: str) -> Points:
        """Return the points of one key."""
        if self.keys == [key]:
            return self
        if key not in self.keys:
            return self._taken(slice(0), [])
        chosen = self.key_ids == self.keys.index(key)
        return self._taken(chosen, [key])

    def newest(self, count: int) -> Points:
        """Return at most `count` points, the last of these."""
        return self if count >= len(self) else self._compact(slice(len(self) - count, None))

    def last(self) -> dict[str, float]:
        """Return the last value of each key."""
        import numpy as np

        places = np.zeros(len(self.keys), np.int64)
        np.maximum.at(places, self.key_ids, np.arange(len(self)))
        return dict(zip(self.keys, self.values[places].tolist(), strict=True))

    def next_steps(self) -> dict[str, int]:
        """Return, of each key, one more than its highest step; at least 0."""
        import numpy as np

        highest = np.full(len(self.keys), -1)
        np.maximum.at(highest, self.key_ids, self.steps)
        return {key: step + 1 for key, step in zip(self.keys, highest.tolist(), strict=True)}

    def _taken(self, chosen: NDArray[np.bool_] | slice, keys: list[str]) -> Points:
        import numpy as np

        steps = self.steps[chosen]
        return Points(keys, np.zeros(len(steps), np.int32), steps, self.values[chosen], self.at_ns[chosen])

    def _compact(self, chosen: slice) -> Points:
        keys, ids = _named(self.key_ids[chosen], dict(enumerate(self.keys)))
        return Points(keys, ids, self.steps[chosen], self.values[chosen], self.at_ns[chosen])


class Stream(msgspec.Struct, frozen=True, eq=False):
    """The points of one writer, in its order."""

    writer: str
    keys: Mapping[int, str]
    key_ids: NDArray[np.integer]
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    at_ns: NDArray[np.int64]

    def after(self, count: int) -> Stream:
        """Return what follows the first `count` points."""
        rest = (self.key_ids[count:], self.steps[count:], self.values[count:], self.at_ns[count:])
        return Stream(self.writer, self.keys, *rest)


class Position(msgspec.Struct, frozen=True):
    """How far one writer's log has been read."""

    slots: int = 0
    points: int = 0
    keys: Mapping[int, str] = {}


class Cursor(msgspec.Struct, frozen=True):
    """How far a log has been read; opaque, good for `MetricReader.tail` of the same log in the same process."""

    positions: Mapping[str, Position] = {}
    table: tuple[int, ...] | None = None
    """Which Parquet file was read to its end."""


def merged(streams: Sequence[Stream]) -> tuple[Points, NDArray[np.intp] | None]:
    """Merge the writers' points into one order.

    Returns
    -------
    points : Points
    order : array of int, or None
        Where each point stood in the concatenated streams; None where that is its place now.
    """
    import numpy as np

    names: dict[str, int] = {}
    all_ids = []
    streams = sorted(streams, key=lambda item: item.writer)
    for stream in streams:
        keys, ids = _named(stream.key_ids, stream.keys)
        lookup = np.array([names.setdefault(key, len(names)) for key in keys], np.int32)
        all_ids.append(lookup[ids])
    if not streams:
        return Points([], np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)), None
    if len(streams) == 1:
        only = streams[0]
        return Points(list(names), all_ids[0], only.steps, only.values, only.at_ns), None
    # a writer's clock may step back: its own order comes first
    order = np.argsort(np.concatenate([np.maximum.accumulate(each.at_ns) for each in streams]), kind="stable")
    ids = np.concatenate(all_ids)[order]
    steps = np.concatenate([each.steps for each in streams])[order]
    values = np.concatenate([each.values for each in streams])[order]
    at_ns = np.concatenate([each.at_ns for each in streams])[order]
    return Points(list(names), ids, steps, values, at_ns), order


def _named(numbers: NDArray[np.integer], names: Mapping[int, str]) -> tuple[list[str], NDArray[np.int32]]:
    """Return the names of the keys that have points, and the index of each point's key among them."""
    import numpy as np

    present = np.flatnonzero(np.bincount(numbers))
    keys: dict[str, int] = {}
    lookup = np.zeros(present[-1] + 1 if len(present) else 0, np.int32)
    for number in present.tolist():
        name = names.get(number, f"(name lost: {number})")
        lookup[number] = keys.setdefault(name, len(keys))
    return list(keys), lookup[numbers]
