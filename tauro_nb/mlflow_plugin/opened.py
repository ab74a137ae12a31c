"""One store that MLflow uses: what reads and writes it, once a process."""

from __future__ import annotations

import functools

from tauro_nb.mlflow_plugin import address
from tauro_nb.mlflow_plugin.recording import Recording
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.recovery import recover_soon
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore


class Opened:
    """A store, and all that works in it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.uri = address.store_uri(root)
        self.store = LocalStore(root)
        self.archive = RunArchive(self.store)
        self.registry = ModelRegistry(self.store)
        self.recording = Recording(self.archive, ExperimentTracker(self.store))
        recover_soon(self.store)


@functools.lru_cache(maxsize=64)
def opened(root: str) -> Opened:
    """Return the store in this folder, as this process uses it."""
    return Opened(root)
