"""Locks between threads and processes, as files that the operating system locks.

The system frees such a lock when its holder dies, and takes it from no one who lives; the file itself stays.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from tauro_nb.errors import LockTimeout

_POLL_S = 0.005

_held = threading.local()
"""What this thread holds, as (process id, path): a forked child inherits the thread's memory but not its locks."""


def hold(path: Path, name: str, timeout_s: float) -> AbstractContextManager[object]:
    """Take the lock at `path`, and return the block that gives it back.

    Raises
    ------
    LockTimeout
        Another held it for all of `timeout_s` seconds, or this thread holds it already.
    """
    import filelock

    mine: set[tuple[int, Path]] = _held.__dict__.setdefault("locks", set())
    this = (os.getpid(), path)
    if this in mine:
        raise LockTimeout(
            f"lock {name!r} ({path}) is held by this very thread",
            fix="take it once, around all that needs it: it is not reentrant",
        )
    lock = filelock.FileLock(
        path,
        timeout=timeout_s,
        poll_interval=_POLL_S,
        fallback_to_soft=False,
        preserve_lock_file=True,
        on_acquired=_sign,
    )
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise LockTimeout(
            f"lock {name!r} ({path}) was held by {_holder(path)} for all of {timeout_s:g} s",
            fix="wait until it has finished, or end it: the lock is free as soon as its holder is gone",
        ) from error
    mine.add(this)
    block = contextlib.ExitStack()
    block.callback(lock.release)
    block.callback(mine.discard, this)
    return block


def _sign(fd: int) -> None:
    """Write into the lock's file who holds it, for the message of whoever waits in vain."""
    with contextlib.suppress(OSError):  # a full disk is no reason to fail: the lock itself needs no room
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, f"process {os.getpid()} on {platform.node()}\n".encode().ljust(120))


def _holder(path: Path) -> str:
    try:
        told = path.read_bytes()[:120].decode(errors="replace").strip()
    except OSError:
        told = ""
    return told or "another process"
