"""Tables that stay live as long as the kernel, over their static form."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tauro_nb.display import live
from tauro_nb.display.live.grid import Grid, Pages
from tauro_nb.display.live.mount import Place, places
from tauro_nb.display.live.poller import harmless, poller
from tauro_nb.errors import TauroError, UsageError

if TYPE_CHECKING:
    from tauro_nb.display.live.view import ExplorerView

Block = Grid | Mapping[str, Any]
"""A table, or a block that travels as it is: ``curves`` or ``text``."""


class Explorer:
    """Base of the live tables: a subclass says what is shown, and what opening a row and pressing a button do.

    The state travels as traits, so a page that is loaded again has it; acts are served while the kernel is idle. An
    error in `opened` or `acted` is shown as text in the view, never raised. Safe to share between threads.

    Parameters
    ----------
    bundle : callable
        Returns the static form, by MIME type.
    """

    curves = False
    """Whether it may draw curves, and so needs plotly.js."""

    def __init__(self, bundle: Callable[[], Mapping[str, str]]) -> None:
        self._bundle = bundle
        self._lock = threading.RLock()
        self._place: Place | None = None
        self._view: ExplorerView | None = None
        self._closed = False
        self._pages: dict[str, Pages] = {}
        self._edition = 0

    def main(self) -> Sequence[Block]:
        """Return what is always shown, as it is now."""
        raise NotImplementedError

    def detail(self) -> Sequence[Block]:
        """Return what is shown below, as it is now: what was opened last."""
        return ()

    def opened(self, grid: str, key: str) -> None:
        """Note that a row was opened; `detail` is asked next."""

    def acted(self, do: str, keys: Sequence[str]) -> str:
        """Do what a button says to the chosen rows; return what to tell. `main` and `detail` are asked next."""
        raise UsageError(f"nothing answers {do!r} here", fix="refresh the view")

    def show(self) -> None:
        """Write the output, and bring it to life in the background."""
        from IPython.display import display

        with harmless(f"showing {type(self).__name__}"):
            self._place = places.next()
            bundle = dict(self._bundle())
            bundle["text/html"] = self._place.around(bundle.get("text/html", ""))
            display(bundle, raw=True)
            if live.available():
                places.settle(self._place, self)
                poller.add(self)

    def close(self) -> None:
        """Close the live form; the static one stands."""
        with self._lock:
            self._closed = True
            if self._place is not None:
                places.leave(self._place)
            if self._view is not None:
                view, self._view = self._view, None
                view.close()

    def tick(self) -> bool:
        """Open the live form, once."""
        with self._lock:
            if self._view is None and not self._closed and self._place is not None:
                self._open(self._place.uid)
        return False

    def _open(self, uid: str) -> None:
        from tauro_nb.display.live import view

        view.ensure_code()
        main = self._blocks(self.main())
        detail = self._blocks(self.detail())
        self._view = view.ExplorerView(self._receive, uid=uid, plotly=view.plotly_version(), main=main, detail=detail)
        if self.curves:
            view.ensure_plotly()

    def _blocks(self, blocks: Sequence[Block]) -> list[Any]:
        told = []
        for block in blocks:
            if isinstance(block, Grid):
                self._edition += 1
                self._pages[block.id] = Pages(block, self._edition)
                told.append(self._pages[block.id].first())
            else:
                told.append(dict(block))
        return told

    def _receive(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        with self._lock, harmless(f"answering {type(self).__name__}"):
            view, do = self._view, message.get("do")
            if view is None:
                return
            if do == "gone":
                self.close()
            elif do == "rows":
                self._send_rows(view, message)
            else:
                view.note = {**self._answer(view, message), "grid": str(message.get("grid", ""))}
                view.send({"done": message.get("request")})

    def _send_rows(self, view: ExplorerView, message: Mapping[str, Any]) -> None:
        pages = self._pages.get(str(message.get("grid")))
        if pages is not None and pages.edition == message.get("edition"):
            start = int(message["from"])
            place = {"grid": pages.grid.id, "edition": pages.edition, "from": start}
            view.send({**place, "rows": pages.page(start)})

    def _answer(self, view: ExplorerView, message: Mapping[str, Any]) -> dict[str, str]:
        """Do what was asked, and return what to tell; whatever goes wrong is told too."""
        try:
            said = self._do(str(message.get("do")), message)
            view.main = self._blocks(self.main())
            view.detail = self._blocks(self.detail())
        except TauroError as error:
            return {"tone": "bad", "text": "\n".join(error.lines())}
        except Exception as error:  # noqa: BLE001 - it belongs to the person at the button, who sees only the view
            return {"tone": "bad", "text": f"{type(error).__name__}: {error}"}
        return {"tone": "good", "text": said}

    def _do(self, do: str, message: Mapping[str, Any]) -> str:
        if do == "refresh":
            return ""
        pages = self._pages.get(str(message.get("grid")))
        keys = [str(key) for key in message.get("keys", ())]
        if pages is None or not pages.keys.issuperset(keys):
            raise UsageError("what was chosen is no longer there", fix="refresh, and choose again")
        if do == "open":
            self.opened(pages.grid.id, keys[0])
            return ""
        action = next((each for each in pages.grid.actions if each.do == do), None)
        if action is None:
            raise UsageError(f"nothing answers {do!r} here", fix="refresh the view")
        if action.confirm and message.get("confirmed") is not True:
            raise UsageError(f"{action.label} asks first", fix="answer its question")
        return self.acted(do, keys)
