"""Registered models and their versions as MLflow's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tauro_nb.mlflow_plugin import address, models
from tauro_nb.mlflow_plugin.flavor import MlflowFlavor
from tauro_nb.mlops.registry import names
from tauro_nb.mlops.registry.records import ModelRecord
from tauro_nb.mlops.registry.version import ModelVersion as TauroVersion

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

NO_STAGE = "None"
"""How MLflow writes that a version has no stage."""

Edit = Callable[[ModelRecord], ModelRecord]


def stage_from(stage: str) -> str | None:
    """Return the stage that MLflow means, however it is written.

    Raises
    ------
    UnknownName
    """
    wanted = stage.capitalize()
    return None if wanted == NO_STAGE else names.checked_stage(wanted)


def uri(version: TauroVersion, base: str) -> str:
    """Return the address of a version's files: of those that MLflow has saved, the folder that has an ``MLmodel``."""
    folder = version.record.meta.file or "" if version.flavor == MlflowFlavor.name else ""
    return address.version_uri(base, version.name, version.version, folder)


def shown(version: TauroVersion, base: str, *, number: Callable[[int], int | str] = str) -> ModelVersion:
    """Return a version as MLflow's.

    Parameters
    ----------
    base : str
        The address of its store.
    number : callable
        What the version's number is told as: MLflow's client has it as text, its filters want it as a number.
    """
    from mlflow.entities import Metric
    from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

    created_ms = version.record.created_at_ns // 1_000_000
    return ModelVersion(
        name=version.name,
        version=number(version.version),
        creation_timestamp=created_ms,
        last_updated_timestamp=created_ms,
        description=version.description,
        user_id=version.record.origin.user,
        current_stage=version.stage or NO_STAGE,
        source=uri(version, base),
        run_id=version.run_id,
        tags=[ModelVersionTag(key, value) for key, value in version.tags.items()],
        aliases=list(version.aliases),
        model_id=version.record.meta.details.get(models.KEY, {}).get("model_id"),
        metrics=[Metric(key, value, created_ms, 0) for key, value in version.metrics.items()],
    )


def registered(record: ModelRecord, versions: Sequence[TauroVersion], base: str) -> RegisteredModel:
    """Return a registered model, with its newest version in each stage, as MLflow's.

    Parameters
    ----------
    versions : sequence of ModelVersion
        All of it, oldest first.
    """
    from mlflow.entities.model_registry import RegisteredModel, RegisteredModelAlias, RegisteredModelTag

    described = record.description
    if described is None:
        described = versions[-1].description if versions else ""
    newest = {version.stage: version for version in versions}
    return RegisteredModel(
        name=record.name,
        creation_timestamp=record.created_at_ns // 1_000_000,
        last_updated_timestamp=max([record.changed_at_ns, *(version.record.created_at_ns for version in versions)])
        // 1_000_000,
        description=described,
        latest_versions=[shown(version, base) for version in newest.values()],
        tags=[RegisteredModelTag(key, value) for key, value in record.tags.items()],
        aliases=[
            RegisteredModelAlias(alias, str(version.version)) for version in versions for alias in version.aliases
        ],
    )
