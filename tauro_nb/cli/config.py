"""The tutorial's import path of `AppConfigManager`."""

from __future__ import annotations

from tauro_nb.config.descriptor import AppConfigManager

__all__ = ["AppConfigManager"]
