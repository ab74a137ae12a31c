"""A store in a Unity Catalog volume, through the Files API of Databricks.

There is no rename, append or lock, and nothing goes through the mount that notebooks have at ``/Volumes``: what is
written there shows itself late, and cannot be created exclusively. `create` alone arbitrates between processes.

A server that says "taken" may mean this process's own write, if its acknowledgement was lost; then what lies there is
read back. And whether the server looks and writes in one step is documented nowhere; so what was created is read back
after `settle_s` or longer, and belongs to whoever finds his own bytes there. Callers that create the very same bytes at
the same moment cannot be told apart by that: each of this package's records has something of its own in it.
"""

from __future__ import annotations

import io
import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, Any

from tauro_nb.errors import KeyMissing, StoreError
from tauro_nb.store import keys
from tauro_nb.store.databricks.files import IN_PARTS_BYTES, VolumeFiles
from tauro_nb.store.databricks.requests import Refusal
from tauro_nb.store.databricks.volume import Volume
from tauro_nb.store.databricks.workspace import Workspace
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.format import FORMAT_RECORD, refuse_newer
from tauro_nb.store.paths import RESERVED, parts
from tauro_nb.store.protocol import Entry, Stat
from tauro_nb.store.publish import whole_file
from tauro_nb.store.timing import timed

_ATTEMPTS = 5
_RIVALS = 3
"""How many times longer than one's own a rival's write may take."""
_LONGEST_SETTLE_S = 10.0
_LOOK = "see that the volume is there and that you may use it: `tauro doctor --databricks`"


class DatabricksStore:
    """Values as files in ``/Volumes/<catalog>/<schema>/<volume>``; safe to share between threads.

    Nothing is asked before the first use. The volume is made with the first value, if it is missing and the user may.

    Parameters
    ----------
    catalog, schema, volume : str
    host, token : str, optional
        Of the workspace; where they are not given the SDK looks for its own (a profile, OAuth, the notebook's).
    settle_s : float
        How long after an exclusive create it is read back; 0 trusts the server to look and write in one step.
    timeout_s : float
        How long one call may take, its repetitions included.
    max_in_flight : int
        Requests at the same time.

    Raises
    ------
    UsageError
        A name that none can be.
    ConfigError
        The host is neither https nor on this machine.
    """

    def __init__(
        self,
        catalog: str,
        schema: str,
        volume: str = "tauro",
        *,
        host: str | None = None,
        token: str | None = None,
        settle_s: float = 0.2,
        timeout_s: float = 30.0,
        max_in_flight: int = 5,
    ) -> None:
        self.volume = Volume(catalog, schema, volume)
        self.settle_s = settle_s
        self.workspace = Workspace(host, token, timeout_s=timeout_s, max_in_flight=max_in_flight)
        self._root = self.volume.path
        self._files = VolumeFiles(self.volume, self.workspace)
        self._made = partial(
            DatabricksStore,
            catalog,
            schema,
            volume,
            host=host,
            settle_s=settle_s,
            timeout_s=timeout_s,
            max_in_flight=max_in_flight,
        )
        self._location: str | None = None
        self._known = self._looked = False
        self._forked()
        _stores.add(self)

    @property
    def location(self) -> str:
        """``databricks://<host>/Volumes/<catalog>/<schema>/<volume>``."""
        if self._location is None:
            host = self.workspace.host
            if host is None:
                return f"databricks://{self._root}"
            self._location = f"databricks://{host}{self._root}"
        return self._location

    def __repr__(self) -> str:
        return f"DatabricksStore({self._root!r})"

    def __reduce__(self) -> tuple[partial[DatabricksStore], tuple[()]]:
        return self._made, ()  # without the token: another process looks for its own

    @timed("write")
    def create(self, key: str, data: bytes) -> bool:
        """Write `data` only if nothing is under `key`; tell whether this call wrote it."""
        parts(key)
        self._prepare()
        for _ in range(_ATTEMPTS):
            try:
                took_s = self._files.send(key, io.BytesIO(data), overwrite=False)
            except Refusal as refusal:
                if refusal.why != "taken":
                    raise self._refused(refusal, key) from None
                settled = self._settled(key, data, refusal.took_s) if refusal.doubtful else self._taken(key, refusal)
            else:
                settled = not self.settle_s or self._settled(key, data, took_s) is not False
            if settled is not None:
                return settled
        raise StoreError(f"{self.location}: {key!r} is created and deleted all the time", fix="see who deletes it")

    @timed("write")
    def put(self, key: str, data: bytes) -> None:
        """Write `data`, replacing what is there."""
        parts(key)
        self._prepare()
        self._replace(key, io.BytesIO(data))

    @timed("write")
    def put_file(self, key: str, path: str | PathLike[str]) -> None:
        """Write the bytes of a local file, replacing what is there; memory does not grow with the file."""
        parts(key)
        with DiskErrors("read", path):
            source = Path(path).open("rb")  # noqa: SIM115 - its errors are the source's, not the store's
        with source:
            self._prepare()
            if os.fstat(source.fileno()).st_size <= IN_PARTS_BYTES:
                self._replace(key, source)
                return
            try:
                self._files.send_in_parts(key, source)
            except Refusal as refusal:
                raise self._refused(refusal, key) from None

    @timed("read")
    def get(self, key: str) -> bytes:
        """Return the value.

        Raises
        ------
        KeyMissing
        """
        data = io.BytesIO()
        self._receive(key, data)
        return data.getvalue()

    @timed("read")
    def get_file(self, key: str, path: str | PathLike[str]) -> None:
        """Copy the value into a local file, which is whole or not there.

        Raises
        ------
        KeyMissing
        """
        parts(key)
        with DiskErrors("write", path), whole_file(path) as file:
            self._receive(key, file)

    def get_many(self, keys: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the value of each key in turn, None where there is none; as many are read at once as are allowed."""
        with ThreadPoolExecutor(self.workspace.max_in_flight, thread_name_prefix="tauro-nb-read") as pool:
            try:
                yield from pool.map(self._get_or_none, keys)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield what lies directly under `prefix`, sorted by name; nothing where the prefix does not exist."""
        return iter(sorted(Entry(found["name"], bool(found.get("is_directory"))) for found in self._listed(prefix)))

    def stats(self, prefix: str) -> dict[str, Stat]:
        """Describe the values directly under `prefix` by name, without a request for each."""
        return {
            found["name"]: Stat(found.get("file_size", 0), found.get("last_modified", 0) * 1_000_000)
            for found in self._listed(prefix)
            if not found.get("is_directory")
        }

    @timed("read")
    def stat(self, key: str) -> Stat:
        """Describe the value without reading it.

        Raises
        ------
        KeyMissing
        """
        parts(key)
        self._look()
        try:
            found = self._files.describe(key)
        except Refusal as refusal:
            raise self._missing(refusal, key) from None
        from email.utils import parsedate_to_datetime

        modified = found.get("last-modified")
        return Stat(
            size_bytes=int(found.get("content-length") or 0),
            modified_ns=int(parsedate_to_datetime(modified).timestamp() * 1_000_000_000) if modified else 0,
        )

    @timed("write")
    def delete(self, key: str) -> bool:
        """Remove the value, and the folders that it leaves empty; tell whether there was one."""
        *folders, _ = parts(key)
        self._look()
        try:
            self._files.remove(key)
        except Refusal as refusal:
            if refusal.why != "missing" and not self._files.is_folder(key):
                raise self._refused(refusal, key) from None
            if not refusal.doubtful:
                return False
        self._files.remove_empty(folders)
        return True

    def local_dir(self, prefix: str) -> None:
        """Return None: the mount of a volume is no local folder."""
        parts(prefix)

    def _forked(self) -> None:
        """Begin without what a fork breaks: at first, and in the child."""
        self.workspace.forked()
        self._preparing = threading.Lock()

    def _prepare(self) -> None:
        """Before the first write: see that the volume is there, and that this version may write in it."""
        if self._known:
            return
        with self._preparing:
            record = self._format() or self._begun()
            refuse_newer(record, f"{self.location}/{keys.FORMAT}")
            self._known = True

    def _begun(self) -> bytes:
        """Make the volume and write which format it has, and return what is read of it: another may be faster."""
        told = "what was written is not there"
        for _ in range(_ATTEMPTS):
            self._files.make()
            try:
                self._files.send(keys.FORMAT, io.BytesIO(FORMAT_RECORD), overwrite=False)
            except Refusal as refusal:
                told = refusal.told
            record = self._format()
            if record is not None:
                return record
            time.sleep(self.settle_s)
        raise StoreError(f"{self.location}: {told}", fix=_LOOK)

    def _look(self) -> None:
        """Before the first read: see that this version understands what is there, if anything is."""
        if self._known or self._looked:
            return
        with self._preparing:
            record = self._format()
            if record is None:
                self._files.exists()
                self._looked = True
            else:
                refuse_newer(record, f"{self.location}/{keys.FORMAT}")
                self._known = True

    def _format(self) -> bytes | None:
        data = io.BytesIO()
        try:
            self._files.receive(keys.FORMAT, data)
        except Refusal as refusal:
            if refusal.why != "missing":
                raise self._refused(refusal, keys.FORMAT) from None
            return None
        return data.getvalue()

    def _replace(self, key: str, source: IO[bytes]) -> None:
        try:
            self._files.send(key, source, overwrite=True)
        except Refusal as refusal:
            raise self._refused(refusal, key) from None

    def _settled(self, key: str, data: bytes, took_s: float) -> bool | None:
        """Read back what was created, or may have been; None where nothing is there.

        A rival who looked before this write takes about as long to come to his own: a slow server is given more time.
        """
        if self.settle_s:
            time.sleep(max(self.settle_s, min(_RIVALS * took_s, _LONGEST_SETTLE_S)))
        found = self._get_or_none(key)
        return None if found is None else found == data

    def _taken(self, key: str, refusal: Refusal) -> bool | None:
        """Tell False of a key that has a value; None where it has gone meanwhile."""
        try:
            self.stat(key)
        except KeyMissing:
            if self._files.is_folder(key):
                raise self._refused(refusal, key) from None
            return None
        return False

    def _get_or_none(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except KeyMissing:
            return None

    def _receive(self, key: str, target: IO[bytes]) -> None:
        parts(key)
        self._look()
        try:
            self._files.receive(key, target)
        except Refusal as refusal:
            raise self._missing(refusal, key) from None

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        if prefix:
            parts(prefix)
        self._look()
        try:
            found = self._files.listed(prefix)
        except Refusal as refusal:
            raise self._refused(refusal, prefix) from None
        return (each for each in found if not each["name"].startswith(RESERVED))

    def _missing(self, refusal: Refusal, key: str) -> StoreError:
        if refusal.why in ("missing", "invalid"):
            return KeyMissing(f"{self.location}: no value under {key!r}")
        return self._refused(refusal, key)

    def _refused(self, refusal: Refusal, key: str) -> StoreError:
        fix = _LOOK if refusal.why == "missing" else "use a key of another name"
        if self._files.is_folder(key):
            return StoreError(f"cannot write {key!r}: it is a folder with values below it", fix=fix)
        return StoreError(f"{self.location}: {key!r}: {refusal.told}", fix=fix)


_stores: weakref.WeakSet[DatabricksStore] = weakref.WeakSet()


def _after_fork() -> None:
    for store in list(_stores):
        store._forked()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
