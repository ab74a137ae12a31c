"""A Tauro store in MLflow's own tools: ``mlflow.set_tracking_uri("tauro:///path/to/mlops_data")``.

MLflow finds these functions as entry points while it is itself being imported, so nothing of it is imported before one
is called. What is supported, and what is not, says ``docs/mlflow.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tauro_nb.mlflow_plugin.artifacts import TauroArtifactRepository
    from tauro_nb.mlflow_plugin.registry_store import TauroRegistryStore
    from tauro_nb.mlflow_plugin.tracking_store import TauroTrackingStore


def tracking_store(store_uri: str, artifact_uri: str | None = None) -> TauroTrackingStore:
    """Return what MLflow tracks to at a ``tauro://`` address."""
    from tauro_nb.mlflow_plugin.tracking_store import TauroTrackingStore

    return TauroTrackingStore(store_uri, artifact_uri)


def model_registry_store(store_uri: str, tracking_uri: str | None = None) -> TauroRegistryStore:
    """Return what MLflow registers models with at a ``tauro://`` address."""
    from tauro_nb.mlflow_plugin.registry_store import TauroRegistryStore

    return TauroRegistryStore(store_uri, tracking_uri)


def artifact_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> TauroArtifactRepository:
    """Return what MLflow keeps files with at a ``tauro://`` address."""
    from tauro_nb.mlflow_plugin.artifacts import TauroArtifactRepository

    return TauroArtifactRepository(artifact_uri, tracking_uri, registry_uri)
