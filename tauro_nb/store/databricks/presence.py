"""Whether a host is there at all: asked before anything that may wait long for one that is not.

A host that swallows what it is sent costs each request its whole time-out, for each of its addresses, and the SDK makes
several before the first that is asked of it; signing in by OAuth has no time-out at all. So one small request goes
first, without credentials, and any answer will do.
"""

from __future__ import annotations

import math
import threading
import time
from urllib.parse import urlsplit

_PATH = "/.well-known/databricks-config"
_LATELY_S = 2.0
_GLANCE_S = 0.3


class Absent(OSError):
    """No answer came from a host.

    Attributes
    ----------
    again : bool
        It was given up a moment ago already: there is no use in trying for long.
    """

    def __init__(self, told: str, *, again: bool = False) -> None:
        super().__init__(told)
        self.again = again


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
        self._given_up: tuple[float, str] | None = None
        """When, and what is told of it."""

    def doubt(self) -> None:
        """Ask again before the next request."""
        self._seen = frozenset()

    def give_up(self, told: str) -> None:
        """Let what wants the host now only have a glance: many who wait one after the other wait for minutes."""
        self._given_up = time.monotonic(), told

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
        came_s = time.monotonic()
        with self._lock:
            if host in self._seen:
                return
            given_up_s, told = self._given_up or (-math.inf, "")
            if given_up_s > came_s:
                raise Absent(told, again=True)
            began_s = time.monotonic()
            again = began_s - given_up_s < _LATELY_S
            patience_s = min(self._patience_s, _GLANCE_S) if again else self._patience_s
            told = _ask(host, patience_s)
            if told:
                if not again and time.monotonic() - began_s >= patience_s:
                    self.give_up(told)
                raise Absent(told, again=again)
            self._seen |= {host}


def name_of(host: str) -> str:
    """Return name and port of a host's address, without a password that may stand before them."""
    return urlsplit(host).netloc.rpartition("@")[2]


def _ask(host: str, patience_s: float) -> str:
    """Return what is told of a host that does not answer; nothing if it does."""
    import requests

    name = name_of(host)
    told: list[str] = []
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
            told.append(f"no answer from {name}")
        except requests.ConnectionError:
            told.append(f"no connection to {name}")
        except Exception as error:  # noqa: BLE001 - the thread that waits raises it
            failed.append(error)

    asking = threading.Thread(target=ask, name=f"tauro-nb-{name}", daemon=True)
    asking.start()
    asking.join(patience_s + 0.5)
    if asking.is_alive():
        return f"no connection to {name}"
    if failed:
        raise failed[0]
    return told[0] if told else ""
