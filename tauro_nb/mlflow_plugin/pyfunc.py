"""Versions that Tauro has registered, as models that `mlflow.pyfunc.load_model` loads.

Such a version has no ``MLmodel`` file, so one is made for it, which names this module as the one that loads it. The
files beside it are those of the version, each checked when it was downloaded; ``metadata.json`` among them says how the
model is loaded.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.kinds import known
from tauro_nb.mlflow_plugin.flavor import DESCRIPTION, MlflowFlavor
from tauro_nb.mlops.registry import flavors
from tauro_nb.mlops.registry.flavors import ModelMeta, Predicting
from tauro_nb.mlops.registry.version import ModelVersion

METADATA = "metadata.json"


class _Told(msgspec.Struct, frozen=True):
    meta: ModelMeta


class Predictor:
    """What MLflow asks for predictions."""

    def __init__(self, model: Any, flavor: Any) -> None:
        self._model = model
        self._flavor = flavor

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Return what the model says of `data`."""
        if isinstance(self._flavor, Predicting):
            return self._flavor.predict(self._model, data)
        return self._model.predict(data)

    def get_raw_model(self) -> Any:
        """Return the model itself."""
        return self._model


def description(version: ModelVersion) -> dict[str, bytes]:
    """Return the ``MLmodel`` of a version that has none, by its name; nothing for what is no model, or MLflow's own."""
    if version.flavor in (MlflowFlavor.name, flavors.FilesFlavor.name):
        return {}
    import yaml

    created = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(version.record.created_at_ns // 1_000_000_000))
    told = {
        "flavors": {"python_function": {"loader_module": __name__, "python_version": version.record.meta.python}},
        "run_id": version.run_id,
        "utc_time_created": created,
    }
    return {DESCRIPTION: yaml.safe_dump(told).encode()}


def _load_pyfunc(path: str) -> Predictor:
    """Return the model in a folder: MLflow calls this."""
    folder = Path(path)
    meta = msgspec.json.decode((folder / METADATA).read_bytes(), type=known(_Told), strict=False).meta
    return Predictor(flavors.load_model(folder, meta), flavors.flavor_of(meta))
