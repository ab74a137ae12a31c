"""Who else hears of runs and models: the seam between the store, which is written first, and a replica of it.

Nothing here imports mlflow; see `replica` for the copy on an MLflow server.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Mirror(Protocol):
    """Keeps a copy of a store's runs and models elsewhere.

    It is told that something changed, after that is durable, and reads it out of the store by itself. No method takes
    time, waits for a network or raises: what could not be delivered is delivered later, exactly once in effect.
    """

    def run_changed(self, experiment: str, run_id: str) -> None:
        """Hear that a run was started, that its record changed, or that it was removed; points are not told."""
        ...

    def model_changed(self, model: str) -> None:
        """Hear that a model has a new version or a new act in its trail."""
        ...

    def close(self, timeout_s: float) -> int:
        """Wait for what is on its way, at most `timeout_s`; return how many runs and models are not delivered yet."""
        ...
