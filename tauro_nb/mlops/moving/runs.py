"""One run on its way to another store: artifacts and points first, its manifest, and last of all its record.

So a run that was copied in part is none yet, whoever looks, and what arrived of it is not copied again. Its points
arrive as one ``metrics.parquet``, which every store can hold, as compaction would have made it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tauro_nb.errors import KeyMissing, RunNotFound, StoreConflict
from tauro_nb.mlops import encoding
from tauro_nb.mlops.moving import trace
from tauro_nb.mlops.moving.carrier import Carrier, here, temporary_folder
from tauro_nb.mlops.moving.copied import Moved, Outcome
from tauro_nb.mlops.tracking import recovery
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.records import Manifest, RunRecord, RunStatus
from tauro_nb.mlops.tracking.usage import size_below
from tauro_nb.store import keys
from tauro_nb.store.walk import walk

_FIELDS = (
    "status",
    "params",
    "tags",
    "metrics",
    "notes",
    "deleted_at_ns",
    "ended_at_ns",
    "models",
    "error",
    "parent_id",
)
"""What a conflict names, where it differs."""


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """One run, compared with what the target has of it."""

    record: RunRecord
    """As the source has it."""
    there: RunRecord | None
    """As the target has it."""
    outcome: Outcome
    """What is to come of it."""
    why: str = ""
    fix: str | None = None
    size_bytes: int = 0
    """What is to be copied, if nothing of it is there."""

    def moved(self, outcome: Outcome | None = None, **told: object) -> Moved:
        """Return what is told of it."""
        record = self.record
        named = {"size_bytes": 0, "why": self.why, "fix": self.fix, **told}
        return Moved(
            kind="run",
            name=record.name,
            run_id=record.run_id,
            experiment=record.experiment,
            outcome=outcome or self.outcome,
            **named,  # type: ignore[arg-type]
        )


class RunCopier:
    """Copies runs; safe to use in several threads, each of which has another run."""

    def __init__(self, carrier: Carrier, clock: Callable[[], int], *, overwrite: bool) -> None:
        self._carrier = carrier
        self._clock = clock
        self._overwrite = overwrite
        self.source = RunArchive(carrier.source)
        self.target = RunArchive(carrier.target)

    def compare(self, record: RunRecord, there: RunRecord | None) -> RunStep:
        """Find out what is to be done with a run."""
        outcome, why, fix = self._judged(record, there)
        step = RunStep(record=record, there=there, outcome=outcome, why=why, fix=fix)
        if not step.moved().brings:
            return step
        store, experiment, run_id = self._carrier.source, record.experiment, record.run_id
        files = Artifacts(store, experiment, run_id).files()
        size_bytes = sum(file.size_bytes for file in files) + size_below(store, keys.metrics(experiment, run_id))
        return msgspec.structs.replace(step, size_bytes=size_bytes)

    def copy(self, step: RunStep) -> Moved:
        """Do what is to be done.

        Raises
        ------
        ArtifactCorrupt
            A file is not what was recorded, or did not arrive whole.
        StoreError
        """
        if not step.moved().brings:
            return step.moved()
        source, record = self._carrier.source, step.record
        manifest = self._manifest(record)
        written = self._files(record, manifest)
        points = self._points(record)
        if points is None:
            return step.moved(
                Outcome.LEFT, size_bytes=written, why=f"points of it are on their way to {source.location}"
            )
        written += points
        self._carrier.target.put(keys.manifest(record.experiment, record.run_id), encoding.encode(manifest))
        now = self.source.read(record.experiment, record.run_id)  # tags may have come meanwhile
        if (now.status, now.ended_at_ns) != (record.status, record.ended_at_ns):
            return step.moved(Outcome.LEFT, size_bytes=written, why="it was resumed while it was copied")
        try:
            self._publish(now, step.there)
        except StoreConflict as error:
            return step.moved(Outcome.CONFLICT, size_bytes=written, why=error.message, fix=error.fix)
        self._carrier.add(keys.run_import(record.experiment, record.run_id), replace=True)
        trace.note(self._carrier.target, source, now, self._clock())
        return step.moved(size_bytes=written)

    def _judged(self, record: RunRecord, there: RunRecord | None) -> tuple[Outcome, str, str | None]:
        source, target = self._carrier.source, self._carrier.target
        if record.status is RunStatus.RUNNING:
            if self.source.is_gone(record):
                return Outcome.LEFT, "its process is gone, and nobody has ended it yet", "tauro doctor --clean ends it"
            return Outcome.LEFT, "it goes on", None
        if there is None:
            if recovery.is_written(source, record):
                return Outcome.LEFT, "a process still logs to it", None
            return Outcome.COPIED, "", None
        here_now, there_now = trace.digest(record), trace.digest(there)
        if here_now == there_now:
            return Outcome.SAME, "", None
        if recovery.is_written(source, record):
            return Outcome.LEFT, "a process still logs to it", None
        common = trace.common(source, target, record)
        if common == here_now:
            return Outcome.AHEAD, f"{_difference(record, there)} changed in the target only", "bring it the other way"
        if there.status is RunStatus.RUNNING:
            return Outcome.CONFLICT, f"run {record.run_id} was resumed in {target.location}, and goes on there", None
        if common == there_now or self._overwrite:
            return Outcome.UPDATED, "", None
        return Outcome.CONFLICT, *_told(source.location, target.location, record, there)

    def _manifest(self, record: RunRecord) -> Manifest:
        source = self._carrier.source
        try:
            return encoding.read(source, keys.manifest(record.experiment, record.run_id), Manifest)
        except KeyMissing:  # its process died before the last step
            return Artifacts(source, record.experiment, record.run_id).described(record)

    def _files(self, record: RunRecord, manifest: Manifest) -> int:
        written = 0
        for file in manifest.files:
            key = keys.artifact(record.experiment, record.run_id, file.path)
            written += self._carrier.carry(key, key, file.size_bytes, file.sha256)
        return written

    def _points(self, record: RunRecord) -> int | None:
        """Bring the points; None where the source itself does not have all of them yet."""
        from tauro_nb.mlops.tracking import compaction, parquet

        source, prefix = self._carrier.source, keys.metrics(record.experiment, record.run_id)
        names = {key.removeprefix(f"{prefix}/") for key in walk(source, prefix)}
        if not names:
            return 0
        key = f"{prefix}/{parquet.NAME}"
        if names == {parquet.NAME}:
            with here(source, key) as path:
                return self._carrier.bring(path, key, known_as=f"{source.location}: {key}")
        with temporary_folder() as folder:
            path = folder / parquet.NAME
            whole = compaction.write_whole(source, prefix, path)
            if not whole and record.status is not RunStatus.INTERRUPTED:
                return None
            return self._carrier.bring(path, key, known_as=f"{source.location}: {prefix}")

    def _publish(self, record: RunRecord, there: RunRecord | None) -> None:
        """Have the target's record be this one, if it is still what it was when the two were compared.

        Raises
        ------
        StoreConflict
            Somebody has changed it meanwhile.
        """
        changed = StoreConflict(
            f"run {record.run_id} was changed in {self._carrier.target.location} meanwhile", fix="copy again"
        )
        if there is None:
            self.target.open_experiment(record.experiment, self._created_at_ns(record))
            mine = self.target.create(msgspec.structs.replace(record, revision=0))
            if not mine and trace.digest(self.target.read(record.experiment, record.run_id)) != trace.digest(record):
                raise changed
            return
        before = trace.digest(there)

        def edit(now: RunRecord) -> RunRecord:
            if trace.digest(now) != before:
                raise changed
            return msgspec.structs.replace(record, revision=now.revision)

        try:
            self.target.change(record.experiment, record.run_id, edit)
        except RunNotFound as error:
            raise changed from error

    def _created_at_ns(self, record: RunRecord) -> int:
        known = {each.name: each.created_at_ns for each in self.source.experiments()}
        return known.get(record.experiment) or record.started_at_ns


def _told(source: str, target: str, record: RunRecord, there: RunRecord) -> tuple[str, str]:
    where = f"{source} and {target}, and it is not known which is newer"
    why = f"run {record.run_id} ({record.name}): {_difference(record, there)} differ in {where}"
    return why, "edit one to be as the other, or take those of the source: --overwrite (overwrite=True)"


def _difference(record: RunRecord, there: RunRecord) -> str:
    plain, other = msgspec.to_builtins(record), msgspec.to_builtins(there)
    names = [name for name in _FIELDS if encoding.encode(plain[name]) != encoding.encode(other[name])]
    return ", ".join(name.removesuffix("_at_ns") for name in names) or "the records"
