"""The live card of one run: open while the run lasts, then replaced by its static picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.display.live.feed import Feed
from tauro_nb.display.live.mount import Place, places
from tauro_nb.display.live.poller import harmless, poller
from tauro_nb.events import Event, EventType, Subscription, get_event_emitter

if TYPE_CHECKING:
    from tauro_nb.display.live.view import CardView

PARAMS_SHOWN = 60
TEXT_SHOWN = 200
"""Characters of one value; all of it is in the run."""


class RunCard:
    """A card in the output of the cell that is running.

    What costs time (importing the widget library, packing plotly.js, reading points, sending) is done by the poller's
    thread; the caller's thread writes one output when the card opens and one when it freezes. Safe to share between
    threads. A failure is a logged warning, and the static form stands.

    Parameters
    ----------
    run : Run
        Its ``run_id name experiment status params started_at_ns`` and ``tail`` are read.
    bundle : callable
        Returns the static form of the run as it is then, by MIME type; asked when the card opens and when it freezes.
    """

    def __init__(self, run: Any, bundle: Callable[[], Mapping[str, str]]) -> None:
        self._run = run
        self._bundle = bundle
        self._lock = threading.RLock()
        self._place: Place | None = None
        self._handle: Any = None
        self._view: CardView | None = None
        self._feed = Feed(run.tail, run.started_at_ns)
        self._head: dict[str, Any] = {}
        self._ending: Subscription | None = None
        self._live = False
        self._frozen = False

    def show(self) -> None:
        """Write the output, and let the poller bring it to life."""
        from IPython.display import DisplayHandle

        with harmless(f"showing the card of run {self._run.run_id}"):
            self._place = places.next()
            bundle = dict(self._bundle())
            bundle["text/html"] = self._place.around(bundle.get("text/html", ""))
            self._handle = DisplayHandle()
            self._handle.display(bundle, raw=True)
            places.settle(self._place, self)
            self._live = True
            poller.add(self)
            self._ending = get_event_emitter().on_event(EventType.RUN_ENDED, self._on_ended)

    def finish(self) -> None:
        """Put the static picture in place of the live form, then close it; doing it twice is harmless."""
        with self._lock, harmless(f"freezing the card of run {self._run.run_id}"):
            if not self._frozen and self._handle is not None:
                self._frozen = True
                if self._ending is not None:
                    self._ending.close()
                self._handle.update(dict(self._bundle()), raw=True)
            self.close()

    def close(self) -> None:
        """Close the live form; the output keeps what it shows, and gets its last picture when the run ends."""
        with self._lock:
            self._live = False
            if self._place is not None:
                places.leave(self._place)
            if self._view is not None:
                view, self._view = self._view, None
                view.close()

    def tick(self) -> bool:
        """Tell the page what is new; freeze the card when its run is over. False when nothing is left to do."""
        with self._lock:
            if not self._live or self._place is None:
                return False
            over = self._run.status != "RUNNING"
            if over:
                self.finish()
            else:
                self._tell(self._place.uid)
            return not over

    def _on_ended(self, event: Event) -> None:
        """Freeze before the cell is over, not at the poller's next look: nobody may be there then."""
        if event.data["run_id"] == self._run.run_id:
            self.finish()

    def _tell(self, uid: str) -> None:
        from tauro_nb.display.live import view

        news = self._feed.poll()
        head = self._facts()
        if self._view is None:
            view.ensure_code()
            self._view = view.CardView(
                self._feed.snapshot, uid=uid, plotly=view.plotly_version(), head=self._timed(head)
            )
            self._view.on_msg(self._receive)
        else:
            if head != self._head:
                self._view.head = self._timed(head)
            if news:
                message, buffers = self._feed.news()
                self._view.send(message, buffers)
        self._head = head
        if self._feed.has_curves:
            view.ensure_plotly()

    def _receive(self, _: Any, message: Any, __: Any) -> None:
        with self._lock:
            if message.get("do") == "resend":
                self._feed.forget()
            elif message.get("do") == "gone":
                self.close()

    def _facts(self) -> dict[str, Any]:
        run = self._run
        params = list(run.params.items())
        return {
            "run_id": run.run_id,
            "name": _short(run.name),
            "experiment": _short(run.experiment),
            "status": str(run.status),
            "params": [[_short(key), _short(value)] for key, value in params[:PARAMS_SHOWN]],
            "params_left": max(0, len(params) - PARAMS_SHOWN),
        }

    def _timed(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {**facts, "elapsed_s": (time.time_ns() - self._run.started_at_ns) / 1e9}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…"
