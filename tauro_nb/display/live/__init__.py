"""Live views: forms that mount themselves in the page over the static HTML of an output.

A view is a widget model that is never displayed. The output holds script-free HTML with a placeholder; the model finds
it in the page and puts the live form over it. Where that does not work (no comms, no anywidget in the front end, an
untrusted or reopened notebook) the static form is simply what one sees. A failure here is one logged warning; it never
reaches the user's code.

`available` says whether to try. `RunCard` shows one run while it lasts; `Explorer` is the base of tables that stay live
as long as the kernel. Importing this package loads no widget library.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.display import tier
from tauro_nb.store.databricks.notebook import is_databricks

if TYPE_CHECKING:
    from tauro_nb.display.live.card import RunCard
    from tauro_nb.display.live.explorer import Explorer
    from tauro_nb.display.live.picture import Picture

__all__ = ["Explorer", "RunCard", "available", "card_for", "placed"]

_HOMES = {"Explorer": "tauro_nb.display.live.explorer", "RunCard": "tauro_nb.display.live.card"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def available() -> bool:
    """Say whether a live view may be opened here; not where every output must be the same each time (nbval)."""
    return placed() and not tier.deterministic()


def card_for(run: Any, bundle: Callable[[], Mapping[str, str]]) -> Picture | None:
    """Return the card that shows a run while it lasts, in the best form of this front end; None where there is none.

    `bundle` returns the run's static form as it is then. Without a card, show that once, when the run has ended.
    """
    from tauro_nb.display.live.picture import Picture

    if available():
        from tauro_nb.display.live.card import RunCard

        return RunCard(run, bundle)
    return None if _without_pictures() else Picture(run, bundle)


def pipeline_card_for(
    report: Any, bundle: Callable[[], Mapping[str, str]], log: Callable[[], list[str]]
) -> Picture | None:
    """Return the card that shows a pipeline while it runs; otherwise as `card_for`."""
    if available():
        from tauro_nb.display.live.pipeline import PipelineCard

        return PipelineCard(report, bundle, log)
    if _without_pictures():
        return None
    from tauro_nb.display.live.pipeline import PipelinePicture

    return PipelinePicture(report, bundle)


def sweep_card_for(
    report: Any, bundle: Callable[[], Mapping[str, str]], log: Callable[[], list[str]]
) -> Picture | None:
    """Return the card that shows a sweep while it runs; otherwise as `card_for`."""
    if not available() and _without_pictures():
        return None
    from tauro_nb.display.live.sweep import SweepCard, SweepPicture

    return SweepCard(report, bundle, log) if available() else SweepPicture(report, bundle)


def placed() -> bool:
    """Say whether the outputs of explorers hold the placeholder of a live view.

    True in the process of a Jupyter kernel whose front end may have widgets, unless the tier is set to ``html`` or
    ``text``. It holds under nbval too, so that a notebook saved by hand compares equal.
    """
    chosen = tier.current()
    if chosen not in ("auto", "live"):
        return False
    return _kernel() is not None and (chosen == "live" or not _html_only())


def _without_pictures() -> bool:
    return tier.current() == "text" or tier.deterministic() or _kernel() is None


def _kernel() -> Any:
    """Return the Jupyter kernel that this process is; a forked child is none, it cannot speak to the page."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    kernel = getattr(shell, "kernel", None)
    return kernel if kernel is not None and kernel.session.pid == os.getpid() else None


def _html_only() -> bool:
    """Front ends that show a cell's HTML in a frame of its own, where no widget can reach it."""
    return is_databricks() or "google.colab" in sys.modules
