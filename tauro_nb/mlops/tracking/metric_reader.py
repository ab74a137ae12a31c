"""Reading a metric log, from any process, while it is written or after.

Owns the order in which files are read: the writers' logs first, then ``metrics.parquet``. A log that compaction removed
meanwhile is in the Parquet file by then, so reading starts again where a file has gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from tauro_nb.errors import KeyMissing, StoreError, StoreUnreachable
from tauro_nb.mlops.tracking import parquet
from tauro_nb.mlops.tracking.points import Cursor, Points, Position, Stream, Summary, merged
from tauro_nb.mlops.tracking.sources import is_sent, listed, logs, read
from tauro_nb.store.protocol import Store

T = TypeVar("T")

_ATTEMPTS = 20


class MetricReader:
    """The points of one run; each call sees what has been logged by then, buffered points included."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        # replaced as one, so that threads may ask at once without a lock, which a fork could leave taken
        self._known = Cursor(), Summary()

    def read(self, key: str | None = None, last: int | None = None) -> Points:
        """Return the points of one key, or of all, oldest first.

        Parameters
        ----------
        last : int, optional
            Keep only this many newest points.
        """
        points, _ = self._gathered(Cursor(), key)
        return points if last is None else points.newest(last)

    def tail(self, cursor: Cursor | None = None) -> tuple[Points, Cursor]:
        """Return the points that are new since `cursor` (None: all), and the cursor to go on from."""
        return self._gathered(cursor or Cursor(), None)

    def stretches(self, cursor: Cursor | None = None) -> Iterator[tuple[Stream | None, Cursor]]:
        """Yield what is new since `cursor` bit by bit, so that memory does not grow with it.

        Yields
        ------
        stream : Stream or None
            Points of one writer, in its order; None at the end.
        cursor : Cursor
            How far reading has come with it; good in another process too.
        """
        now = cursor or Cursor()
        for _ in range(_ATTEMPTS):
            reading = _Reading(self._store, self._prefix, now)
            try:
                for stream in reading.streams():
                    now = reading.cursor()
                    yield stream, now
            except (FileNotFoundError, KeyMissing):
                continue
            yield None, reading.cursor()
            return
        raise self._restless()

    def last(self) -> dict[str, float]:
        """Return the last value of each key; asking again reads only what is new."""
        return self.summary().last()

    def summary(self) -> Summary:
        """Return the last value and the next step of each key; asking again reads only what is new."""
        cursor, known = self._known
        summary = known.copy()

        def learn(streams: Iterable[Stream]) -> None:
            for stream in streams:
                summary.add(stream)

        _, cursor = self._whole(cursor, learn)
        self._known = cursor, summary
        return summary

    def _gathered(self, cursor: Cursor, key: str | None) -> tuple[Points, Cursor]:
        def gather(streams: Iterable[Stream]) -> Points:
            return merged(streams if key is None else (stream.only(key) for stream in streams))[0]

        return self._whole(cursor, gather)

    def _whole(self, cursor: Cursor, use: Callable[[Iterable[Stream]], T]) -> tuple[T, Cursor]:
        """Have `use` work through what is new; again from the start where a file has gone on the way."""
        for _ in range(_ATTEMPTS):
            reading = _Reading(self._store, self._prefix, cursor)
            try:
                return use(reading.streams()), reading.cursor()
            except (FileNotFoundError, KeyMissing):
                continue
        raise self._restless()

    def _restless(self) -> StoreError:
        where = f"{self._store.location}/{self._prefix}"
        return StoreError(f"{where}: its files go away faster than they can be read", fix="read again")


class _Reading:
    """One pass over what is new since a cursor."""

    def __init__(self, store: Store, prefix: str, cursor: Cursor) -> None:
        self._store = store
        self._prefix = prefix
        self._positions = dict(cursor.positions)
        self._table = cursor.table

    def streams(self) -> Iterator[Stream]:
        """Yield the new points, those of one writer in its order."""
        store, prefix, positions = self._store, self._prefix, self._positions
        for writer, log in logs(store, prefix).items():
            where = f"{store.location}/{prefix}/{writer}"
            for stream, position in read(writer, log, positions.get(writer, Position()), where):
                positions[writer] = position
                yield stream
        stamp = self._stamp()
        if stamp is None or stamp == self._table:
            self._table = stamp
            return
        for streams in parquet.read(store, prefix, {writer: known.points for writer, known in positions.items()}):
            for stream in streams:
                if len(stream):
                    known = positions.get(stream.writer, Position())
                    positions[stream.writer] = msgspec.structs.replace(
                        known, points=known.points + len(stream), due_ns=int(stream.due_ns[-1])
                    )
                yield stream
        self._table = stamp

    def _stamp(self) -> tuple[int, ...] | None:
        if not is_sent(self._store, self._prefix):
            return parquet.stamp(self._store, self._prefix)
        if all(entry.name != parquet.NAME for entry in listed(self._store, self._prefix)):
            return self._table
        try:
            return parquet.stamp(self._store, self._prefix)
        except StoreUnreachable:
            return self._table

    def cursor(self) -> Cursor:
        """Return how far it has come."""
        return Cursor(dict(self._positions), self._table)
