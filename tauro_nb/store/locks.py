"""Locks between threads and processes, as files that the operating system locks.

The system frees such a lock when its holder dies, and takes it from no one who lives; the file itself stays. A file is
opened here and locked by `filelock.lock_descriptor`: what `filelock.FileLock` finds out about its path at each turn
took longer than what is done under the lock. Who waits looks again after a fraction of a millisecond, and ever more
rarely: the system's own queue knows no time-out.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tauro_nb.errors import LockTimeout
from tauro_nb.store.folders import Folder

_SHORTEST_S = 0.000_1
_LONGEST_S = 0.002
_PART = 8
"""Of the time waited so far: so long a waiter sleeps before it looks again, within the two limits."""

_OPEN = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)

_held = threading.local()
"""What this thread holds, as (process id, path): a forked child inherits the thread's memory but not its locks."""

_files: set[int] = set()
"""The files that are open. A forked child closes them: else the lock of a holder that died would live on with it."""

_changing = threading.RLock()
"""Held while `_files` changes, and around a fork."""


def _after_in_child() -> None:
    for fd in _files:
        os.close(fd)
    _files.clear()
    _changing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_after_in_child)


def hold(enter: Callable[[], Folder], path: str, name: str, timeout_s: float) -> AbstractContextManager[object]:
    """Take the lock at `path`, and return the block that gives it back.

    Parameters
    ----------
    enter : callable
        Opens the folder of the lock's file.

    Raises
    ------
    LockTimeout
        Another held it for all of `timeout_s` seconds, or this thread holds it already.
    """
    mine: set[tuple[int, str]] = _held.__dict__.setdefault("locks", set())
    this = (os.getpid(), path)
    if this in mine:
        raise LockTimeout(
            f"lock {name!r} ({path}) is held by this very thread",
            fix="take it once, around all that needs it: it is not reentrant",
        )
    fd = _locked(enter, os.path.basename(path), timeout_s)  # noqa: PTH119 - a text already
    if fd is None:
        raise LockTimeout(
            f"lock {name!r} ({path}) was held by {_holder(path)} for all of {timeout_s:g} s",
            fix="wait until it has finished, or end it: the lock is free as soon as its holder is gone",
        )
    mine.add(this)
    block = contextlib.ExitStack()
    block.callback(_give_back, fd, this[0])
    block.callback(mine.discard, this)
    return block


def _locked(enter: Callable[[], Folder], file: str, timeout_s: float) -> int | None:
    """Return the open file once it is locked, or None when the time is over."""
    from filelock import lock_descriptor

    began_s = time.monotonic()
    while True:
        fd = _opened(enter, file)
        try:
            while not lock_descriptor(fd, blocking=False):
                waited_s = time.monotonic() - began_s
                if waited_s >= timeout_s:
                    _close(fd)
                    return None
                time.sleep(min(max(waited_s / _PART, _SHORTEST_S), _LONGEST_S, timeout_s - waited_s))
            if os.fstat(fd).st_nlink:
                _sign(fd)
                return fd
        except BaseException:
            _close(fd)
            raise
        _close(fd)  # somebody removed the file meanwhile, and others will lock a new one


def _opened(enter: Callable[[], Folder], file: str) -> int:
    with enter() as folder, _changing:
        fd = os.open(folder.at(file), _OPEN, 0o666, dir_fd=folder.fd)
        _files.add(fd)
    return fd


def _give_back(fd: int, holder: int) -> None:
    if os.getpid() != holder:
        return  # a child that was forked inside the block never had it
    from filelock import unlock_descriptor

    try:
        unlock_descriptor(fd)
    finally:
        _close(fd)


def _close(fd: int) -> None:
    with _changing:
        _files.discard(fd)
        os.close(fd)


def _sign(fd: int) -> None:
    """Write into the lock's file who holds it, for the message of whoever waits in vain."""
    with contextlib.suppress(OSError):  # a full disk is no reason to fail: the lock itself needs no room
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, f"process {os.getpid()} on {platform.node()}\n".encode().ljust(120))


def _holder(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a text already
            told = file.read(120).decode(errors="replace").strip()
    except OSError:
        told = ""
    return told or "another process"
