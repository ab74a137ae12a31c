"""The Files API for the files of one volume: what is asked, and nothing of what a store promises.

Each call raises `Refusal` where the workspace answers that it does not do it, and what `Requests.api` raises.
"""

from __future__ import annotations

import os
from functools import partial
from typing import IO, Any, BinaryIO
from urllib.parse import quote

from tauro_nb.errors import StoreError
from tauro_nb.store.databricks.requests import Answer, Cut, Refusal, Requests
from tauro_nb.store.databricks.volume import Volume
from tauro_nb.store.databricks.workspace import Workspace
from tauro_nb.store.disk import DiskErrors

IN_PARTS_BYTES = 50 << 20
"""A larger file is sent in parts, as the SDK does it."""

_FILES = "/api/2.0/fs/files"
_DIRECTORIES = "/api/2.0/fs/directories"
_COPY_BYTES = 1 << 20
_READING = {"Accept": "application/octet-stream", "Accept-Encoding": "identity"}
_WRITING = {"Content-Type": "application/octet-stream"}


class VolumeFiles:
    """The files and folders of a volume, by their keys; safe to share between threads."""

    def __init__(self, volume: Volume, workspace: Workspace) -> None:
        self.volume = volume
        self._workspace = workspace
        self._requests = Requests(workspace, volume.path)

    def exists(self) -> bool:
        """Tell whether the volume is there; see `Volume.exists`."""
        return self.volume.exists(self._requests)

    def make(self) -> None:
        """Make the volume, unless it is there; see `Volume.make`."""
        self.volume.make(self._requests)

    def send(self, key: str, source: IO[bytes], *, overwrite: bool) -> float:
        """Write a file from the start of `source`, and return how long that took.

        Where the workspace makes no folders by itself, they are made first.
        """
        query = {"overwrite": "true" if overwrite else "false"}
        options = {"headers": dict(_WRITING), "query": query, "data": source}
        try:
            return self._ask("PUT", _FILES, key, "write", **options).took_s
        except Refusal as refusal:
            if refusal.why != "missing":
                raise
        self.make()
        self._ask("PUT", _DIRECTORIES, key.rpartition("/")[0], "make the folder")
        return self._ask("PUT", _FILES, key, "write", **options).took_s

    def send_in_parts(self, key: str, source: BinaryIO) -> None:
        """Write a large file, or replace it; each part is repeated by itself."""

        def send(_: Any) -> None:
            source.seek(0)
            with open(os.dup(source.fileno()), "rb") as own:  # noqa: PTH123 - the SDK closes what it is given
                self._workspace.transfers().files.upload(f"{self.volume.path}/{key}", own, overwrite=True)

        self._requests.ask(send, f"write {key!r}")

    def receive(self, key: str, target: IO[bytes]) -> None:
        """Write a file's bytes into `target`, all of them and nothing else."""
        self._requests.ask(partial(self._received, key, target), f"read {key!r}")

    def describe(self, key: str) -> dict[str, Any]:
        """Return ``content-length`` and ``last-modified`` of a file."""
        described = ["content-length", "last-modified"]
        found: dict[str, Any] = self._ask(
            "HEAD", _FILES, key, "look at", headers=dict(_READING), response_headers=described
        ).value
        return found

    def remove(self, key: str) -> None:
        """Remove a file."""
        self._ask("DELETE", _FILES, key, "delete")

    def listed(self, prefix: str) -> list[dict[str, Any]]:
        """Return what is told of each name in a folder, in no order; nothing where there is no such folder."""
        found: list[dict[str, Any]] = []
        query: dict[str, str] = {}
        while True:
            try:
                page = self._ask("GET", _DIRECTORIES, prefix, "list", query=query).value
            except Refusal as refusal:
                if refusal.why == "missing" or not self.is_folder(prefix):
                    return []
                raise
            found += page.get("contents") or ()
            token = page.get("next_page_token")
            if not token:
                return found
            query = {"page_token": token}

    def is_folder(self, prefix: str) -> bool:
        """Tell whether there is a folder of this name."""
        try:
            self._ask("HEAD", _DIRECTORIES, prefix, "look at")
        except Refusal:
            return False
        return True

    def remove_empty(self, folders: list[str]) -> None:
        """Remove folders from the inside out, until one is not empty; one that stays does no harm."""
        for depth in range(len(folders), 0, -1):
            try:
                self._ask("DELETE", _DIRECTORIES, "/".join(folders[:depth]), "remove the folder")
            except Refusal as refusal:
                if refusal.why != "missing":
                    return
            except StoreError:
                return

    def _received(self, key: str, target: IO[bytes], client: Any) -> None:
        target.seek(0)
        target.truncate()
        told = client.api_client.do(
            "GET", self._url(_FILES, key), headers=dict(_READING), raw=True, response_headers=["content-length"]
        )
        size = 0
        with told["contents"] as stream:
            while block := stream.read(_COPY_BYTES):
                with DiskErrors("write", getattr(target, "name", key)):
                    target.write(block)
                size += len(block)
        if told.get("content-length") not in (None, str(size)):
            raise Cut(f"{size} bytes of {told['content-length']}")

    def _ask(self, method: str, endpoint: str, key: str, act: str, **options: Any) -> Answer[Any]:
        return self._requests.api(method, self._url(endpoint, key), f"{act} {key!r}", **options)

    def _url(self, endpoint: str, key: str) -> str:
        return f"{endpoint}{quote(f'{self.volume.path}/{key}' if key else self.volume.path, safe='/')}"
