"""Versions that Tauro has registered, as models that `mlflow.pyfunc.load_model` loads.

Such a version has no ``MLmodel`` file, so one is made for it, which names this module as the one that loads it. The
files beside it are those of the version, each checked when it was downloaded; ``metadata.json`` among them says how the
model is loaded, and what data it takes.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.kinds import known
from tauro_nb.mlflow_plugin.flavor import DESCRIPTION, MlflowFlavor
from tauro_nb.mlops.registry import flavors, prediction
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.mlops.registry.version import ModelVersion

METADATA = "metadata.json"
"""The record of a version, but for what is known only when its number is."""
_VERSION = "tauro_version"


class Predictor:
    """What MLflow asks for predictions, of data that fit the signature: as `ModelVersion.predict`."""

    def __init__(self, record: VersionRecord, model: Any) -> None:
        self._record = record
        self._model = model

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        """Return what the model says of `data`."""
        return prediction.predict(self._record, self._model, data)

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
        "metadata": {_VERSION: version.version},
        "run_id": version.run_id,
        "utc_time_created": created,
    }
    return {DESCRIPTION: yaml.safe_dump(told).encode()}


def _load_pyfunc(path: str) -> Predictor:
    """Return the model in a folder: MLflow calls this."""
    import yaml

    folder = Path(path)
    number = yaml.safe_load((folder / DESCRIPTION).read_bytes())["metadata"][_VERSION]
    told = {**msgspec.json.decode((folder / METADATA).read_bytes()), "version": number, "artifacts": "", "files": []}
    record = msgspec.convert(told, known(VersionRecord), strict=False)
    return Predictor(record, flavors.load_model(folder, record.meta))
