"""Open folders inside a store: the way down to a key, on which no symbolic link is followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tauro_nb.errors import UnsafePath

HAS_DIR_FD = {os.open, os.mkdir, os.link, os.unlink, os.stat, os.rename} <= os.supports_dir_fd
"""Where the system can look a name up in an open folder, nobody can swap that folder for a link meanwhile."""

_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)

_INNER_FLAGS = _FOLDER_FLAGS | getattr(os, "O_NOFOLLOW", 0)

_FILE_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_THREAD_S = 0.0005
"""What starting a thread and waiting for it may take."""
_AT_ONCE = 8
"""Files that are made durable at the same time."""


class Folder:
    """An open folder. Names are looked up in it, not in a path, and a symbolic link is never followed.

    Systems without that (Windows) get the full path from `at`, checked for links when it was entered.
    """

    __slots__ = ("fd", "path")

    def __init__(self, path: str, fd: int | None) -> None:
        self.path = path
        self.fd = fd

    @classmethod
    def open(cls, path: str) -> Self:
        """Open a store's root, which may itself be reached through links.

        Raises
        ------
        FileNotFoundError, NotADirectoryError
        """
        if HAS_DIR_FD:
            return cls(path, os.open(path, _FOLDER_FLAGS))
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 - the hot path
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        return cls(path, None)

    def at(self, name: str) -> str:
        """Return how the system's calls are to be told `name` in this folder, beside ``dir_fd=self.fd``."""
        return name if self.fd is not None else f"{self.path}{os.sep}{name}"

    def enter(self, name: str) -> None:
        """Become the folder `name` in this one; an error leaves this one open.

        Raises
        ------
        FileNotFoundError, NotADirectoryError
        UnsafePath
            It is a symbolic link.
        """
        path = f"{self.path}{os.sep}{name}"
        if self.fd is None:
            self.refuse_link(name)
            Folder.open(path)
        else:
            try:
                inner = os.open(name, _INNER_FLAGS, dir_fd=self.fd)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                    self.refuse_link(name)
                raise
            outer, self.fd = self.fd, inner  # in this order: an interrupt in between must not have it closed twice
            os.close(outer)
        self.path = path

    def again(self) -> Folder:
        """Return this folder, opened once more."""
        return Folder(self.path, None if self.fd is None else os.dup(self.fd))

    def refuse_other_spelling(self, name: str, *, make: bool) -> None:
        """Refuse a `name` that is there in other upper and lower case, which this disk takes for the same.

        Raises
        ------
        FileNotFoundError
            To a reader: what is asked for is not there.
        UnsafePath
            To who would `make` it.
        """
        there = os.listdir(self.path if self.fd is None else self.fd)  # noqa: PTH208 - of an open folder
        if name in there:
            return
        other = next((other for other in there if other.casefold() == name.casefold()), None)
        if other is None:
            return
        if not make:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        raise UnsafePath(
            f"{self.path}: this disk does not tell {name!r} from {other!r}, which is there",
            fix=f"use the spelling {other!r}, or a name that differs by more than upper and lower case",
        )

    def make(self, name: str) -> None:
        """Make the folder `name` in this one, durably; harmless if another process just did."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.at(name), dir_fd=self.fd)
        self.sync()

    def look(self, name: str) -> os.stat_result | None:
        """Describe what `name` is, not what it points to; None if it is not there."""
        try:
            return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_folder(self, name: str) -> bool:
        """Tell whether `name` is a folder itself, not a link to one."""
        found = self.look(name)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def refuse_link(self, name: str, found: os.stat_result | None = None) -> None:
        """Raise `UnsafePath` if `name`, of which `look` may already have said what it is, is a symbolic link."""
        found = found or self.look(name)
        if found is not None and _is_link(found):
            raise UnsafePath(
                f"{self.path}{os.sep}{name} is a symbolic link, and a store follows none",
                fix="put the real folder in its place; the store's own root may be a link",
            )

    def sync(self) -> None:
        """Make the names in this folder durable."""
        if self.fd is not None:
            os.fsync(self.fd)

    def close(self) -> None:
        """Give the folder back; closing twice is harmless."""
        if self.fd is not None:
            fd, self.fd = self.fd, None
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _is_link(found: os.stat_result) -> bool:
    junction = getattr(found, "st_file_attributes", 0) & getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0)
    return stat.S_ISLNK(found.st_mode) or bool(junction)


def make_root(path: str) -> None:
    """Make a store's root and what is missing above it, durably."""
    missing = []
    place = Path(path)
    while not place.is_dir() and place != place.parent:
        missing.append(place)
        place = place.parent
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        with Folder.open(str(folder.parent)) as parent:
            parent.sync()


def open_below(root: Folder, segments: Sequence[str], *, make: bool, spelled: int = 0) -> Folder:
    """Go down from `root`, which becomes the last folder, and return it; an error closes it.

    Parameters
    ----------
    make : bool
        Make what is missing.
    spelled : int
        Of so many segments, upper and lower case must be as on disk.

    Raises
    ------
    FileNotFoundError
        One is missing, or spelled otherwise, and `make` is False.
    UnsafePath
        One is a symbolic link; or it is spelled otherwise, so that making it is not possible.
    """
    try:
        for depth, name in enumerate(segments):
            if depth < spelled:
                root.refuse_other_spelling(name, make=make)
            try:
                root.enter(name)
            except FileNotFoundError:
                if not make:
                    raise
                root.make(name)
                root.enter(name)
    except BaseException:
        root.close()
        raise
    return root


def sync_tree(folder: Folder, name: str) -> None:
    """Make every file and name in the folder `name`, and below it, durable."""
    if folder.fd is None:
        return  # Windows offers no way to fsync a folder, nor a file that is not open for writing
    top = os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder.fd)
    try:
        _sync_below(top)
    finally:
        os.close(top)


def _sync_below(folder: int) -> None:
    with os.scandir(folder) as scan:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in scan if not entry.is_symlink()]
    for name in [name for name, is_folder in entries if is_folder]:
        inner = os.open(name, _INNER_FLAGS, dir_fd=folder)
        try:
            _sync_below(inner)
        finally:
            os.close(inner)
    files = [name for name, is_folder in entries if not is_folder]
    for first in range(0, max(len(files), 1), _AT_ONCE):
        _sync_files(files[first : first + _AT_ONCE], folder)


def _sync_files(names: Sequence[str], folder: int) -> None:
    """Make files of a folder durable, and its names.

    Where the disk takes longer for the first than a thread takes to start, the rest goes at once: a disk that has a
    journal writes it once for all.
    """
    errors: list[OSError] = []

    def sync(fd: int) -> None:
        try:
            os.fsync(fd)
        except OSError as error:
            errors.append(error)

    with contextlib.ExitStack() as stack:
        opened = []
        for name in names:
            fd = os.open(name, _FILE_FLAGS, dir_fd=folder)
            stack.callback(os.close, fd)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                opened.append(fd)
        waited_s = 0.0
        while opened and waited_s < _THREAD_S:
            before_s = time.perf_counter()
            sync(opened.pop())
            waited_s = time.perf_counter() - before_s
        for fd in opened:
            thread = threading.Thread(target=sync, args=(fd,))
            thread.start()
            stack.callback(thread.join)
        sync(folder)
    if errors:
        raise errors[0]
