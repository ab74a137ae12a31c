"""A project, or only a store, opened for work: everything that a notebook or a script needs, in one object.

What runs pipelines is imported when the first one is planned: to track runs takes none of it.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from tauro_nb.config.context import Context
from tauro_nb.faces import Shown
from tauro_nb.mlops.tracking.recovery import recover_soon
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.pipeline.pipelines import Pipelines
from tauro_nb.wiring import bare_context, open_address, services

if TYPE_CHECKING:
    from tauro_nb.io.catalog import Catalog
    from tauro_nb.mlops.moving.copied import Copied
    from tauro_nb.mlops.moving.copying import Wanted
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.store.protocol import Store


def open_session(descriptor: str | Path | None = None, env: str = "dev") -> Session:
    """Open a project in one of its environments.

    Parameters
    ----------
    descriptor : str or Path, optional
        The descriptor (``settings_json.json``) or its folder. Default: it is searched upwards from here.
    env : str

    Raises
    ------
    DescriptorNotFound
    UnknownName
        The project has no such environment.
    ConfigError
        Everything that is wrong with the project's files.
    """
    from tauro_nb.config.descriptor import AppConfigManager
    from tauro_nb.config.loader import ContextLoader

    paths = AppConfigManager(descriptor).get_env_config(env)
    return Session(ContextLoader().load_from_paths(paths, env))


def open_store(path: str | Path) -> Session:
    """Open a store without a project: a session with tracker and registry, and no pipelines.

    Parameters
    ----------
    path : str or Path
        The store's folder, relative to the working directory; made when something is first kept. Or, as text, a
        volume of Unity Catalog: ``/Volumes/CATALOG/SCHEMA/VOLUME``.

    Raises
    ------
    UsageError
        It is in ``/Volumes``, and no volume.
    """
    return Session(bare_context(path))


class Session(Pipelines, Shown):
    """A context with all that works in it; pipelines can be run in it any number of times, in several threads at once.

    While a session of a project is open, the project's root stands on `sys.path`. Opening one finishes, in the
    background, what processes that crashed have left in its store: see `ExperimentTracker.recover`.

    Attributes
    ----------
    tracker : ExperimentTracker
    """

    def __init__(self, context: Context) -> None:
        working = services(context)
        self.tracker: ExperimentTracker = working.tracker
        recover_soon(working.store)
        super().__init__(context, working)

    @property
    def registry(self) -> ModelRegistry:
        """The models of the store."""
        return self._working.registry

    @property
    def catalog(self) -> Catalog:
        """The datasets of the project."""
        return self._working.catalog

    def __repr__(self) -> str:
        place = f"project {self.context.root}" if self._has_nodes else f"store {self.context.storage_dir}"
        return f"<Session of {place} [{self.context.environment}]>"

    def push(self, to: str | Path | Store | Session | None = None, **wanted: Unpack[Wanted]) -> Copied:
        """Copy runs and models of this session's store to another one.

        Before that, what processes that are gone left on this machine, on its way to the store, is delivered.

        Parameters
        ----------
        to : str, Path, Store or Session, optional
            An address, as `open_address` reads it, or what is open already. None: only deliver.
        **wanted
            ``experiments``, ``runs``, ``models``, ``dry_run``, ``overwrite``, ``tell``: see `copy_store`.

        Raises
        ------
        UnknownName, RunNotFound, UsageError, StoreError
            As `copy_store` does.
        """
        from tauro_nb.mlops.moving.delivery import push

        return push(self.tracker.store, None if to is None else self._other(to), **wanted)

    def pull(self, source: str | Path | Store | Session, **wanted: Unpack[Wanted]) -> Copied:
        """Copy runs and models of another store to that of this session; see `push`."""
        from tauro_nb.mlops.moving.copying import copy_store

        return copy_store(self._other(source), self.tracker.store, **wanted)

    def _other(self, place: str | Path | Store | Session) -> Store:
        if isinstance(place, Session):
            return place.tracker.store
        return open_address(place, self.context) if isinstance(place, str | Path) else place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
