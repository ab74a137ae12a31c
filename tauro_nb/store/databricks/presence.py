"""Whether a host is there at all: asked before anything that may wait long for one that is not.

A host that swallows what it is sent costs each request its whole time-out, for each of its addresses, and the SDK makes
several before the first that is asked of it; signing in by OAuth has no time-out at all. So one small request goes
first, without credentials, and any answer will do.
"""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

_PATH = "/.well-known/databricks-config"


class Absent(OSError):
    """No answer came from a host."""


class Presence:
    """What is known of a host; safe to share between threads, which wait for one answer together.

    Parameters
    ----------
    patience_s : float
        How long an answer may take, all addresses of the host taken together.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._seen: frozenset[str] = frozenset()
        self._absent: tuple[float, str] | None = None
        """When it was last found that there is no answer, and what is told of that."""

    def doubt(self) -> None:
        """Ask again before the next request."""
        self._seen = frozenset()

    def see(self, host: str) -> None:
        """Return as soon as the host is known to be there.

        Raises
        ------
        Absent
            There is no way to it, or it says nothing.
        requests.RequestException
            The way there is not safe, or none.
        """
        if host in self._seen:
            return
        came = time.monotonic()
        with self._lock:
            if host in self._seen:
                return
            if self._absent is not None and self._absent[0] > came:
                raise Absent(self._absent[1])
            try:
                _ask(host, self._patience_s)
            except Absent as error:
                self._absent = time.monotonic(), str(error)
                raise
            self._seen |= {host}


def _ask(host: str, patience_s: float) -> None:
    import requests

    name = urlsplit(host).netloc
    failed: list[Exception] = []

    def ask() -> None:
        try:
            with requests.get(
                f"{host}{_PATH}", timeout=patience_s, stream=True, allow_redirects=False, auth=lambda asked: asked
            ):
                pass
        except requests.exceptions.SSLError as error:
            failed.append(error)
        except requests.exceptions.ReadTimeout:
            failed.append(Absent(f"no answer from {name}"))
        except requests.ConnectionError:
            failed.append(Absent(f"no connection to {name}"))
        except Exception as error:  # noqa: BLE001 - the thread that waits raises it
            failed.append(error)

    asking = threading.Thread(target=ask, name=f"tauro-nb-{name}", daemon=True)
    asking.start()
    asking.join(patience_s + 0.5)
    if asking.is_alive():
        raise Absent(f"no connection to {name}")
    if failed:
        raise failed[0]
