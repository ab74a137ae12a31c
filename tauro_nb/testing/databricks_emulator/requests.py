"""What was asked of the emulator, for tests that count."""

from __future__ import annotations

import fnmatch
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_KEPT = 100_000
"""Older requests are forgotten."""


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
        self._requests: deque[Request] = deque(maxlen=MOST_KEPT)
        self._at_once = 0
        self.most_at_once = 0
        """How many requests were answered at the same time, at most."""

    def add(self, request: Request) -> None:
        """Note a request; those of the emulator's own control endpoint are left out."""
        if not request.path.startswith("/emulator/"):
            with self._lock:
                self._requests.append(request)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request as one that is being answered."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

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
            self.most_at_once = self._at_once
