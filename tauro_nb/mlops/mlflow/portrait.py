"""A run's record in MLflow's terms: which name, status, parameters and tags it has there.

Pure: from records to text, so that what a server has can be compared with what it should have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.server import RUN_TAG
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus

STATUS = {
    RunStatus.RUNNING: "RUNNING",
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.INTERRUPTED: "KILLED",
}
DATASET_CHARS = 500
DIGEST_CHARS = 36
CHANGED_TAG = "tauro.changed"
"""Lists what had to be said otherwise."""
NAME_TAG = "mlflow.runName"
PARENT_TAG = "mlflow.parentRunId"
OWN_TAGS = (RUN_TAG, NAME_TAG, PARENT_TAG, CHANGED_TAG)
"""Tags that mean something else there than they can mean here, so that a user's are left out."""


class DatasetPortrait(msgspec.Struct, frozen=True):
    """A dataset that a run has read."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class Portrait(msgspec.Struct, frozen=True, kw_only=True):
    """What a server should say of a run."""

    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    params: dict[str, str]
    tags: dict[str, str]
    datasets: list[DatasetPortrait]
    changed: dict[str, str]
    """What could not be said as it is, and how it is said."""


def portrait(record: RunRecord) -> Portrait:
    """Return what a server should say of a run."""
    changed: dict[str, str] = {}
    tags = {name: value for name, value in record.tags.items() if name not in OWN_TAGS}
    return Portrait(
        name=spelling.cut(record.name, spelling.NAME_CHARS),
        status=STATUS[record.status],
        started_ms=record.started_at_ns // 1_000_000,
        ended_ms=None if record.ended_at_ns is None else record.ended_at_ns // 1_000_000,
        params=spelled("params", record.params, spelling.PARAM_CHARS, changed),
        datasets=[_dataset(name, told) for name, told in record.inputs.items() if _is_dataset(told)],
        tags=spelled("tags", {**_own(record), **tags}, spelling.TAG_CHARS, changed),
        changed=changed,
    )


def spelled(section: str, values: Mapping[str, Any], most: int, changed: dict[str, str]) -> dict[str, str]:
    """Return names and values as MLflow takes them, and note in `changed` which are not as they were."""
    found = {}
    for name, value in values.items():
        key, whole = spelling.key(name), spelling.param(value)
        found[key] = spelling.cut(whole, most)
        if key != name:
            changed[f"{section}.{name}"] = f"named {key} there"
        if found[key] != whole:
            changed[f"{section}.{name}"] = f"cut from {len(whole):,} to {most:,} characters"
    return found


def _own(record: RunRecord) -> dict[str, str]:
    """Return what MLflow keeps as tags."""
    source, error = record.source, record.error
    told = {
        "tauro.experiment": record.experiment,
        "tauro.status": record.status.value,
        "tauro.parent_id": record.parent_id,
        "tauro.error": None if error is None else f"{error.type}: {error.message}",
        "mlflow.note.content": record.notes or None,
    }
    if source is not None:
        told |= {
            "mlflow.user": source.user,
            "mlflow.source.name": source.notebook or source.command,
            "mlflow.source.type": "NOTEBOOK" if source.notebook else "LOCAL",
            "mlflow.source.git.commit": source.git_commit,
            "mlflow.source.git.branch": source.git_branch,
        }
    told |= {
        f"tauro.input.{name}": spelling.param(value) for name, value in record.inputs.items() if not _is_dataset(value)
    }
    return {name: value for name, value in told.items() if value is not None}


def _is_dataset(told: Any) -> bool:
    return isinstance(told, Mapping) and "path" in told


def _dataset(name: str, told: Mapping[str, Any]) -> DatasetPortrait:
    """Return a dataset as the catalog's fingerprint tells it, or as MLflow's client had told it to a store of ours."""
    digest = str(told.get("digest") or told.get("sha256") or "unknown")[:DIGEST_CHARS]
    known_as = spelling.cut(str(told.get("name", name)), DATASET_CHARS)
    if "source_type" in told:
        source_type, source = told["source_type"], str(told["path"])
        return DatasetPortrait(known_as, digest, source_type, source, told.get("schema"), told.get("profile"))
    profile = json.dumps({"size_bytes": told["size_bytes"]}) if "size_bytes" in told else None
    return DatasetPortrait(known_as, digest, "local", json.dumps({"uri": str(told["path"])}), None, profile)
