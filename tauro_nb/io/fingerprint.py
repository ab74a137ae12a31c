"""What exactly was loaded: path, size, time and SHA-256 of a file.

Hashing never holds up a load: it is done by one background thread for the whole process, which ends when it has nothing
left to do. Who asks before it is done waits for it, or computes it himself if it has not been begun.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any


class Fingerprint:
    """Identity of the content that a load has read; safe to share between threads.

    Attributes
    ----------
    path : Path
        Absolute; a file, or a folder of files.
    size_bytes : int
        For a folder, of all files in it.
    modified_ns : int
        UTC, nanoseconds since the epoch; for a folder, of the file that was changed last.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes, self.modified_ns = _measure(path)
        self._lock = threading.Lock()
        self._made_in = os.getpid()
        self._done = False
        self._sha256: str | None = None

    def __repr__(self) -> str:
        digest = f"sha256 {self._sha256[:12]}…" if self._sha256 else ("sha256 unknown" if self._done else "hashing")
        return f"<Fingerprint of {self.path}: {self.size_bytes} bytes, {digest}>"

    def same_file(self, other: Fingerprint) -> bool:
        """Whether both tell of one path with the same size and time."""
        return (self.path, self.size_bytes, self.modified_ns) == (other.path, other.size_bytes, other.modified_ns)

    def peek(self) -> str | None:
        """Return the SHA-256 if it is known by now; never waits."""
        return self._sha256

    @property
    def sha256(self) -> str | None:
        """The SHA-256 as hex digits; waits for it. None if the file has changed or gone since it was read.

        Of a folder: that of its listing, one line ``<sha256>  <relative path>`` a file, sorted by path.
        """
        if os.getpid() != self._made_in:  # a forked child: the lock's holder may not have come along
            self._lock, self._made_in = threading.Lock(), os.getpid()
        with self._lock:
            if not self._done:
                self._sha256 = self._compute()
                self._done = True
        return self._sha256

    def _compute(self) -> str | None:
        try:
            digest = _digest(self.path)
            unchanged = _measure(self.path) == (self.size_bytes, self.modified_ns)
        except OSError:
            return None
        return digest if unchanged else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, waiting for the SHA-256."""
        return {
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "modified_ns": self.modified_ns,
            "sha256": self.sha256,
        }


class Hasher:
    """One background thread that computes fingerprints in the order in which they come.

    Parameters
    ----------
    limit : int
        How many may wait; what comes beyond is computed when somebody asks for it.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[Fingerprint] = deque()
        self._thread: threading.Thread | None = None

    def add(self, fingerprint: Fingerprint) -> None:
        """Have it computed soon; returns at once."""
        with self._lock:
            if len(self._waiting) >= self._limit:
                return
            self._waiting.append(fingerprint)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tauro-fingerprints", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                fingerprint = self._waiting.popleft()
            _ = fingerprint.sha256


_hasher = Hasher()


def take(path: Path, known: Fingerprint | None = None) -> Fingerprint:
    """Return the fingerprint of what is at `path` now; `known` itself, if that is still it."""
    fresh = Fingerprint(path)
    if known is not None and known.same_file(fresh):
        return known
    return fresh


def hash_soon(fingerprint: Fingerprint) -> None:
    """Have the process's background thread compute it."""
    _hasher.add(fingerprint)


def _start_afresh() -> None:
    global _hasher  # noqa: PLW0603 - a forked child has neither the thread nor a lock that can be trusted
    _hasher = Hasher()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


def _files(path: Path) -> list[Path]:
    return sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]


def _measure(path: Path) -> tuple[int, int]:
    stats = [item.stat() for item in _files(path)]
    return sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)


def _digest(path: Path) -> str:
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    lines = [f"{_digest(item)}  {item.relative_to(path).as_posix()}\n" for item in _files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
