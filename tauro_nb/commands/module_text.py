"""The text of a module that does what functions of a notebook do: they, and what they use of the notebook.

Functions and classes that cells define are taken over as they were written, what was imported is imported, and plain
values are written down. Anything else has no text, and is told.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import linecache
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

LONGEST_VALUE = 2_000
"""Characters of a value that is written down."""


class ModuleText:
    """Collects what goes into the module."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        """What cannot go into it."""
        self._imports: set[str] = set()
        self._values: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        """In an order in which each stands behind what it uses."""
        self._seen: dict[str, object] = {}

    def add(self, function: Callable[..., Any]) -> None:
        """Take in a function of the notebook with all that it uses."""
        self._define(function.__name__, function, user=function.__name__)

    def __str__(self) -> str:
        plain = sorted(line for line in self._imports if line.startswith("import "))
        chosen = sorted(self._imports - set(plain) - {_FUTURE})
        future = [_FUTURE] if _FUTURE in self._imports else []
        blocks = ["\n".join(lines) for lines in (future, plain, chosen) if lines]
        blocks += ["\n".join(f"{name} = {text}" for name, text in self._values.items())] if self._values else []
        head = '"""Nodes that were defined in a notebook."""'
        return "\n\n\n".join(["\n\n".join([head, *blocks]), *self._sources.values()]) + "\n"

    def _define(self, name: str, defined: Any, *, user: str) -> None:
        if name in self._seen:
            if self._seen[name] is not defined:
                self.problems.append(f"two things are called {name!r}")
            return
        self._seen[name] = defined
        source = _source(defined)
        code = getattr(defined, "__code__", None)
        if source is None or getattr(defined, "__name__", name) != name or "<" in getattr(defined, "__qualname__", ""):
            self.problems.append(f"{user!r} uses {name!r}, whose text is not to be found")
            return
        if code is not None and code.co_flags & __future__.annotations.compiler_flag:
            self._imports.add(_FUTURE)
        space = _namespace(defined)
        for used in sorted(_names(source) - {name}):
            if used in space:
                self._take(used, space[used], user=name)
            elif not hasattr(builtins, used):
                self.problems.append(f"{name!r} uses {used!r}, which the notebook does not have")
        self._sources[name] = source

    def _take(self, name: str, value: Any, *, user: str) -> None:
        if isinstance(value, ModuleType):
            self._imports.add(_import(value.__name__, name))
        elif callable(value) and getattr(value, "__module__", None) == "__main__":
            self._define(name, value, user=user)
        elif (home := _home(value)) is not None:
            module, path = home
            self._imports.add(f"from {module} import {path}" + ("" if path == name else f" as {name}"))
        elif (text := _literal(value)) is not None:
            self._values[name] = text
        else:
            self.problems.append(f"{user!r} uses {name!r} ({type(value).__name__}) of the notebook")


_FUTURE = "from __future__ import annotations"


def _import(module: str, name: str) -> str:
    if module == name:
        return f"import {module}"
    return f"import {module}" if module.partition(".")[0] == name else f"import {module} as {name}"


def _names(source: str) -> set[str]:
    """Return the names that `source` takes from around it."""
    found: set[str] = set()
    top = symtable.symtable(source, "<cell>", "exec")
    todo = [top]
    while todo:
        table = todo.pop()
        todo.extend(table.get_children())
        for symbol in table.get_symbols():
            own = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
            if symbol.is_referenced() and (not own if table is top else symbol.is_global()):
                found.add(symbol.get_name())
    return found


def _namespace(defined: Any) -> dict[str, Any]:
    plain = inspect.unwrap(defined)
    space: dict[str, Any] = getattr(plain, "__globals__", None) or vars(sys.modules["__main__"])
    return space


def _source(defined: Any) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(defined)).rstrip()
    except (OSError, TypeError):
        return _class_source(defined) if inspect.isclass(defined) else None


def _class_source(defined: type) -> str | None:
    """Return the text of a class that a cell defined: `inspect` looks for one only in the file of its module."""
    for name in {one.__code__.co_filename for one in vars(defined).values() if inspect.isfunction(one)}:
        text = "".join(linecache.getlines(name))
        for node in ast.parse(text).body if text else ():
            if isinstance(node, ast.ClassDef) and node.name == defined.__name__:
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return None


def _home(value: Any) -> tuple[str, str] | None:
    """Return the module that people import `value` from, which is the shortest beginning of its own that has it."""
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or module == "__main__" or "." in path:
        return None
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        start = ".".join(parts[:length])
        if getattr(sys.modules.get(start), path, None) is value:
            return start, path
    return None


def _literal(value: Any) -> str | None:
    text = repr(value)
    try:
        same = len(text) <= LONGEST_VALUE and bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError, TypeError):
        return None
    return text if same else None


def module_of(functions: Iterable[Callable[..., Any]]) -> ModuleText:
    """Return the module that has these functions."""
    module = ModuleText()
    for function in functions:
        module.add(function)
    return module
