"""What a Databricks notebook has in its namespace: found there, never imported."""

from __future__ import annotations

import os
import sys
from typing import Any


def is_databricks() -> bool:
    """Tell whether this process is on a Databricks runtime."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def ambient(name: str) -> Any:
    """Return what the notebook calls `name` (``spark``, ``dbutils``); None elsewhere, and where it is not."""
    return getattr(sys.modules.get("__main__"), name, None) if is_databricks() else None
