"""Config-driven pipelines, experiment tracking and a model registry inside the notebook, with no server to run.

In a notebook: ``%load_ext tauro_nb``, ``%tauro load dev``, ``%tauro run ml_training_pipeline``. From Python:
`open_session` for a project, `open_store` for tracking alone. Names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from tauro_nb.config.descriptor import AppConfigManager
    from tauro_nb.config.loader import Context, ContextLoader
    from tauro_nb.errors import TauroError
    from tauro_nb.events import get_event_emitter
    from tauro_nb.io.catalog import Catalog
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker
    from tauro_nb.pipeline.executor import PipelineExecutor
    from tauro_nb.session import Session, open_session, open_store

__version__ = "0.1.0"

_HOMES = {
    "AppConfigManager": "tauro_nb.config.descriptor",
    "Catalog": "tauro_nb.io.catalog",
    "Context": "tauro_nb.config.loader",
    "ContextLoader": "tauro_nb.config.loader",
    "ExperimentTracker": "tauro_nb.mlops.tracking.tracker",
    "ModelRegistry": "tauro_nb.mlops.registry.registry",
    "PipelineExecutor": "tauro_nb.pipeline.executor",
    "Run": "tauro_nb.mlops.tracking.run",
    "Session": "tauro_nb.session",
    "TauroError": "tauro_nb.errors",
    "get_event_emitter": "tauro_nb.events",
    "open_session": "tauro_nb.session",
    "open_store": "tauro_nb.session",
}

__all__ = [
    "AppConfigManager",
    "Catalog",
    "Context",
    "ContextLoader",
    "ExperimentTracker",
    "ModelRegistry",
    "PipelineExecutor",
    "Run",
    "Session",
    "TauroError",
    "__version__",
    "get_event_emitter",
    "open_session",
    "open_store",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Answer ``%load_ext tauro_nb``: add ``%tauro``, its completion and its displays; doing it twice is harmless."""
    importlib.import_module("tauro_nb.notebook.magics").load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Answer ``%unload_ext tauro_nb``: remove all that loading added."""
    importlib.import_module("tauro_nb.notebook.magics").unload(shell)
