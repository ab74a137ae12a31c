"""Which runs were changed after they had ended: a line each, written before the change itself.

It lets a search pass over all files that cannot have changed. Runs that go on need no line: whoever searches looks at
them anyway. There is one file for each experiment, to which every process appends. A line too many, or one whose change
never came, costs a look; so nothing has to be put right after a crash.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tauro_nb.mlops.tracking.mounts import can_be_mapped
from tauro_nb.store import keys
from tauro_nb.store.paths import RESERVED
from tauro_nb.store.protocol import Lockable, Store

NAME = f"{RESERVED}changes"
_APPENDS = os.name != "nt"
"""Whether the system appends in one step."""
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_ID_BYTES = 16
_LARGE_BYTES = 1 << 20
_ATTEMPTS = 3


class Mark(msgspec.Struct, frozen=True):
    """A place in the file."""

    id: bytes
    """Which file it is: it may be replaced by a new one."""
    position: int


class Noted(msgspec.Struct, frozen=True):
    """What stands in the file after a mark."""

    names: frozenset[str]
    """Of the runs' folders."""
    end: Mark


class ChangeLog:
    """The changes of one experiment's ended runs; safe to share between threads and between processes."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / NAME)

    @classmethod
    def of(cls, store: Store, experiment: str) -> ChangeLog | None:
        """Return an experiment's, or None where processes cannot append to one file or keep each other out."""
        if not _APPENDS or not isinstance(store, Lockable):
            return None
        folder = store.local_dir(keys.experiment(experiment))
        return cls(folder) if folder is not None and can_be_mapped(folder) else None

    @contextlib.contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Note a run's folder before the block changes what is in it, and again if the file was replaced meanwhile.

        The block must keep other changers of the run out, and `read` tells whoever looks to wait for it.
        """
        written = self._note(name)
        yield
        if written is not None and not self._is_current(written):
            self._note(name)

    def read(self, since: Mark) -> Noted | None:
        """Return what was noted after a mark; None where that cannot be told, because the file was replaced.

        A change that is noted may still be under way.
        """
        with contextlib.suppress(OSError):
            fd = os.open(self._path, os.O_RDONLY | _SAFE)
            try:
                return _read(fd, since)
            finally:
                os.close(fd)
        return None

    def settle(self) -> Noted:
        """Return all that is noted, and begin a new file if this one has grown large; one caller at a time.

        Raises
        ------
        OSError
        """
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _SAFE, 0o666)
        try:
            size = os.fstat(fd).st_size
            if size == 0:
                os.write(fd, _line(""))
            begun = self._begin() if size > _LARGE_BYTES else None
            # who wrote into the old file until now is found in it; who comes later sees that it is gone
            found = _read(fd, Mark(os.pread(fd, _ID_BYTES, 0), 0))
        finally:
            os.close(fd)
        if found is None:
            raise OSError(f"{self._path} is too short")
        return found if begun is None else Noted(found.names, begun)

    def _begin(self) -> Mark:
        new, line = Path(f"{self._path}-{os.urandom(8).hex()}"), _line("")
        try:
            new.write_bytes(line)
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)
        return Mark(line[:_ID_BYTES], 0)

    def _note(self, name: str) -> os.stat_result | None:
        """Append a name to the file that is in place; None where it could not be, and there is none now."""
        line = _line(name)
        for _ in range(_ATTEMPTS):
            try:
                fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _SAFE, 0o666)
                try:
                    whole = os.write(fd, line) == len(line)
                    written = os.fstat(fd)
                finally:
                    os.close(fd)
            except OSError:
                whole, written = False, None
            if written is None or not whole:
                with contextlib.suppress(OSError):  # who finds no file looks at every run
                    os.unlink(self._path)  # noqa: PTH108 - beside the calls above
                return None
            if self._is_current(written):
                return written
        return written

    def _is_current(self, written: os.stat_result) -> bool:
        try:
            return os.path.samestat(os.stat(self._path, follow_symlinks=False), written)  # noqa: PTH116 - see above
        except OSError:
            return False


def _line(name: str) -> bytes:
    """Return a line unlike any other, so that the first one names the file; it survives a torn one before it."""
    return f"\n{os.urandom(8).hex()} {name}\n".encode()


def _read(fd: int, since: Mark) -> Noted | None:
    size = os.fstat(fd).st_size
    if os.pread(fd, _ID_BYTES, 0) != since.id or size < since.position:
        return None
    text = os.pread(fd, size - since.position, since.position)
    whole = text[: text.rfind(b"\n") + 1]
    names = {line.partition(b" ")[2].decode(errors="replace") for line in whole.split(b"\n")}
    return Noted(frozenset(names - {""}), Mark(since.id, since.position + len(whole)))
