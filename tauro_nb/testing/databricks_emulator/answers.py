"""What the emulator answers, and the errors of the documented API as exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

_DOMAIN = "filesystem.databricks.com"


@dataclass
class Answer:
    """One HTTP answer: a status, headers and a body, which may be a part of an open file."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    file: BinaryIO | None = None
    """Open, and positioned where the body starts; in place of `body`."""
    length: int | None = None
    """How many bytes of `file` are the body, or what ``Content-Length`` says to HEAD."""
    cut: bool = False
    """The connection ends in the middle of the body."""

    @classmethod
    def json(cls, value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Return `value` as a JSON body."""
        told = {"Content-Type": "application/json", **(headers or {})}
        return cls(status, json.dumps(value).encode(), told)

    def blocks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """Yield the body and close the file."""
        if self.file is None:
            yield self.body
            return
        left = (self.length or 0) // (2 if self.cut else 1)
        with self.file:
            while left and (block := self.file.read(min(size, left))):
                left -= len(block)
                yield block


class ApiError(Exception):
    """An error as the API tells it: ``{"error_code", "message", "details"}``.

    Parameters
    ----------
    reason : str, optional
        What ``details`` has as the reason of its ``google.rpc.ErrorInfo``.
    retry_after_s : int, optional
        Sent as ``Retry-After``.
    """

    def __init__(
        self, status: int, code: str, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s

    def answer(self) -> Answer:
        """Return the answer that tells this error."""
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.reason, "domain": _DOMAIN}]
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return Answer.json(
            {"error_code": self.code, "message": str(self), "details": details if self.reason else []},
            self.status,
            headers,
        )


def not_found(what: str) -> ApiError:
    """Return the 404 of the Files API."""
    return ApiError(404, "NOT_FOUND", f"{what} does not exist.", reason="FILES_API_NOT_FOUND")


def already_exists(path: str) -> ApiError:
    """Return the 409 of an upload that may not overwrite."""
    message = f"The file being created already exists: {path}"
    return ApiError(409, "ALREADY_EXISTS", message, reason="FILES_API_FILE_ALREADY_EXISTS")
