"""From a context to the services that work in it: store, tracker, registry and catalog, once per context.

They live as long as their context. Whoever has the same context (an executor, a session, a notebook's buttons) has the
same services, and so the same datasets in memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection

import msgspec

from tauro_nb.config.loader import Context
from tauro_nb.errors import ConfigError
from tauro_nb.io.catalog import Catalog
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store

logging.getLogger("tauro_nb").addHandler(logging.NullHandler())

_KEPT = "_services"
_lock = threading.Lock()


class Services(msgspec.Struct, frozen=True):
    """What works in one context."""

    store: Store
    tracker: ExperimentTracker
    registry: ModelRegistry
    catalog: Catalog
    handed_by: dict[str, str] = {}
    """Node that last wrote each dataset which is handed over in memory."""

    def has_in_memory(self, dataset: str, writers: Collection[str] = ()) -> bool:
        """Tell whether a dataset is in memory, put there by one of `writers` or by the user himself."""
        by = self.handed_by.get(dataset)
        return self.catalog.is_memory(dataset) and (not writers or by is None or by in writers)


def services(context: Context) -> Services:
    """Return the services of `context`, made on the first call. Nothing is written before they are used.

    Raises
    ------
    ConfigError
        The context asks for a backend that this version does not have.
    """
    with _lock:
        # kept on the context itself: the catalog refers to it, so a weak mapping would hold both for ever
        kept: Services | None = vars(context).get(_KEPT)
        if kept is None:
            kept = vars(context)[_KEPT] = _build(context)
    return kept


def _build(context: Context) -> Services:
    settings = context.settings.mlops
    store = open_backend(context)
    if settings.mlflow is not None:
        from tauro_nb.mlops.mlflow import mirror

        mirror.warn_not_mirrored(settings.mlflow)
    return Services(
        store,
        ExperimentTracker(
            store,
            settings.experiment_tracking,
            default_experiment=settings.default_experiment_name,
            environment=context.environment,
        ),
        ModelRegistry(store, settings.registry, environment=context.environment),
        Catalog(context),
    )


def open_backend(context: Context) -> Store:
    """Return the store that ``mlops.backend_type`` names.

    Raises
    ------
    ConfigError
        This version does not have it.
    """
    backend = context.settings.mlops.backend_type
    if backend != "local":
        raise ConfigError(
            f"{context.where('settings', 'mlops', 'backend_type')}: this version keeps runs and models in a local "
            f"folder, not on {backend}",
            fix="write backend_type: local, and unset TAURO_MLOPS_BACKEND",
        )
    return LocalStore(context.storage_dir)
