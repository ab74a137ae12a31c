"""Faults that are injected on purpose: which requests they meet, how often, and what happens then."""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tauro_nb.testing.databricks_emulator.answers import ApiError

Kind = Literal["401", "403", "404", "429", "500", "502", "503", "504", "delay", "cut_before", "cut_after", "expired"]
PRESIGNED = "/presigned"
"""Where addresses lead that carry their own permission."""
KINDS: tuple[str, ...] = get_args(Kind)

_STATUS: dict[str, tuple[str, str]] = {
    "401": ("UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API."),
    "403": ("PERMISSION_DENIED", ""),
    "404": ("NOT_FOUND", ""),
    "429": ("REQUEST_LIMIT_EXCEEDED", "Current request has to be retried: the rate limit was exceeded."),
    "500": ("INTERNAL_ERROR", "An internal error occurred."),
    "502": ("BAD_GATEWAY", "The upstream server did not answer."),
    "503": ("TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable."),
    "504": ("DEADLINE_EXCEEDED", "The request took too long."),
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the requests that match.

    Parameters
    ----------
    kind : str
        A status (``401 403 404 429 500 502 503 504``; 404 is that of the whole volume, 403 names the grant that the
        request needs), or ``delay`` (wait `delay_s`, then go on), ``cut_before`` (close the connection with nothing
        done), ``cut_after`` (do it, and close without an answer: a lost acknowledgement; of a file that is read half
        is sent), ``expired`` (presigned addresses are too old).
    path : str
        A pattern in the manner of `fnmatch` for the unescaped path: ``*/Volumes/main/*``.
    method : str
        An HTTP method, or ``*``.
    times : int, optional
        How many requests it meets; without it, all.
    probability : float
        With which it meets a request that matches.
    delay_s : float
        For ``delay``.
    retry_after_s : int, optional
        Sent with a 429 or 503 as ``Retry-After``.
    message : str, optional
        In place of the usual one.
    """

    kind: Kind
    path: str = "*"
    method: str = "*"
    times: int | None = None
    probability: float = 1.0
    delay_s: float = 0.0
    retry_after_s: int | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; choose one of {', '.join(KINDS)}")

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one of those that this is for."""
        if self.kind == "expired" and path != PRESIGNED:
            return False
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)

    def error(self, method: str, path: str) -> ApiError:
        """Return the error of a fault whose kind is a status."""
        code, message = _STATUS[self.kind]
        if self.kind == "403":
            message = f"User does not have {missing_grant(method, path)}."
        elif self.kind == "404":
            message = f"Volume '{volume_of(path)}' does not exist."
        return ApiError(int(self.kind), code, self.message or message, retry_after_s=self.retry_after_s)


class Faults:
    """The faults in force, in the order in which they were added; safe to share between threads."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrets
        self._left: list[list[Any]] = []

    def add(self, fault: Fault) -> None:
        """Let `fault` be in force from now on."""
        with self._lock:
            self._left.append([fault, fault.times])

    def clear(self) -> None:
        """Let no fault be in force."""
        with self._lock:
            self._left.clear()

    def meet(self, method: str, path: str) -> Iterator[Fault]:
        """Yield the faults that meet one request: delays, and after them at most one that ends it."""
        met = []
        with self._lock:
            for entry in self._left:
                fault, left = entry
                if left == 0 or not fault.matches(method, path) or self._random.random() >= fault.probability:
                    continue
                if left is not None:
                    entry[1] -= 1
                met.append(fault)
                if fault.kind != "delay":
                    break
            self._left = [entry for entry in self._left if entry[1] != 0]
        yield from met


_TO_SEE = {"catalog": "USE CATALOG", "schema": "USE SCHEMA", "volume": "READ VOLUME"}


def volume_of(path: str) -> str:
    """Return ``catalog.schema.volume`` of a request's path; of those of the catalog its last segment."""
    _, found, below = path.partition("/Volumes/")
    return ".".join(below.split("/")[:3]) if found else path.rpartition("/")[2]


def missing_grant(method: str, path: str) -> str:
    """Return the grant that a request needs, as the API's message names it."""
    if "/unity-catalog/" in path:
        kind = path.partition("/unity-catalog/")[2].split("/")[0].rstrip("s")
        if method == "POST":
            above = {"volume": "Schema", "schema": "Catalog"}.get(kind, "Metastore")
            return f"CREATE {kind.upper()} on {above}"
        grant = "MANAGE" if method == "DELETE" else _TO_SEE.get(kind, "BROWSE")
        return f"{grant} on {kind.capitalize()} '{volume_of(path)}'"
    if "/secrets/" in path:
        return "READ permission on this secret scope"
    grant = "READ VOLUME" if method in ("GET", "HEAD") else "WRITE VOLUME"
    return f"{grant} on Volume '{volume_of(path)}'"
