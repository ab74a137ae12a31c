"""How a value gets its name in one step: temporary files, and what becomes of those whose writer died."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from tauro_nb.store.folders import Folder
from tauro_nb.store.paths import RESERVED

OLD_S = 86_400
"""A temporary file that nobody touched for a day is abandoned, whoever made it."""

_WRITE_NEW = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)
LINKLESS = frozenset(
    {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.EINVAL}
)
"""How file systems say that they have no hard links."""

_temporary = re.compile(re.escape(RESERVED) + r"tmp-([0-9a-f]{8})-(\d+)-[0-9a-f]{16}")

Arbiter = Callable[[], AbstractContextManager[object]]


def publish(folder: Folder, name: str, fill: Callable[[int], None], *, exclusive: bool, arbiter: Arbiter) -> bool:
    """Write a file under a temporary name, make it durable, and give it its own name in one step.

    Parameters
    ----------
    fill : callable
        Writes the value into the open file descriptor that it is given.
    exclusive : bool
        Refuse a name that is taken; else replace what is there.
    arbiter : callable
        Gives the lock under which names are given where the file system has no hard links.

    Returns
    -------
    bool
        False if the name was taken; nothing is left behind then.
    """
    taken = folder.look(name)
    if taken is not None:
        folder.refuse_link(name, taken)
        if stat.S_ISDIR(taken.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if exclusive:
            return False
    temporary = temporary_name()
    fd = os.open(folder.at(temporary), _WRITE_NEW, 0o666, dir_fd=folder.fd)
    try:
        try:
            fill(fd)
            os.fsync(fd)
        finally:
            os.close(fd)
        if not exclusive:
            _replace(folder, temporary, name)
        elif not _name_once(folder, temporary, name, arbiter):
            return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder.at(temporary), dir_fd=folder.fd)
    folder.sync()
    return True


def _name_once(folder: Folder, temporary: str, name: str, arbiter: Arbiter) -> bool:
    """Give the file a name that nothing has; tell whether this call did."""
    try:
        os.link(
            folder.at(temporary), folder.at(name), src_dir_fd=folder.fd, dst_dir_fd=folder.fd, follow_symlinks=False
        )
    except FileExistsError:
        # a network file system whose answer was lost repeats the request, and finds the link that it made itself
        mine, there = folder.look(temporary), folder.look(name)
        return mine is not None and there is not None and os.path.samestat(mine, there)
    except OSError as error:
        if error.errno not in LINKLESS:
            raise
        with arbiter():
            if folder.look(name) is not None:
                return False
            _replace(folder, temporary, name)
    return True


def _replace(folder: Folder, temporary: str, name: str) -> None:
    os.replace(folder.at(temporary), folder.at(name), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; the system may take it in pieces."""
    written = os.write(fd, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]


def temporary_name() -> str:
    """Return a new name that no listing shows; it says who is writing there."""
    return f"{RESERVED}tmp-{_this_host()}-{os.getpid()}-{os.urandom(8).hex()}"


def sweep(folder: Folder, name: str) -> None:
    """Remove the temporary file or folder `name` if it is abandoned.

    It is if its process ran on this host and is dead, or if nobody touched it for a day. A writer that wakes after that
    finds its file gone, and writes it again.
    """
    made_by = _temporary.fullmatch(name)
    found = folder.look(name)
    if made_by is None or found is None:
        return
    host, pid = made_by.groups()
    if (host == _this_host() and _is_dead(int(pid))) or time.time() - found.st_mtime > OLD_S:
        with contextlib.suppress(OSError):  # another broom was faster, or the disk is read-only: it stays invisible
            if stat.S_ISDIR(found.st_mode):
                from shutil import rmtree

                rmtree(folder.at(name), dir_fd=folder.fd)
            else:
                os.unlink(folder.at(name), dir_fd=folder.fd)


def _is_dead(pid: int) -> bool:
    if os.name == "nt":
        return False  # there `os.kill` kills; age decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


@lru_cache(maxsize=1)
def _this_host() -> str:
    """Return a short name for what process ids are counted in: the machine, its boot, the container."""
    told = [platform.node().encode()]
    with contextlib.suppress(OSError):
        told.append(Path("/proc/sys/kernel/random/boot_id").read_bytes())
        told.append(bytes(Path("/proc/self/ns/pid").readlink()))
    number = zlib.crc32(b"".join(told))
    return f"{number:08x}"


@contextlib.contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its place at the end, or goes away with the error."""
    target = Path(path)
    temporary = target.with_name(temporary_name())
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
