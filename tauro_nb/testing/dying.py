"""Stores that die at a write that was chosen before, as a process does that is killed there; for tests of resuming."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tauro_nb.mlops import copy_store
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore


class Died(BaseException):
    """From this write on nothing is written any more."""


class _Dying:
    lives: int | None = None
    """Writes that are done before; None: it does not die."""

    def _live(self) -> None:
        if self.lives is not None:
            if self.lives <= 0:
                self._die()
            self.lives -= 1

    def _die(self) -> None:
        raise Died

    def create(self, key: str, data: bytes) -> Any:
        """Write, if it still lives; so do the next three."""
        self._live()
        return super().create(key, data)  # type: ignore[misc]

    def put(self, key: str, data: bytes) -> None:
        self._live()
        super().put(key, data)  # type: ignore[misc]

    def put_file(self, key: str, path: Any) -> None:
        self._live()
        super().put_file(key, path)  # type: ignore[misc]

    def delete(self, key: str) -> Any:
        self._live()
        return super().delete(key)  # type: ignore[misc]


class DyingLocal(_Dying, LocalStore):
    """A local one."""

    def rename(self, prefix_from: str, prefix_to: str, *, durable: bool = False) -> bool:
        """Move a folder, if it still lives."""
        self._live()
        return super().rename(prefix_from, prefix_to, durable=durable)


class DyingMemory(_Dying, MemoryStore):
    """One in memory, which needs no folder."""

    def __init__(self, _: Path) -> None:
        super().__init__()


class Killed(DyingLocal):
    """One whose process is killed there."""

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def copy_and_die(_: int, source: Path, target: Path, lives: int) -> None:
    """Copy into a store whose process is killed at a write."""
    store = Killed(target)
    store.lives = lives
    copy_store(LocalStore(source), store)


def copy_whole(_: int, source: Path, target: Path) -> bool:
    """Copy, and tell whether all went well."""
    return copy_store(LocalStore(source), LocalStore(target)).ok
