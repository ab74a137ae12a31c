"""The name `tauro`, for code written against it: ``import tauro.x.y`` gives the module `tauro_nb.x.y` itself.

The wheel carries this file as the top-level module ``tauro.py``. A real ``tauro`` package wins over it, because Python
prefers a package to a module in one folder and an earlier folder to a later one.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

_OLD, _NEW = "tauro", "tauro_nb"


class _Alias(MetaPathFinder, Loader):
    """Finds ``tauro.x`` as the very module `tauro_nb.x`."""

    def __init__(self) -> None:
        self._own: dict[str, ModuleSpec | None] = {}

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if not fullname.startswith(_OLD + ".") or sys.modules.get(_OLD) is not sys.modules.get(_NEW):
            return None
        real = importlib.util.find_spec(_NEW + fullname.removeprefix(_OLD))
        if real is None:
            return None
        return ModuleSpec(fullname, self, origin=real.origin, is_package=real.submodule_search_locations is not None)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_NEW + spec.name.removeprefix(_OLD))
        self._own[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Undo what the import system has just written over the real module's spec."""
        if module.__spec__ is not None:
            module.__spec__ = self._own.pop(module.__spec__.name, module.__spec__)

    def get_code(self, fullname: str) -> CodeType | None:
        """Let ``python -m tauro.x`` run the real module's code."""
        real = importlib.util.find_spec(_NEW + fullname.removeprefix(_OLD))
        loader = real.loader if real else None
        return loader.get_code(_NEW + fullname.removeprefix(_OLD)) if hasattr(loader, "get_code") else None  # type: ignore[union-attr]


if not any(isinstance(finder, _Alias) for finder in sys.meta_path):
    sys.meta_path.insert(0, _Alias())
sys.modules[_OLD] = importlib.import_module(_NEW)
