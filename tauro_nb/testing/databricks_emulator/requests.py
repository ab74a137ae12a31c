"""What was asked of the emulator, for tests that count."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """One request that was read whole. What it was authorised with is never kept."""

    method: str
    path: str
    """Unescaped."""
    query: str
    status: int
    """0 where the connection was cut instead of an answer."""


class RequestLog:
    """The requests since the start or the last `clear`; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    def add(self, request: Request) -> None:
        """Note a request; those of the emulator's own control endpoint are left out."""
        if not request.path.startswith("/emulator/"):
            with self._lock:
                self._requests.append(request)

    def all(self) -> list[Request]:
        """Return the requests in the order in which they were answered."""
        with self._lock:
            return list(self._requests)

    def count(self, method: str = "*", path: str = "*") -> int:
        """Return how many had this method and a path that matches the pattern."""
        return sum(
            method in ("*", request.method) and fnmatch.fnmatchcase(request.path, path) for request in self.all()
        )

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._requests.clear()
