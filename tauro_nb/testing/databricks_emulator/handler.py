"""One connection of the emulator: reads a request whole, lets faults meet it, and writes the answer."""

from __future__ import annotations

import contextlib
import email.utils
import hmac
import io
import time
from http.server import BaseHTTPRequestHandler
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from tauro_nb.testing.databricks_emulator.answers import Answer, ApiError
from tauro_nb.testing.databricks_emulator.faults import PRESIGNED
from tauro_nb.testing.databricks_emulator.requests import Request
from tauro_nb.testing.databricks_emulator.routes import Asked, route
from tauro_nb.testing.databricks_emulator.uploads import expired, refused

if TYPE_CHECKING:
    from tauro_nb.testing.databricks_emulator.emulator import DatabricksEmulator

_BLOCK = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with connections that stay open, and no delay of small packets."""

    protocol_version = "HTTP/1.1"
    server_version = "tauro-databricks-emulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    emulator: DatabricksEmulator

    def do_GET(self) -> None:
        """Answer any method."""
        split = urlsplit(self.path)
        path = unquote(split.path)
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        with self.emulator.volumes.receiving() if self.command == "PUT" else io.BytesIO() as body:
            if not self._read_body(body):
                self.close_connection = True  # the client went away before it had sent all: nothing is done
                return
            body.flush()
            body.seek(0)
            asked = Asked(self.command, path, query, self.headers, body)
            with self.emulator.log.answering():
                answer = self._answer(asked)
        query_told = "" if path == PRESIGNED else split.query  # which holds the permission
        self.emulator.log.add(Request(self.command, path, query_told, answer.status if answer else 0))
        if answer is None:
            self.close_connection = True
            return
        with contextlib.suppress(ConnectionError, TimeoutError):  # the client did not wait
            self._write(answer)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the names that the base class looks for

    def _answer(self, asked: Asked) -> Answer | None:
        """Return the answer, or None where the connection is cut."""
        cut = False
        if not asked.path.startswith("/emulator/"):
            for fault in self.emulator.faults.meet(asked.method, asked.path):
                if fault.kind == "delay":
                    time.sleep(fault.delay_s)
                elif fault.kind == "cut_before":
                    return None
                elif fault.kind == "cut_after":
                    cut = True
                elif fault.kind == "expired":
                    return expired()
                else:
                    return fault.error(asked.method, asked.path).answer()
        try:
            answer = self._refusal(asked) or route(self.emulator, asked)
        except ApiError as error:
            answer = error.answer()
        except (KeyError, ValueError) as error:
            answer = ApiError(400, "INVALID_PARAMETER_VALUE", f"what was asked cannot be read: {error!r}").answer()
        except Exception as error:  # noqa: BLE001 - a fault of the emulator itself is told to the client, not swallowed
            answer = ApiError(500, "EMULATOR_ERROR", f"the emulator failed: {error!r}").answer()
        answer.cut = cut and answer.file is not None and asked.method == "GET"
        return None if cut and not answer.cut else answer

    def _refusal(self, asked: Asked) -> Answer | None:
        given = self.headers.get("Authorization")
        if asked.path == PRESIGNED:
            if given is not None:
                return refused("InvalidArgument", "Only one auth mechanism allowed", 400)
            return None
        if asked.path == "/.well-known/databricks-config":
            return None
        if not given:
            message = "Credential was not sent or was of an unsupported type for this API."
            return ApiError(401, "UNAUTHENTICATED", message).answer()
        if not hmac.compare_digest(given.encode(), f"Bearer {self.emulator.token}".encode()):
            return ApiError(403, "PERMISSION_DENIED", "Invalid access token.").answer()
        return None

    def _read_body(self, target: IO[bytes]) -> bool:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks(target)
        return self._copy(int(self.headers.get("Content-Length") or 0), target)

    def _read_chunks(self, target: IO[bytes]) -> bool:
        while size := self.rfile.readline(1024).split(b";")[0].strip():
            length = int(size, 16)
            if not self._copy(length, target):
                return False
            end = self.rfile.readline(1024)
            if not length:
                while end.strip():  # trailers
                    end = self.rfile.readline(1024)
                return True
        return False

    def _copy(self, length: int, target: IO[bytes]) -> bool:
        while length:
            try:
                block = self.rfile.read(min(length, _BLOCK))
            except ConnectionError:
                return False
            if not block:
                return False
            target.write(block)
            length -= len(block)
        return True

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.length is None else answer.length
        if answer.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD" or answer.status == 204:
            if answer.file is not None:
                answer.file.close()
            return
        for block in answer.blocks():
            self.wfile.write(block)
        self.close_connection = self.close_connection or answer.cut

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time as this server's clock has it."""
        now = time.time() + self.emulator.clock_skew_s if timestamp is None else timestamp
        return email.utils.formatdate(now, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Write nothing: what was asked is in the emulator's log."""
