"""Turning the logs of writers that have finished into ``metrics.parquet``, whose points then replace them.

Owns the safety of that: only logs whose lock is free (or, where there are no locks, whose last seal says that they are
closed) are taken; the Parquet file is whole before a log goes; two compactions do not meet.
"""

from __future__ import annotations

import fcntl
import io
import os
import secrets
from pathlib import Path

from tauro_nb.mlops.tracking import parquet
from tauro_nb.mlops.tracking.points import Stream, merged
from tauro_nb.mlops.tracking.slots import Scan
from tauro_nb.mlops.tracking.sources import Sources
from tauro_nb.mlops.tracking.spool import SUFFIX, open_if_left, sync_folder
from tauro_nb.store.protocol import Store


def compact(store: Store, prefix: str) -> bool:
    """Move the points of all finished writers into ``metrics.parquet``.

    Safe at any time, beside readers, writers and other compactions; takes as long as it takes, so not on the time of
    whoever logs. Where the store has no local folder this is done once in a run's life, when all its writers are done.

    Returns
    -------
    bool
        Whether anything was moved.
    """
    folder = store.local_dir(prefix)
    return _compact_objects(store, prefix) if folder is None else _compact_folder(store, prefix, folder)


def _compact_folder(store: Store, prefix: str, folder: Path) -> bool:
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    taken: dict[Path, int] = {}
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        for stale in folder.glob(f"{parquet.NAME}.*"):
            stale.unlink()
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            fd = open_if_left(path)
            if fd is not None:
                taken[path] = fd
        if not taken:
            return False
        streams = [_stream(path.name.removesuffix(SUFFIX), path.read_bytes()) for path in taken]
        if parquet.stamp(store, prefix) is not None:
            known = {stream.writer for stream in streams}
            streams += [stream for stream in parquet.read(store, prefix) if stream.writer not in known]
        part = folder / f"{parquet.NAME}.{secrets.token_hex(4)}"
        with part.open("xb") as file:
            _write(file, streams)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / parquet.NAME)
        sync_folder(folder)
        for path in taken:
            path.unlink()
        return True
    finally:
        for fd in (*taken.values(), lock):
            os.close(fd)


def _compact_objects(store: Store, prefix: str) -> bool:
    if parquet.stamp(store, prefix) is not None:
        return False
    scans = {writer: Scan(read(0)) for writer, read in Sources(store, prefix).logs().items()}
    if not scans or not all(scan.closed for scan in scans.values()):
        return False
    buffer = io.BytesIO()
    _write(buffer, [_scanned(writer, scan) for writer, scan in scans.items()])
    if not store.create(f"{prefix}/{parquet.NAME}", buffer.getvalue()):
        return False
    for writer in scans:
        for entry in list(store.list(f"{prefix}/{writer}")):
            store.delete(f"{prefix}/{writer}/{entry.name}")
    return True


def _stream(writer: str, data: bytes) -> Stream:
    return _scanned(writer, Scan(data))


def _scanned(writer: str, scan: Scan) -> Stream:
    points = scan.points
    return Stream(writer, scan.keys, points["key"], points["step"], points["value"], points["at_ns"])


def _write(sink: io.BufferedIOBase, streams: list[Stream]) -> None:
    import numpy as np

    streams = sorted((stream for stream in streams if len(stream.steps)), key=lambda stream: stream.writer)
    points, order = merged(streams)
    ids = np.repeat(np.arange(len(streams), dtype=np.int32), [len(stream.steps) for stream in streams])
    parquet.write(sink, points, [stream.writer for stream in streams], ids if order is None else ids[order])
