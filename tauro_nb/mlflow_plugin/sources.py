"""Where a model lies that MLflow's client registers, and how it becomes a version.

What a run of this store has logged is copied from there, each file checked, as `ModelRegistry.register_from_run` does.
A version of this store is copied as `ModelRegistry.import_model` does. Anything else is downloaded first.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tauro_nb.mlflow_plugin import address, terms
from tauro_nb.mlflow_plugin.flavor import DESCRIPTION, MlflowFlavor
from tauro_nb.mlflow_plugin.models import FOLDER, model_id, run_of
from tauro_nb.mlflow_plugin.opened import Opened
from tauro_nb.mlops.registry.version import ModelVersion

_LOGGED = re.compile(r"models:/(m-.+)")
_VERSION = re.compile(r"models:/(.+)/(\d+)")
_RUNS = re.compile(r"runs:/([^/]+)/(.+)")


class Source(Protocol):
    """What is to be registered."""

    def register(self, name: str, *, description: str, tags: Mapping[str, str]) -> ModelVersion:
        """Keep it as the next version of this model."""
        ...


class _OfRun:
    def __init__(self, opened: Opened, run_id: str, path: str) -> None:
        self._opened = opened
        self._run_id = run_id
        self._path = path

    def register(self, name: str, *, description: str, tags: Mapping[str, str]) -> ModelVersion:
        registry = self._opened.registry
        return registry.register_from_run(self._run_id, self._path, name, description=description, tags=tags)


class _OfVersion:
    def __init__(self, opened: Opened, model: str, version: int) -> None:
        self._registry = opened.registry
        self._model = model
        self._version = version

    def register(self, name: str, *, description: str, tags: Mapping[str, str]) -> ModelVersion:
        with tempfile.TemporaryDirectory(prefix="tauro-") as folder:
            parcel = self._registry.export(self._model, self._version, Path(folder) / "version")
            made = self._registry.import_model(parcel, name)
        if tags:
            made = self._registry.set_tags(name, made.version, tags)
        return self._registry.set_description(name, made.version, description) if description else made


class _Elsewhere:
    def __init__(
        self, opened: Opened, uri: str, run_id: str | None, local: str | None, tracking_uri: str | None
    ) -> None:
        self._registry = opened.registry
        self._uri = uri
        self._run_id = run_id
        self._local = local
        self._tracking_uri = tracking_uri

    def register(self, name: str, *, description: str, tags: Mapping[str, str]) -> ModelVersion:
        import mlflow

        with tempfile.TemporaryDirectory(prefix="tauro-") as folder:
            local = self._local or mlflow.artifacts.download_artifacts(
                self._uri, dst_path=folder, tracking_uri=self._tracking_uri
            )
            path = Path(local)
            flavor = MlflowFlavor.name if (path / DESCRIPTION).is_file() else "files"
            return self._registry.register_model(path, name, description, tags=tags, run=self._run_id, flavor=flavor)


def find(opened: Opened, uri: str, run_id: str | None, local: str | None, tracking_uri: str | None) -> Source:
    """Return what is at an address of MLflow's.

    Parameters
    ----------
    run_id : str, optional
        The run that the client says it comes from.
    local : str, optional
        Where the client has a copy of it.
    tracking_uri : str, optional
        Where to ask for addresses of other stores.

    Raises
    ------
    MlflowException
        There is nothing.
    """
    if logged := _LOGGED.fullmatch(uri):
        return _OfRun(opened, *_place(opened, logged[1]))
    if version := _VERSION.fullmatch(uri):
        return _OfVersion(opened, version[1], int(version[2]))
    if inside := _RUNS.fullmatch(uri):
        return _OfRun(opened, inside[1], _path_of(opened, inside[1], inside[2]))
    if uri.startswith(f"{address.SCHEME}:"):
        place = address.parse(uri)
        if place.root == opened.root and place.run_id is not None:
            return _OfRun(opened, place.run_id, place.path)
        if place.root == opened.root and place.model is not None:
            return _OfVersion(opened, place.model, place.version)
    return _Elsewhere(opened, uri, run_id, local, tracking_uri)


def _path_of(opened: Opened, run_id: str, path: str) -> str:
    """Return the path among a run's artifacts of what MLflow's client names so: a logged model by its name alone."""
    logged = f"{FOLDER}/{path}"
    return logged if logged in opened.recording.find(run_id).models else path


def _place(opened: Opened, wanted: str) -> tuple[str, str]:
    run_id = run_of(wanted)
    record = opened.recording.find(run_id)
    path = next((each for each in record.models if model_id(run_id, each) == wanted), None)
    if path is None:
        raise terms.not_found(f"Logged model with ID '{wanted}' not found.")
    return run_id, path
