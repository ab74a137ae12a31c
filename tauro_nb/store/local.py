"""A store in a local folder: whole values only, exclusive creates, locks, and nothing that a killed writer breaks."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.store import keys
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.folders import Folder, make_root, open_below, sync_tree
from tauro_nb.store.format import FORMAT_RECORD, refuse_newer
from tauro_nb.store.locks import Lock
from tauro_nb.store.paths import RESERVED, parts
from tauro_nb.store.protocol import Entry, Stat
from tauro_nb.store.publish import publish, sweep, temporary_name, whole_file, write_all
from tauro_nb.store.timing import timed

LOCKS = f"{RESERVED}locks"

_READ = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that somebody put there answers, and does not wait for a writer
)
_holding = threading.local()
"""Which folder this thread keeps open, by the path of its store."""

_USERS_DEPTH = 3
"""How deep the names lie that users choose and that must not be merged: of experiments and models."""

_COPY_BYTES = 1 << 20
_ATTEMPTS = 3
_ARBITER_S = 30.0


class LocalStore:
    """Values as files below `root`.

    A value is written to a temporary file in its own folder, fsynced, and given its name in one step: by a hard link
    for `create`, which fails if the name is taken, by a rename for `put`. So a reader meets whole values only, and what
    a killed writer leaves has a reserved name, is never listed, and goes away with the next `list` of its folder.

    Nothing is made on disk before the first write. `root` may be a symbolic link; below it none is followed.

    Parameters
    ----------
    root : str or PathLike
        Made absolute now, so that a later ``chdir`` changes nothing.
    """

    def __init__(self, root: str | PathLike[str]) -> None:
        self._path = os.path.abspath(root)  # noqa: PTH100 - `resolve` would follow links
        self._known = False
        self._folds_case = False

    @property
    def root(self) -> Path:
        """The store's folder, absolute."""
        return Path(self._path)

    @property
    def location(self) -> str:
        """The store's folder, absolute."""
        return self._path

    def __repr__(self) -> str:
        return f"LocalStore({self._path!r})"

    @timed("write")
    def create(self, key: str, data: bytes) -> bool:
        """Write `data` only if nothing is under `key`; tell whether this call wrote it."""
        return self._write(key, lambda fd: write_all(fd, data), exclusive=True)

    @timed("write")
    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what is there."""
        self._write(key, lambda fd: write_all(fd, data), exclusive=False)

    @timed("write")
    def put_file(self, key: str, path: str | PathLike[str]) -> None:
        """Write the bytes of a local file, replacing what is there; memory does not grow with the file."""
        with DiskErrors("read", path):
            source = Path(path).open("rb")  # noqa: SIM115 - its errors are the source's, those of the block the store's
        with source:

            def copy(fd: int) -> None:
                source.seek(0)
                while block := source.read(_COPY_BYTES):
                    write_all(fd, block)

            self._write(key, copy, exclusive=False)

    @timed("read")
    def get(self, key: str) -> bytes:
        """Return the value.

        Raises
        ------
        KeyMissing
        """
        with DiskErrors("read", self._path, key):
            fd, size = self._open(key)
            try:
                data = os.read(fd, size + 1)
                if len(data) == size:
                    return data
                with os.fdopen(fd, "rb", closefd=False) as file:
                    return data + file.read()
            finally:
                os.close(fd)

    @timed("read")
    def get_file(self, key: str, path: str | PathLike[str]) -> None:
        """Copy the value into a local file, which is whole or not there.

        Raises
        ------
        KeyMissing
        """
        from shutil import copyfileobj  # not needed on the way to the first metric

        with DiskErrors("read", self._path, key):
            source = os.fdopen(self._open(key)[0], "rb")
        with source, DiskErrors("write", path), whole_file(path) as target:
            copyfileobj(source, target, _COPY_BYTES)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield what lies directly under `prefix`, sorted by name; nothing where the prefix does not exist.

        Symbolic links and anything else that is neither file nor folder are left out. Temporary files of writers that
        are dead (on this host), or older than a day, are removed on the way.
        """
        with DiskErrors("list", self._path, prefix):
            try:
                folder = self._folder(parts(prefix) if prefix else (), make=False)
            except (FileNotFoundError, NotADirectoryError):
                return iter(())
            found: list[tuple[str, bool]] = []
            with folder, os.scandir(folder.path if folder.fd is None else folder.fd) as scan:
                for item in scan:
                    name = item.name
                    if name.startswith(RESERVED):
                        sweep(folder, name)
                    elif item.is_file(follow_symlinks=False):
                        found.append((name, False))
                    elif item.is_dir(follow_symlinks=False):
                        found.append((name, True))
        found.sort()
        return itertools.starmap(Entry, found)

    def stat(self, key: str) -> Stat:
        """Describe the value without reading it.

        Raises
        ------
        KeyMissing
        """
        with DiskErrors("look at", self._path, key):
            fd, _ = self._open(key)
            try:
                found = os.fstat(fd)
            finally:
                os.close(fd)
        return Stat(size_bytes=found.st_size, modified_ns=found.st_mtime_ns)

    def delete(self, key: str) -> bool:
        """Remove the value; tell whether there was one."""
        *folders, name = parts(key)
        with DiskErrors("delete", self._path, key):
            try:
                with self._folder(folders, make=False) as folder:
                    found = folder.look(name)
                    if found is None or stat.S_ISDIR(found.st_mode):
                        return False
                    folder.refuse_link(name, found)
                    os.unlink(folder.at(name), dir_fd=folder.fd)
                    folder.sync()
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def local_dir(self, prefix: str) -> Path:
        """Return the local folder behind `prefix`, made if missing."""
        with DiskErrors("make", self._path, prefix):
            self._folder(parts(prefix), make=True).close()
        return Path(self._path, prefix)

    def make_durable(self, prefix: str) -> None:
        """Fsync everything below `prefix`, which others may have written into `local_dir(prefix)` by any means.

        Raises
        ------
        KeyMissing
            There is no folder at `prefix`.
        """
        *above, name = parts(prefix)
        with DiskErrors("write", self._path, prefix), self._parent(prefix, above, name) as folder:
            sync_tree(folder, name)

    def rename(self, prefix_from: str, prefix_to: str, *, durable: bool = False) -> bool:
        """Move a whole folder to a new place in one step; only a local store can.

        Parameters
        ----------
        durable : bool
            What is below it was made durable by `make_durable`; unless so, it is first.

        Returns
        -------
        bool
            False, with nothing moved, if something lies at `prefix_to`: of N racing callers exactly one is told True.

        Raises
        ------
        KeyMissing
            There is no folder at `prefix_from`.
        """
        *above_from, name_from = parts(prefix_from)
        *above_to, name_to = parts(prefix_to)
        with DiskErrors("move", self._path, prefix_from), contextlib.ExitStack() as stack:
            source = stack.enter_context(self._parent(prefix_from, above_from, name_from))
            if not durable:
                sync_tree(source, name_from)
            target = source
            if above_to != above_from:
                target = stack.enter_context(self._folder(above_to, make=True))
            target.refuse_link(name_to)
            try:
                os.rename(source.at(name_from), target.at(name_to), src_dir_fd=source.fd, dst_dir_fd=target.fd)
            except FileNotFoundError:
                raise self._no_folder(prefix_from) from None
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    return False
                raise
            target.sync()
            if target is not source:
                source.sync()
        return True

    def remove_tree(self, prefix: str) -> bool:
        """Take a whole folder away in one step, then free its space; tell whether it was there."""
        from shutil import rmtree

        *above, name = parts(prefix)
        with DiskErrors("remove", self._path, prefix):
            try:
                with self._folder(above, make=False) as folder:
                    folder.refuse_link(name)
                    if not folder.is_folder(name):
                        return False
                    aside = temporary_name()
                    os.rename(folder.at(name), folder.at(aside), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
                    folder.sync()
                    rmtree(folder.at(aside), dir_fd=folder.fd)
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def lock(self, name: str, timeout_s: float = 10.0) -> Lock:
        """Hold the store's lock called `name`; only a local store has one.

        It excludes threads and processes alike, is free as soon as its holder has died, and is never taken from a live
        one. It is not reentrant: a thread that asks for what it holds is told so at once.

        Raises
        ------
        LockTimeout
            Another held it for all of `timeout_s` seconds. The caller's block does not run.
        """
        return self._lock(lambda: self._folder((LOCKS,), make=True), keys.segment(name), name, timeout_s)

    @contextlib.contextmanager
    def holding(self, prefix: str) -> Iterator[None]:
        """Keep the folder at `prefix` open in the block: what this thread reads below it is found from there."""
        held: dict[str, tuple[list[str], Folder]] = _holding.__dict__
        segments = parts(prefix)
        with contextlib.ExitStack() as stack:
            with DiskErrors("read", self._path, prefix), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                folder = stack.enter_context(self._folder(segments, make=False))
                if not self._folds_case and self._path not in held:
                    held[self._path] = segments, folder
                    stack.callback(held.pop, self._path)
            yield

    def _folder(self, segments: Sequence[str], *, make: bool) -> Folder:
        if not make and self._path in _holding.__dict__:
            above, held = _holding.__dict__[self._path]
            if segments[: len(above)] == above:
                return open_below(held.again(), segments[len(above) :], make=False)
        try:
            root = Folder.open(self._path)
        except FileNotFoundError:
            if not make:
                raise
            self._known = False
            make_root(self._path)
            root = Folder.open(self._path)
        try:
            if not self._known:
                self._know(root, make=make)
        except BaseException:
            root.close()
            raise
        return open_below(root, segments, make=make, spelled=_USERS_DEPTH if self._folds_case else 0)

    def _know(self, root: Folder, *, make: bool) -> None:
        """Read the store's format, or write it down before the first value."""
        while True:
            try:
                fd = os.open(root.at(keys.FORMAT), _READ, dir_fd=root.fd)
                break
            except FileNotFoundError:
                if not make:
                    return
                self._publish(root, keys.FORMAT, lambda fd: write_all(fd, FORMAT_RECORD), exclusive=True)
        try:
            text = os.read(fd, 4096)
        finally:
            os.close(fd)
        refuse_newer(text, f"{self._path}{os.sep}{keys.FORMAT}")
        self._folds_case = root.look(keys.FORMAT.upper()) is not None
        self._known = True

    def _parent(self, prefix: str, above: Sequence[str], name: str) -> Folder:
        """Open the folder in which the folder `name` is, or raise `KeyMissing`."""
        try:
            parent = self._folder(above, make=False)
        except (FileNotFoundError, NotADirectoryError):
            raise self._no_folder(prefix) from None
        try:
            parent.refuse_link(name)
            if parent.is_folder(name):
                return parent
        except BaseException:
            parent.close()
            raise
        parent.close()
        raise self._no_folder(prefix)

    def _no_folder(self, prefix: str) -> KeyMissing:
        return KeyMissing(f"{self._path}: no folder at {prefix!r}")

    def _open(self, key: str) -> tuple[int, int]:
        """Open a value for reading; return its descriptor and size."""
        *folders, name = parts(key)
        try:
            with self._folder(folders, make=False) as folder:
                if folder.fd is None:
                    folder.refuse_link(name)
                try:
                    fd = os.open(folder.at(name), _READ, dir_fd=folder.fd)
                except OSError as error:
                    if error.errno in (errno.ELOOP, errno.EMLINK):
                        folder.refuse_link(name)
                    raise
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise KeyMissing(f"{self._path}: no value under {key!r}") from None
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            if stat.S_ISDIR(found.st_mode):
                raise KeyMissing(f"{self._path}: no value under {key!r}; it is a folder")
            raise StoreError(f"{self._path}{os.sep}{key} is no regular file", fix="move it out of the store")
        return fd, found.st_size

    def _write(self, key: str, fill: Callable[[int], None], *, exclusive: bool) -> bool:
        *folders, name = parts(key)
        with DiskErrors("write", self._path, key):
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    with self._folder(folders, make=True) as folder:
                        return self._publish(folder, name, fill, exclusive=exclusive)
                except FileNotFoundError:
                    # somebody removed the folder, or took the temporary file of a writer that slept for a day
                    if attempt == _ATTEMPTS:
                        raise
        raise AssertionError("the loop returns or raises")

    def _publish(self, folder: Folder, name: str, fill: Callable[[int], None], *, exclusive: bool) -> bool:
        return publish(folder, name, fill, exclusive=exclusive, arbiter=self._arbiter)

    def _arbiter(self) -> Lock:
        # `segment` makes no name with a dot in front; the store's format may not have been written yet
        return self._lock(
            lambda: open_below(Folder.open(self._path), (LOCKS,), make=True), ".create", "creating a value", _ARBITER_S
        )

    def _lock(self, enter: Callable[[], Folder], file: str, name: str, timeout_s: float) -> Lock:
        return Lock(enter, f"{self._path}{os.sep}{LOCKS}{os.sep}{file}.lock", name, timeout_s)
