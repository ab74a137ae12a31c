"""Events as lines of JSON in a file, without what must not be read there."""

from __future__ import annotations

import math
import os
import re
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.confidential import hidden
from tauro_nb.errors import StoreError
from tauro_nb.events.records import Event

HIDDEN = "***"
_WRITTEN_S = 0.02
"""A line of another writer is written by then."""
_APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
_SECRET = re.compile(r"(?i)(?:^|[^a-z])(?:password|passwd|secret|token|api_?key|access_?key|credentials?)$")
"""A name that stands for a secret."""
_IN_URL = re.compile(r"//[^/@\s]+@")
"""A user and a password in an address."""
_SHORTEST = 8
"""Shorter values of variables are too likely to be ordinary words."""


@dataclass(frozen=True)
class JsonLines:
    """Appends each event to a file; two for the same file and store are equal."""

    path: Path
    store: str | None = None
    """Where only the events of one store are wanted: its location."""

    @classmethod
    def at(cls, path: Path, store: str | None) -> JsonLines:
        """Return one that can write.

        Raises
        ------
        StoreError
        """
        lines = cls(path.absolute(), store)
        try:
            lines.append(b"")
        except OSError as error:
            raise StoreError(
                f"{lines.path}: events cannot be written: {error.strerror or error}",
                fix="name a file in a folder of yours",
            ) from error
        return lines

    def __call__(self, event: Event) -> None:
        """Write the line of an event."""
        if self.store is None or event.store == self.store:
            self.append(line(event))

    def append(self, data: bytes) -> None:
        """Write at the end, in one piece, so that writers in other processes do not come in between.

        Where there was no room for a whole line, what is left of it stays a line of its own.

        Raises
        ------
        OSError
            There is no room for all of it, or no right to write there.
        """
        try:
            fd = os.open(self.path, _APPENDING, 0o666)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, _APPENDING, 0o666)
        try:
            left = memoryview(b"\n" + data if data and _is_torn(fd) else data)
            while left:
                left = left[os.write(fd, left) :]
        finally:
            os.close(fd)


def _is_torn(fd: int) -> bool:
    """Tell whether a file ends within a line that nobody is about to end: another's grows while it is written."""
    size_bytes = _torn_at(fd)
    if size_bytes is None:
        return False
    time.sleep(_WRITTEN_S)
    return _torn_at(fd) == size_bytes


def _torn_at(fd: int) -> int | None:
    """Return the size of a file that ends within a line; None of any other."""
    about = os.fstat(fd)
    torn = stat.S_ISREG(about.st_mode) and about.st_size > 0 and os.pread(fd, 1, about.st_size - 1) != b"\n"
    return about.st_size if torn else None


def line(event: Event) -> bytes:
    """Return an event as one line: ``at`` (ISO 8601, UTC), ``type``, ``environment``, ``store`` and ``data``."""
    told = {
        "at": datetime.fromtimestamp(event.at_ns / 1e9, UTC).isoformat(),
        "type": str(event.type),
        "environment": event.environment,
        "store": event.store,
        "data": dict(event.data),
    }
    secrets = [value for name, value in os.environ.items() if len(value) >= _SHORTEST and _SECRET.search(name)]
    return msgspec.json.encode(_plain(told, secrets)) + b"\n"


def _plain(value: Any, secrets: list[str]) -> Any:
    """Return a JSON value: numbers as they are (NaN and infinities as text), anything strange as its text."""
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if isinstance(each, str) and _SECRET.search(str(key)) else _plain(each, secrets)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(each, secrets) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool | int | float):
        return value
    text = _IN_URL.sub(f"//{HIDDEN}@", hidden(value) if isinstance(value, str) else hidden(str(value)))
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
