"""The datasets that a run of MLflow has read, in the words of a run's record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def with_datasets(known: Mapping[str, Any], inputs: Iterable[Any]) -> dict[str, Any]:
    """Return what a run has read, by name, with what MLflow tells of; a name that means other data gets its digest.

    Parameters
    ----------
    known : mapping
        The `inputs` of the run's record.
    inputs : iterable of mlflow.entities.DatasetInput
    """
    told = dict(known)
    for each in inputs:
        dataset = each.dataset
        one = {
            "name": dataset.name,
            "digest": dataset.digest,
            "path": dataset.source,
            "source_type": dataset.source_type,
            "schema": dataset.schema,
            "profile": dataset.profile,
            "tags": {tag.key: tag.value for tag in each.tags},
        }
        before = told.get(dataset.name, one)
        same = isinstance(before, Mapping) and before.get("digest") == dataset.digest
        told[dataset.name if same else f"{dataset.name} ({dataset.digest})"] = one
    return told
