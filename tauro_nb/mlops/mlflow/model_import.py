"""Registered models of MLflow on their way into a store: versions with their files, then stages and aliases.

A version is known again by where it comes from and its number there, which its tags say; its number here is the next
one, so it is the same where a model is taken whole and has no gaps. What MLflow has saved loads by MLflow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from tauro_nb.errors import ModelNotFound, RunNotFound, TauroError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.mlflow import imported
from tauro_nb.mlops.mlflow.imported import VersionState
from tauro_nb.mlops.mlflow.run_import import DESCRIPTION, FLAVOR, RunImporter
from tauro_nb.mlops.mlflow.source import MlflowSource
from tauro_nb.mlops.moving.carrier import temporary_folder
from tauro_nb.mlops.moving.copied import Moved, Outcome
from tauro_nb.mlops.registry import flavors, names, reading
from tauro_nb.mlops.registry.claims import Claims, Numbers
from tauro_nb.mlops.registry.records import ModelRecord, VersionRecord
from tauro_nb.mlops.registry.registering import Given, Registering
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

OWN_TAG = "tauro.version_id"
"""Which version of a Tauro store was sent there."""
READY = "READY"
NO_STAGE = "None"


class ModelImporter:
    """Takes models, one after the other."""

    def __init__(self, source: MlflowSource, store: Store, runs: RunImporter) -> None:
        self._source = source
        self._store = store
        self._runs = runs
        self._archive = RunArchive(store)
        self._claims = Claims(store, Numbers(store))
        self._uri = source.address.shown

    def take(self, name: str, only_of: Collection[str] | None, *, dry_run: bool) -> list[Moved]:
        """Take a model, or what is new of it, and tell of each version what was done.

        Parameters
        ----------
        only_of : collection of str, optional
            The runs there of which versions are taken; None: all.
        """
        model = self._source.model(name)
        aliases: dict[str, list[str]] = {}
        for alias, version in model.aliases.items():
            aliases.setdefault(str(version), []).append(alias)
        if only_of is None and not dry_run:
            self._describe(model)
        known = self._known(name)
        moved: list[Moved] = []
        following = []
        for version in self._source.versions(name):
            if only_of is not None and version.run_id not in only_of:
                continue
            state = self._state(version, tuple(sorted(aliases.get(str(version.version), ()))))
            try:
                one, number = self._version(version, state, known, dry_run=dry_run)
            except TauroError as error:
                one, number = self._told(version, Outcome.FAILED, why=error.message, fix=error.fix), None
            if number is not None:
                following.append((len(moved), number, state, version))
            moved.append(one)
        for place, number, state, version in following:  # when all versions are there: stages move one another
            try:
                events = self._follow(name, number, state, version)
            except TauroError as error:
                moved[place] = self._told(version, Outcome.FAILED, why=error.message, fix=error.fix)
                continue
            if events and moved[place].outcome is Outcome.SAME:
                moved[place] = self._told(version, Outcome.UPDATED, events=events)
        return moved

    def _describe(self, model: Any) -> None:
        """Keep what is said of a model as a whole, where nothing is here."""
        if model.description or model.tags:
            record = ModelRecord(
                name=names.checked(model.name),
                created_at_ns=(model.creation_timestamp or 0) * 1_000_000,
                changed_at_ns=(model.last_updated_timestamp or 0) * 1_000_000,
                description=values.text(model.description) if model.description else None,
                tags=values.tags(model.tags),
            )
            self._store.create(keys.model_record(record.name), encoding.encode(record))

    def _version(
        self, version: Any, state: VersionState, known: dict[str, int], *, dry_run: bool
    ) -> tuple[Moved, int | None]:
        """Take a version if it is not here; return what is told of it, and its number here if acts are to follow."""
        origin = version.tags.get(OWN_TAG)
        if origin is not None and f"own {origin}" in known:
            return self._told(version, Outcome.OWN, why="it had come from this store"), None
        number = known.get(f"from {version.version}")
        if number is not None:
            before = imported.read(self._store, keys.model_import(version.name, number), VersionState)
            return self._told(version, Outcome.SAME), None if dry_run or imported.same(state, before) else number
        if version.status != READY:
            return self._told(version, Outcome.LEFT, why=f"it is {version.status} there"), None
        if dry_run:
            return self._told(version, Outcome.COPIED, versions=1), None
        record = self._registered(version, state)
        why = "" if str(record.version) == str(version.version) else f"it is v{record.version} here"
        return self._told(version, Outcome.COPIED, versions=1, size_bytes=record.size_bytes, why=why), record.version

    def _registered(self, version: Any, state: VersionState) -> VersionRecord:
        run = self._run_of(version)
        tags = {**state.tags, imported.URI_TAG: self._uri, imported.VERSION_TAG: str(version.version)}
        given = Given(
            model=names.checked(version.name),
            description=values.text(state.description),
            metrics=dict(run.metrics) if run is not None else {},
            tags=values.tags(tags),
            run_id=None if run is None else run.run_id,
            experiment=None if run is None else run.experiment,
            signature=None,
            example=None,
            imported_from=f"{version.name} v{version.version} of {self._uri}",
        )
        with temporary_folder() as folder:
            target = folder / "model"
            target.mkdir()
            files = self._source.fetch_version(version.name, str(version.version), target)
            flavor = FLAVOR if (files / DESCRIPTION).is_file() else flavors.FilesFlavor.name
            registering = Registering(self._store, self._claims, _clock(version.creation_timestamp), None)
            return registering.register(lambda place: flavors.save_model(files, place, flavor), given)

    def _run_of(self, version: Any) -> RunRecord | None:
        """Return the run here that a version came from, if it is here."""
        there = self._source.run(version.run_id) if version.run_id else None
        if there is None:
            return None
        try:
            return self._archive.find(self._runs.id_of(there)[0])
        except RunNotFound:
            return None

    def _follow(self, name: str, number: int, state: VersionState, version: Any) -> int:
        """Do what makes the version here as it is there, where nobody has changed it here; return how many acts."""
        key = keys.model_import(name, number)
        before = imported.read(self._store, key, VersionState)
        clock = _clock(version.last_updated_timestamp or version.creation_timestamp)
        registry = ModelRegistry(self._store, clock=clock)
        try:
            here, comment = registry.get(name, number), f"imported from {self._uri}"
        except ModelNotFound:  # somebody has removed it here
            return 0
        acts = 0
        if state.stage != here.stage and (before is None or (before.stage == here.stage != state.stage)):
            registry.promote(name, number, stage=state.stage, comment=comment)
            acts += 1
        for alias in state.aliases:
            if before is None or alias not in before.aliases:
                registry.set_alias(name, number, alias=alias, comment=comment)
                acts += alias not in here.aliases
        for alias in set(before.aliases if before is not None else ()) - set(state.aliases):
            if alias in here.aliases:
                registry.delete_alias(name, alias, comment=comment)
                acts += 1
        if before is not None:
            acts += self._edits(registry, name, number, before, state)
        self._store.put(key, encoding.encode(state))
        return acts

    @staticmethod
    def _edits(registry: ModelRegistry, name: str, number: int, before: VersionState, now: VersionState) -> int:
        here = registry.get(name, number)
        tags = imported.followed_all(here.tags, before.tags, now.tags)
        changed = {key: tags.get(key) for key in {*here.tags, *tags} if tags.get(key) != here.tags.get(key)}
        description = imported.followed(here.description, before.description, now.description)
        if changed:
            registry.set_tags(name, number, changed)
        if description != here.description:
            registry.set_description(name, number, description)
        return bool(changed) + (description != here.description)

    def _known(self, name: str) -> dict[str, int]:
        """Return the numbers here of versions that came from there, or were sent there; removed ones too."""
        found = {}
        for entry in self._store.list(keys.model_versions(names.checked(name))):
            number = keys.number(entry.name)
            if number is None or entry.is_folder:
                continue
            record = reading.read(self._store, keys.model_version(name, number), VersionRecord)
            found[f"own {record.nonce}"] = number
            if record.tags.get(imported.URI_TAG) == self._uri:
                found[f"from {record.tags.get(imported.VERSION_TAG)}"] = number
        return found

    def _state(self, version: Any, aliases: tuple[str, ...]) -> VersionState:
        stage = getattr(version, "current_stage", NO_STAGE)
        return VersionState(
            uri=self._uri,
            version=str(version.version),
            stage=None if stage in (None, "", NO_STAGE) else stage,
            aliases=aliases,
            description=version.description or "",
            tags=dict(version.tags),
        )

    @staticmethod
    def _told(version: Any, outcome: Outcome, **told: Any) -> Moved:
        return Moved(kind="model", name=f"{version.name} v{version.version}", outcome=outcome, **told)


def _clock(at_ms: int | None) -> Callable[[], int]:
    """Return a clock that stands at a time of MLflow's, where it tells one."""
    return time.time_ns if not at_ms else lambda: at_ms * 1_000_000
