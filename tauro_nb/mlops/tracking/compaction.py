"""Turning the logs of writers that have finished into ``metrics.parquet``, whose points then replace them.

Owns the safety of that: only logs that are finished (whose lock is free; where there are no locks, whose last seal says
so) are taken, the Parquet file is whole before a log goes, and two compactions do not meet.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.mlops.tracking import parquet
from tauro_nb.mlops.tracking.points import Position, Stream, by_writer, in_turn, merged
from tauro_nb.mlops.tracking.sources import Log, ObjectsLog, logs, read
from tauro_nb.mlops.tracking.spool import sync_folder
from tauro_nb.store.disk import DiskErrors, store_error
from tauro_nb.store.protocol import Store

_ATTEMPTS = 20


def compact(store: Store, prefix: str) -> bool:
    """Move the points of all finished writers into ``metrics.parquet``.

    Safe at any time, beside readers, writers and other compactions; takes as long as it takes, so not on the time of
    whoever logs. Where the store has no local folder this is done once in a run's life, when all its writers are done.

    Returns
    -------
    bool
        Whether anything was moved.

    Raises
    ------
    StoreError
        There is no room for the file; the logs stay as they are.
    """
    folder = store.local_dir(prefix)
    return _create(store, prefix) if folder is None else _replace(store, prefix, folder)


def write_whole(store: Store, prefix: str, path: Path) -> bool:
    """Write all points of a run that nobody logs to into a file of this kind, for another store to hold.

    Returns
    -------
    bool
        False if a log is not finished there: points of it are still on their way to the store.

    Raises
    ------
    StoreError
        There is no room for the file.
    """
    folder = store.local_dir(prefix)
    for _ in range(_ATTEMPTS):
        try:
            found = logs(store, prefix)
            if folder is None:
                # of a log that is being removed the table has all
                kept = parquet.writers(store, prefix)
                found = {writer: log for writer, log in found.items() if writer not in kept}
            sources = [_points(writer, log) for writer, log in found.items()]
            if parquet.stamp(store, prefix) is not None:
                sources.append(_others(parquet.read(store, prefix), found))
            with path.open("wb") as file:
                _write(file, sources)
            return folder is not None or all(log.finished() for log in found.values())
        except (FileNotFoundError, KeyMissing):  # compacted meanwhile
            continue
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise store_error(error, "write", path) from error
    raise StoreError(f"{store.location}/{prefix}: its files go away faster than they can be read", fix="copy again")


def _replace(store: Store, prefix: str, folder: Path) -> bool:
    with _alone(folder) as alone, contextlib.ExitStack() as held:
        if not alone:
            return False
        for stale in folder.glob(f"{parquet.NAME}.*"):
            stale.unlink()
        found = logs(store, prefix)
        for log in found.values():
            held.callback(log.release)
        taken = {writer: log for writer, log in found.items() if log.finished()}
        if not taken:
            return False
        sources = [_points(writer, log) for writer, log in taken.items()]
        if parquet.stamp(store, prefix) is not None:
            sources.append(_others(parquet.read(store, prefix), taken))
        part = folder / f"{parquet.NAME}.{os.urandom(4).hex()}"
        try:
            with DiskErrors("write", part), part.open("xb") as file:
                _write(file, sources)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        part.replace(folder / parquet.NAME)
        sync_folder(folder)
        for log in taken.values():
            log.remove()
        return True


def _create(store: Store, prefix: str) -> bool:
    """Compact where nothing can be locked or replaced safely: `create` says who does it, and it is done once."""
    found = logs(store, prefix)
    if not found:
        return False
    kept = parquet.writers(store, prefix)
    if kept:
        # whoever wrote the table did not come to the end of removing what is in it
        for writer, log in found.items():
            if writer in kept and isinstance(log, ObjectsLog):
                log.remove()
        return False
    if not all(log.finished() for log in found.values()):
        return False
    buffer = io.BytesIO()
    _write(buffer, [_points(writer, log) for writer, log in found.items()])
    if not store.create(f"{prefix}/{parquet.NAME}", buffer.getvalue()):
        return False
    for log in found.values():
        log.remove()
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Keep other compactions of this folder away; False where one is under way."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def _points(writer: str, log: Log) -> Iterator[list[Stream]]:
    for stream, _ in read(writer, log, Position()):
        yield [stream]


def _others(groups: Iterable[list[Stream]], taken: Container[str]) -> Iterator[list[Stream]]:
    """Yield what the table has of other writers."""
    for streams in groups:
        yield [stream for stream in streams if stream.writer not in taken]


def _write(sink: io.BufferedIOBase, sources: Sequence[Iterator[list[Stream]]]) -> None:
    import numpy as np

    with parquet.Writer(sink) as table:
        for streams in in_turn(sources):
            points, order = merged(streams)
            writers: dict[str, int] = {}
            parts = by_writer(streams)
            numbers = np.array([writers.setdefault(part.writer, len(writers)) for part in parts], np.int32)
            ids = np.repeat(numbers, [len(part) for part in parts])
            table.add(points, list(writers), ids if order is None else ids[order])
