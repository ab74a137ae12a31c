"""Points as columns, and how far a reader has come.

Owns the merging of several writers' points into one order, at once or bit by bit: each writer's own order is kept, and
writers are merged by the time of logging.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EARLIEST, LATEST = -(2**63), 2**63 - 1


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

    def _taken(self, chosen: NDArray[np.bool_] | slice, keys: list[str]) -> Points:
        import numpy as np

        steps = self.steps[chosen]
        return Points(keys, np.zeros(len(steps), np.int32), steps, self.values[chosen], self.at_ns[chosen])

    def _compact(self, chosen: slice) -> Points:
        keys, ids = _named(self.key_ids[chosen], dict(enumerate(self.keys)))
        return Points(keys, ids, self.steps[chosen], self.values[chosen], self.at_ns[chosen])


class Stream(msgspec.Struct, frozen=True, eq=False):
    """Points of one writer, in its order; a long log is a series of these."""

    writer: str
    keys: Mapping[int, str]
    key_ids: NDArray[np.integer]
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    at_ns: NDArray[np.int64]
    due_ns: NDArray[np.int64]
    """When each point is due among other writers': the latest time so far, for a writer's clock may step back."""

    def __len__(self) -> int:
        return len(self.steps)

    def taken(self, chosen: NDArray[np.bool_] | slice) -> Stream:
        """Return some of the points."""
        return Stream(
            self.writer,
            self.keys,
            self.key_ids[chosen],
            self.steps[chosen],
            self.values[chosen],
            self.at_ns[chosen],
            self.due_ns[chosen],
        )

    def only(self, key: str) -> Stream:
        """Return the points of one key."""
        import numpy as np

        chosen = np.zeros(len(self), bool)
        for number, name in self.keys.items():
            if name == key:
                chosen |= self.key_ids == number
        return self if chosen.all() else self.taken(chosen)


class Position(msgspec.Struct, frozen=True):
    """How far one writer's log has been read."""

    slots: int = 0
    points: int = 0
    keys: Mapping[int, str] = {}
    begun: Mapping[int, bytes] = {}
    """Names of keys whose end was not written yet."""
    due_ns: int = EARLIEST


class Cursor(msgspec.Struct, frozen=True):
    """How far a log has been read; opaque, good for `MetricReader.tail` of the same log in the same process."""

    positions: Mapping[str, Position] = {}
    table: tuple[int, ...] | None = None
    """Which Parquet file was read to its end."""


class Summary:
    """The last value and the next step of each key, out of streams that come in each writer's order."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, str, float]] = {}
        self._next_steps: dict[str, int] = {}

    def copy(self) -> Summary:
        """Return one that knows the same, and learns on its own."""
        other = Summary()
        other._newest, other._next_steps = self._newest.copy(), self._next_steps.copy()
        return other

    def add(self, stream: Stream) -> None:
        """Take in some points; again is harmless."""
        import numpy as np

        keys, ids = _named(stream.key_ids, stream.keys)
        places, highest = np.zeros(len(keys), np.intp), np.full(len(keys), -1)
        places[ids] = np.arange(len(ids))  # of equal indices the last one counts
        np.maximum.at(highest, ids, stream.steps)
        found = zip(keys, stream.due_ns[places].tolist(), stream.values[places].tolist(), highest.tolist(), strict=True)
        for key, due_ns, value, step in found:
            known = self._newest.get(key)
            if known is None or (due_ns, stream.writer) >= known[:2]:
                self._newest[key] = due_ns, stream.writer, value
            self._next_steps[key] = max(self._next_steps.get(key, 0), step + 1)

    def last(self) -> dict[str, float]:
        """Return the last value of each key."""
        return {key: value for key, (_, _, value) in self._newest.items()}

    def last_ns(self) -> int | None:
        """Return when the last point was logged; None where there is none."""
        return max((due_ns for due_ns, _, _ in self._newest.values()), default=None)

    def next_steps(self) -> dict[str, int]:
        """Return, of each key, one more than its highest step; at least 0."""
        return dict(self._next_steps)


def due(at_ns: NDArray[np.int64], before: int) -> NDArray[np.int64]:
    """Return when points are due (see `Stream`) whose writer had come to `before`; the very array where that is so."""
    import numpy as np

    if not len(at_ns) or (at_ns[0] >= before and np.all(at_ns[1:] >= at_ns[:-1])):
        return at_ns
    return np.maximum(np.maximum.accumulate(at_ns), before)


def merged(streams: Iterable[Stream]) -> tuple[Points, NDArray[np.intp] | None]:
    """Merge the writers' points into one order.

    Parameters
    ----------
    streams : iterable of Stream
        Those of one writer in its order.

    Returns
    -------
    points : Points
    order : array of int, or None
        Where each point stood in the concatenated streams, sorted by writer; None where that is its place now.
    """
    import numpy as np

    names: dict[str, int] = {}
    writers = set()
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    for stream in by_writer(streams):
        writers.add(stream.writer)
        keys, ids = _named(stream.key_ids, stream.keys)
        lookup = np.array([names.setdefault(key, len(names)) for key in keys], np.int32)
        parts = (stream.due_ns, lookup[ids], stream.steps, stream.values, stream.at_ns)
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    order = np.argsort(_joined(columns[0], np.int64), kind="stable") if len(writers) > 1 else None
    kinds = (np.int32, np.int64, np.float64, np.int64)
    ids, steps, values, at_ns = (_joined(column, kind, order) for column, kind in zip(columns[1:], kinds, strict=True))
    return Points(list(names), ids, steps, values, at_ns), order


def by_writer(streams: Iterable[Stream]) -> list[Stream]:
    """Return the streams that hold points, sorted by their writers."""
    return sorted((stream for stream in streams if len(stream)), key=lambda stream: stream.writer)


def in_turn(sources: Sequence[Iterator[list[Stream]]]) -> Iterator[list[Stream]]:
    """Cut what comes from several sources so that no point is due before one that came out earlier.

    Each source gives its points in the order in which they are due; of each no more than one gift waits here.
    """
    waiting: list[Stream] = []
    come_to = dict.fromkeys(range(len(sources)), EARLIEST)
    while come_to:
        behind = min(come_to, key=come_to.__getitem__)
        given = next(sources[behind], None)
        if given is None:
            del come_to[behind]
        else:
            waiting += given
            come_to[behind] = max((int(stream.due_ns[-1]) for stream in given if len(stream)), default=come_to[behind])
        limit = min(come_to.values(), default=LATEST)
        ready, later = [], []
        for stream in waiting:
            count = int(stream.due_ns.searchsorted(limit, side="right"))
            ready.append(stream.taken(slice(count)))
            later.append(stream.taken(slice(count, None)))
        waiting = [stream for stream in later if len(stream)]
        if any(len(stream) for stream in ready):
            yield ready


def _joined(parts: list[NDArray[Any]], kind: type, order: NDArray[np.intp] | None = None) -> NDArray[Any]:
    """Make one array of a list of them, and empty the list: they are not needed twice."""
    import numpy as np

    whole = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, kind), *parts])
    parts.clear()
    return whole if order is None else whole[order]


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
