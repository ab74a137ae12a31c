"""Sending a spooled log to a store that has no local folder.

Owns one thread for the whole process, which runs only while such logs are open. An object holds `BLOCK` slots; the last
one is written again with what is new until it is full, so that a slow run of days is some dozens of objects and not one
a second. What the store does not take stays in the spool and is tried again. Where a request may have come through late
and put an older state over a newer one (a store over a network), sizes are compared before a log leaves the spool.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking.points import Position
from tauro_nb.mlops.tracking.slots import SIZE, seal, slot
from tauro_nb.mlops.tracking.sources import SENDING, FileLog, object_key, scans
from tauro_nb.mlops.tracking.spool import SUFFIX, LogFile, clear
from tauro_nb.store.caching import cache_of, user_cache
from tauro_nb.store.protocol import RemoteStore, Store

BLOCK = 2048
"""Slots of an object."""
POLL_S = 0.2
DUE_S = 0.7
"""With the poll and the sending itself, a point arrives within a second."""
RETRY_S = 60.0
"""The longest pause between tries while a store is out of reach."""
_ATTEMPTS = 3

_logger = logging.getLogger(__name__)


def default_spool() -> Path:
    """Return the folder for points on their way to a store; on a cluster it dies with the node."""
    return user_cache() / "spool"


def spool_of(root: Path, store: Store, prefix: str) -> Path:
    """Return the folder of the logs on their way to `prefix` of this store."""
    return cache_of(root, store) / prefix


def send_left(store: Store, root: Path) -> list[str]:
    """Send the logs that processes which are gone left in the spool; return the prefixes of those that arrived.

    Raises
    ------
    StoreError
        The store does not take them; they stay.
    """
    base = spool_of(root, store, "")
    arrived = []
    for path in sorted(base.rglob(f"*{SUFFIX}")):
        log = FileLog(path)
        try:
            if not log.finished():
                continue
            prefix = path.parent.relative_to(base).as_posix()
            _send_all(store, f"{prefix}/{path.stem}", log)
            SENDING.get((store.location, prefix), {}).pop(path.stem, None)
            clear(path, base)
            arrived.append(prefix)
        except FileNotFoundError:
            continue  # its own process has sent it meanwhile
        finally:
            log.release()
    return sorted(set(arrived))


def _send_all(store: Store, key: str, log: FileLog) -> None:
    """Send a log that nobody goes on with, and seal it if its writer did not."""
    used, closed = 0, False
    for at, scan in scans(log, Position(), key):
        if scan.used:
            used, closed = at + scan.used, scan.closed
    end = b"" if closed else slot(seal(0, 0, closed=True))
    stop = used + len(end) // SIZE

    def put(begin: int) -> None:
        data = log.read(begin, min(BLOCK, used - begin))
        store.put(object_key(key, begin), data if len(data) == BLOCK * SIZE else data + end)

    for begin in range(0, stop, BLOCK):
        put(begin)
    _make_sure(store, key, stop, put)


def _make_sure(store: Store, key: str, stop: int, put: Callable[[int], None]) -> None:
    """See that the store holds all slots before `stop` of a log, and put what it does not.

    Raises
    ------
    StoreError
        It does not come to hold them.
    """
    if not isinstance(store, RemoteStore):
        return
    for _ in range(_ATTEMPTS):
        sizes = {name: stat.size_bytes for name, stat in store.stats(key).items()}
        wrong = [
            begin
            for begin in range(0, stop, BLOCK)
            if sizes.get(object_key(key, begin).rpartition("/")[2]) != (min(begin + BLOCK, stop) - begin) * SIZE
        ]
        if not wrong:
            return
        for begin in wrong:
            put(begin)
    raise StoreError(
        f"{store.location}/{key}: what is written there is not what stays there",
        fix="see who else writes there; the points are still on this machine",
    )


class Shipment:
    """One log and how much of it the store has.

    Parameters
    ----------
    written : callable
        Returns how many slots of the log are wholly written, and how many of these are points.
    """

    def __init__(
        self, store: Store, prefix: str, log: LogFile, written: Callable[[], tuple[int, int]], *, threshold: int
    ) -> None:
        self._store = store
        self._address = store.location, prefix
        self._writer = log.path.stem
        self._log = log
        self._written = written
        self._threshold = threshold
        self._sent = 0
        self.points = 0
        """Points that the store holds."""
        self._lock = threading.Lock()
        self._waiting_since: float | None = None
        self._not_before = 0.0
        self._failures = 0
        self._closed = False

    def begin(self, *, by_thread: bool) -> None:
        """Show the log to this process's readers, and have the thread send it if it is to."""
        SENDING.setdefault(self._address, {})[self._writer] = self._log.path
        if by_thread:
            shipper.add(self)

    def send(self) -> None:
        """Have the store hold all that is written.

        Raises
        ------
        StoreError
            It holds what it held; nothing is lost.
        """
        with self._lock:
            stop, points = self._written()
            while self._sent < stop and not self._closed:
                begin = self._sent - self._sent % BLOCK
                self._put(begin, stop)
                self._sent = min(begin + BLOCK, stop)
            if self._sent == stop:
                self.points = points

    def close(self) -> None:
        """Send the rest of a finished log and clear it from the spool.

        Raises
        ------
        StoreError
            The rest stays in the spool.
        """
        shipper.remove(self)
        try:
            self.send()
            stop, _ = self._written()
            _make_sure(self._store, self._key, stop, lambda begin: self._put(begin, stop))
        except BaseException:
            with self._lock:
                self._closed = True
                self._log.close()
            raise
        with self._lock:
            self._closed = True
            self._log.abandon()
            SENDING[self._address].pop(self._writer)
            clear(self._log.path, self._log.path.parents[self._address[1].count("/") + 1])

    @property
    def _key(self) -> str:
        return f"{self._address[1]}/{self._writer}"

    def _put(self, begin: int, stop: int) -> None:
        self._store.put(object_key(self._key, begin), self._log.read(begin, min(begin + BLOCK, stop)))

    def send_if_due(self, now: float) -> None:
        """Send what has waited long enough, or is enough; a store out of reach is logged and tried again later."""
        stop, _ = self._written()
        if self._closed or stop <= self._sent:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = now
        if now < self._not_before or (stop - self._sent < self._threshold and now - self._waiting_since < DUE_S):
            return
        try:
            self.send()
        except StoreError as error:
            self._failures += 1
            self._not_before = now + min(RETRY_S, 2.0**self._failures)
            if self._failures == 1:
                _logger.warning("%s: points wait in %s: %s", self._store.location, self._log.path, error)
        else:
            self._failures = 0
            self._waiting_since = None


class Shipper:
    """The thread that sends what is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shipments: set[Shipment] = set()
        self._thread: threading.Thread | None = None

    def add(self, shipment: Shipment) -> None:
        """Send from this log until `remove`."""
        with self._lock:
            self._shipments.add(shipment)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tauro-nb-metrics", daemon=True)
                self._thread.start()

    def remove(self, shipment: Shipment) -> None:
        """Leave this log alone from now on."""
        with self._lock:
            self._shipments.discard(shipment)

    def _run(self) -> None:
        while True:
            with self._lock:
                shipments = list(self._shipments)
                if not shipments:
                    self._thread = None
                    return
            for shipment in shipments:
                shipment.send_if_due(time.monotonic())
            time.sleep(POLL_S)


shipper = Shipper()


def _after_fork() -> None:
    global shipper  # noqa: PLW0603 - the thread and its lock stayed with the parent
    shipper = Shipper()
    SENDING.clear()


os.register_at_fork(after_in_child=_after_fork)
