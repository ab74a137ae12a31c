"""The server itself, as a context manager."""

from __future__ import annotations

import contextlib
import secrets
import socket
import tempfile
import threading
from http.server import ThreadingHTTPServer
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tauro_nb.testing.databricks_emulator.faults import Fault, Faults
from tauro_nb.testing.databricks_emulator.files import Volumes
from tauro_nb.testing.databricks_emulator.handler import Handler
from tauro_nb.testing.databricks_emulator.requests import Request, RequestLog
from tauro_nb.testing.databricks_emulator.uploads import Uploads
from tauro_nb.testing.databricks_emulator.workspace import Workspace


class DatabricksEmulator:
    """A workspace on loopback, for the real ``databricks-sdk``; its files are kept below `root`.

    Parameters
    ----------
    root : str or PathLike, optional
        Kept; without it a folder that goes away with `stop`.
    port : int
        0: any that is free.
    token : str, optional
        The only one that is accepted; without it a new one.

    Examples
    --------
    >>> with DatabricksEmulator() as emulator:  # doctest: +SKIP
    ...     emulator.create_volume("main", "ml", "tauro")
    ...     client = WorkspaceClient(host=emulator.host, token=emulator.token)
    ...     emulator.fail("503", path="*/runs/*", times=3)

    Attributes
    ----------
    host, token : str
        What a client needs.
    faults : Faults
    log : RequestLog
    """

    def __init__(self, root: str | PathLike[str] | None = None, *, port: int = 0, token: str | None = None) -> None:
        self._own = tempfile.TemporaryDirectory(prefix="databricks-emulator-") if root is None else None
        self.root = Path(self._own.name if self._own else root or "").absolute()
        self.token = token or f"dapi{secrets.token_hex(16)}"
        self.faults = Faults()
        self.log = RequestLog()
        self.clock_skew_s = 0.0
        self.volumes = Volumes(self.root)
        self.workspace = Workspace(self.root, self.volumes)
        self._server = _Server(("127.0.0.1", port), type("BoundHandler", (Handler,), {"emulator": self}))
        self.host = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.uploads = Uploads(self.root, self.volumes, self.host)
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"DatabricksEmulator({str(self.root)!r}, host={self.host!r})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Answer from now on, on a thread of its own."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name=self.host, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Be gone: open connections are cut, new ones are refused."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        if self._own is not None:
            self._own.cleanup()

    def create_volume(self, catalog: str, schema: str, volume: str) -> Path:
        """Make a volume, with its catalog and schema, and return where its files lie."""
        place = self.volumes.folder(catalog, schema, volume)
        place.mkdir(parents=True, exist_ok=True)
        return place

    def create_schema(self, catalog: str, schema: str) -> None:
        """Make a schema without volumes, with its catalog."""
        self.volumes.folder(catalog, schema).mkdir(parents=True, exist_ok=True)

    def put_secret(self, scope: str, key: str, value: str) -> None:
        """Keep a secret."""
        self.workspace.put_secret(scope, key, value.encode())

    def fail(self, kind: Any, **matching: Any) -> None:
        """Inject a fault: `Fault`'s arguments."""
        self.faults.add(Fault(kind, **matching))

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.faults.clear()

    def configure(
        self,
        *,
        race_gap_s: float | None = None,
        page_size: int = 1_000,
        short_pages: bool = False,
        clock_skew_s: float = 0.0,
    ) -> None:
        """Set how the server behaves; what is not named goes back to what it was at the start.

        Parameters
        ----------
        race_gap_s : float, optional
            Uploads that may not overwrite look, wait so long, and then write. Without it they are atomic.
        page_size : int
            The most entries in a page of a listing.
        short_pages : bool
            Pages of changing sizes, empty ones among them.
        clock_skew_s : float
            By how much the server's clock is ahead.
        """
        self.volumes.race_gap_s = race_gap_s
        self.volumes.page_size = page_size
        self.volumes.short_pages = short_pages
        self.clock_skew_s = clock_skew_s

    @property
    def requests(self) -> list[Request]:
        """What was asked since the start or `log.clear()`."""
        return self.log.all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing: a client that is gone is no news here."""

    def server_close(self) -> None:
        super().server_close()
        with self._open_lock:
            left = list(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
