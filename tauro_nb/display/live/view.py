"""The widget models behind the live views; none of them is ever displayed.

`View` is one live view: it carries its state in traits, so that a page that is loaded again finds it, and a few lines
of JavaScript. What all views share travels once per kernel: the code with `ensure_code`, plotly.js, gzipped out of the
installed plotly package, with `ensure_plotly`.
"""

from __future__ import annotations

import gzip
import importlib.util
import threading
import time
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from tauro_nb.display.live import assets
from tauro_nb.display.live.mount import places
from tauro_nb.display.live.poller import harmless

SETTLED_S = 5.0
"""anywidget gives a model two seconds to open in a page, which may lag, and complains when it was closed meanwhile."""


class _Undisplayed(anywidget.AnyWidget):
    """A model without a layout of its own: that would be one more comm for each."""

    layout = traitlets.Any(None, allow_none=True).tag(sync=True)


class _Code(_Undisplayed):
    _esm = assets.entry("code.js")
    _css = assets.text("live.css")
    modules = traitlets.Any().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self.on_msg(self._hear)
        super().__init__(**traits)

    def _hear(self, _: Any, message: Any, __: Any) -> None:
        """Give a page that was loaded anew the last form of cards that ended while no answer could come from here."""
        for uid in map(str, message.get("stale", ())):
            bundle = places.over(uid)
            with harmless("showing how a run ended"):
                if bundle is not None:
                    self.send({"uid": uid, "data": dict(bundle())})


class _Plotly(_Undisplayed):
    _esm = assets.text("plotly.js")
    version = traitlets.Unicode().tag(sync=True)
    library = traitlets.Bytes().tag(sync=True)


class View(_Undisplayed):
    """One live view, mounted in the page where its placeholder stands.

    Parameters
    ----------
    receive : callable
        Hears what the page says. It is registered before the comm opens: a page may answer at once.
    """

    _esm = assets.entry("view.js")
    uid = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    plotly = traitlets.Unicode().tag(sync=True)
    """The version of plotly.js whose arrival the view's charts wait for."""
    looks: Any = traitlets.Dict().tag(sync=True)
    """How a person looks at it: order, filter, choice, scale. Pages write it, and read it when they are loaded."""

    def __init__(self, receive: Callable[[Any, Any, Any], None], **traits: Any) -> None:
        self._receive = receive
        self._settled_s = time.monotonic() + SETTLED_S
        self._retired = False
        self.on_msg(self._hear)
        super().__init__(**traits)

    def retire(self) -> None:
        """Close it, but not before a page has opened it, or had the time to: an error in its console otherwise."""
        self._retired = True
        rest_s = self._settled_s - time.monotonic()
        if rest_s <= 0:
            self.close()
            return
        later = threading.Timer(rest_s, self.close)
        later.daemon = True
        later.start()

    def _hear(self, model: Any, message: Any, buffers: Any) -> None:
        """Hear a page; one that says anything has opened it. What it says in a cell is heard when the cell is over."""
        self._settled_s = 0.0
        places.opened()
        if message.get("do") != "opened":
            self._receive(model, message, buffers)
        if self._retired:
            self.close()


class CardView(View):
    """The card of a run; `points` is made when a page asks for the state, and is never sent otherwise."""

    kind = traitlets.Unicode("card").tag(sync=True)
    head = traitlets.Dict().tag(sync=True)
    points = traitlets.Any().tag(sync=True, to_json=lambda _, model: model.snapshot())
    pictures: Any = traitlets.List().tag(sync=True)
    """Attributes of images: what evaluations of the run drew."""

    def __init__(
        self, receive: Callable[[Any, Any, Any], None], snapshot: Callable[[], dict[str, Any]], **traits: Any
    ) -> None:
        self.snapshot = snapshot
        super().__init__(receive, **traits)


class StepwiseView(View):
    """The card of a pipeline or sweep; `rows` is made when a page asks for the state, and is never sent otherwise."""

    kind = traitlets.Unicode().tag(sync=True)
    head = traitlets.Dict().tag(sync=True)
    rows = traitlets.Any().tag(sync=True, to_json=lambda _, model: model.snapshot())

    def __init__(
        self, receive: Callable[[Any, Any, Any], None], snapshot: Callable[[], list[Any]], **traits: Any
    ) -> None:
        self.snapshot = snapshot
        super().__init__(receive, **traits)


class ExplorerView(View):
    """Tables and what they opened, as lists of blocks."""

    kind = traitlets.Unicode("explorer").tag(sync=True)
    main: Any = traitlets.List().tag(sync=True)
    detail: Any = traitlets.List().tag(sync=True)
    note = traitlets.Dict().tag(sync=True)
    """``tone`` (good, bad), ``text`` and ``grid``: what the kernel answered last, and where it was asked."""


_lock = threading.Lock()
_shared: dict[str, _Undisplayed] = {}


def ensure_code() -> None:
    """Send this kernel's pages the code of the views, unless that was done."""
    with _lock:
        if not _alive("code"):
            _shared["code"] = _Code(modules=[list(pair) for pair in assets.modules()])


def ensure_plotly() -> None:
    """Send this kernel's pages plotly.js, unless that was done."""
    with _lock:
        if not _alive("plotly"):
            _shared["plotly"] = _Plotly(version=plotly_version(), library=_packed_plotly())


def plotly_version() -> str:
    """Return the version of the installed plotly package; it names the library in the page."""
    return metadata.version("plotly")


def _alive(name: str) -> bool:
    return name in _shared and getattr(_shared[name], "comm", None) is not None


@cache
def _packed_plotly() -> bytes:
    found: Any = importlib.util.find_spec("plotly")
    path = Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    return gzip.compress(path.read_bytes(), 6)
