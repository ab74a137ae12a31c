"""What an open session works with: the context of a project's files, kept up with them, under what cells define.

A project without nodes, as a bare store is, has no modules and no files to keep up with; cells can define nodes in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tauro_nb.config.context import Context
from tauro_nb.config.project_files import ProjectFiles
from tauro_nb.errors import UnknownName
from tauro_nb.pipeline.definitions import Definition, overlaid
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.pipeline.reloading import Reloaded
from tauro_nb.wiring import Services, share


class ProjectEdits:
    """The edits of one project that is open: those of its files, and those that cells make.

    While it is open, the project's root stands on `sys.path`.

    Attributes
    ----------
    context : Context
        As the files had it when they were last read, with what is defined.
    """

    def __init__(self, context: Context, working: Services) -> None:
        self.context = context
        self._filed = context
        """The context as its files have it, without what is defined."""
        self._working = working
        self._modules: ProjectModules | None = None
        self._files: ProjectFiles | None = None
        if context.pipelines or context.nodes:
            self._modules = ProjectModules(context.root)
            self._modules.open()
            self._files = ProjectFiles(context)

    @property
    def defined(self) -> Mapping[str, Definition]:
        """The nodes that cells define, by name."""
        return dict(self._working.defined)

    def define(self, one: Definition) -> None:
        """Lay a node over those of the files; one of the same name that was defined before is replaced.

        Raises
        ------
        UnknownName
            It comes after a node that there is not.
        """
        self.context = self._overlaid({**self._working.defined, one.node: one})
        self._working.defined[one.node] = one

    def forget(self, node: str) -> None:
        """Take back what `define` did to a node.

        Raises
        ------
        UnknownName
            Nothing was defined under this name.
        """
        if node not in self._working.defined:
            raise UnknownName.among("defined node", node, self._working.defined)
        others = {name: one for name, one in self._working.defined.items() if name != node}
        self.context = self._overlaid(others)
        del self._working.defined[node]

    def reload(self, *, force: bool, tell: Callable[[Reloaded], object] | None) -> Reloaded:
        """Take up what was edited, or everything.

        Parameters
        ----------
        tell : callable, optional
            Called with what was taken up whenever something was, also where what comes after it fails.

        Raises
        ------
        ConfigError
            The project's files are wrong; the context stays as it was.
        Exception
            What a module raises while it is imported; the old modules are in their places again.
        """
        __tracebackhide__ = True
        if self._modules is None or self._files is None:
            return Reloaded()
        found = self._modules.reload(force=force)
        try:
            anew = self._files.read(force=force)
            if anew is not None:
                context, edited = anew
                mlops = context.settings.mlops != self._filed.settings.mlops
                self._filed = self._working.take_up(context)
                self.context = self._overlaid(self._working.defined)
                found = Reloaded(found.modules, (*edited, *found.edited), mlops=mlops)
        finally:
            if found and tell is not None:
                tell(found)
        return found

    def close(self) -> None:
        """Take the project's root off `sys.path`; closing twice is harmless."""
        if self._modules is not None:
            self._modules.close()
            self._modules = None

    def _overlaid(self, defined: Mapping[str, Definition]) -> Context:
        return share(overlaid(self._filed, defined), self._working)
