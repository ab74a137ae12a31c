"""Which edition of a file was read, and whether it has been edited since."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Edition(NamedTuple):
    """A file as it was at one moment."""

    mtime_ns: int
    size_bytes: int
    crc: int


class Editions:
    """The editions of files that were read."""

    def __init__(self) -> None:
        self._read: dict[str, Edition | None] = {}

    def __contains__(self, path: object) -> bool:
        return str(path) in self._read

    def note(self, path: str | Path) -> None:
        """Take the file as it is now for the edition that is being read."""
        self._read[str(path)] = _edition(str(path))

    def edited(self, paths: Iterable[str | Path]) -> list[str]:
        """Return those whose content is not the one that was read; one that was never noted is noted now."""
        return [path for path in map(str, paths) if self._is_edited(path)]

    def keep(self, paths: Iterable[str]) -> dict[str, Edition | None]:
        """Return what is known of `paths`, for `restore`."""
        return {path: self._read[path] for path in paths if path in self._read}

    def restore(self, kept: dict[str, Edition | None]) -> None:
        """Forget what was noted of these since `keep`."""
        self._read.update(kept)

    def _is_edited(self, path: str) -> bool:
        if path not in self._read:
            self.note(path)
            return False
        was = self._read[path]
        try:
            status = os.stat(path)  # noqa: PTH116 - asked of every module before each run
        except OSError:
            return was is not None
        if was is not None and (status.st_mtime_ns, status.st_size) == was[:2]:
            return False
        now = _edition(path)
        if was is not None and now is not None and was[1:] == now[1:]:
            self._read[path] = now
            return False
        return True


def _edition(path: str) -> Edition | None:
    """Return the file's edition; None where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - on the way of every import
            status = os.fstat(file.fileno())
            return Edition(status.st_mtime_ns, status.st_size, zlib.crc32(file.read()))
    except OSError:
        return None
