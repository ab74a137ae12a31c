"""Runs of a Tauro store as MLflow's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.mlflow_plugin import address, labels, terms
from tauro_nb.mlflow_plugin.experiments import id_of
from tauro_nb.mlops.mlflow.datasets import with_datasets
from tauro_nb.mlops.tracking.records import RunRecord

if TYPE_CHECKING:
    from mlflow.entities import Dataset, DatasetInput, LoggedModelInput, Metric, Run, RunInfo

_MODEL = "model "
"""How the name of an input begins that is a logged model."""
_DIGEST_CHARS = 36
"""MLflow's digests have no more."""


def info(record: RunRecord, base: str) -> RunInfo:
    """Return what MLflow says of a run first.

    Parameters
    ----------
    base : str
        The address below which runs have their artifacts.
    """
    from mlflow.entities import LifecycleStage, RunInfo

    return RunInfo(
        run_id=record.run_id,
        run_name=record.name,
        experiment_id=id_of(record.experiment),
        user_id=labels.of(record).get(labels.USER, ""),
        status=terms.TO_MLFLOW[record.status],
        start_time=record.started_at_ns // 1_000_000,
        end_time=None if record.ended_at_ns is None else record.ended_at_ns // 1_000_000,
        lifecycle_stage=LifecycleStage.ACTIVE if record.deleted_at_ns is None else LifecycleStage.DELETED,
        artifact_uri=address.run_uri(base, record.run_id),
    )


def run(record: RunRecord, metrics: list[Metric], models: Iterable[tuple[str, int]], base: str) -> Run:
    """Return a run with all that was logged to it.

    Parameters
    ----------
    models : iterable of (str, int)
        The id of each model that it has logged, and the step.
    """
    from mlflow.entities import LoggedModelOutput, Param, Run, RunData, RunInputs, RunOutputs, RunTag

    return Run(
        info(record, base),
        RunData(
            metrics=metrics,
            params=[Param(key, str(value)) for key, value in record.params.items()],
            tags=[RunTag(key, value) for key, value in labels.of(record).items()],
        ),
        RunInputs(datasets(record), _model_inputs(record)),
        RunOutputs([LoggedModelOutput(model_id, step) for model_id, step in models]),
    )


def datasets(record: RunRecord) -> list[DatasetInput]:
    """Return the datasets that a run has read: those that MLflow told of, and those of the catalog."""
    from mlflow.entities import DatasetInput, InputTag

    return [
        DatasetInput(_dataset(name, told), [InputTag(key, value) for key, value in told.get("tags", {}).items()])
        for name, told in record.inputs.items()
        if isinstance(told, Mapping) and not name.startswith(_MODEL)
    ]


def with_inputs(
    record: RunRecord, datasets: Iterable[DatasetInput], models: Iterable[LoggedModelInput]
) -> dict[str, Any]:
    """Return the inputs of a run with those that MLflow tells of."""
    inputs = with_datasets(record.inputs, datasets)
    for model in models:
        inputs[f"{_MODEL}{model.model_id}"] = {"model_id": model.model_id}
    return inputs


def _dataset(name: str, told: Mapping[str, Any]) -> Dataset:
    from mlflow.entities import Dataset

    digest = told.get("digest") or told.get("sha256") or "unknown"
    if "source_type" in told:
        return Dataset(
            told.get("name", name), digest, told["source_type"], told["path"], told.get("schema"), told.get("profile")
        )
    profile = json.dumps({"size_bytes": told["size_bytes"]}) if "size_bytes" in told else None
    return Dataset(name, str(digest)[:_DIGEST_CHARS], "local", json.dumps({"uri": told.get("path", "")}), None, profile)


def _model_inputs(record: RunRecord) -> list[LoggedModelInput]:
    from mlflow.entities import LoggedModelInput

    return [LoggedModelInput(told["model_id"]) for name, told in record.inputs.items() if name.startswith(_MODEL)]
