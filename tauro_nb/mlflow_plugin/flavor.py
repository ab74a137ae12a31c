"""Models that MLflow has saved, as a kind of model that Tauro keeps: a folder with an ``MLmodel`` file."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

from tauro_nb.errors import MissingDependency, ModelNotSerializable
from tauro_nb.mlops.registry.flavors.protocol import ModelMeta, Saved
from tauro_nb.store.disk import DiskErrors

DESCRIPTION = "MLmodel"
"""The file that says how MLflow loads a model."""


class MlflowFlavor:
    """A folder that MLflow has saved; loading gives the framework's own model where MLflow can, else its ``pyfunc``."""

    name = "mlflow"
    suffixes: frozenset[str] = frozenset()

    def matches(self, model: Any) -> bool:
        """Take the folder of a model that MLflow has saved."""
        return isinstance(model, Path) and (model / DESCRIPTION).is_file()

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Copy the folder."""
        if not self.matches(model):
            raise ModelNotSerializable(
                f"{model!r} is no model that MLflow has saved", fix="pass the Path of a folder that has an MLmodel file"
            )
        name = file or model.resolve().name or "model"
        with DiskErrors("copy", model):
            shutil.copytree(model, folder / name, copy_function=shutil.copyfile)
        return Saved(format=self.name, file=name)

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return the model."""
        try:
            import mlflow
        except ImportError as error:
            raise MissingDependency.of("mlflow", "mlflow", what="a model that MLflow has saved") from error
        path = str(folder / (meta.file or ""))
        kinds = mlflow.models.Model.load(path).flavors
        module = kinds.get("python_function", {}).get("loader_module", "")
        if module.startswith("mlflow.") and module.partition(".")[2] in kinds:
            return importlib.import_module(module).load_model(path)
        return mlflow.pyfunc.load_model(path)

    def runs_code(self, meta: Saved) -> bool:
        """Tell that it does: what MLflow saves is mostly pickled."""
        return True
