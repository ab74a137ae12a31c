"""What MLflow says of a registered model as a whole: description, tags, and that it is there before any version is.

A Tauro model is there as soon as it has a version, and what it is said to be is said of its versions. What MLflow's
client says beside that is kept in a record of its own, which Tauro passes over.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tauro_nb.errors import KeyMissing
from tauro_nb.mlflow_plugin import terms
from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry import names
from tauro_nb.mlops.registry.records import ModelRecord
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore


class Registered:
    """The registered models of a store."""

    def __init__(self, store: LocalStore, registry: ModelRegistry) -> None:
        self._store = store
        self._registry = registry

    def every(self) -> list[ModelRecord]:
        """Return every model that has a version, or that MLflow's client has made, sorted by name."""
        found = {model.name: self._of(model.name) for model in self._registry.models()}
        for folder in self._store.list(keys.MODELS):
            record = self._in(folder.name) if folder.is_folder else None
            if record is not None:
                found.setdefault(record.name, record)
        return [record for _, record in sorted(found.items()) if record is not None]

    def get(self, name: str) -> ModelRecord:
        """Return one model.

        Raises
        ------
        MlflowException
            There is none of this name.
        """
        record = self._of(names.checked(name))
        if record is None:
            raise terms.not_found(f"Registered Model with name={name} not found")
        return record

    def create(self, name: str, description: str | None, tags: dict[str, str], at_ns: int) -> ModelRecord:
        """Make a model without versions.

        Raises
        ------
        MlflowException
            There is one of this name.
        """
        made = ModelRecord(
            name=names.checked(name), created_at_ns=at_ns, changed_at_ns=at_ns, description=description, tags=tags
        )
        there = self._of(made.name) is not None
        if there or not self._store.create(keys.model_record(made.name), encoding.encode(made)):
            raise terms.there_already(f"Registered Model (name={name}) already exists.")
        return made

    def change(self, name: str, at_ns: int, edit: Callable[[ModelRecord], ModelRecord]) -> ModelRecord:
        """Replace what is said of a model by `edit` of it."""
        with self._store.lock(f"describe {keys.segment(names.checked(name))}"):
            record = msgspec.structs.replace(edit(self.get(name)), changed_at_ns=at_ns)
            self._store.put(keys.model_record(record.name), encoding.encode(record))
        return record

    def forget(self, name: str) -> None:
        """Take away what is said of a model as a whole."""
        self._store.delete(keys.model_record(names.checked(name)))

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model that are not removed, oldest first."""
        name = names.checked(name)
        if not any(True for _ in self._store.list(keys.model_versions(name))):
            return []
        return self._registry.versions(name)

    def _of(self, name: str) -> ModelRecord | None:
        try:
            return encoding.read(self._store, keys.model_record(name), ModelRecord)
        except KeyMissing:
            versions = self.versions(name)
        if not versions:
            return None
        return ModelRecord(
            name=versions[0].name,
            created_at_ns=versions[0].record.created_at_ns,
            changed_at_ns=versions[-1].record.created_at_ns,
        )

    def _in(self, folder: str) -> ModelRecord | None:
        key = f"{keys.MODELS}/{folder}/{keys.model_record('any').rpartition('/')[2]}"
        try:
            return encoding.read(self._store, key, ModelRecord)
        except KeyMissing:
            return None
