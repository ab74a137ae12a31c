"""A store in memory: the honest double of an object store, for tests and for trying things out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.paths import parts
from tauro_nb.store.protocol import Entry, Stat
from tauro_nb.store.publish import whole_file


class _Value:
    __slots__ = ("data", "modified_ns")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.modified_ns = time.time_ns()


_Folder = dict[str, "_Value | _Folder"]


class MemoryStore:
    """Values in a dict of dicts; gone with the process.

    It has what the Databricks volume has and nothing more: no local folder, no rename, no append, no lock.
    """

    def __init__(self) -> None:
        self._name = os.urandom(8).hex()  # not `id`, which another store has when this one is gone
        self._root: _Folder = {}
        self._lock = threading.Lock()

    @property
    def location(self) -> str:
        """``memory://`` and a name that no other store has had, here or in another process."""
        return f"memory://{self._name}"

    def __repr__(self) -> str:
        return f"MemoryStore({self.location!r})"

    def create(self, key: str, data: bytes) -> bool:
        """Write `data` only if nothing is under `key`; tell whether this call wrote it."""
        *folders, name = parts(key)
        value = _Value(bytes(data))
        with self._lock:
            folder = self._made(key, folders)
            if name in folder:
                _refuse_folder(key, folder[name])
                return False
            folder[name] = value
            return True

    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what is there."""
        *folders, name = parts(key)
        value = _Value(bytes(data))
        with self._lock:
            folder = self._made(key, folders)
            _refuse_folder(key, folder.get(name))
            folder[name] = value

    def put_file(self, key: str, path: str | PathLike[str]) -> None:
        """Write the bytes of a local file, replacing what is there."""
        with DiskErrors("read", path):
            data = Path(path).read_bytes()
        self.put(key, data)

    def get(self, key: str) -> bytes:
        """Return the value.

        Raises
        ------
        KeyMissing
        """
        return self._value(key).data

    def get_file(self, key: str, path: str | PathLike[str]) -> None:
        """Copy the value into a local file, which is whole or not there.

        Raises
        ------
        KeyMissing
        """
        data = self.get(key)
        with DiskErrors("write", path), whole_file(path) as file:
            file.write(data)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield what lies directly under `prefix`, sorted by name; nothing where the prefix does not exist."""
        with self._lock:
            folder = self._find(parts(prefix) if prefix else [])
            if not isinstance(folder, dict):
                return iter(())
            return iter(sorted(Entry(name, isinstance(item, dict)) for name, item in folder.items()))

    def stat(self, key: str) -> Stat:
        """Describe the value without reading it.

        Raises
        ------
        KeyMissing
        """
        value = self._value(key)
        return Stat(size_bytes=len(value.data), modified_ns=value.modified_ns)

    def delete(self, key: str) -> bool:
        """Remove the value; tell whether there was one."""
        *folders, name = parts(key)
        with self._lock:
            folder = self._find(folders)
            if not isinstance(folder, dict) or not isinstance(folder.get(name), _Value):
                return False
            del folder[name]
            return True

    def local_dir(self, prefix: str) -> None:
        """Return None: there is no folder behind memory."""
        parts(prefix)

    def _value(self, key: str) -> _Value:
        segments = parts(key)
        with self._lock:
            value = self._find(segments)
        if not isinstance(value, _Value):
            raise KeyMissing(f"{self.location}: no value under {key!r}")
        return value

    def _find(self, segments: Sequence[str]) -> _Value | _Folder | None:
        place: _Value | _Folder | None = self._root
        for name in segments:
            if not isinstance(place, dict):
                return None
            place = place.get(name)
        return place

    def _made(self, key: str, folders: Sequence[str]) -> _Folder:
        place = self._root
        for name in folders:
            inner = place.setdefault(name, {})
            if isinstance(inner, _Value):
                raise StoreError(f"cannot write {key!r}: {name!r} in it is a value", fix="use a key of another name")
            place = inner
        return place


def _refuse_folder(key: str, item: _Value | _Folder | None) -> None:
    if isinstance(item, dict):
        raise StoreError(f"cannot write {key!r}: it is a folder with values below it", fix="use a key of another name")
