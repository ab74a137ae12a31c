"""From a context to the services that work in it: store, tracker, registry and catalog, once per context.

They live as long as their context. Whoever has the same context (an executor, a session, a notebook's buttons) has the
same services, and so the same datasets in memory. What nobody asks for is not imported: tracking needs no catalog.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.config.schema import MlopsSettings
from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.events import get_event_emitter
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    from tauro_nb.config.schema import MlflowSettings
    from tauro_nb.io.catalog import Catalog
    from tauro_nb.mlops.mlflow.replica import Replica
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.pipeline.definitions import Definition

_KEPT = "_services"
_lock = threading.Lock()


class Services:
    """What works in one context; made by `services`.

    Attributes
    ----------
    store : Store
    tracker : ExperimentTracker
    replica : Replica or None
        The copy on an MLflow server, where one is configured.
    handed_by : dict of dataset to node
        Who wrote last what is handed over in memory.
    defined : dict of node to Definition
        What a notebook has in place of nodes of the files, or beside them.
    """

    def __init__(self, context: Context) -> None:
        settings = context.settings.mlops
        self.store = open_backend(context)
        self.replica = None if settings.mlflow is None else _replica(context, settings.mlflow, self.store)
        self.tracker = ExperimentTracker(
            self.store,
            settings.experiment_tracking,
            default_experiment=settings.default_experiment_name,
            environment=context.environment,
            mirror=self.replica,
        )
        self.handed_by: dict[str, str] = {}
        self.defined: dict[str, Definition] = {}
        self._context = context
        self._lock = threading.Lock()
        self._registry: ModelRegistry | None = None
        self._catalog: Catalog | None = None
        if settings.event_log:
            from tauro_nb.events.lines import JsonLines

            path = context.storage_dir / keys.logs("events.jsonl")
            get_event_emitter().on_event("*", JsonLines(path, self.store.location))

    @property
    def registry(self) -> ModelRegistry:
        """The models of the store."""
        with self._lock:
            if self._registry is None:
                from tauro_nb.mlops.registry.registry import ModelRegistry

                settings = self._context.settings.mlops
                self._registry = ModelRegistry(
                    self.store,
                    settings.registry,
                    retention_days=settings.model_retention_days,
                    environment=self._context.environment,
                    mirror=self.replica,
                )
            return self._registry

    @property
    def catalog(self) -> Catalog:
        """The datasets of the project."""
        with self._lock:
            if self._catalog is None:
                from tauro_nb.io.catalog import Catalog

                self._catalog = Catalog(self._context)
            return self._catalog

    def take_up(self, context: Context) -> Context:
        """Go on with a context whose files were edited, and return it; what is in memory stays.

        Its ``mlops`` block stays the one that store and tracker were made with.
        """
        settings = msgspec.structs.replace(context.settings, mlops=self._context.settings.mlops)
        context = msgspec.structs.replace(context, settings=settings)
        with self._lock:
            self._context = context
            if self._catalog is not None:
                self._catalog = self._catalog.over(context)
        return share(context, self)

    def hand_over(self, dataset: str, value: Any, by: str | None) -> None:
        """Keep in memory what a node has made for those that follow; None: who made it is not known."""
        self.catalog.put_memory(dataset, value)
        if by is not None:
            self.handed_by[dataset] = by

    def has_in_memory(self, dataset: str, writers: Collection[str] = ()) -> bool:
        """Tell whether a dataset is in memory, put there by one of `writers` or by the user himself."""
        by = self.handed_by.get(dataset)
        return self.catalog.is_memory(dataset) and (not writers or by is None or by in writers)


def services(context: Context) -> Services:
    """Return the services of `context`, made on the first call. Nothing is written before they are used.

    Raises
    ------
    ConfigError, UsageError
        As `open_backend` does.
    """
    with _lock:
        # kept on the context itself: the catalog refers to it, so a weak mapping would hold both for ever
        kept: Services | None = vars(context).get(_KEPT)
        if kept is None:
            kept = vars(context)[_KEPT] = Services(context)
    return kept


def share(context: Context, working: Services) -> Context:
    """Let `context`, which has the same settings and datasets as another, work with the services of that one."""
    vars(context)[_KEPT] = working
    return context


def open_backend(context: Context) -> Store:
    """Return the store that ``mlops.backend_type`` names; nothing is asked of it yet.

    Raises
    ------
    ConfigError
        It is on Databricks, and the host is not https.
    UsageError
        Catalog, schema or volume is a name that none can have.
    """
    settings = context.settings.mlops
    if settings.backend_type == "local":
        return LocalStore(context.storage_dir)
    from tauro_nb.store.databricks import DatabricksStore

    volume = settings.databricks
    return DatabricksStore(
        volume.catalog,
        volume.schema,
        volume.volume,
        host=context.credentials.host,
        token=context.credentials.token,
        settle_s=volume.settle_s,
        timeout_s=volume.timeout_s,
        max_in_flight=volume.max_in_flight,
    )


def open_address(address: str | PathLike[str], context: Context) -> Store:
    """Return the store at an address that a person wrote; the one place that reads them.

    Parameters
    ----------
    address : str or PathLike
        ``/Volumes/CATALOG/SCHEMA/VOLUME``, also with ``dbfs:`` before it, is a volume of Unity Catalog, reached with
        the workspace and limits of `context`. A word without a slash is an environment of the project. Anything else,
        and any `Path`, is a folder, relative to the working directory: ``./backup``, ``../other/mlops_data``,
        ``~/runs``.

    Raises
    ------
    UnknownName
        The project has no such environment.
    UsageError
        It is none of these.
    ConfigError
        The files of that environment are wrong.
    """
    volume = _volume(address)
    if volume is not None:
        return open_backend(_on_volume(volume, context))
    if isinstance(address, str):
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", address) and not Path(address).drive:
            raise UsageError(f"{address!r} is no address of a store", fix=_ADDRESSES)
        if not address or not re.search(r"[/\\]|^[.~]", address):
            return open_backend(_in_environment(address, context))
    return LocalStore(Path(address).expanduser())


def bare_context(address: str | PathLike[str]) -> Context:
    """Return a context without a project for the store at an address: a folder, or a volume as `open_address` reads it.

    Raises
    ------
    UsageError
        It is in ``/Volumes``, and no volume.
    """
    volume = _volume(address)
    if volume is None:
        return Context.bare(Path.cwd(), Path(address))
    return _on_volume(volume, Context.bare(Path.cwd(), MlopsSettings().storage_path))


def _volume(address: str | PathLike[str]) -> str | None:
    """Return the path of a volume that was written, with or without ``dbfs:``."""
    path = address.removeprefix("dbfs:") if isinstance(address, str) else ""
    return path if path == "/Volumes" or path.startswith("/Volumes/") else None


_ADDRESSES = "a folder with a slash in it (./backup), an environment's name, or /Volumes/CATALOG/SCHEMA/VOLUME"


def _on_volume(address: str, context: Context) -> Context:
    names = [part for part in address.split("/")[2:] if part]
    if len(names) != 3:
        raise UsageError(f"{address!r} is no volume", fix="/Volumes/CATALOG/SCHEMA/VOLUME")
    catalog, schema, volume = names
    mlops = context.settings.mlops
    place = msgspec.structs.replace(mlops.databricks, catalog=catalog, schema=schema, volume=volume)
    mlops = msgspec.structs.replace(mlops, backend_type="databricks", databricks=place)
    settings = msgspec.structs.replace(context.settings, mlops=mlops)
    return msgspec.structs.replace(context, settings=settings)


def _in_environment(name: str, context: Context) -> Context:
    from tauro_nb.config.descriptor import AppConfigManager
    from tauro_nb.config.loader import ContextLoader

    known = AppConfigManager(context.descriptor).environments if context.descriptor is not None else ()
    if name not in known:
        there = f" (there are {', '.join(known)})" if known else ""
        raise UnknownName(f"no environment named {name!r}{there}", fix=f"a folder is written with a slash: ./{name}")
    return ContextLoader().load_from_paths(AppConfigManager(context.descriptor).get_env_config(name), name)


def _replica(context: Context, settings: MlflowSettings, store: Store) -> Replica:
    """Return the copy of `store` on an MLflow server; nothing is started before there is something to deliver."""
    from tauro_nb.mlops.mlflow.address import Address
    from tauro_nb.mlops.mlflow.errand import Errand
    from tauro_nb.mlops.mlflow.replica import replica_of

    mlops = context.settings.mlops
    errand = Errand(
        store=store,
        address=Address.of(settings.tracking_uri, settings.registry_uri),
        experiment=settings.experiment_name,
        default_experiment=mlops.default_experiment_name,
        catalog=mlops.databricks.catalog,
        schema=mlops.databricks.schema,
    )
    return replica_of(
        errand,
        context.root,
        exit_wait_s=settings.exit_wait_s,
        environment=context.environment,
        where=context.where("settings", "mlops", "mlflow").partition(": ")[0],
    )
