"""What a store is: bytes under slash-separated keys, and nothing that an object store cannot do.

There is no rename, no append and no lock in `Store`, because the Databricks volume has none; where a store has a local
folder it says so by `local_dir`. What more a local one can do is `Lockable` and `FolderStore`, what more a distant one
`RemoteStore`: who uses that asks by `isinstance`, and does without where it is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from os import PathLike
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec


class Entry(msgspec.Struct, frozen=True, order=True):
    """One name directly under a prefix."""

    name: str
    is_folder: bool


class Stat(msgspec.Struct, frozen=True):
    """What is known of a value without reading it."""

    size_bytes: int
    modified_ns: int
    """UTC, nanoseconds since the epoch; as exact as the store's own clock."""


@runtime_checkable
class Store(Protocol):
    """Bytes under slash-separated keys; safe to share between threads and between processes.

    `create` is the only arbiter between processes: of N racing callers exactly one is told True. A reader sees a whole
    value or `KeyMissing`, never a part. What `create`, `put` and `put_file` have returned from is durable. A key is
    made of non-empty segments, none of them ``.`` or ``..``; it never leads out of the store, through a symbolic link
    neither.
    """

    @property
    def location(self) -> str:
        """Where this store is, as a person would write it; also its identity."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` only if nothing is under `key`; tell whether this call wrote it."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what is there."""
        ...

    def put_file(self, key: str, path: str | PathLike[str]) -> None:
        """Write the bytes of a local file, replacing what is there; memory does not grow with the file."""
        ...

    def get(self, key: str) -> bytes:
        """Return the value.

        Raises
        ------
        KeyMissing
        """
        ...

    def get_file(self, key: str, path: str | PathLike[str]) -> None:
        """Copy the value into a local file, which is whole or not there.

        Raises
        ------
        KeyMissing
        """
        ...

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield what lies directly under `prefix`, sorted by name; nothing where the prefix does not exist."""
        ...

    def stat(self, key: str) -> Stat:
        """Describe the value without reading it.

        Raises
        ------
        KeyMissing
        """
        ...

    def delete(self, key: str) -> bool:
        """Remove the value; tell whether there was one."""
        ...

    def local_dir(self, prefix: str) -> Path | None:
        """Return the local folder behind `prefix` (made if missing), or None where there is no such thing."""
        ...


@runtime_checkable
class Lockable(Protocol):
    """A store that can keep others out, threads and processes alike."""

    def lock(self, name: str, timeout_s: float = 10.0) -> AbstractContextManager[None]:
        """Hold the lock of this name for the ``with`` block.

        Raises
        ------
        LockTimeout
        """
        ...


@runtime_checkable
class FolderStore(Store, Lockable, Protocol):
    """A store that has locks and can move whole folders: a local one."""

    def holding(self, prefix: str) -> AbstractContextManager[None]:
        """Keep a folder open in the block, for a thread that reads much below it."""
        ...

    def make_durable(self, prefix: str) -> None:
        """Make all files below a folder durable."""
        ...

    def rename(self, prefix_from: str, prefix_to: str, *, durable: bool = False) -> bool:
        """Move a folder, which is `durable` already or is made so; False if something lies there."""
        ...

    def remove_tree(self, prefix: str) -> bool:
        """Take a folder away in one step; tell whether it was there."""
        ...


@runtime_checkable
class RemoteStore(Store, Protocol):
    """A store where each call is a request over a network, so that many at once and few in all are worth something."""

    def get_many(self, keys: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the value of each key in turn, None where there is none; as many are read at once as are allowed."""
        ...

    def stats(self, prefix: str) -> dict[str, Stat]:
        """Describe the values directly under `prefix` by name, without a request for each."""
        ...
