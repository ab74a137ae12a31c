"""The output of a run or pipeline that goes on: written when it starts, replaced by its static picture when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from tauro_nb.display.live.poller import harmless, poller
from tauro_nb.events import Event, EventType, Subscription, get_event_emitter


class Handle(Protocol):
    """Where a form is written: an output, or a part of one."""

    def display(self, bundle: dict[str, str], /, *, raw: bool) -> object:
        """Write it."""

    def update(self, bundle: dict[str, str], /, *, raw: bool) -> object:
        """Put this in its place."""


class Picture:
    """A run's static form in the output of the cell that is running, drawn anew every second while the run lasts.

    It is the form for front ends that show HTML and no more. Safe to share between threads. A failure is one warning,
    and what the output shows stands.

    Parameters
    ----------
    run : Run
        Its ``run_id`` and ``status`` are read.
    bundle : callable
        Returns the static form of the run as it is then, by MIME type.
    """

    PERIOD_S = 1.0
    ENDING: ClassVar[EventType] = EventType.RUN_ENDED

    def __init__(self, run: Any, bundle: Callable[[], Mapping[str, str]]) -> None:
        self._run = run
        self._bundle = bundle
        self._lock = threading.RLock()
        self._handle: Any = None
        self._ending: Subscription | None = None
        self._watched = False
        self._frozen = False
        self._due_s = 0.0

    @property
    def title(self) -> str:
        """What it shows, as a warning names it."""
        return f"run {self._run.run_id}"

    def show(self, handle: Handle | None = None) -> None:
        """Write the output, or what `handle` stands for, and let the poller look after it."""
        from IPython.display import DisplayHandle

        with harmless(f"showing the card of {self.title}"):
            handle = DisplayHandle() if handle is None else handle
            handle.display(self._first(), raw=True)
            self._handle = handle
            self._watched = True
            self._due_s = time.monotonic() + self.PERIOD_S
            poller.add(self)
            self._ending = get_event_emitter().on_event(self.ENDING, self._on_ended, inline=True)

    def finish(self) -> None:
        """Put the static picture in the place of what is shown, then close; doing it twice is harmless."""
        with self._lock:
            if not self._frozen and self._handle is not None:
                self._frozen = True
                with harmless(f"freezing the card of {self.title}"):
                    self._handle.update(dict(self._bundle()), raw=True)
            if self._ending is not None:
                self._ending.close()
            self.close()

    def close(self) -> None:
        """Stop telling news; the output keeps what it shows, and gets its last picture when the run ends."""
        with self._lock:
            self._watched = False

    def tick(self) -> bool:
        """Tell what is new; freeze when the run is over. False when nothing is left to do."""
        with self._lock:
            if not self._watched:
                return False
            if self._run.status != "RUNNING":
                self.finish()
                return False
            self._tell()
            return True

    def _first(self) -> dict[str, str]:
        """Return what the output holds at first."""
        return dict(self._bundle())

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + self.PERIOD_S
            self._handle.update(dict(self._bundle()), raw=True)

    def _on_ended(self, event: Event) -> None:
        """Freeze before the cell is over, not at the poller's next look: nobody may be there then."""
        if self._is_about(event):
            self.finish()

    def _is_about(self, event: Event) -> bool:
        return bool(event.data["run_id"] == self._run.run_id)
