"""A store in a Unity Catalog volume, and what else a Databricks workspace has. The SDK comes with the first request."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tauro_nb.store.databricks.store import DatabricksStore

__all__ = ["DatabricksStore"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.store"), name)
    globals()[name] = value
    return value
