"""How an object finds its renderer, without knowing that notebooks exist.

A class that can be shown inherits `Shown`. When Jupyter asks it for its representations it asks here; the package
`display` is loaded on that first question, and registers a renderer for each class it knows. So a run, a registry or a
report shows itself with or without ``%load_ext``, and tracking code never imports a widget.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Renderer = Callable[..., Any]

_renderers: dict[tuple[str, str], Renderer] = {}


def register(act: str, kind: str, renderer: Renderer) -> None:
    """Let `renderer(subject, ...)` answer `act` for the objects of a class.

    Parameters
    ----------
    act : str
        ``page``, ``bundle``, ``display``, ``figure`` or ``svg``.
    kind : str
        The full name of the class, which need not be imported yet: ``package.module.Class``.
    """
    _renderers[act, kind] = renderer


def answer(act: str, subject: object, *args: Any, **kwargs: Any) -> Any:
    """Let the renderer registered for `subject`'s class, or the nearest base of it, answer `act`.

    Raises
    ------
    NotImplementedError
        No renderer answers this; IPython reads that as "use another representation".
    """
    importlib.import_module("tauro_nb.display.install").load()
    for kind in type(subject).__mro__:
        renderer = _renderers.get((act, f"{kind.__module__}.{kind.__qualname__}"))
        if renderer is not None:
            return renderer(subject, *args, **kwargs)
    raise NotImplementedError(f"nothing registered answers {act!r} for {type(subject).__name__}")


class Shown:
    """An object that shows itself in a notebook: live where it can be, as HTML, and as text."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        """Show a live card where the object is still at work; else leave it to the bundle."""
        answer("display", self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundle: dict[str, str] = answer("bundle", self)
        return bundle
