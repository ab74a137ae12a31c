"""Where a view stands: the placeholder in an output, and the name by which its model finds it.

The name holds nothing random, so that a notebook that is run again is saved with the same bytes: it is a hash of the
cell's source, of its place among the cells with that source, and of the order of views within one execution. (The
execution count would not do: it stands still under nbval.) Copies of a notebook share names; the page tells them apart.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

MOST_OVER = 50
"""Cards that are over, whose last form is known by the name of their place."""

HINT = (
    "Live in a notebook whose front end has widgets; where it stays a picture, pip install anywidget jupyterlab_widgets"
    " beside JupyterLab, or allow widgets in the settings."
)


class Closable(Protocol):
    """A live view that can be told that its place is gone."""

    def close(self) -> None:
        """Close the view's model."""


class Place(NamedTuple):
    """One placeholder: its name, and the execution that made it."""

    uid: str
    cell: str | None
    """The notebook cell's id, where the front end tells it."""
    execution: str | None
    hint: bool = False
    """Whether it tells what is missing where nothing ever mounts."""

    def around(self, static_html: str) -> str:
        """Return the output's HTML: the placeholder, with the static form inside."""
        hint = f'<div class="tn-hint" style="opacity:.65;font-size:11px">{HINT}</div>' if self.hint else ""
        return f'<div class="tn-mount tn-id-{self.uid}"><div class="tn-static">{static_html}{hint}</div></div>'


class Places:
    """Names places, and closes the views of a cell when that cell runs again; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twins: dict[str, list[str | None]] = {}
        self._execution: str | None = None
        self._ordinal = 0
        self._views: dict[Place, Closable] = {}
        self._over: dict[str, Callable[[], Mapping[str, str]]] = {}
        self._hinted = False

    def next(self, *, stays: bool) -> Place:
        """Name the next place of the execution that is going on, and close what an earlier one of its cell left.

        The first that `stays` in its output is the last of this kernel that tells what is missing; none does once a
        page has opened a view.
        """
        parent = _parent()
        source = str(parent.get("content", {}).get("code", ""))
        execution = parent.get("header", {}).get("msg_id")
        cell = parent.get("metadata", {}).get("cellId")
        with self._lock:
            if execution != self._execution:
                self._execution, self._ordinal = execution, 0
            self._ordinal += 1
            twins = self._twins.setdefault(source, [])
            if (cell or execution) not in twins:
                twins.append(cell or execution)
            name = f"{source}|{twins.index(cell or execution)}|{self._ordinal}"
            old = [place for place in self._views if cell and place.cell == cell and place.execution != execution]
            gone = [self._views.pop(place) for place in old]
            hint, self._hinted = not self._hinted, self._hinted or stays
            uid = hashlib.sha256(name.encode()).hexdigest()[:10]
            self._over.pop(uid, None)
        for view in gone:
            view.close()
        return Place(uid, cell, execution, hint)

    def opened(self) -> None:
        """Note that a page has opened a view: nothing is missing there."""
        self._hinted = True

    def settle(self, place: Place, view: Closable) -> None:
        """Remember who lives at a place; the newest wins."""
        with self._lock:
            self._views[place] = view

    def leave(self, place: Place) -> None:
        """Forget who lives at a place."""
        with self._lock:
            self._views.pop(place, None)

    def end(self, place: Place, bundle: Callable[[], Mapping[str, str]]) -> None:
        """Remember the last form of a card: a page that was loaded while its cell ran holds an earlier one."""
        with self._lock:
            self._over[place.uid] = bundle
            while len(self._over) > MOST_OVER:
                self._over.pop(next(iter(self._over)))

    def over(self, uid: str) -> Callable[[], Mapping[str, str]] | None:
        """Return what makes the last form of the card that stood at a place; None while it lasts, or where none did."""
        return self._over.get(uid)

    def __len__(self) -> int:
        return len(self._views)


places = Places()
"""This kernel's places."""


def execution() -> str | None:
    """Return what names the execution that is going on, where the front end tells it."""
    name = _parent().get("header", {}).get("msg_id")
    return None if name is None else str(name)


def _parent() -> dict[str, Any]:
    """Return the message that started the execution going on; empty where there is none."""
    from IPython import get_ipython

    shell = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    return parent if isinstance(parent, dict) else {}
