"""Finding models and versions, and saying what there is where one is not."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from tauro_nb.errors import KeyMissing, ModelNotFound, StoreError, UsageError, nearest
from tauro_nb.mlops.registry import names, reading
from tauro_nb.mlops.registry.claims import Numbers, Trail
from tauro_nb.mlops.registry.records import State, VersionRecord
from tauro_nb.mlops.registry.version import ModelVersion, RegisteredModel
from tauro_nb.store import keys
from tauro_nb.store.protocol import FolderStore, Store

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.registry import ModelRegistry


class Lookup:
    """The reading half of a registry; what it returns stands as it was when it was asked."""

    def __init__(self, store: Store, trail: Trail, numbers: Numbers, registry: ModelRegistry) -> None:
        self._store = store
        self._trail = trail
        self._numbers = numbers
        self._registry = registry

    def names(self) -> list[str]:
        """Return the names of all models that ever had a version, sorted."""
        folders = [entry.name for entry in self._store.list(keys.MODELS) if entry.is_folder]
        found = (keys.unsegment(folder) or self._written_in(folder) for folder in folders)
        return sorted(name for name in found if name is not None)

    def model(self, name: str) -> RegisteredModel | None:
        """Return a model, or None if all of its versions were removed."""
        state = self._trail.state(name)
        live = [number for number in self.numbers(name) if number not in state.removed]
        if not live:
            return None
        latest = self.shown(self.record(name, live[-1]), state)
        return RegisteredModel(
            name=name,
            latest_version=live[-1],
            n_versions=len(live),
            stages=dict(sorted(state.stages.items())),
            aliases=dict(sorted(state.aliases.items())),
            latest=latest,
            registry=self._registry,
        )

    def models(self) -> list[RegisteredModel]:
        """Return every model that has a version, sorted by name; a damaged one is left out, with a warning."""
        found = []
        store = self._store
        with store.holding(keys.MODELS) if isinstance(store, FolderStore) else nullcontext():
            for name in self.names():
                with _left_out_if_damaged():
                    found.append(self.model(name))
        return [model for model in found if model is not None]

    def versions(self, name: str, numbers: Iterable[int], state: State) -> list[ModelVersion]:
        """Return these versions of a model; a damaged one is left out, with a warning."""
        found = []
        for number in numbers:
            with _left_out_if_damaged():
                found.append(self.shown(self.record(name, number), state))
        return found

    def live_versions(self, name: str) -> list[ModelVersion]:
        """Return a model's versions that are not removed; none if there is no such model."""
        state = self._trail.state(name)
        return self.versions(name, [number for number in self.numbers(name) if number not in state.removed], state)

    def numbers(self, name: str) -> list[int]:
        """Return the numbers of all versions, sorted, the removed ones too; none if there is no such model."""
        entries = self._store.list(keys.model_versions(name))
        return sorted(
            [each for entry in entries if not entry.is_folder and (each := keys.number(entry.name)) is not None]
        )

    def known_numbers(self, name: str) -> list[int]:
        """Return the same.

        Raises
        ------
        ModelNotFound
            There is no such model.
        """
        found = self.numbers(name)
        if not found:
            raise self._no_model(name)
        return found

    def records(self, name: str) -> list[VersionRecord]:
        """Return the record of every version, removed or not; a damaged one is left out, with a warning.

        Raises
        ------
        ModelNotFound
            There is no such model.
        """
        found = []
        for number in self.known_numbers(name):
            with _left_out_if_damaged():
                found.append(self.record(name, number))
        return found

    def record(self, name: str, number: int) -> VersionRecord:
        """Return a version's record, removed or not.

        Raises
        ------
        ModelNotFound
        StoreError
            It cannot be read, or is another version's.
        """
        try:
            return reading.read(self._store, keys.model_version(name, number), VersionRecord)
        except KeyMissing:
            known = self.known_numbers(name)
            raise ModelNotFound(f"{name} has no version {number}", fix=f"it has {_ranges(known)}") from None

    def live(self, name: str, number: int, state: State) -> VersionRecord:
        """Return the record of a version that is not removed.

        Raises
        ------
        ModelNotFound
        """
        record = self.record(name, number)
        if number in state.removed:
            raise ModelNotFound(
                f"{name} v{number} was removed", fix=f"registry.restore_version({name!r}, {number}) brings it back"
            )
        return record

    def find(self, name: str, version: int | None, stage: str | None, alias: str | None, state: State) -> VersionRecord:
        """Return the record that `ModelRegistry.get` describes.

        Raises
        ------
        ModelNotFound
        UsageError
        """
        ways = [
            f"{way}={value!r}" for way, value in (("version", version), ("stage", stage), ("alias", alias)) if value
        ]
        if len(ways) > 1:
            raise UsageError(f"{name}: {' and '.join(ways)} are asked for at once", fix="give one of them")
        if version is not None:
            return self.live(name, names.checked_number(version), state)
        if stage is not None:
            number, asked = state.at(str(names.checked_stage(stage))), f"version in {stage}"
        elif alias is not None:
            number, asked = state.aliases.get(alias), f"version with the alias {alias!r}"
        else:
            number, asked = self._latest(name, state), "version that is not removed"
        if number is None:
            fix = _what_there_is(name, self.known_numbers(name), state)
            raise ModelNotFound(f"{name} has no {asked}", fix=fix)
        return self.live(name, number, state)

    def shown(self, record: VersionRecord, state: State) -> ModelVersion:
        """Return a version as `state` has it."""
        return ModelVersion(
            record=record,
            stage=state.stages.get(record.version),
            aliases=state.aliases_of(record.version),
            tags=state.tags_of(record),
            description=state.description_of(record),
            removed=record.version in state.removed,
            registry=self._registry,
        )

    def damaged(self) -> list[StoreError]:
        """Return of each record that cannot be read, or is missing, what is wrong with it."""
        return list(reading.damaged(self._store))

    def _latest(self, name: str, state: State) -> int | None:
        number = self._numbers.last(name)
        while number in state.removed:
            number -= 1
        return number or None

    def _no_model(self, name: str) -> ModelNotFound:
        return ModelNotFound(
            f"no model named {name!r}", fix=nearest(name, self.names()) or "no model is registered yet"
        )

    def _written_in(self, folder: str) -> str | None:
        """The name in a record of a folder that does not tell it: it was too long for a folder."""
        prefix = f"{keys.MODELS}/{folder}/versions"
        for entry in self._store.list(prefix):
            if keys.number(entry.name) is not None:
                with _left_out_if_damaged():
                    return reading.read(self._store, f"{prefix}/{entry.name}", VersionRecord).model
        return None


def _what_there_is(name: str, numbers: list[int], state: State) -> str:
    held = [f"v{number} in {stage}" for number, stage in sorted(state.stages.items())]
    held += [f"v{number} as {name}@{alias}" for alias, number in sorted(state.aliases.items())]
    if held:
        return f"there is {', '.join(held)}"
    if state.removed.issuperset(numbers):
        return f"registry.restore_version({name!r}, {numbers[-1]}) brings the newest back"
    return f"registry.versions({name!r}) lists what there is"


def _ranges(numbers: list[int]) -> str:
    shown = ",".join(map(str, numbers))
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        shown = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"version {shown}" if re.fullmatch(r"\d+", shown) else f"versions {shown}"


@contextmanager
def _left_out_if_damaged() -> Iterator[None]:
    """Turn an unreadable record into a warning: it must not hide all the others."""
    try:
        yield
    except StoreError as error:
        warnings.warn(f"{error.message}: left out", RuntimeWarning, stacklevel=4)
