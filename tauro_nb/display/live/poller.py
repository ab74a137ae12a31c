"""One background thread that asks every open card for news, a few times a second, so that training never does."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from typing import Protocol

log = logging.getLogger("tauro_nb.display")


class Beat(Protocol):
    """Something that is looked at regularly while it lasts."""

    def tick(self) -> bool:
        """Do what is due; False when there is nothing left to do."""

    def close(self) -> None:
        """Give up the live form, after `tick` raised."""


class harmless:  # noqa: N801 - reads as a statement: `with harmless("drawing"): ...`
    """Turn a failure of the display code inside into one warning: it is not the user's. The log has its traceback."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        """Swallow an `Exception`; an interrupt passes."""
        if not isinstance(error, Exception):
            return False
        told = f"{self.what} failed ({type(error).__name__}: {error}); the static form stands"
        log.info(told, exc_info=error)
        try:
            warnings.warn(told, RuntimeWarning, stacklevel=2)
        except RuntimeWarning:  # where warnings are errors: not in the user's training
            log.warning(told)
        return True


SHARE = 0.01
"""Of one processor, which the thread takes at most: it looks less often where looking costs more."""

LONGEST_PAUSE_S = 1.0


class Poller:
    """Calls `tick` of each beat, at most `update_hz` times a second; the thread lives while there is one.

    A beat that raises is closed with one warning: the static form of its output stands.
    """

    def __init__(self, update_hz: float = 5.0) -> None:
        self.update_hz = update_hz
        self._lock = threading.Lock()
        self._beats: list[Beat] = []
        self._thread: threading.Thread | None = None
        self._news = threading.Event()

    def add(self, beat: Beat) -> None:
        """Look at this beat from now on, first at once."""
        with self._lock:
            self._beats.append(beat)
            self._news.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tauro-nb-live", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._news.clear()
            with self._lock:
                beats = list(self._beats)
                if not beats:
                    self._thread = None
                    return
            before = time.thread_time()
            for beat in beats:
                if not _lasts(beat):
                    with self._lock:
                        self._beats.remove(beat)
            spent_s = time.thread_time() - before
            self._news.wait(min(max(1 / self.update_hz, spent_s / SHARE), LONGEST_PAUSE_S))


def _lasts(beat: Beat) -> bool:
    with harmless("updating a live view"):
        return beat.tick()
    with harmless("closing a live view"):
        beat.close()
    return False


poller = Poller()
"""This kernel's poller."""
