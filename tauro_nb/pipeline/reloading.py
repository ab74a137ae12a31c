"""Edited modules are imported anew, with those that import them; nothing else is, and a failure changes nothing.

The new code comes in new module objects. So what runs meanwhile goes on with the code that it began with, a function
that was deleted is gone, and where one module cannot be imported all old ones are put back.

A finder before Python's own notes which edition of a file an import reads. It also leaves the byte code cache aside for
a file that was read before: the cache tells editions apart by size and whole seconds.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

from tauro_nb.config.editions import Editions
from tauro_nb.pipeline.frames import user_traceback

_editions = Editions()


class Reloaded:
    """What was taken up; false where nothing was edited.

    Attributes
    ----------
    modules : dict of module name to (ModuleType, ModuleType or None)
        Each as it was and as it is now; None where its file is gone.
    edited : tuple of str
        Files relative to the project's root.
    mlops : bool
        The ``mlops`` block was edited, which takes effect when the project is loaded again.
    """

    def __init__(
        self,
        modules: Mapping[str, tuple[ModuleType, ModuleType | None]] | None = None,
        edited: Sequence[str] = (),
        *,
        mlops: bool = False,
    ) -> None:
        self.modules = dict(modules or {})
        self.edited = tuple(edited)
        self.mlops = mlops

    def __bool__(self) -> bool:
        return bool(self.modules or self.edited)

    def __str__(self) -> str:
        if not self:
            return "nothing was edited"
        files = f"edited: {', '.join(self.edited)}" if self.edited else ""
        names = f"reloaded {', '.join(self.modules)}" if self.modules else "configuration read anew"
        later = "; the block mlops takes effect when the project is loaded again" if self.mlops else ""
        return (f"{names} ({files})" if files else names) + later


class Finder(MetaPathFinder):
    """Finds the modules below the roots that it follows, and notes what is read."""

    def __init__(self) -> None:
        self._starts: tuple[str, ...] = ()
        self._roots: list[str] = []

    def follow(self, roots: Iterable[str]) -> None:
        """Find modules below these roots from now on, the first one first; without any, leave the import system."""
        self._roots = list(roots)
        self._starts = tuple({start + os.sep for root in self._roots for start in (root, os.path.realpath(root))})
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if self._roots:
            place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
            sys.meta_path.insert(place, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module in a file below a root; None for any other."""
        spec = PathFinder.find_spec(fullname, self._roots if path is None else path, target)
        file = None if spec is None else spec.origin
        if spec is None or file is None or type(spec.loader) is not SourceFileLoader:
            return None
        if not file.startswith(self._starts) or "site-packages" in file:
            return None
        if file in _editions:
            spec.loader = _Afresh(fullname, file)
        _editions.note(file)
        return spec


class _Afresh(SourceFileLoader):
    """Compiles the file as it is, whatever the byte code cache holds."""

    def path_stats(self, path: str) -> Mapping[str, float]:
        """Tell that there is nothing to compare a cache with."""
        raise OSError(f"{path} is compiled anew")

    def exec_module(self, module: ModuleType) -> None:
        """Execute it; what was imported below a package stays within reach of it."""
        start = f"{module.__name__}."
        for name, child in list(sys.modules.items()):
            if name.startswith(start) and "." not in name[len(start) :]:
                setattr(module, name[len(start) :], child)
        super().exec_module(module)


finder = Finder()
"""This process's own."""


def reload(root: str, loaded: Mapping[str, ModuleType], *, force: bool = False) -> Reloaded:
    """Import the edited ones of the `loaded` modules anew, and those that import them.

    Parameters
    ----------
    root : str
        What files are told relative to.
    force : bool
        All, edited or not.

    Raises
    ------
    Exception
        What a module raises while it is imported, a `SyntaxError` too: the old modules are in their places again.
    """
    files = {name: module.__file__ for name, module in loaded.items() if _is_source(module) and module.__file__}
    edited = set(_editions.edited(files.values()))
    begun = [name for name, file in files.items() if force or file in edited]
    if not begun:
        return Reloaded()
    names = _with_importers(begun, files)
    before = {name: loaded[name] for name in names}
    kept = _editions.keep(files[name] for name in names)
    known = set(sys.modules)
    importlib.invalidate_caches()
    for name in names:
        sys.modules.pop(name, None)
    try:
        for name in names:
            if Path(files[name]).exists():
                importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - raised again
        for name in set(sys.modules) - known:
            if _is_source(sys.modules[name]) and str(sys.modules[name].__file__).startswith(root + os.sep):
                del sys.modules[name]
        for name, module in before.items():
            _put(name, module)
        _editions.restore(kept)
        error.add_note("the project's modules are as they were before; the next run reads them anew")
        raise error.with_traceback(user_traceback(error.__traceback__)) from error.__cause__
    told = sorted(os.path.relpath(file, root) for file in edited)
    return Reloaded({name: (module, sys.modules.get(name)) for name, module in before.items()}, told)


def _put(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    package, _, last = name.rpartition(".")
    if package in sys.modules:
        setattr(sys.modules[package], last, module)


def _is_source(module: ModuleType) -> bool:
    return isinstance(getattr(module, "__loader__", None), SourceFileLoader) and bool(getattr(module, "__file__", None))


def _with_importers(begun: Sequence[str], files: Mapping[str, str]) -> list[str]:
    """Return `begun` and all that import one of them, over however many others; imported ones first."""
    importers: dict[str, list[str]] = {}
    for name, file in files.items():
        for imported in _imports(name, file):
            if imported in files and imported != name:
                importers.setdefault(imported, []).append(name)
    found = dict.fromkeys(begun)
    waiting = list(begun)
    while waiting:
        for name in importers.get(waiting.pop(0), ()):
            if name not in found:
                found[name] = None
                waiting.append(name)
    return list(found)


def _imports(name: str, file: str) -> set[str]:
    """Return the modules that a file may import, wherever in it; none where it cannot be read."""
    try:
        tree = ast.parse(Path(file).read_bytes(), file)
    except (OSError, SyntaxError, ValueError):
        return set()
    package = name if Path(file).stem == "__init__" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                found.update(".".join(parts[:length]) for length in range(1, len(parts) + 1))
        elif isinstance(node, ast.ImportFrom):
            try:
                start = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            found.update((start, *(f"{start}.{alias.name}" for alias in node.names)))
    return found
