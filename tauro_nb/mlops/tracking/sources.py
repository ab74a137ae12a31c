"""Where the logs of one run lie, and how each is read, known to be finished, and removed.

A writer's log is one file ``<writer>.points`` in a local folder, or, where there is none (or none that can be mapped),
a series of objects ``<writer>/<first slot>.points``. A log that this process is still sending is read from its spool.
What others log to such a run of a distant store is looked for every few seconds, and not while it is out of reach.
"""

from __future__ import annotations

import bisect
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tauro_nb.errors import StoreUnreachable
from tauro_nb.mlops.tracking.points import Position, Stream, due
from tauro_nb.mlops.tracking.slots import SIZE, Scan
from tauro_nb.mlops.tracking.spool import SUFFIX, open_if_left
from tauro_nb.store.protocol import Entry, RemoteStore, Store

STRETCH = 32 * 1024
"""Slots that are read at once: a megabyte, which stays in the processor's cache while it is worked on."""

SENDING: dict[tuple[str, str], dict[str, Path]] = {}
"""By store and prefix: the logs that this process sends to a store, and where they lie until they have arrived."""

NEWS_S = 2.0
"""How long a listing of a distant store holds for a run that this process logs to."""
OUT_OF_REACH_S = 30.0

_listed: dict[tuple[str, str], tuple[float, list[Entry]]] = {}
"""By store and prefix: until when the last listing holds, and what it was."""


class Log(Protocol):
    """One writer's log. Each call raises `FileNotFoundError` or `KeyMissing` where it has gone since it was found."""

    def read(self, start: int, count: int) -> bytes:
        """Return at most `count` slots from `start` on; fewer only where the log ends."""
        ...

    def finished(self) -> bool:
        """Tell whether its writer is done; if so, nobody else is told so until `release`."""
        ...

    def release(self) -> None:
        """Take back what `finished` holds."""
        ...

    def remove(self) -> None:
        """Remove it."""
        ...


def logs(store: Store, prefix: str) -> dict[str, Log]:
    """Return the logs under `prefix`, by writer, in the order in which they were begun."""
    # looked up first: a log that has arrived since is gone here, and the reader starts again
    sending = list(SENDING.get((store.location, prefix), {}).items())
    folder = store.local_dir(prefix)
    found: dict[str, Log] = {}
    if folder is None:
        folders = [entry.name for entry in listed(store, prefix) if entry.is_folder]
    else:
        folders = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    found[entry.name.removesuffix(SUFFIX)] = FileLog(folder / entry.name)
                elif entry.is_dir():
                    folders.append(entry.name)
    for writer in folders:
        found[writer] = ObjectsLog(store, f"{prefix}/{writer}")
    for writer, path in sending:
        found[writer] = FileLog(path)
    return dict(sorted(found.items()))


def is_sent(store: Store, prefix: str) -> bool:
    """Tell whether this process sends points there over a network."""
    return isinstance(store, RemoteStore) and bool(SENDING.get((store.location, prefix)))


def listed(store: Store, prefix: str) -> list[Entry]:
    """Return what the store has under `prefix`; of what this process sends there, what it had a moment ago."""
    address = (store.location, prefix)
    if not is_sent(store, prefix):
        _listed.pop(address, None)
        return list(store.list(prefix))
    until, entries = _listed.get(address, (0.0, []))
    if time.monotonic() >= until:
        try:
            entries, holds_s = list(store.list(prefix)), NEWS_S
        except StoreUnreachable:  # what was logged here is here all the same
            holds_s = OUT_OF_REACH_S
        _listed[address] = time.monotonic() + holds_s, entries
    return entries


class FileLog:
    """A log in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def read(self, start: int, count: int) -> bytes:
        """Return at most `count` slots from `start` on; fewer only where the log ends."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(start * SIZE)
            return file.read(count * SIZE)

    def finished(self) -> bool:
        """Tell whether the lock is free, and hold it then."""
        self._fd = open_if_left(self._path)
        return self._fd is not None

    def release(self) -> None:
        """Let the lock go."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink()


class ObjectsLog:
    """A log in a series of objects; the last one grows until it is full."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._begins: list[int] | None = None

    def read(self, start: int, count: int) -> bytes:
        """Return at most `count` slots from `start` on; fewer only where the log ends."""
        if self._begins is None:
            self._begins = self._listed()
        begins = self._begins
        data = bytearray()
        for begin in begins[max(0, bisect.bisect_right(begins, start) - 1) :]:
            if len(data) >= count * SIZE:
                break
            part = self._store.get(object_key(self._prefix, begin))
            ahead = (begin - start) * SIZE - len(data)
            data += bytes(ahead) + part if ahead >= 0 else part[-ahead:]
        return bytes(data[: count * SIZE])

    def finished(self) -> bool:
        """Tell whether the last slot is the seal of a closed log."""
        last = self._listed()[-1:]
        return bool(last) and Scan(self._store.get(object_key(self._prefix, last[0]))).closed

    def release(self) -> None:
        """Do nothing: there are no locks."""

    def remove(self) -> None:
        """Remove the objects, the last one first: what is left of a log until then is its beginning, without a gap."""
        for begin in reversed(self._listed()):
            self._store.delete(object_key(self._prefix, begin))
        folder = self._store.local_dir(self._prefix)
        if folder is not None:
            # an empty folder that stays does no harm
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _listed(self) -> list[int]:
        names = [entry.name for entry in self._store.list(self._prefix)]
        return sorted(int(name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX))


def object_key(prefix: str, begin: int) -> str:
    """Return the key of the object that holds the slots of a log from `begin` on."""
    return f"{prefix}/{begin:012d}{SUFFIX}"


def scans(log: Log, begin: Position, where: str) -> Iterator[tuple[int, Scan]]:
    """Read a log from a position on, stretch by stretch; yield where each begins, and what stands in it."""
    at, begun = begin.slots, begin.begun
    while data := log.read(at, STRETCH):
        more = len(data) == STRETCH * SIZE
        scan = Scan(data, where=where, begun=begun, more=more)
        if scan.damaged:
            # a slot was being written when it was read; what is still not valid now never will be
            scan = Scan(log.read(at, STRETCH), where=where, begun=begun, more=more)
        yield at, scan
        if not more:
            return
        at, begun = at + scan.size, scan.begun


def read(writer: str, log: Log, begin: Position, where: str = "metric log") -> Iterator[tuple[Stream, Position]]:
    """Yield the points of a log from a position on, and the position behind them."""
    now = begin
    for at, scan in scans(log, begin, where):
        count = len(scan.steps)
        keys = {**now.keys, **scan.keys} if scan.keys else now.keys
        due_ns = due(scan.at_ns, now.due_ns)
        now = Position(
            slots=at + scan.used if scan.used else now.slots,
            points=now.points + count,
            keys=keys,
            begun=scan.begun,
            due_ns=int(due_ns[-1]) if count else now.due_ns,
        )
        yield Stream(writer, keys, scan.key_ids, scan.steps, scan.values, scan.at_ns, due_ns), now
