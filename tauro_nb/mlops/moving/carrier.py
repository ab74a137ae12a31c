"""Bringing single files from one store to another: what is there already stays, what arrives is read again.

Owns the comparison of checksums. A file that did not arrive as it was recorded is taken away again.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock

from tauro_nb.errors import ArtifactCorrupt, KeyMissing
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.protocol import RemoteStore, Store


class Stopped(BaseException):
    """The caller has had enough: what is under way ends between two files."""


class Carrier:
    """The way from `source` to `target`.

    Attributes
    ----------
    stopping : Event
        Set by who wants no more files carried.
    passed : int
        Bytes of the files that are in the target now.
    """

    def __init__(self, source: Store, target: Store) -> None:
        self.source = source
        self.target = target
        self.stopping = Event()
        self.passed = 0
        self._lock = Lock()

    def carry(self, key_from: str, key_to: str, size_bytes: int, sha256: str | None) -> int:
        """Have the target hold a file of the source; return how many bytes had to be written for it.

        Parameters
        ----------
        sha256 : str or None
            What was recorded of it; None: nothing was.

        Raises
        ------
        ArtifactCorrupt
            It is missing or not what was recorded, or did not arrive whole.
        """
        if sha256 is not None and self._has(key_to, size_bytes, sha256):
            return self._arrived(size_bytes, written=False)
        known_as = f"{self.source.location}: {key_from}"
        with contextlib.ExitStack() as stack:
            try:
                path = stack.enter_context(here(self.source, key_from))
            except KeyMissing as error:
                raise ArtifactCorrupt(f"{known_as} is missing", fix="restore that file from a copy") from error
            if sha256 is None:
                return self.bring(path, key_to, known_as=known_as)
            return self._send(path, key_to, sha256, known_as)

    def bring(self, path: Path, key_to: str, *, known_as: str) -> int:
        """Have the target hold a local file; the rest as `carry`."""
        size_bytes, sha256 = path.stat().st_size, digest(path)
        if self._has(key_to, size_bytes, sha256):
            return self._arrived(size_bytes, written=False)
        return self._send(path, key_to, sha256, known_as)

    def _send(self, path: Path, key_to: str, sha256: str, known_as: str) -> int:
        if self.stopping.is_set():
            raise Stopped
        self.target.put_file(key_to, path)
        if self._is(key_to, sha256):
            return self._arrived(path.stat().st_size, written=True)
        self.target.delete(key_to)
        if digest(path) != sha256:
            raise ArtifactCorrupt(
                f"{known_as} is not what was recorded (its SHA-256 differs)", fix="restore that file from a copy"
            )
        raise ArtifactCorrupt(
            f"{self.target.location}: {key_to} did not arrive whole (its SHA-256 differs)",
            fix="copy again; if it stays so, check that store's disk",
        )

    def add(self, key: str, *, replace: bool = False) -> None:
        """Have the target hold a small record that may stand beside others, if the source has it."""
        try:
            data = self.source.get(key)
        except KeyMissing:
            return
        if replace:
            self.target.put(key, data)
        else:
            self.target.create(key, data)

    def _arrived(self, size_bytes: int, *, written: bool) -> int:
        with self._lock:
            self.passed += size_bytes
        return size_bytes if written else 0

    def _has(self, key: str, size_bytes: int, sha256: str) -> bool:
        try:
            return self.target.stat(key).size_bytes == size_bytes and self._is(key, sha256)
        except KeyMissing:
            return False

    def _is(self, key: str, sha256: str) -> bool:
        with here(self.target, key) as path:
            return digest(path) == sha256


@contextlib.contextmanager
def here(store: Store, key: str) -> Iterator[Path]:
    """Give a local file with a value's bytes: the store's own, or a copy that goes with the block.

    Raises
    ------
    KeyMissing
    """
    above, _, name = key.rpartition("/")
    if not isinstance(store, RemoteStore):
        store.stat(key)  # refuses what is not there, is no regular file, or lies behind a link
        folder = store.local_dir(above)
        if folder is not None:
            yield folder / name
            return
    with temporary_folder() as temporary:
        store.get_file(key, temporary / "file")
        yield temporary / "file"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that goes with the block."""
    with DiskErrors("write", tempfile.gettempdir()):
        folder = tempfile.TemporaryDirectory(prefix="tauro-copy-")
    with folder as path:
        yield Path(path)


def digest(path: Path) -> str:
    """Return a file's SHA-256."""
    with DiskErrors("read", path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
