"""Reading a metric log, from any process, while it is written or after.

Owns the order in which files are read: the writers' logs first, then ``metrics.parquet``. A log that compaction removed
meanwhile is in the Parquet file by then, so reading starts again where a file has gone.
"""

from __future__ import annotations

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.mlops.tracking import parquet
from tauro_nb.mlops.tracking.points import Cursor, Points, Position, Stream, merged
from tauro_nb.mlops.tracking.slots import Scan
from tauro_nb.mlops.tracking.sources import logs
from tauro_nb.store.protocol import Store

_ATTEMPTS = 20


class MetricReader:
    """The points of one run; each call sees what has been logged by then, buffered points included."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._cursor = Cursor()
        self._last: dict[str, float] = {}

    def read(self, key: str | None = None, last: int | None = None) -> Points:
        """Return the points of one key, or of all, oldest first.

        Parameters
        ----------
        last : int, optional
            Keep only this many newest points.
        """
        points, _ = self.tail(None)
        if key is not None:
            points = points.only(key)
        return points if last is None else points.newest(last)

    def tail(self, cursor: Cursor | None = None) -> tuple[Points, Cursor]:
        """Return the points that are new since `cursor` (None: all), and the cursor to go on from."""
        for _ in range(_ATTEMPTS):
            try:
                return self._collected(cursor or Cursor())
            except (FileNotFoundError, KeyMissing):
                continue
        raise StoreError(f"{self._where}: its files go away faster than they can be read", fix="read again")

    def last(self) -> dict[str, float]:
        """Return the last value of each key; asking again reads only what is new."""
        points, self._cursor = self.tail(self._cursor)
        self._last.update(points.last())
        return dict(self._last)

    @property
    def _where(self) -> str:
        return f"{self._store.location}/{self._prefix}"

    def _collected(self, cursor: Cursor) -> tuple[Points, Cursor]:
        positions = dict(cursor.positions)
        streams = []
        for writer, log in logs(self._store, self._prefix).items():
            begin = positions.get(writer, Position())
            data = log.read(begin.slots)
            if not data:
                continue
            scan = Scan(data, where=f"{self._where}/{writer}")
            if scan.damaged:
                # the slot was being written when it was read; what is still not valid now never will be
                scan = Scan(log.read(begin.slots), where=f"{self._where}/{writer}")
            keys = {**begin.keys, **scan.keys} if scan.keys else begin.keys
            positions[writer] = Position(begin.slots + scan.used, begin.points + len(scan.steps), keys)
            if len(scan.steps):
                streams.append(Stream(writer, keys, scan.key_ids, scan.steps, scan.values, scan.at_ns))
        stamp = parquet.stamp(self._store, self._prefix)
        if stamp is not None and stamp != cursor.table:
            for stream in parquet.read(self._store, self._prefix):
                begin = positions.get(stream.writer, Position())
                count = len(stream.steps)
                if count > begin.points:
                    streams.append(stream.after(begin.points))
                    positions[stream.writer] = Position(begin.slots, count, begin.keys)
        return merged(streams)[0], Cursor(positions, stamp)
