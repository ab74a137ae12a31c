"""A writer's file: room reserved ahead, mapped a block at a time, written in place.

Owns the file, its lock and its blocks; what stands in a slot is the business of `slots`. Because the room is allocated
before it is mapped, a full disk is an error and never a SIGBUS; because the pages belong to the kernel once a slot is
written, a killed process loses nothing. No slot is ever written twice and the file shrinks only when its writer is
done, so a reader in another process needs no lock; readers read and never map.

The lock (`flock`) says that the writer lives; it goes with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking import slots
from tauro_nb.mlops.tracking.slots import SIZE

SUFFIX = ".points"
LARGEST_BLOCK = 64 * 1024
"""Blocks double up to this many bytes: larger ones gain nothing, and mapping one stalls its caller for longer."""
_POPULATE = getattr(mmap, "MAP_POPULATE", 0)
"""Have the pages of a block there at once, so that no later write waits for one."""


class NameTaken(Exception):
    """There is such a log, or a compaction swept it away while it was new: choose another name."""


class LogFile:
    """A log open for writing. Its owner serialises the calls, and writes the slots itself (that is the hot path).

    Attributes
    ----------
    used : int
        Slots claimed so far. A writer claims one by raising this *before* it writes it, so that a signal handler that
        logs between the two gets another one.
    stop : int
        The first slot that `turn` has to make room for.
    map : mmap
        The current block.
    base : int
        Where the block begins in the file, in bytes.
    """

    __slots__ = ("__weakref__", "_fd", "_first", "_other", "base", "map", "path", "stop", "used")

    def __init__(self, path: Path, *, at_ns: int, room: int) -> None:
        """Create the file and take its lock.

        Parameters
        ----------
        at_ns : int
            When the writer began.
        room : int
            Points to reserve room for at first.

        Raises
        ------
        NameTaken
        StoreError
            No room, or no right to write there.
        """
        self.path = path
        self.used = self.stop = self.base = self._other = 0
        granule = mmap.ALLOCATIONGRANULARITY
        self._first = min(-(-(room + 2) * SIZE // granule) * granule, max(LARGEST_BLOCK, granule))
        self._fd = -1
        with _reported(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileExistsError:
                raise NameTaken from None
            except FileNotFoundError:  # `clear` has just taken the folder for an empty one
                if not path.parent.is_dir():
                    raise NameTaken from None
                raise
        if not _locked(self._fd) or not os.fstat(self._fd).st_nlink:
            self.abandon()
            raise NameTaken
        try:
            self.map = self._mapped(0, self._first)
        except BaseException:
            self.abandon()
            path.unlink(missing_ok=True)
            raise
        # the last slot of a block is kept for its seal
        self.stop = self._first // SIZE - 1
        self.write(slots.head(at_ns))

    def write(self, body: bytes) -> None:
        """Write one slot."""
        while self.used >= self.stop:
            self.turn()
        place = self.used
        self.used = place + 1
        self._other += 1
        slots.put(self.map, place * SIZE - self.base, body, slots.crc32(body) or 1)

    def turn(self) -> None:
        """Go on to the next block: make it, then seal the one before.

        Raises
        ------
        StoreError
            There is no room; nothing has changed, and the next call tries again.
        """
        full = self.map
        start = self.base + len(full)
        block = self._mapped(start, min(2 * len(full), max(LARGEST_BLOCK, self._first)))
        if self.map is not full:
            return  # a signal handler logged meanwhile and made a block of its own
        # no call stands between these lines, so no signal handler sees them half done
        count = self.stop - self.base // SIZE
        self.map = block
        self.base = start
        self.used = start // SIZE
        self._other += 1
        self.stop = self.used + len(block) // SIZE - 1
        _seal(full, count, closed=False)

    def _mapped(self, start: int, size: int) -> mmap.mmap:
        with _reported(self.path):
            _allocate(self._fd, start, size)
            return mmap.mmap(self._fd, size, flags=mmap.MAP_SHARED | _POPULATE, offset=start)

    def read(self, start: int, stop: int) -> bytes:
        """Return the slots from `start` to `stop`."""
        return os.pread(self._fd, (stop - start) * SIZE, start * SIZE)

    def sync(self) -> None:
        """Have the disk hold all that was written: from here on a power cut loses none of it.

        Raises
        ------
        StoreError
        """
        with _reported(self.path):
            os.fsync(self._fd)
            sync_folder(self.path.parent)

    @property
    def points(self) -> int:
        """Points written."""
        return self.used - self._other

    def finish(self) -> None:
        """Seal the log; nothing more can be written."""
        count = self.used - self.base // SIZE
        self.used += 1
        self._other += 1
        _seal(self.map, count, closed=True)

    def close(self) -> None:
        """Give back the room that was not needed, have the disk hold the rest, and let go of the lock.

        Raises
        ------
        StoreError
            The disk does not take it; the file is let go all the same.
        """
        try:
            self.map.close()
            with _reported(self.path):
                os.ftruncate(self._fd, self.used * SIZE)
                os.fsync(self._fd)
                sync_folder(self.path.parent)
        finally:
            self.abandon()

    def discard(self) -> None:
        """Remove the file, which holds no point."""
        self.path.unlink()
        self.abandon()

    def abandon(self) -> None:
        """Let go of file and lock as they are; in a forked child, leave them to the parent."""
        if self.stop:
            self.map.close()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.abandon()


def _seal(block: mmap.mmap, count: int, *, closed: bool) -> None:
    body = slots.seal(count, slots.crc32(block[: count * SIZE]), closed=closed)
    slots.put(block, count * SIZE, body, slots.crc32(body) or 1)


def open_if_left(path: Path) -> int | None:
    """Return a descriptor that holds the lock of the log at `path`, or None while its writer (or a sweeper) lives.

    Raises
    ------
    FileNotFoundError
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    if _locked(fd) and os.fstat(fd).st_nlink:
        return fd
    os.close(fd)
    return None


def clear(path: Path, root: Path) -> None:
    """Remove a log from a spool, and the folders below `root` that it leaves empty."""
    path.unlink()
    for folder in path.parents:
        if folder == root or not folder.is_relative_to(root):
            return
        try:
            folder.rmdir()
        except OSError:  # not empty, or another was faster
            return


def has_writer(folder: Path) -> bool:
    """Tell whether the writer of a log in `folder` lives; a compaction, which holds the locks too, is waited for."""
    if not any(map(_is_locked, folder.glob(f"*{SUFFIX}"))):
        return False
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        return any(map(_is_locked, folder.glob(f"*{SUFFIX}")))
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in `folder`."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # compacted meanwhile, or sent
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who ask at once are no writers to each other
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _allocate(fd: int, start: int, size: int) -> None:
    """Reserve room on the disk itself, which a hole in a file is not."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, start, size)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL}:
                raise
        else:
            return
    zeros = memoryview(bytes(size))
    while zeros:
        written = os.pwrite(fd, zeros, start + size - len(zeros))
        zeros = zeros[written:]


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn what the system says into a `StoreError`."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        raise StoreError(
            f"{path}: {'no room for more points' if full else error.strerror or error}",
            fix="free some room; what was logged is whole, and logging goes on when there is room"
            if full
            else "make the folder writable; what was logged is whole",
        ) from error
