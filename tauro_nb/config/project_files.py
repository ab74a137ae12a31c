"""The files of a project that is open: which of them were edited, and the context anew."""

from __future__ import annotations

from pathlib import Path

from tauro_nb.config.context import Context
from tauro_nb.config.descriptor import AppConfigManager, ConfigPaths
from tauro_nb.config.editions import Editions
from tauro_nb.config.loader import ContextLoader
from tauro_nb.config.problems import shown_path


class ProjectFiles:
    """The descriptor and the files of one environment; those of a context without a descriptor are not known."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._editions = Editions()
        self._paths: ConfigPaths | None = None
        if context.descriptor is not None:
            self._look(AppConfigManager(context.descriptor).get_env_config(context.environment))

    def read(self, *, force: bool = False) -> tuple[Context, list[str]] | None:
        """Return the context as the files have it now, and which were edited; None where none was, unless forced.

        Raises
        ------
        ConfigError
            The files are wrong. They count as edited until they are mended.
        """
        if self._paths is None or self._paths.descriptor is None:
            return None
        edited = self._editions.edited(self._all(self._paths))
        if not (edited or force):
            return None
        paths = AppConfigManager(self._paths.descriptor).get_env_config(self._context.environment)
        before = self._editions
        self._look(paths)
        try:
            context = ContextLoader().load_from_paths(paths, self._context.environment)
        except BaseException:
            self._editions = before
            raise
        return context, [shown_path(Path(path), paths.root) for path in edited]

    def _look(self, paths: ConfigPaths) -> None:
        """Note the editions before the files are read, so that none is missed that comes meanwhile."""
        self._paths, self._editions = paths, Editions()
        for path in self._all(paths):
            self._editions.note(path)

    @staticmethod
    def _all(paths: ConfigPaths) -> list[Path]:
        files = [path for group in paths.values() for path in group]
        return files if paths.descriptor is None else [paths.descriptor, *files]
