"""Which objects show themselves live, and as what."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from tauro_nb.display import live

Bundle = Callable[[], Mapping[str, str]]

_OPENERS = {
    "Comparison": lambda subject, bundle: _home("runs").ComparisonExplorer(subject, bundle),
    "ExperimentTracker": lambda subject, bundle: _home("runs").RunsExplorer("Runs", subject.search_runs, bundle),
    "ModelRegistry": lambda subject, bundle: _home("models").RegistryExplorer(subject, bundle),
    "RegisteredModel": lambda subject, bundle: _home("models").RegistryExplorer(
        subject.registry, bundle, only=subject.name
    ),
    "RunTable": lambda subject, bundle: _home("runs").RunsExplorer("Runs", _home("runs").within(subject), bundle),
}
"""Class -> the explorer that stands over its static form as long as the kernel lasts."""


def show(subject: Any, bundle: Bundle) -> None:
    """Show an object live: an explorer, or a card where it is a run, pipeline or sweep that goes on.

    The report of a pipeline or sweep whose card stands above, in the same output area, is not shown a second time.

    Raises
    ------
    NotImplementedError
        It has no live form, here or at all; IPython reads that as "use another representation".
    """
    name = type(subject).__name__
    if name in ("PipelineReport", "SweepReport") and _home("pipeline").is_on_show(subject):
        return
    if name in _OPENERS and live.placed():
        _OPENERS[name](subject, bundle).show()
        return
    card = None
    if name == "Run" and subject.status == "RUNNING":
        card = live.card_for(subject, bundle)
    elif name == "PipelineReport" and subject.status == "RUNNING":
        card = live.pipeline_card_for(subject, bundle, list)
    elif name == "SweepReport" and subject.status == "RUNNING":
        card = live.sweep_card_for(subject, bundle, list)
    if card is None:
        raise NotImplementedError(f"{name} has no live form here")
    card.show()


def _home(module: str) -> Any:
    return importlib.import_module(f"tauro_nb.display.live.{module}")
