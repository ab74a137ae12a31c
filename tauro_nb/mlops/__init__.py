"""Experiment tracking, the model registry and monitoring. Names are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tauro_nb.events import EventType, get_event_emitter
    from tauro_nb.mlops.mlflow.importing import import_mlflow
    from tauro_nb.mlops.monitoring.counters import get_metrics_collector
    from tauro_nb.mlops.monitoring.health import get_health_monitor
    from tauro_nb.mlops.moving.copying import copy_store
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel
    from tauro_nb.mlops.tracking.records import RunStatus
    from tauro_nb.mlops.tracking.run import Run
    from tauro_nb.mlops.tracking.run_table import RunTable
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker

_HOMES = {
    "EventType": "tauro_nb.events",
    "ExperimentTracker": "tauro_nb.mlops.tracking.tracker",
    "ModelRegistry": "tauro_nb.mlops.registry.registry",
    "ModelVersion": "tauro_nb.mlops.registry.version",
    "RegisteredModel": "tauro_nb.mlops.registry.version",
    "Run": "tauro_nb.mlops.tracking.run",
    "RunStatus": "tauro_nb.mlops.tracking.records",
    "RunTable": "tauro_nb.mlops.tracking.run_table",
    "copy_store": "tauro_nb.mlops.moving.copying",
    "get_event_emitter": "tauro_nb.events",
    "get_health_monitor": "tauro_nb.mlops.monitoring.health",
    "get_metrics_collector": "tauro_nb.mlops.monitoring.counters",
    "import_mlflow": "tauro_nb.mlops.mlflow.importing",
}

__all__ = [
    "EventType",
    "ExperimentTracker",
    "ModelRegistry",
    "ModelVersion",
    "RegisteredModel",
    "Run",
    "RunStatus",
    "RunTable",
    "copy_store",
    "get_event_emitter",
    "get_health_monitor",
    "get_metrics_collector",
    "import_mlflow",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
