"""Logged models, which MLflow 3 keeps beside runs, as models among the artifacts of runs.

Each model that a run has logged, through MLflow or by `Run.log_model`, is one; its id is made of the run's id and its
path there. What MLflow says of a model that its client has logged (status, tags, parameters, metrics) stands in the
run's record, with the model. A model that is logged outside any run gets a run of its own, as it had with MLflow 2.
"""

from __future__ import annotations

import functools
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.mlflow_plugin import address, terms
from tauro_nb.mlflow_plugin.experiments import id_of
from tauro_nb.mlflow_plugin.flavor import MlflowFlavor
from tauro_nb.mlflow_plugin.measured import Measured
from tauro_nb.mlflow_plugin.opened import Opened
from tauro_nb.mlops.registry.flavors import ModelMeta
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Metric

FOLDER = "models"
"""Where MLflow's models lie among a run's artifacts."""
KEY = "mlflow"
"""Under which a model's details have what MLflow says of it."""
_ID = re.compile(r"m-(.+)-[0-9a-f]{8}")

Said = dict[str, Any]
"""What MLflow says of a model: ``name``, ``model_type``, ``status``, ``tags``, ``params``, ``metrics``..."""


def model_id(run_id: str, path: str) -> str:
    """Return the id of the model that a run has under `path`."""
    return f"m-{run_id}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def run_of(wanted: str) -> str:
    """Return the run of the logged model of this id.

    Raises
    ------
    MlflowException
        It is none of this store's ids.
    """
    spelled = _ID.fullmatch(wanted)
    if spelled is None:
        raise terms.not_found(f"Logged model with ID '{wanted}' not found.")
    return spelled[1]


class Models:
    """The logged models of a store."""

    def __init__(self, opened: Opened, measured: Measured, base: str) -> None:
        self._recording = opened.recording
        self._archive = opened.archive
        self._measured = measured
        self._base = base

    def find(self, wanted: str) -> tuple[RunRecord, str]:
        """Return the run of a model that is not deleted, and the model's path there.

        Raises
        ------
        MlflowException
        """
        record, path = self._found(wanted)
        if path is None or _said(record, path).get("deleted"):
            raise terms.not_found(f"Logged model with ID '{wanted}' not found.")
        return record, path

    def get(self, wanted: str, *, deleted: bool = False) -> LoggedModel:
        """Return a model as MLflow's; a deleted one too, if asked."""
        record, path = self._found(wanted)
        if path is None or (not deleted and _said(record, path).get("deleted")):
            raise terms.not_found(f"Logged model with ID '{wanted}' not found.")
        return self._shown(record, path)

    def create(
        self,
        experiment: str,
        name: str,
        run_id: str | None,
        *,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        model_type: str | None,
    ) -> LoggedModel:
        """Make a model whose files are still to come."""
        alone = run_id is None
        record = (
            self._recording.begin(experiment, None, None, name, {})
            if run_id is None
            else self._recording.writable(run_id)
        )
        now_ms = _now_ms()
        said: Said = {
            "name": name,
            "model_type": model_type,
            "status": "PENDING",
            "created_ms": now_ms,
            "updated_ms": now_ms,
            "tags": dict(tags),
            "params": dict(params),
            "metrics": [],
            "alone": alone,
        }
        made = ""

        def add(now: RunRecord) -> RunRecord:
            nonlocal made
            made = _free(now.models, f"{FOLDER}/{name}")
            meta = ModelMeta(
                flavor=MlflowFlavor.name,
                format=MlflowFlavor.name,
                file=PurePosixPath(made).name,
                runs_code=True,
                details={KEY: {**said, "model_id": model_id(now.run_id, made)}},
            )
            return msgspec.structs.replace(now, models={**now.models, made: msgspec.to_builtins(meta)})

        return self._shown(self._recording.change(record, add), made)

    def finalize(self, wanted: str, status: str) -> LoggedModel:
        """Give a model its final status; a run that was made for it alone ends."""
        model = self._change(wanted, lambda said: {**said, "status": status})
        record, path = self.find(wanted)
        if _said(record, path).get("alone") and record.status is RunStatus.RUNNING:
            ended = RunStatus.FAILED if status == "FAILED" else RunStatus.FINISHED
            self._recording.update(record.run_id, ended, None, None)
        return model

    def set_tags(self, wanted: str, tags: Mapping[str, str]) -> LoggedModel:
        """Set tags of a model."""
        return self._change(wanted, lambda said: {**said, "tags": {**said.get("tags", {}), **tags}})

    def delete_tag(self, wanted: str, key: str) -> None:
        """Take a tag away.

        Raises
        ------
        MlflowException
            The model has no such tag.
        """

        def take(said: Said) -> Said:
            if key not in said.get("tags", {}):
                raise terms.not_found(f"No tag with key '{key}' found for model with ID '{wanted}'.")
            return {**said, "tags": {name: each for name, each in said["tags"].items() if name != key}}

        self._change(wanted, take)

    def set_params(self, wanted: str, params: Mapping[str, str]) -> None:
        """Set parameters of a model."""
        self._change(wanted, lambda said: {**said, "params": {**said.get("params", {}), **params}})

    def set_step(self, wanted: str, step: int) -> None:
        """Say at which step of its run a model was logged."""
        self._change(wanted, lambda said: {**said, "step": step})

    def delete(self, wanted: str) -> None:
        """Mark a model as deleted; its files stay with the run."""
        self._change(wanted, lambda said: {**said, "deleted": True})

    def log(self, run_id: str, metrics: Iterable[Metric]) -> None:
        """Note of the models that metrics of a run are about what they are worth."""
        by_model: dict[str, list[Said]] = {}
        for metric in metrics:
            if metric.model_id is not None:
                by_model.setdefault(metric.model_id, []).append({**_told(metric), "run_id": run_id})
        for wanted, told in by_model.items():
            self._change(wanted, functools.partial(_with_metrics, told=told))

    def search(self, experiments: list[str]) -> list[LoggedModel]:
        """Return the models of these experiments that are not deleted, nor their runs."""
        return [
            self._shown(record, path)
            for record in self._archive.records(experiments)
            if record.deleted_at_ns is None
            for path in record.models
            if not _said(record, path).get("deleted")
        ]

    def of_run(self, record: RunRecord) -> list[tuple[str, int]]:
        """Return the id of each model that a run has logged, and the step at which it did."""
        there = {path: _said(record, path) for path in record.models}
        kept = {path: said for path, said in there.items() if not said.get("deleted")}
        return [(model_id(record.run_id, path), int(said.get("step", 0))) for path, said in kept.items()]

    def _found(self, wanted: str) -> tuple[RunRecord, str | None]:
        record = self._recording.find(run_of(wanted))
        return record, next((path for path in record.models if model_id(record.run_id, path) == wanted), None)

    def _change(self, wanted: str, edit: Callable[[Said], Said]) -> LoggedModel:
        record, path = self.find(wanted)

        def change(now: RunRecord) -> RunRecord:
            meta = now.models[path]
            details = meta.get("details", {})
            said = {**edit(details.get(KEY, {})), "updated_ms": _now_ms()}
            return msgspec.structs.replace(
                now, models={**now.models, path: {**meta, "details": {**details, KEY: said}}}
            )

        return self._shown(self._recording.change(record, change), path)

    def _shown(self, record: RunRecord, path: str) -> LoggedModel:
        from mlflow.entities import LoggedModel, LoggedModelStatus, Metric

        said = _said(record, path)
        by_mlflow = "status" in said
        own_id = model_id(record.run_id, path)
        metrics = (
            [Metric(**{**each, "value": float(each["value"])}, model_id=own_id) for each in said["metrics"]]
            if by_mlflow
            else self._measured.latest(record)
        )
        created_ms = said.get("created_ms", record.started_at_ns // 1_000_000)
        return LoggedModel(
            experiment_id=id_of(record.experiment),
            model_id=own_id,
            name=said.get("name") or PurePosixPath(path).stem,
            artifact_location=f"{address.run_uri(self._base, record.run_id)}/{path}",
            creation_timestamp=created_ms,
            last_updated_timestamp=said.get("updated_ms", created_ms),
            model_type=said.get("model_type"),
            source_run_id=record.run_id,
            status=LoggedModelStatus(said.get("status", "READY")),
            tags=dict(said.get("tags", {})),
            params=dict(said["params"]) if by_mlflow else {key: str(value) for key, value in record.params.items()},
            metrics=metrics,
        )


def _said(record: RunRecord, path: str) -> Said:
    said: Said = record.models[path].get("details", {}).get(KEY, {})
    return said


def _free(models: Mapping[str, object], wanted: str) -> str:
    path, number = wanted, 2
    while path in models:
        path, number = f"{wanted}-{number}", number + 1
    return path


def _with_metrics(said: Said, told: list[Said]) -> Said:
    return {**said, "metrics": _newest([*said.get("metrics", []), *told])}


def _told(metric: Metric) -> Said:
    return {
        "key": metric.key,
        "value": float(metric.value),
        "timestamp": metric.timestamp,
        "step": metric.step or 0,
        "dataset_name": metric.dataset_name,
        "dataset_digest": metric.dataset_digest,
    }


def _newest(told: list[Said]) -> list[Said]:
    """Return of each key and dataset the value of the highest step, then of the latest time."""
    found: dict[tuple[Any, ...], Said] = {}
    for each in told:
        place = each["key"], each["dataset_name"], each["dataset_digest"]
        before = found.get(place)
        if before is None or (each["step"], each["timestamp"]) >= (before["step"], before["timestamp"]):
            found[place] = each
    return list(found.values())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
