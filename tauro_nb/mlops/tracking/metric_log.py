"""The metric log: logging a point costs about what `list.append` costs, and a killed process loses none.

Owns keys, steps and the writers' lives. A writer has a file to itself (see `spool` and `slots`), so writers never meet:
not in threads of one `MetricWriter`, whose lock keeps their order, nor in processes, nor after a fork, when the child
opens a file of its own. A point whose `append` has returned is the kernel's: it survives the death of the process, and
any other process can read it at once.
"""

from __future__ import annotations

import itertools
import os
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tauro_nb.errors import InvalidMetric, RunEnded
from tauro_nb.mlops.tracking import parquet, slots
from tauro_nb.mlops.tracking.metric_reader import MetricReader
from tauro_nb.mlops.tracking.mounts import can_be_mapped
from tauro_nb.mlops.tracking.points import Cursor, Points
from tauro_nb.mlops.tracking.sources import logs
from tauro_nb.mlops.tracking.spool import SUFFIX, LogFile, NameTaken, has_writer
from tauro_nb.store.protocol import RemoteStore, Store

__all__ = ["Cursor", "MetricLog", "MetricReader", "MetricWriter", "Points"]

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.shipping import Shipment

SIZE = slots.SIZE
_pack = slots.POINT.pack
_put = slots.put
_crc32 = slots.crc32


class MetricLog:
    """The points of one run, under a prefix of a store such as ``experiments/<experiment>/runs/<run_id>/metrics``."""

    @staticmethod
    def writer(
        store: Store,
        prefix: str,
        *,
        buffer_size: int = 200,
        auto_flush: bool = True,
        clock: Callable[[], int] = time.time_ns,
        spool_dir: Path | None = None,
        fresh: bool = False,
    ) -> MetricWriter:
        """Return a writer of its own; nothing is made on disk before the first point.

        Parameters
        ----------
        buffer_size : int
            Points to reserve room for at first. Where points have to be sent to the store: as many as are not left
            waiting.
        auto_flush : bool
            Where points have to be sent: send them within a second. False: only by `flush` and `close`.
        clock : callable
            UTC, nanoseconds since the epoch.
        spool_dir : Path, optional
            Where the store has no local folder: the folder in which points wait to be sent. By default in the user's
            cache.
        fresh : bool
            Nothing was logged there before: a distant store is not asked, so that the first point waits for no network.
        """
        return MetricWriter(
            store,
            prefix,
            buffer_size=buffer_size,
            auto_flush=auto_flush,
            clock=clock,
            spool_dir=spool_dir,
            fresh=fresh,
        )

    @staticmethod
    def reader(store: Store, prefix: str) -> MetricReader:
        """Return a reader of all writers' points."""
        return MetricReader(store, prefix)

    @staticmethod
    def compact(store: Store, prefix: str) -> bool:
        """Move the points of writers that have finished into ``metrics.parquet``; see `compaction`."""
        from tauro_nb.mlops.tracking.compaction import compact

        return compact(store, prefix)

    @staticmethod
    def is_written(store: Store, prefix: str) -> bool:
        """Tell whether a process still logs there, as far as the locks of the logs and of this machine's spool say."""
        from tauro_nb.mlops.tracking import shipping

        folders = store.local_dir(prefix), shipping.spool_of(shipping.default_spool(), store, prefix)
        return any(has_writer(folder) for folder in folders if folder is not None)

    @staticmethod
    def recover(store: Store, *, spool_dir: Path | None = None) -> list[str]:
        """Send what processes that are gone left in the spool on its way to this store.

        Returns
        -------
        list of str
            The prefixes whose logs are whole now.
        """
        from tauro_nb.mlops.tracking import shipping

        return shipping.send_left(store, spool_dir or shipping.default_spool())


class MetricWriter:
    """Logs points; safe to share between threads, and with a signal handler that logs."""

    def __init__(
        self,
        store: Store,
        prefix: str,
        *,
        buffer_size: int,
        auto_flush: bool,
        clock: Callable[[], int],
        spool_dir: Path | None,
        fresh: bool,
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._buffer_size = buffer_size
        self._auto_flush = auto_flush
        self._clock = clock
        self._spool_dir = spool_dir
        self._before: dict[str, _Series] | None = {} if fresh and isinstance(store, RemoteStore) else None
        self._closed = False
        self._log: LogFile
        self._series: dict[str, _Series] = {}
        self._opened = False
        self._left = False
        """Its last points wait in the spool, and nobody here sends them any more."""
        self._begin()
        _writers.add(self)

    def append(self, key: str, value: float, step: int | None = None, at_ns: int | None = None) -> None:
        """Log one point.

        Parameters
        ----------
        step : int, optional
            By default one more than the highest step of this key so far, from 0 on.
        at_ns : int, optional
            UTC, nanoseconds since the epoch; by default now.

        Raises
        ------
        StoreError
            There is no room for it. The writer stays usable, and whole.
        InvalidMetric
            The step or time does not fit into 64 bits, or the value is no float.
        RunEnded
            The writer is closed.
        """
        with self._lock:
            series = self._series.get(key) or self._declared(key)
            if step is None:
                step = series.next_step
            try:
                body = _pack(step, value, self._clock() if at_ns is None else at_ns, series.number)
            except (struct.error, OverflowError) as error:
                raise _unfit(key, value, step, error) from error
            log = self._log
            while log.used >= log.stop:
                log.turn()
            place = log.used
            log.used = place + 1
            _put(log.map, place * SIZE - log.base, body, _crc32(body) or 1)
            if step >= series.next_step:
                series.next_step = step + 1
            series.last = value

    def append_many(self, items: Mapping[str, float], step: int | None = None, at_ns: int | None = None) -> None:
        """Log one point of each key, all at one step and time; as `append` otherwise."""
        with self._lock:
            if at_ns is None:
                at_ns = self._clock()
            known = self._series
            for key, value in items.items():
                series = known.get(key) or self._declared(key)
                own = series.next_step if step is None else step
                try:
                    body = _pack(own, value, at_ns, series.number)
                except (struct.error, OverflowError) as error:
                    raise _unfit(key, value, own, error) from error
                log = self._log
                while log.used >= log.stop:
                    log.turn()
                place = log.used
                log.used = place + 1
                _put(log.map, place * SIZE - log.base, body, _crc32(body) or 1)
                if own >= series.next_step:
                    series.next_step = own + 1
                series.last = value

    def flush(self) -> None:
        """Have all points in the store, where a power cut does not take them either.

        Raises
        ------
        StoreError
            What the store does not take waits and is sent later.
        """
        with self._flushing:
            if not self._opened:
                return
            if self._shipment is None:
                count = self._log.points
                self._log.sync()
                self._durable = count
            else:
                self._shipment.send()

    def close(self) -> None:
        """Flush, and let go of the log; closing twice is harmless.

        Raises
        ------
        StoreError
            The store does not take the last points; they wait in the spool until `recover` sends them.
        """
        with self._flushing:
            with self._lock:
                self._closed = True
                if self._series:
                    self._before = self._known()
                    self._series = {}
                if self._opened:
                    self._count = self._log.points
                    self._opened = False
                    self._log.finish()
                elif not self._left:
                    return
            if self._shipment is None:
                self._log.close()
            elif self._left:
                MetricLog.recover(self._store, spool_dir=self._spool_dir)
            else:
                self._left = True
                self._shipment.close()
            self._left = False
            self._durable = self._count

    def last(self) -> dict[str, float]:
        """Return the last value of each key; what was logged before this writer began is included."""
        with self._lock:
            return {key: series.last for key, series in self._known().items()}

    @property
    def count(self) -> int:
        """Points that this writer logged in this process."""
        return self._log.points if self._opened else self._count

    @property
    def durable(self) -> int:
        """How many of them a power cut does not take, as far as that was asked for."""
        shipment = self._shipment
        return self._durable if shipment is None else max(self._durable, shipment.points)

    def _begin(self) -> None:
        """Have no file yet: at first, and in a child after a fork."""
        # re-entrant, so that a signal handler may log; what it interrupts is written to bear that
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        self._series = {}
        self._numbers = itertools.count()
        self._shipment: Shipment | None = None
        self._opened = False
        self._count = self._durable = 0

    def _declared(self, key: str) -> _Series:
        """Take up a key: the slow part of its first point."""
        if self._closed:
            raise RunEnded("this metric log is closed", fix="resume the run to log more")
        before = self._inherited().get(key)
        if not self._opened:
            self._open()
        number = next(self._numbers)
        for body in slots.key_parts(number, key):
            self._log.write(body)
        self._series[key] = series = _Series(number, before.next_step if before else 0)
        return series

    def _open(self) -> None:
        folder = self._store.local_dir(self._prefix)
        if folder is not None and can_be_mapped(folder):
            log, shipment = self._new_log(folder), None
        else:
            from tauro_nb.mlops.tracking import shipping

            root = self._spool_dir or shipping.default_spool()
            log = self._new_log(shipping.spool_of(root, self._store, self._prefix))
            shipment = shipping.Shipment(self._store, self._prefix, log, self._written, threshold=self._buffer_size)
        if self._opened:  # by a signal handler that logged meanwhile
            log.discard()
            return
        self._log = log
        self._shipment = shipment
        self._opened = True
        if shipment is not None:
            shipment.begin(by_thread=self._auto_flush)

    def _new_log(self, folder: Path) -> LogFile:
        while True:
            now = self._clock()
            name = f"{now:016x}-{os.urandom(4).hex()}{SUFFIX}"
            try:
                return LogFile(folder / name, at_ns=now, room=self._buffer_size)
            except NameTaken:
                continue

    def _written(self) -> tuple[int, int]:
        with self._lock:
            return self._log.used, self._log.points

    def _inherited(self) -> dict[str, _Series]:
        """Return the keys that this run had before this writer, or this process, began."""
        if self._before is None:
            self._before = {}
            if logs(self._store, self._prefix) or parquet.stamp(self._store, self._prefix):
                summary = MetricReader(self._store, self._prefix).summary()
                last = summary.last()
                self._before = {key: _Series(-1, step, last[key]) for key, step in summary.next_steps().items()}
        return self._before

    def _known(self) -> dict[str, _Series]:
        return {**self._inherited(), **self._series}

    def _after_fork(self) -> None:
        """In the child: leave the file to the parent; the next point opens another."""
        if self._series:
            self._before = self._known()
        if self._opened:
            self._log.abandon()
        self._left = False
        self._begin()


class _Series:
    """What a writer knows of one key."""

    __slots__ = ("last", "next_step", "number")

    def __init__(self, number: int, next_step: int, last: float = 0.0) -> None:
        self.number = number
        self.next_step = next_step
        self.last = last


def _unfit(key: str, value: object, step: object, error: Exception) -> InvalidMetric:
    return InvalidMetric(
        f"{key!r}: value {value!r} at step {step!r}: {error}",
        fix="the value must be a number, the step and time whole numbers of at most 64 bits",
    )


_writers: weakref.WeakSet[MetricWriter] = weakref.WeakSet()


def _after_fork() -> None:
    for writer in list(_writers):
        writer._after_fork()  # noqa: SLF001 - the same module


os.register_at_fork(after_in_child=_after_fork)
