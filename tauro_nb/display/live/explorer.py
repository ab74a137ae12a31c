"""Tables that stay live as long as the kernel, over their static form."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tauro_nb.display import format as fmt
from tauro_nb.display import live
from tauro_nb.display.live.grid import Grid, Pages, questions
from tauro_nb.display.live.mount import Place, places
from tauro_nb.display.live.poller import harmless, poller
from tauro_nb.errors import TauroError, UsageError

if TYPE_CHECKING:
    from tauro_nb.display.live.view import ExplorerView

Block = Grid | Mapping[str, Any]
"""A table, or a block that travels as it is: ``curves figure choices courses lineage text``, as its ``kind`` says."""

Part = Literal["main", "detail"]
_PARTS: tuple[Part, ...] = ("main", "detail")
_CHARTS = ("curves", "figure")


class Explorer:
    """Base of the live tables: a subclass says what is shown, and what opening a row and pressing a button do.

    The state travels as traits, so a page that is loaded again has it; acts are served while the kernel is idle. What
    an act cannot have changed is not read again. An error in a hook is shown as text in the view, never raised. Safe to
    share between threads.

    Parameters
    ----------
    bundle : callable
        Returns the static form, by MIME type.
    """

    def __init__(self, bundle: Callable[[], Mapping[str, str]]) -> None:
        self._bundle = bundle
        self._lock = threading.RLock()
        self._place: Place | None = None
        self._view: ExplorerView | None = None
        self._closed = False
        self._pages: dict[str, Pages] = {}
        self._parts: dict[str, Part] = {}
        self._edition = 0

    def main(self) -> Sequence[Block]:
        """Return what is always shown, as it is now."""
        raise NotImplementedError

    def detail(self) -> Sequence[Block]:
        """Return what is shown below, as it is now: what was opened last."""
        return ()

    def opened(self, grid: str, key: str) -> None:
        """Note that a row was opened; `detail` is asked next."""

    def turned(self, block: str, name: str, value: str) -> None:
        """Note that a choice of a block was made; the part that it stands in is asked next."""
        raise UsageError(f"there is no choice of {name!r} here", fix="refresh the view")

    def matching(self, grid: str, text: str) -> Sequence[bool]:
        """Say of each row whether a filter keeps it.

        Raises
        ------
        FilterError
        """
        raise UsageError("this table takes words only", fix="leave the comparison out")

    def acted(self, do: str, keys: Sequence[str], answer: str) -> str:
        """Do what a button says to the chosen rows, with what was typed for it; return what to tell.

        `detail` is asked next, and `main` unless the button only shows something.
        """
        raise UsageError(f"nothing answers {do!r} here", fix="refresh the view")

    def show(self) -> None:
        """Write the output, and bring it to life in the background."""
        from IPython.display import display

        with harmless(f"showing {type(self).__name__}"):
            self._place = places.next(stays=True)
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
                view.retire()

    def tick(self) -> bool:
        """Open the live form, once."""
        with self._lock:
            if self._view is None and not self._closed and self._place is not None:
                self._open(self._place.uid)
        return False

    def _open(self, uid: str) -> None:
        from tauro_nb.display.live import view

        view.ensure_code()
        parts = {part: self._blocks(part) for part in _PARTS}
        self._view = view.ExplorerView(self._receive, uid=uid, plotly=view.plotly_version(), **parts)
        self._ensure_charts([block for blocks in parts.values() for block in blocks])

    def fact(self, grid: str, name: str) -> Any:
        """Return a fact of a table as the page holds it, which may be older than what the store holds."""
        return self._pages[grid].grid.facts[name]

    def _blocks(self, part: Part) -> list[Any]:
        blocks = self.main() if part == "main" else self.detail()
        told = []
        for block in blocks:
            if isinstance(block, Grid):
                self._edition += 1
                self._pages[block.id] = Pages(block, self._edition)
                told.append(self._pages[block.id].first())
            else:
                told.append(dict(block))
            self._parts[told[-1]["id"]] = part
        return told

    def _ensure_charts(self, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Send plotly.js when the first chart comes: a page stands still for a second while it takes it in."""
        from tauro_nb.display.live import view

        if any(block["kind"] in _CHARTS for block in blocks):
            view.ensure_plotly()

    def _receive(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        with self._lock, harmless(f"answering {type(self).__name__}"):
            view, do = self._view, message.get("do")
            if view is None:
                return
            if do == "gone":
                self.close()
            elif do in ("rows", "column"):
                self._send_page(view, message)
            else:
                view.note = {**self._answer(view, message), "grid": str(message.get("grid", ""))}
                view.send({"done": message.get("request")})

    def _send_page(self, view: ExplorerView, message: Mapping[str, Any]) -> None:
        pages = self._pages.get(str(message.get("grid")))
        if pages is None or pages.edition != message.get("edition"):
            return
        start = int(message["from"])
        place = {"grid": pages.grid.id, "edition": pages.edition, "from": start}
        if message["do"] == "rows":
            view.send({**place, "rows": pages.page(start)})
        else:
            key = str(message["column"])
            view.send({**place, "column": key, "values": pages.column(key, start)})

    def _send_matching(self, view: ExplorerView, message: Mapping[str, Any]) -> None:
        pages = self._pages_of(message)
        text = str(message.get("text", ""))
        kept = bytes(self.matching(pages.grid.id, text))
        view.send({"grid": pages.grid.id, "edition": pages.edition, "filter": text}, [kept])

    def _answer(self, view: ExplorerView, message: Mapping[str, Any]) -> dict[str, str]:
        """Do what was asked, and return what to tell; whatever goes wrong is told too."""
        try:
            said, stale = self._do(view, str(message.get("do")), message)
            for part in stale:
                blocks = self._blocks(part)
                setattr(view, part, blocks)
                self._ensure_charts(blocks)
        except TauroError as error:
            return {"tone": "bad", "text": "\n".join(error.lines())}
        except Exception as error:  # noqa: BLE001 - it belongs to the person at the button, who sees only the view
            return {"tone": "bad", "text": f"{type(error).__name__}: {error}"}
        return {"tone": "good", "text": said}

    def _do(self, view: ExplorerView, do: str, message: Mapping[str, Any]) -> tuple[str, Sequence[Part]]:
        """Return what to tell, and which parts may look different now."""
        if do == "refresh":
            return "", _PARTS
        if do == "turn":
            block = str(message.get("block"))
            self.turned(block, str(message.get("name")), str(message.get("value")))
            return "", [self._parts[block]] if block in self._parts else _PARTS
        if do == "filter":
            self._send_matching(view, message)
            return "", ()
        pages = self._pages_of(message)
        keys = [str(key) for key in message.get("keys", ())]
        if not pages.keys.issuperset(keys):
            raise _stale()
        if do == "open":
            self.opened(pages.grid.id, keys[0])
            return "", ["detail"]
        action = next((each for each in pages.grid.actions if each.do == do), None)
        if action is None:
            raise UsageError(f"nothing answers {do!r} here", fix="refresh the view")
        if questions.precede(action) and message.get("confirmed") is not True:
            raise UsageError(f"{action.label} asks first", fix="answer its question")
        if len(keys) < action.least or (action.most and len(keys) > action.most):
            raise UsageError(f"{action.label} does not go with {fmt.plural(len(keys), 'row')}", fix="choose anew")
        said = self.acted(do, keys, str(message.get("answer", "")))
        return said, ["detail"] if action.looks else _PARTS

    def _pages_of(self, message: Mapping[str, Any]) -> Pages:
        pages = self._pages.get(str(message.get("grid")))
        if pages is None:
            raise _stale()
        return pages


def _stale() -> UsageError:
    return UsageError("what was chosen is no longer there", fix="refresh, and choose again")
