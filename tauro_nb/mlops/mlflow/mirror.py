"""Who else hears of runs and models: the seam between the store, which is written first, and a replica of it.

Nothing here imports mlflow. This version has no replica yet: where ``mlops.mlflow`` is configured it says so once, and
everything stays in the store, out of which a later version can still deliver it.
"""

from __future__ import annotations

import re
import warnings
from typing import Protocol, runtime_checkable

from tauro_nb.config.schema import MlflowSettings


@runtime_checkable
class Mirror(Protocol):
    """Keeps a copy of a store's runs and models elsewhere.

    It is told that something changed, after that is durable, and reads it out of the store by itself. No method takes
    time, waits for a network or raises: what could not be delivered is delivered later, exactly once in effect.
    """

    def run_changed(self, experiment: str, run_id: str) -> None:
        """Hear that a run was started, has new values, or ended."""
        ...

    def model_changed(self, model: str) -> None:
        """Hear that a model has a new version or a new act in its trail."""
        ...

    def close(self, timeout_s: float) -> int:
        """Wait for what is on its way, at most `timeout_s`; return how many runs and models are not delivered yet."""
        ...


def warn_not_mirrored(settings: MlflowSettings, file: str) -> None:
    """Warn, as a line of the configuration `file`, that in this version runs and models stay in the local store."""
    shown = re.sub(r"//[^/@]*@", "//***@", settings.tracking_uri)  # a user and a password may stand there
    warnings.warn_explicit(
        f"mlops.mlflow.tracking_uri ({shown}): this version of tauro-nb does not mirror to MLflow; "
        f"runs and models are kept in the local store, and nothing is lost. Comment the mlflow: block out to "
        f"silence this.",
        UserWarning,
        filename=file,
        lineno=1,
    )
