"""One MLflow run on its way into a store: files and points first, its manifest, and last of all its record.

Its id here is made of its id and start there, so that taking it twice finds it. What is there already, of an import
that was broken off or of an earlier one, is not taken again; points are compared one by one.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from tauro_nb.errors import KeyMissing, RunNotFound
from tauro_nb.mlops import encoding
from tauro_nb.mlops.mlflow import imported
from tauro_nb.mlops.mlflow.datasets import with_datasets
from tauro_nb.mlops.mlflow.imported import RunState
from tauro_nb.mlops.mlflow.source import MlflowSource, RemoteFile
from tauro_nb.mlops.moving.carrier import temporary_folder
from tauro_nb.mlops.moving.copied import Moved, Outcome
from tauro_nb.mlops.registry.flavors import ModelMeta
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus, Source
from tauro_nb.store import keys
from tauro_nb.store.paths import PathValidator
from tauro_nb.store.protocol import Store

OWN_TAG = "tauro.run_id"
"""Which run of a Tauro store was sent there."""
NAME, PARENT, NOTE, USER = "mlflow.runName", "mlflow.parentRunId", "mlflow.note.content", "mlflow.user"
DESCRIPTION = "MLmodel"
"""The file that says how MLflow loads a model."""
FLAVOR = "mlflow"
"""How such a folder is loaded here."""
MODELS = "models"
"""Among a run's files here: what MLflow 3 keeps beside the run."""
STATUS = {"FINISHED": RunStatus.FINISHED, "FAILED": RunStatus.FAILED, "KILLED": RunStatus.INTERRUPTED}
QUIET_MS = 86_400_000
"""A run that is RUNNING there, and of which nothing was heard for so long, was left by its process."""


class RunImporter:
    """Takes runs; safe to use in several threads, each of which has another run."""

    def __init__(self, source: MlflowSource, store: Store, clock: Callable[[], int] = time.time_ns) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._archive = RunArchive(store)
        self._uri = source.address.shown
        self._parents: dict[str, str | None] = {}

    def take(self, experiment: Any, run: Any, *, dry_run: bool) -> Moved:
        """Take one run, or what is new of it, and tell what was done.

        Raises
        ------
        TauroError
            It could not be taken; nothing of it is to be seen.
        """
        here, known = self.id_of(run)
        files = self._files_of(run)
        state = self._state(run, {path: file.size_bytes for path, file in files.items()})
        outcome, why = self._judged(run, experiment.name, here, state, own=known)
        size_bytes = sum(state.files.values()) if dry_run else 0
        if not dry_run and outcome in (Outcome.COPIED, Outcome.UPDATED):
            size_bytes = self._taken(experiment, run, here, state, files)
        return Moved(
            kind="run",
            name=state.name,
            run_id=here,
            experiment=experiment.name,
            outcome=outcome,
            size_bytes=size_bytes if outcome in (Outcome.COPIED, Outcome.UPDATED) else 0,
            why=why,
        )

    def id_of(self, run: Any) -> tuple[str, bool]:
        """Return the id here of a run there, and whether it had come from here."""
        sent = run.data.tags.get(OWN_TAG)
        if sent:
            try:
                return self._archive.find(sent).run_id, True
            except RunNotFound:
                pass
        started = datetime.fromtimestamp((run.info.start_time or 0) // 1_000, UTC)
        return imported.own_id(run.info.run_id, f"{started:%Y%m%d-%H%M%S}"), False

    def there(self, experiment: str, run_id: str) -> RunRecord | None:
        """Return what this store has of a run."""
        try:
            return self._archive.read(experiment, run_id)
        except RunNotFound:
            return None

    def _judged(self, run: Any, experiment: str, here: str, state: RunState, *, own: bool) -> tuple[Outcome, str]:
        if own:
            return Outcome.OWN, "it had come from this store"
        there = self.there(experiment, here)
        if there is not None and there.deleted_at_ns is not None:
            return Outcome.SAME, "it was deleted here"
        if there is not None and there.status is RunStatus.RUNNING:
            return Outcome.LEFT, "it was resumed here, and goes on"
        if run.info.status not in STATUS and self._last_sign_ms(state, run) > self._clock() // 1_000_000 - QUIET_MS:
            return Outcome.LEFT, "it goes on there"
        if there is None:
            return Outcome.COPIED, ""
        known = imported.read(self._store, keys.run_import(experiment, here), RunState)
        return (Outcome.SAME, "") if imported.same(state, known) else (Outcome.UPDATED, "")

    def _taken(self, experiment: Any, run: Any, here: str, state: RunState, files: Mapping[str, RemoteFile]) -> int:
        store, name = self._store, experiment.name
        there = self.there(name, here)
        artifacts = Artifacts(store, name, here)
        if there is not None:
            artifacts.unseal()
        written = self._files(files, artifacts, keys.artifacts(name, here))
        prefix = keys.metrics(name, here)
        self._points(run.info.run_id, state, prefix)
        before = imported.read(store, keys.run_import(name, here), RunState)
        metrics = MetricLog.reader(store, prefix).last()
        draft = self._record(run, name, here, state, metrics)
        manifest = artifacts.described(draft)
        artifacts.keep(manifest)
        if there is None:
            self._archive.open_experiment(name, (experiment.creation_time or 0) * 1_000_000 or draft.started_at_ns)
        if there is not None or not self._archive.create(draft):
            self._archive.change(name, here, lambda now: _merged(now, before, draft))
        store.put(keys.run_import(name, here), encoding.encode(state))
        background.later(lambda: _compact(store, prefix))
        return written

    def _files_of(self, run: Any) -> dict[str, RemoteFile]:
        """Return what a run has there, by the path that it gets here."""
        found = {PathValidator.inside(file.path): file for file in self._source.files(run)}
        for name, files in self._source.logged_models(run).items():
            found |= {PathValidator.inside(f"{MODELS}/{name}/{file.path}"): file for file in files}
        return found

    def _files(self, files: Mapping[str, RemoteFile], artifacts: Artifacts, prefix: str) -> int:
        written = 0
        for path, file in files.items():
            try:
                if self._store.stat(f"{prefix}/{path}").size_bytes == file.size_bytes:
                    continue
            except KeyMissing:
                pass
            with temporary_folder() as folder:
                artifacts.add_file(self._source.fetch(file, folder), path)
            written += file.size_bytes
        return written

    def _points(self, run_id: str, state: RunState, prefix: str) -> None:
        """Log the points that are not here yet, in the order of their times."""
        found = MetricLog.reader(self._store, prefix).read()
        known = Counter(
            zip(
                (found.keys[number] for number in found.key_ids.tolist()),
                found.steps.tolist(),
                found.at_ns.tolist(),
                map(repr, found.values.tolist()),
                strict=True,
            )
        )
        new = _in_turn(self._new(run_id, sorted(state.metrics), known))
        if new is None:
            return
        names, ids, steps, numbers, at_ns = new
        writer = MetricLog.writer(self._store, prefix, auto_flush=False)
        for number, step, value, moment in zip(ids, steps, numbers, at_ns, strict=True):
            writer.append(names[number], value, step, moment)
        writer.close()

    def _new(self, run_id: str, names: Iterable[str], known: Counter[Any]) -> Iterator[tuple[str, list[Any]]]:
        for name in names:
            key, fresh = values.metric_key(name), []
            for each in self._source.history(run_id, name):
                point = (key, each.step, each.timestamp * 1_000_000, repr(float(each.value)))
                if known[point]:
                    known[point] -= 1
                else:
                    fresh.append(each)
            yield key, fresh

    def _state(self, run: Any, files: dict[str, int]) -> RunState:
        info, tags = run.info, run.data.tags
        newest = {each.key: (each.value, each.step, each.timestamp) for each in run.data._metric_objs}  # noqa: SLF001 - the public form has no steps
        parent = self._parent(tags.get(PARENT))
        return RunState(
            uri=self._uri,
            run_id=info.run_id,
            name=tags.get(NAME) or info.run_name or info.run_id,
            status=info.status,
            ended_ms=info.end_time,
            notes=tags.get(NOTE, ""),
            parent_id=parent,
            params=dict(run.data.params),
            tags={name: text for name, text in tags.items() if name not in (NAME, PARENT, NOTE, USER)},
            metrics=newest,
            files=files,
            inputs=_inputs(run),
        )

    def _parent(self, run_id: str | None) -> str | None:
        if run_id and run_id not in self._parents:
            parent = self._source.run(run_id)
            self._parents[run_id] = None if parent is None else self.id_of(parent)[0]
        return self._parents[run_id] if run_id else None

    def _record(self, run: Any, experiment: str, here: str, state: RunState, metrics: dict[str, float]) -> RunRecord:
        tags = run.data.tags
        ended_ms = state.ended_ms if state.ended_ms is not None else self._last_sign_ms(state, run)
        kind, name = tags.get("mlflow.source.type"), tags.get("mlflow.source.name")
        return RunRecord(
            run_id=here,
            name=values.named("run", state.name),
            experiment=experiment,
            status=STATUS.get(run.info.status, RunStatus.INTERRUPTED),
            started_at_ns=(run.info.start_time or 0) * 1_000_000,
            ended_at_ns=ended_ms * 1_000_000,
            params=dict(values.param(key, value) for key, value in state.params.items()),
            tags=values.tags({**state.tags, imported.URI_TAG: self._uri, imported.RUN_TAG: run.info.run_id}),
            metrics=metrics,
            models=_models(state.files),
            inputs=state.inputs,
            parent_id=state.parent_id,
            source=Source(
                user=tags.get(USER) or run.info.user_id or None,
                command=name if kind != "NOTEBOOK" else None,
                notebook=name if kind == "NOTEBOOK" else None,
                git_commit=tags.get("mlflow.source.git.commit"),
                git_branch=tags.get("mlflow.source.git.branch"),
            ),
            notes=values.notes(state.notes),
        )

    @staticmethod
    def _last_sign_ms(state: RunState, run: Any) -> int:
        return max([run.info.start_time or 0, *(at_ms for _, _, at_ms in state.metrics.values())])


def _merged(now: RunRecord, before: RunState | None, new: RunRecord) -> RunRecord:
    """Return a run's record with what is new there, and what was changed here as it is."""
    params, tags = (before.params, before.tags) if before is not None else ({}, {})
    held = {"params": params, "tags": values.tags(tags)}
    ended = before is not None and now.ended_at_ns != (before.ended_ms or 0) * 1_000_000 and before.ended_ms is not None
    return msgspec.structs.replace(
        now,
        name=imported.followed(now.name, None if before is None else before.name, new.name),
        notes=imported.followed(now.notes, None if before is None else before.notes, new.notes),
        params=imported.followed_all(now.params, held["params"], new.params),
        tags=imported.followed_all(now.tags, held["tags"], new.tags),
        metrics=new.metrics,
        models={**new.models, **now.models},
        inputs={**new.inputs, **now.inputs},
        parent_id=now.parent_id or new.parent_id,
        status=now.status if ended else new.status,
        ended_at_ns=now.ended_at_ns if ended else new.ended_at_ns,
    )


def _inputs(run: Any) -> dict[str, Any]:
    inputs = getattr(run, "inputs", None)
    return {} if inputs is None else with_datasets({}, inputs.dataset_inputs)


def _models(paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return how the models among a run's files are loaded, by their folders."""
    folders = [path.removesuffix(f"/{DESCRIPTION}") for path in paths if path.endswith(f"/{DESCRIPTION}")]
    metas = {
        folder: ModelMeta(flavor=FLAVOR, format=FLAVOR, file=folder.rpartition("/")[2], runs_code=True)
        for folder in folders
    }
    return {folder: msgspec.to_builtins(meta) for folder, meta in metas.items()}


def _compact(store: Store, prefix: str) -> None:
    MetricLog.compact(store, prefix)


def _in_turn(
    histories: Iterable[tuple[str, list[Any]]],
) -> tuple[list[str], list[int], list[int], list[float], list[int]] | None:
    """Return the points of several metrics as columns, in the order of their times; None where there is none."""
    names: list[str] = []
    columns: list[Any] = []
    for name, points in histories:
        if points:
            told = (
                np.full(len(points), len(names), np.int32),
                np.array([each.step for each in points], np.int64),
                np.array([each.value for each in points], np.float64),
                np.array([each.timestamp for each in points], np.int64) * 1_000_000,
            )
            names.append(name)
            columns.append(told)
    if not columns:
        return None
    ids, steps, numbers, at_ns = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    order = np.lexsort((steps, at_ns))
    return names, ids[order].tolist(), steps[order].tolist(), numbers[order].tolist(), at_ns[order].tolist()
