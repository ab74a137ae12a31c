"""The user's own modules: where they are imported from, and that two projects in one process do not see each other's.

Python has one `sys.path` and one `sys.modules`. While a project is the active one its root stands first on the path;
when another becomes active, the modules that came from the first project's root are put aside, and come back, as the
same objects, when it is active again. A project becomes active when a session opens on it and whenever one of its
pipelines starts. `reload` takes up what was edited.

A function may import while it runs. So a project one of whose pipelines is running is not put aside: another one may
run beside it as long as the two have no module names in common, and is refused otherwise.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tauro_nb.errors import FunctionNotFound, PipelineError, nearest
from tauro_nb.pipeline import reloading
from tauro_nb.pipeline.frames import user_traceback

_lock = threading.RLock()
_aside: dict[str, dict[str, ModuleType]] = {}
_running: Counter[str] = Counter()
_opened: list[str] = []
"""Roots of open sessions, the one opened last at the end; one root may stand here several times."""
_active: list[str] = []
"""Roots on `sys.path` through us, the one that became active last at the end."""
_present: set[str] = set()
"""Roots that have been active and were not put aside since: their modules may stand in `sys.modules`."""


class ProjectModules:
    """The modules below one project's root; every instance for one root speaks of the same modules."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.abspath(root)  # noqa: PTH100 - `resolve` would follow links, and module paths do not

    def open(self) -> None:
        """Make the project the active one, and keep its root on `sys.path` until `close`."""
        with _lock:
            _activate(self.root)
            _opened.append(self.root)

    def close(self) -> None:
        """Undo one `open`; the project that was opened before becomes the active one again."""
        with _lock:
            _opened.remove(self.root)
            _settle()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make the project the active one, and let it not be put aside during the ``with`` block.

        Raises
        ------
        PipelineError
            A pipeline of another project is running that has modules of the same names.
        """
        with _lock:
            _activate(self.root)
            _running[self.root] += 1
        try:
            yield
        finally:
            with _lock:
                _running[self.root] -= 1
                _settle()

    def loaded(self) -> dict[str, ModuleType]:
        """Return this project's imported modules by name."""
        with _lock:
            return dict(_aside.get(self.root) or _modules_below(self.root))

    def reload(self, *, force: bool = False) -> reloading.Reloaded:
        """Import anew what was edited, and what imports it; see `reloading.reload`."""
        with _lock:
            _activate(self.root)
            try:
                return reloading.reload(self.root, _modules_below(self.root), force=force)
            finally:
                _settle()

    def function(self, dotted: str, *, where: str) -> Callable[..., Any]:
        """Import the function that `dotted` names; the project has to be the active one.

        Parameters
        ----------
        where : str
            File and key, for errors.

        Raises
        ------
        FunctionNotFound
            There is no such module, or nothing callable of that name in it.
        Exception
            Whatever the user's module raises while it is imported: its own exception, with a note.
        """
        parts = dotted.split(".")
        if len(parts) < 2 or not all(part.isidentifier() for part in parts):
            raise FunctionNotFound(
                f"{where}: {dotted!r} is not the path of a function", fix="write package.module.function"
            )
        for length in range(len(parts) - 1, 0, -1):
            module = _import(".".join(parts[:length]), dotted, where)
            if module is not None:
                return _attribute(module, parts[length:], dotted, where)
        raise FunctionNotFound(
            f"{where}: no module {parts[0]!r} in {self.root}",
            fix=nearest(parts[0], _submodules([self.root])) or f"create {parts[0]}.py or the folder {parts[0]} there",
        )


def _import(name: str, dotted: str, where: str) -> ModuleType | None:
    """Import a module; None where there is no such module, as opposed to one that cannot be imported."""
    if name not in sys.modules:
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name is not None and (name == error.name or name.startswith(f"{error.name}."))
        if missing and user_traceback(error.__traceback__) is None:
            return None
        error.add_note(f"while {dotted} was imported ({where})")
        raise
    except (Exception, SystemExit) as error:
        error.add_note(f"while {dotted} was imported ({where})")
        raise


def _attribute(module: ModuleType, path: list[str], dotted: str, where: str) -> Callable[..., Any]:
    found: Any = module
    for index, name in enumerate(path):
        if not hasattr(found, name):
            if index == 0 and len(path) > 1 and hasattr(module, "__path__"):
                raise FunctionNotFound(
                    f"{where}: no module {name!r} in the package {module.__name__}",
                    fix=nearest(name, _submodules(module.__path__)) or f"the package {module.__name__} has no modules",
                )
            owner = ".".join([module.__name__, *path[:index]])
            raise FunctionNotFound(
                f"{where}: no function {name!r} in {owner}",
                fix=nearest(name, _functions(found)) or f"define it in {owner}",
            )
        found = getattr(found, name)
    if not callable(found):
        raise FunctionNotFound(
            f"{where}: {dotted} is a {type(found).__name__}, not a function",
            fix=nearest(path[-1], _functions(module)) or f"define a function in {module.__name__}",
        )
    function: Callable[..., Any] = found
    return function


def _functions(owner: Any) -> list[str]:
    """Return the names of what is defined in a module or class and can be called; its own ones, if it has any."""
    found = [name for name, value in vars(owner).items() if callable(value) and not name.startswith("_")]
    own = [name for name in found if getattr(vars(owner)[name], "__module__", None) == getattr(owner, "__name__", None)]
    return own or [name for name in found if inspect.isfunction(vars(owner)[name])]


def _submodules(paths: Iterable[str]) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(list(paths))]


def _activate(root: str) -> None:
    if _active[-1:] == [root]:
        return
    for other in _present - {root}:
        if _running[other]:
            _refuse_clash(root, other)
    for other in _present - {root}:
        if not _running[other]:
            _put_aside(other)
    sys.modules.update(_aside.pop(root, {}))
    _present.add(root)
    _leave_path(root)
    _active.append(root)
    sys.path.insert(0, root)
    reloading.finder.follow(reversed(_active))


def _settle() -> None:
    """Leave on `sys.path` what runs or is open, with the project that was opened last as the active one."""
    for root in [root for root in _active if not _running[root] and root not in _opened]:
        _leave_path(root)
    if not _active and _opened:
        _activate(_opened[-1])


def _put_aside(root: str) -> None:
    found = _modules_below(root)
    for name in found:
        del sys.modules[name]
    _aside[root] = found
    _present.discard(root)
    _leave_path(root)


def _leave_path(root: str) -> None:
    if root in _active:
        _active.remove(root)
        reloading.finder.follow(reversed(_active))
        if root in sys.path:
            sys.path.remove(root)


def _modules_below(root: str) -> dict[str, ModuleType]:
    real = os.path.realpath(root)
    starts = {root.rstrip(os.sep) + os.sep, real.rstrip(os.sep) + os.sep}
    return {name: module for name, module in list(sys.modules.items()) if _is_below(name, module, tuple(starts))}


def _is_below(name: str, module: ModuleType, starts: tuple[str, ...]) -> bool:
    if name == "__main__" or name.partition(".")[0] in ("tauro", "tauro_nb"):
        return False
    # `_path` of a namespace package is read as it is: asking `__path__` would search the path anew
    places = [getattr(module, "__file__", None), *getattr(getattr(module, "__path__", ()), "_path", ())]
    return any(isinstance(place, str) and place.startswith(starts) and "site-packages" not in place for place in places)


def _refuse_clash(root: str, running: str) -> None:
    theirs = {name.partition(".")[0] for name in _modules_below(running)} | set(_submodules([running]))
    clash = theirs & set(_submodules([root])) | {name for name in theirs if Path(root, name).is_dir()}
    if clash:
        raise PipelineError(
            f"a pipeline of {running} is running, and {root} has modules of the same names: {', '.join(sorted(clash))}",
            fix="wait until it has ended, or use a kernel for each project",
        )
