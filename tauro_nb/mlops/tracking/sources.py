"""Where the files of one metric log lie, and how each is read.

A writer's log is one file ``<writer>.points`` in a local folder, or, where there is no such folder, a series of objects
``<writer>/<first slot>.points``; a log that this process is still sending to its store is read from the spool.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable
from pathlib import Path

from tauro_nb.mlops.tracking import parquet
from tauro_nb.mlops.tracking.points import Stream
from tauro_nb.mlops.tracking.slots import SIZE
from tauro_nb.mlops.tracking.spool import SUFFIX
from tauro_nb.store.protocol import Store

Read = Callable[[int], bytes]
"""Returns a log's slots from the given one on."""

SENDING: dict[tuple[str, str], dict[str, Path]] = {}
"""By store and prefix: the logs that this process sends to a store, and where they lie until they have arrived."""


class Sources:
    """The files under one prefix."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self.where = f"{store.location}/{prefix}"

    def logs(self) -> dict[str, Read]:
        """Return how to read each writer's log; a read raises where the file has gone since."""
        found: dict[str, Read] = {}
        # looked up first: a log that has arrived since is gone here, and the reader starts again
        sending = list(SENDING.get((self._store.location, self._prefix), {}).items())
        folder = self._store.local_dir(self._prefix)
        if folder is None:
            folders = [entry.name for entry in self._store.list(self._prefix) if entry.is_folder]
        else:
            with os.scandir(folder) as entries:
                names = [(entry.name, entry.is_dir()) for entry in entries]
            folders = [name for name, is_folder in names if is_folder]
            for name, _ in names:
                if name.endswith(SUFFIX):
                    found[name.removesuffix(SUFFIX)] = _FileRead(folder / name)
        for writer in folders:
            found[writer] = _ObjectsRead(self._store, f"{self._prefix}/{writer}")
        for writer, path in sending:
            found[writer] = _FileRead(path)
        return found

    def table_stamp(self) -> tuple[int, ...] | None:
        """Return what tells one version of the Parquet file from another; None where there is none."""
        return parquet.stamp(self._store, self._prefix)

    def table(self) -> list[Stream]:
        """Return the points of the Parquet file, by writer."""
        return parquet.read(self._store, self._prefix)


class _FileRead:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, start: int) -> bytes:
        with self._path.open("rb", buffering=0) as file:
            file.seek(start * SIZE)
            return file.read()


class _ObjectsRead:
    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def __call__(self, start: int) -> bytes:
        names = [entry.name for entry in self._store.list(self._prefix) if entry.name.endswith(SUFFIX)]
        begins = sorted(int(name.removesuffix(SUFFIX)) for name in names)
        data = bytearray()
        for begin in begins[max(0, bisect.bisect_right(begins, start) - 1) :]:
            part = self._store.get(object_key(self._prefix, begin))
            missing = (begin - start) * SIZE - len(data)
            data += bytes(missing) + part if missing >= 0 else part[-missing:]
        return bytes(data)


def object_key(prefix: str, begin: int) -> str:
    """Return the key of the object that holds the slots of a log from `begin` on."""
    return f"{prefix}/{begin:012d}{SUFFIX}"
