"""One model on its way to another store: its versions under their own numbers, then its trail, act by act.

Versions and acts are immutable and numbered without gaps, so that two stores either have the same beginning, and the
longer one has more, or they have gone different ways: then nothing of the model is copied, for a number would mean two
things. A version's files lie under a name made of its registration until its record makes them the version; what
arrived there is not copied again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tauro_nb.errors import KeyMissing, RegistryError, StoreConflict
from tauro_nb.mlops import encoding
from tauro_nb.mlops.moving.carrier import Carrier
from tauro_nb.mlops.moving.copied import Moved, Outcome
from tauro_nb.mlops.registry import reading
from tauro_nb.mlops.registry.claims import Claims, Numbers, Trail, create_own, import_lock
from tauro_nb.mlops.registry.records import EventRecord, VersionRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store


class ModelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One model, compared with what the target has of it."""

    model: str
    outcome: Outcome
    versions: tuple[VersionRecord, ...] = ()
    """Those that are to come, oldest first; so are the acts."""
    events: tuple[EventRecord, ...] = ()
    why: str = ""
    fix: str | None = None

    @property
    def size_bytes(self) -> int:
        """What is to be copied, if nothing of it is there."""
        return sum(version.size_bytes for version in self.versions)

    def moved(self, outcome: Outcome | None = None, **told: object) -> Moved:
        """Return what is told of it."""
        counted = {"versions": len(self.versions), "events": len(self.events)}
        named = {"size_bytes": 0, "why": self.why, "fix": self.fix, **counted, **told}
        return Moved(kind="model", name=self.model, outcome=outcome or self.outcome, **named)  # type: ignore[arg-type]


class _Arriving:
    """Files that a version is about to have; what `Claims` must know of them."""

    def __init__(self, record: VersionRecord) -> None:
        self.nonce = record.nonce
        self.prefix = keys.model_upload(record.model, f"copy-{record.nonce}")

    def keep(self) -> None:
        """Leave them where they are, as it is done in any case."""


class ModelCopier:
    """Copies models; safe to use in several threads, each of which has another model."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._claims = Claims(carrier.target, Numbers(carrier.target))

    def compare(self, model: str) -> ModelStep:
        """Find out what is to be done with a model.

        Raises
        ------
        StoreError
            A record cannot be read.
        """
        source, target = self._carrier.source, self._carrier.target
        acts = Trail(source).events(model)  # before the versions: whatever an act is about is among those
        versions = _versions(source, model)
        known, done = _versions(target, model), Trail(target).events(model)
        for ours, theirs in zip(versions, known, strict=False):
            if not _is_same(ours, theirs):
                return self._apart(model, f"v{ours.version} is another version here than there")
        for act, other in zip(acts, done, strict=False):
            if act.nonce != other.nonce:
                what = f"v{act.version} {act.act} here, v{other.version} {other.act} there"
                return self._apart(model, f"act {act.sequence} is another one ({what})")
        new, fresh = versions[len(known) :], acts[len(done) :]
        if not new and not fresh:
            ahead = len(known) > len(versions) or len(done) > len(acts)
            return ModelStep(model=model, outcome=Outcome.AHEAD if ahead else Outcome.SAME)
        outcome = Outcome.UPDATED if known else Outcome.COPIED
        return ModelStep(model=model, outcome=outcome, versions=tuple(new), events=tuple(fresh))

    def copy(self, step: ModelStep) -> Moved:
        """Do what is to be done.

        Raises
        ------
        ArtifactCorrupt
            A file is not what was registered, or did not arrive whole.
        StoreError
        LockTimeout
            Another process copies this model.
        """
        if not step.moved().brings:
            return step.moved()
        target = self._carrier.target
        written = 0
        try:
            with import_lock(target, step.model):
                for version in step.versions:
                    written += self._version(version)
                self._carrier.add(keys.model_record(step.model))
                for event in step.events:
                    key = keys.model_event(step.model, event.sequence)
                    if not create_own(target, key, encoding.encode(event)):
                        raise _moved_on(target, step.model)
        except StoreConflict as error:
            return step.moved(Outcome.CONFLICT, size_bytes=written, why=error.message, fix=error.fix)
        return step.moved(size_bytes=written)

    def _version(self, record: VersionRecord) -> int:
        target, arriving = self._carrier.target, _Arriving(record)
        if _read(target, record) is not None:  # another process has brought it since
            return 0
        written = 0
        for file in record.files:
            written += self._carrier.carry(
                f"{record.artifacts}/{file.path}", f"{arriving.prefix}/{file.path}", file.size_bytes, file.sha256
            )

        def build(number: int, place: str) -> VersionRecord:
            if number != record.version:
                raise _moved_on(target, record.model)
            return msgspec.structs.replace(record, artifacts=place)

        self._claims.claim(record.model, arriving, build)
        self._carrier.add(keys.model_import(record.model, record.version))
        return written

    def _apart(self, model: str, what: str) -> ModelStep:
        source, target = self._carrier.source.location, self._carrier.target.location
        why = f"model {model}: {source} and {target} have gone different ways: {what}; nothing of it was copied"
        fix = "bring its versions under new numbers: tauro models export here, tauro models import there"
        return ModelStep(model=model, outcome=Outcome.CONFLICT, why=why, fix=fix)


def _versions(store: Store, model: str) -> Sequence[VersionRecord]:
    """Return the records of all versions, in order.

    Raises
    ------
    StoreError
        One is damaged or missing.
    """
    listed = (keys.number(entry.name) for entry in store.list(keys.model_versions(model)) if not entry.is_folder)
    last = max((number for number in listed if number is not None), default=0)
    found = []
    for number in range(1, last + 1):
        try:
            found.append(reading.read(store, keys.model_version(model, number), VersionRecord))
        except KeyMissing as error:
            raise RegistryError(
                f"{store.location}: the record of {model} v{number} is missing, and later ones are there",
                fix="restore that file from a copy",
            ) from error
    return found


def _is_same(one: VersionRecord, other: VersionRecord) -> bool:
    """Tell whether two records are of one registration, with the same files."""
    return (one.source_nonce or one.nonce, one.files) == (other.source_nonce or other.nonce, other.files)


def _read(store: Store, record: VersionRecord) -> VersionRecord | None:
    """Return what a store has under this version's number.

    Raises
    ------
    StoreConflict
        It is another version.
    """
    try:
        there = reading.read(store, keys.model_version(record.model, record.version), VersionRecord)
    except KeyMissing:
        return None
    if not _is_same(record, there):
        raise _moved_on(store, record.model)
    return there


def _moved_on(store: Store, model: str) -> StoreConflict:
    return StoreConflict(f"model {model}: something was done to it in {store.location} meanwhile", fix="copy again")
