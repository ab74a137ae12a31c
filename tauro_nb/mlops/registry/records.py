"""What is kept of a model: one frozen record a version, one an act, and the state that replaying the acts gives.

``versions/<n>.json`` is the version: written last, never changed. ``events/<seq>.json`` is an act on one: promoted,
given an alias or a tag, removed. Nothing is edited in place; what a model is now is what `replay` makes of its acts.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from tauro_nb.mlops.registry.flavors import ModelMeta
from tauro_nb.mlops.registry.signature import Signature

STAGING = "Staging"
PRODUCTION = "Production"
ARCHIVED = "Archived"
STAGES = (STAGING, PRODUCTION, ARCHIVED)
"""The stages beside None; the first two hold one version at a time, whose predecessor becomes Archived."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something, and from where."""

    user: str | None = None
    host: str | None = None
    environment: str | None = None
    pipeline: str | None = None
    node: str | None = None
    execution_id: str | None = None


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One file of a version."""

    path: str
    """Relative to the version's folder."""
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a version but itself: ``manifest.json``."""

    files: tuple[FileRecord, ...]
    """Sorted by path."""
    format: int = 1


class VersionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model, as it was registered."""

    model: str
    version: int
    nonce: str
    """Of this registration: tells one's own record from a rival's."""
    created_at_ns: int
    """UTC, nanoseconds since the epoch; so are all times here."""
    artifacts: str
    """The key below which its files lie."""
    files: tuple[FileRecord, ...]
    """All of them, ``metadata.json`` and ``manifest.json`` too."""
    meta: ModelMeta
    """How the model is loaded."""
    origin: Origin
    description: str = ""
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    run_id: str | None = None
    experiment: str | None = None
    """Of the run."""
    signature: Signature | None = None
    input_example: str | None = None
    """The file that holds it."""
    imported_from: str | None = None
    """Where it came from, if it was not registered in this store."""
    source_nonce: str | None = None
    """Of the registration that it is a copy of."""
    format: int = 1

    @property
    def size_bytes(self) -> int:
        """The size of all its files."""
        return sum(file.size_bytes for file in self.files)


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a whole, as MLflow has it: ``model.json``. Tauro passes over it, and says what it says of versions."""

    name: str
    created_at_ns: int
    """UTC, nanoseconds since the epoch; so are all times here."""
    changed_at_ns: int
    description: str | None = None
    """None: that of the latest version."""
    tags: dict[str, str] = {}
    format: int = 1


class Act(StrEnum):
    """What can be done to a version."""

    REGISTERED = "registered"
    """Told by the version's own record; no event says it."""
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    ALIAS_SET = "alias_set"
    ALIAS_REMOVED = "alias_removed"
    TAGGED = "tagged"
    DESCRIBED = "described"
    REMOVED = "removed"
    RESTORED = "restored"


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One act on a version: when, what, who, from where and why."""

    sequence: int
    """Counts from 1 within one model, without gaps."""
    nonce: str
    at_ns: int
    act: Act
    version: int
    former: int | None = None
    """The version that gave up its stage or alias to this one."""
    stage: str | None = None
    """Where `Act.PROMOTED` and `Act.ROLLED_BACK` brought the version."""
    alias: str | None = None
    tags: dict[str, str | None] | None = None
    """Those that `Act.TAGGED` changed; None: taken away."""
    description: str | None = None
    comment: str | None = None
    origin: Origin = Origin()
    format: int = 1


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's acts have come to."""

    sequence: int = 0
    """Of the last act."""
    stages: dict[int, str] = {}
    """Versions that have a stage."""
    aliases: dict[str, int] = {}
    tags: dict[int, dict[str, str | None]] = {}
    """Of each version those that are no longer as they were registered; None: taken away."""
    descriptions: dict[int, str] = {}
    """Those that are no longer as they were registered."""
    removed: frozenset[int] = frozenset()
    past: tuple[int, ...] = ()
    """The versions that were in Production before, oldest first; a rollback takes from the end."""

    def at(self, stage: str) -> int | None:
        """Return the newest version at `stage`."""
        return max((version for version, each in self.stages.items() if each == stage), default=None)

    def before_production(self) -> int | None:
        """Return the version to which a rollback leads: the last in Production but for the present and removed ones."""
        current = self.at(PRODUCTION)
        return next((each for each in reversed(self.past) if each not in self.removed and each != current), None)

    def aliases_of(self, version: int) -> tuple[str, ...]:
        """Return a version's aliases, sorted."""
        return tuple(sorted(alias for alias, each in self.aliases.items() if each == version))

    def tags_of(self, record: VersionRecord) -> dict[str, str]:
        """Return the tags that a version has now."""
        changed = self.tags.get(record.version, {})
        return {key: value for key, value in {**record.tags, **changed}.items() if value is not None}

    def description_of(self, record: VersionRecord) -> str:
        """Return how a version is described now."""
        return self.descriptions.get(record.version, record.description)


def replay(state: State, events: Iterable[EventRecord]) -> State:
    """Return what `state` becomes by `events`, which follow on it in order."""
    sequence, stages, aliases = state.sequence, dict(state.stages), dict(state.aliases)
    removed, past = set(state.removed), list(state.past)
    tags, descriptions = dict(state.tags), dict(state.descriptions)
    for event in events:
        sequence, version = event.sequence, event.version
        production = next((each for each, stage in stages.items() if stage == PRODUCTION), None)
        match event.act:
            case Act.PROMOTED:
                if production is not None and (event.stage == PRODUCTION or production == version):
                    past.append(production)
                _move(stages, version, event.stage)
            case Act.ROLLED_BACK:
                while past and past.pop() != version:
                    pass
                _move(stages, version, PRODUCTION)
            case Act.ALIAS_SET if event.alias is not None:
                aliases[event.alias] = version
            case Act.ALIAS_REMOVED if event.alias is not None:
                aliases.pop(event.alias, None)
            case Act.TAGGED if event.tags is not None:
                tags[version] = {**tags.get(version, {}), **event.tags}
            case Act.DESCRIBED if event.description is not None:
                descriptions[version] = event.description
            case Act.REMOVED:
                removed.add(version)
                stages.pop(version, None)
            case Act.RESTORED:
                removed.discard(version)
            case _:
                pass
    return State(
        sequence=sequence,
        stages=stages,
        aliases=aliases,
        tags=tags,
        descriptions=descriptions,
        removed=frozenset(removed),
        past=tuple(past),
    )


def _move(stages: dict[int, str], version: int, stage: str | None) -> None:
    stages.pop(version, None)
    if stage is None:
        return
    if stage != ARCHIVED:
        for other in [each for each, held in stages.items() if held == stage]:
            stages[other] = ARCHIVED
    stages[version] = stage
