"""A project that is open: as its files had it when they were last read, and as cells change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tauro_nb.config.context import Context
from tauro_nb.wiring import Services

if TYPE_CHECKING:
    from tauro_nb.pipeline.definitions import Definition
    from tauro_nb.pipeline.edits import ProjectEdits
    from tauro_nb.pipeline.reloading import Reloaded


class Project:
    """What a `Session` knows of its project; while it is open, its root stands on `sys.path`."""

    def __init__(self, context: Context, working: Services) -> None:
        self._working = working
        self._opened = context
        self._edits: ProjectEdits | None = None
        self.on_reload: Callable[[Reloaded], object] | None = None
        """Called with what was taken up whenever something was."""
        if self._has_nodes:
            self._take_edits()

    @property
    def context(self) -> Context:
        """The project as its files had it when they were last read, with the nodes that are defined here."""
        return self._opened if self._edits is None else self._edits.context

    def define(
        self,
        node: str,
        function: Callable[..., Any],
        *,
        source: str | None = None,
        inputs: Mapping[str, str] | None = None,
        outputs: Sequence[str] = (),
        params: Mapping[str, Any] | None = None,
        after: Sequence[str] = (),
        pipeline: str | None = None,
    ) -> None:
        """Let a function stand in for that of a node, or be a node that no file has, as long as this session lives.

        Parameters
        ----------
        source : str, optional
            The text that defined it, which runs that it starts record. Default: what `inspect` finds.
        inputs : mapping of parameter to dataset, optional
            Default: as the files have it; of a node that no file has each parameter that has no default and is no
            helper is filled by a dataset of its own name.
        outputs : sequence of str, optional
            Default: as the files have it; of a node that no file has one dataset that is called as the node.
        params : mapping, optional
            The node's own.
        after : sequence of str, optional
            Nodes that have to be finished before.
        pipeline : str, optional
            The pipeline to add it to. Default: none; of a node that no file has ``notebook``.

        Raises
        ------
        UnknownName
            `after` names a node that there is not.
        """
        from tauro_nb.pipeline.definitions import Definition, source_of

        one = Definition(
            node=node,
            function=function,
            source=source_of(function) if source is None else source,
            inputs=dict(inputs or {}),
            outputs=tuple(outputs),
            params=dict(params or {}),
            after=tuple(after),
            pipeline=pipeline,
        )
        self._take_edits().define(one)

    def forget(self, node: str) -> None:
        """Take back what `define` did to a node.

        Raises
        ------
        UnknownName
            Nothing was defined under this name.
        """
        self._take_edits().forget(node)

    @property
    def defined(self) -> Mapping[str, Definition]:
        """The nodes that were defined here, by name."""
        return dict(self._working.defined)

    def reload(self, *, force: bool = False) -> Reloaded:
        """Take up what was edited: the project's modules, those that import them, and its files.

        Every run begins with it. What is in memory stays, and so does what runs.

        Parameters
        ----------
        force : bool
            Everything, edited or not.

        Raises
        ------
        ConfigError
            The project's files are wrong; the session goes on with what it had.
        Exception
            What a module raises while it is imported; the old modules are in their places again.
        """
        __tracebackhide__ = True
        return self._take_edits().reload(force=force, tell=self.on_reload)

    def close(self) -> None:
        """Take the project's root off `sys.path`; closing twice is harmless. Runs that are open stay open."""
        if self._edits is not None:
            self._edits.close()

    @property
    def _has_nodes(self) -> bool:
        return bool(self._opened.pipelines or self._opened.nodes)

    def _take_edits(self) -> ProjectEdits:
        if self._edits is None:
            from tauro_nb.pipeline.edits import ProjectEdits

            self._edits = ProjectEdits(self._opened, self._working)
        return self._edits
