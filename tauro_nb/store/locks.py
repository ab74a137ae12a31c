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
from types import TracebackType

from tauro_nb.errors import LockTimeout
from tauro_nb.store.disk import DiskErrors
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
    try:
        for fd in _files:
            with contextlib.suppress(OSError):  # somebody closed all files of the process, as a daemon does
                os.close(fd)
        _files.clear()
    finally:
        _changing.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_changing.acquire, after_in_parent=_changing.release, after_in_child=_after_in_child)


class Lock:
    """The lock at `path`, taken and given back by a ``with`` block.

    An exception out of a signal's handler, such as an interrupt, may come between any two steps: what was taken by then
    is given back. For that the file is known to this object before it is locked.

    Parameters
    ----------
    enter : callable
        Opens the folder of the lock's file.
    name : str
        What callers know it by.

    Raises
    ------
    LockTimeout
        Another held it for all of `timeout_s` seconds, or this thread holds it already.
    """

    _fd: int | None = None
    """The file, while it is open."""

    def __init__(self, enter: Callable[[], Folder], path: str, name: str, timeout_s: float) -> None:
        self._enter = enter
        self._path = path
        self._name = name
        self._timeout_s = timeout_s
        self._this = (0, path)
        self._mine: set[tuple[int, str]] = set()

    def __enter__(self) -> None:
        mine: set[tuple[int, str]] = _held.__dict__.setdefault("locks", set())
        this = (os.getpid(), self._path)
        if this in mine:
            raise LockTimeout(
                f"lock {self._name!r} ({self._path}) is held by this very thread",
                fix="take it once, around all that needs it: it is not reentrant",
            )
        self._this, self._mine = this, mine
        try:
            with DiskErrors("lock", self._path):
                self._take()
            mine.add(this)
        except BaseException:
            self._give_back()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._give_back()
        except BaseException:
            self._give_back()
            raise

    def __del__(self) -> None:
        """Give back what an interrupt left: it came after the block, and before `__exit__` could begin."""
        if self._fd is not None:
            self._give_back()

    def _take(self) -> None:
        from filelock import lock_descriptor

        began_s = time.monotonic()
        while True:
            fd = self._open()
            while not lock_descriptor(fd, blocking=False):
                waited_s = time.monotonic() - began_s
                if waited_s >= self._timeout_s:
                    raise LockTimeout(
                        f"lock {self._name!r} ({self._path}) was held by {_holder(self._path)} for all of "
                        f"{self._timeout_s:g} s",
                        fix="wait until it has finished, or end it: the lock is free as soon as its holder is gone",
                    )
                time.sleep(min(max(waited_s / _PART, _SHORTEST_S), _LONGEST_S, self._timeout_s - waited_s))
            if _is_at(self._path, fd):
                _sign(fd)
                return
            self._close(fd)  # somebody removed the file meanwhile, and others will lock a new one

    def _open(self) -> int:
        with self._enter() as folder, _changing:
            self._fd = fd = os.open(folder.at(os.path.basename(self._path)), _OPEN, 0o666, dir_fd=folder.fd)  # noqa: PTH119 - a text already
            _files.add(fd)
        return fd

    def _give_back(self) -> None:
        """Unlock and close the file, if it is open; may be called again after an exception came in between."""
        self._mine.discard(self._this)
        fd = self._fd
        if fd is None or os.getpid() != self._this[0]:
            return  # a child that was forked inside the block never had it
        from filelock import unlock_descriptor

        try:
            with contextlib.suppress(OSError):  # closing the file unlocks it too, but for a child that is being started
                unlock_descriptor(fd)
        finally:
            self._close(fd)

    def _close(self, fd: int) -> None:
        with _changing:
            _files.discard(fd)
            self._fd = None
            os.close(fd)


def _is_at(path: str, fd: int) -> bool:
    """Tell whether the open file is the one at `path`: a removed or moved one guards nothing."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))  # noqa: PTH116 - a text already
    except FileNotFoundError:
        return False


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
