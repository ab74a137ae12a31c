"""The volumes on disk: whole files only, creates that are atomic or racy, and listings in pages.

A catalog, a schema and a volume are folders below ``Volumes``; what a client wrote lies in them under its own name, so
that a test can read and write around the API.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from tauro_nb.testing.databricks_emulator.answers import ApiError, already_exists, not_found

PAGE = 1_000
_TRIES = 100
_LONGEST = 255
"""Bytes of a name, as file systems have it."""


class Volumes:
    """Files and directories below ``root/Volumes``; safe to share between threads.

    Attributes
    ----------
    race_gap_s : float or None
        None: an upload without overwriting is atomic. A number: it looks, waits so long, and then writes, as an object
        store does that cannot do both at once.
    page_size : int
        How many entries a page of a listing has at most, whatever the client asks for.
    short_pages : bool
        Give pages of changing sizes, empty ones among them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root / "Volumes"
        self._temporary = root / "temporary"
        for folder in (self.root, self._temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self.race_gap_s: float | None = None
        self.page_size = PAGE
        self.short_pages = False

    def folder(self, *names: str) -> Path:
        """Return where a catalog, schema or volume lies, there or not.

        Raises
        ------
        ApiError
            A name that is no name.
        """
        for name in names:
            if name in ("", ".", "..") or "/" in name or "\0" in name or len(name.encode()) > _LONGEST:
                raise ApiError(400, "INVALID_PARAMETER_VALUE", f"{name!r} is not a valid name")
        return self.root.joinpath(*names)

    def place(self, path: str) -> Path:
        """Return where ``/Volumes/<catalog>/<schema>/<volume>[/...]`` lies.

        Raises
        ------
        ApiError
            It is no path in a volume, or the volume does not exist.
        """
        top, *names = path.strip("/").split("/")
        if top != "Volumes" or len(names) < 3:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"{path!r} is no path in a volume")
        place = self.folder(*names)
        if not self.root.joinpath(*names[:3]).is_dir():
            raise not_found(f"Volume '{'.'.join(names[:3])}'")
        return place

    @contextlib.contextmanager
    def receiving(self) -> Iterator[IO[bytes]]:
        """Give a temporary file for what a client sends; it goes away unless `publish` took it."""
        with tempfile.NamedTemporaryFile(dir=self._temporary, delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)

    def publish(self, received: str | Path, path: str, *, overwrite: bool) -> None:
        """Give the file that was received its name, with its parent directories.

        Raises
        ------
        ApiError
            409: it exists and may not be overwritten, or a directory does; 400: one of its parents is a file.
        """
        place = self.place(path)
        for _ in range(_TRIES):
            self._make(place.parent, path)
            try:
                if overwrite:
                    Path(received).replace(place)
                elif self.race_gap_s is None:
                    os.link(received, place)
                else:
                    if place.exists():
                        raise already_exists(path)
                    time.sleep(self.race_gap_s)
                    Path(received).replace(place)
                return
            except FileNotFoundError:
                continue  # another client removed the directory
            except (FileExistsError, IsADirectoryError):
                raise already_exists(path) from None
            except NotADirectoryError:
                raise _below_a_file(path) from None
        raise _restless(path)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; what replaces it meanwhile is not seen."""
        try:
            return self.place(path).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise not_found(f"The file {path}") from None

    def delete(self, path: str) -> None:
        """Remove a file."""
        place = self.place(path)
        try:
            if place.is_dir():
                raise not_found(f"The file {path}")
            place.unlink()
        except (FileNotFoundError, NotADirectoryError):
            raise not_found(f"The file {path}") from None

    def make_directory(self, path: str) -> None:
        """Make a directory and its parents; one that is there is fine."""
        place = self.place(path)
        if place.is_file():
            raise already_exists(path)
        self._make(place, path)

    def directory(self, path: str) -> Path:
        """Return the place of a directory that exists."""
        place = self.place(path)
        if not place.is_dir():
            raise not_found(f"The directory {path}")
        return place

    def delete_directory(self, path: str) -> None:
        """Remove an empty directory."""
        place = self.directory(path)
        try:
            place.rmdir()
        except FileNotFoundError:
            raise not_found(f"The directory {path}") from None
        except OSError:
            message = f"The directory {path} is not empty."
            raise ApiError(400, "FAILED_PRECONDITION", message, reason="FILES_API_DIRECTORY_IS_NOT_EMPTY") from None

    def page(self, path: str, size: int | None, token: str | None) -> dict[str, Any]:
        """Return one page of a listing: the entries after `token`, in an order that means nothing to clients."""
        names = sorted((zlib.crc32(place.name.encode()), place.name) for place in self.directory(path).iterdir())
        after = _read_token(token)
        if after is not None:
            names = [entry for entry in names if entry > after]
        size = min(size or PAGE, self.page_size, PAGE)
        turn = 0 if after is None else after[0]
        if self.short_pages:
            size = turn % (size + 1) if token and not token.endswith(".again") else max(1, size // 2)
        chosen = names[:size]
        told: dict[str, Any] = {"contents": [entry for _, name in chosen if (entry := self._entry(path, name))]}
        if len(names) > size:
            told["next_page_token"] = _token(chosen[-1]) if chosen else f"{token}.again"
        return told

    def remove_volume(self, *names: str) -> None:
        """Remove a catalog, schema or volume with all that is in it."""
        shutil.rmtree(self.folder(*names))

    def _entry(self, path: str, name: str) -> dict[str, Any] | None:
        whole = f"{path.rstrip('/')}/{name}"
        try:
            found = self.place(whole).stat()
        except FileNotFoundError:
            return None
        if self.place(whole).is_dir():
            return {"path": whole, "name": name, "is_directory": True}
        return {
            "path": whole,
            "name": name,
            "is_directory": False,
            "file_size": found.st_size,
            "last_modified": found.st_mtime_ns // 1_000_000,
        }

    def _make(self, place: Path, path: str) -> None:
        for _ in range(_TRIES):
            try:
                place.mkdir(parents=True, exist_ok=True)
                return
            except FileNotFoundError:
                continue  # another client removed a parent
            except (FileExistsError, NotADirectoryError):
                if any(each.is_file() for each in (place, *place.parents)):
                    raise _below_a_file(path) from None  # else another client made and removed it meanwhile
        raise _restless(path)


def _below_a_file(path: str) -> ApiError:
    return ApiError(400, "INVALID_PARAMETER_VALUE", f"{path}: a part of its path is a file, not a directory")


def _restless(path: str) -> ApiError:
    return ApiError(500, "INTERNAL_ERROR", f"{path}: its directory keeps going away")


def _token(entry: tuple[int, str]) -> str:
    number, name = entry
    return base64.urlsafe_b64encode(f"{number} {name}".encode()).decode()


def _read_token(token: str | None) -> tuple[int, str] | None:
    if not token:
        return None
    try:
        number, _, name = base64.urlsafe_b64decode(token.removesuffix(".again")).decode().partition(" ")
        return int(number), name
    except ValueError:
        raise ApiError(400, "INVALID_PARAMETER_VALUE", "page_token is not one of this listing") from None
