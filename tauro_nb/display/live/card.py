"""The live card of one run: open while the run lasts, then replaced by its static picture."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.display import evaluations, html
from tauro_nb.display.live.feed import Feed
from tauro_nb.display.live.grid import short
from tauro_nb.display.live.mount import Place, places
from tauro_nb.display.live.picture import Picture

if TYPE_CHECKING:
    from tauro_nb.display.live.view import View

PARAMS_SHOWN = 60
NOTES_SHOWN = 2_000
"""Characters."""

PICTURES_S = 2.0
"""Between two looks for evaluations, which ask the store."""
PICTURES_BYTES = 60_000
"""Pictures of evaluations that travel; the run's own page has more."""


class Mounted(Picture):
    """A live form over the static one: where it stands, and the view that a page mounts there."""

    def __init__(self, subject: Any, bundle: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(subject, bundle)
        self._place: Place | None = None
        self._view: View | None = None

    def finish(self) -> None:
        """Put the static picture in the place of what is shown, also where a page that is loaded later finds it."""
        with self._lock:
            super().finish()
            if self._place is not None:
                places.end(self._place, self._bundle)

    def close(self) -> None:
        """Close the live form; the output keeps what it shows, and gets its last picture when the work ends."""
        with self._lock:
            super().close()
            if self._place is not None:
                places.leave(self._place)
            if self._view is not None:
                view, self._view = self._view, None
                view.retire()

    def _first(self) -> dict[str, str]:
        self._place = places.next(stays=False)
        places.settle(self._place, self)
        bundle = super()._first()
        return {**bundle, "text/html": self._place.around(bundle.get("text/html", ""))}


class RunCard(Mounted):
    """A card in the output of the cell that is running, with curves that draw themselves.

    What costs time (importing the widget library, packing plotly.js, reading points, sending) is done by the poller's
    thread; the caller's thread writes one output when the card opens and one when it freezes.

    Parameters
    ----------
    run : Run
        Its ``run_id name experiment status params started_at_ns`` and ``tail`` are read.
    bundle : callable
        Returns the static form of the run as it is then, by MIME type; asked when the card opens and when it freezes.
    """

    def __init__(self, run: Any, bundle: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(run, bundle)
        self._feed = Feed(run.tail, run.started_at_ns)
        self._head: dict[str, Any] = {}
        self._look_s = 0.0

    def _tell(self) -> None:
        from tauro_nb.display.live import view

        if self._place is None:
            return
        news = self._feed.poll()
        head = self._facts()
        if self._view is None:
            view.ensure_code()
            self._view = view.CardView(
                self._receive,
                self._feed.snapshot,
                uid=self._place.uid,
                plotly=view.plotly_version(),
                head=self._timed(head),
            )
        else:
            if head != self._head:
                self._view.head = self._timed(head)
            if news:
                message, buffers = self._feed.news()
                self._view.send(message, buffers)
        self._head = head
        if self._feed.has_curves:
            view.ensure_plotly()
        if time.monotonic() >= self._look_s:
            self._look_s = time.monotonic() + PICTURES_S
            self._view.pictures = self._pictures()

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
            "name": short(run.name),
            "experiment": short(run.experiment),
            "status": str(run.status),
            "params": [[short(key), short(value)] for key, value in params[:PARAMS_SHOWN]],
            "params_left": max(0, len(params) - PARAMS_SHOWN),
            "notes": short(run.notes, NOTES_SHOWN),
        }

    def _pictures(self) -> list[dict[str, Any]]:
        """Return what its evaluations drew, as attributes of images."""
        found = [html.image(chart) for chart in evaluations.drawn(self._run.evaluations())]
        sizes = itertools.accumulate(len(each["src"]) for each in found)
        return [each for each, size in zip(found, sizes, strict=True) if size <= PICTURES_BYTES]

    def _timed(self, facts: dict[str, Any]) -> dict[str, Any]:
        return {**facts, "elapsed_s": (time.time_ns() - self._run.started_at_ns) / 1e9}
