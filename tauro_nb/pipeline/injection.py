"""What a node's function asks for: its parameters, and which of them are helpers that their type hints name.

A hint is looked through `Optional`, `Annotated` and quotes. A hint that cannot be evaluated, because its import stands
under ``if TYPE_CHECKING``, is matched by the path from which the module would import it; so ``pyspark`` is never
imported to recognise its session.

Signature and hints cost microseconds, so they are kept for as long as the function lives.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import logging
import sys
import typing
import weakref
from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union

import msgspec


class Helper(Enum):
    """What the executor gives to a parameter that is hinted with it; the value is the name that people write."""

    TRACKER = "ExperimentTracker"
    REGISTRY = "ModelRegistry"
    CONTEXT = "Context"
    CATALOG = "Catalog"
    RUN = "Run"
    LOGGER = "logging.Logger"
    SPARK = "pyspark.sql.SparkSession"


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a function that a name can fill."""

    name: str
    required: bool
    positional_only: bool
    helper: Helper | None
    nullable: bool
    """The hint of the helper allows None."""


class Signature(msgspec.Struct, frozen=True):
    """What a function takes."""

    parameters: Mapping[str, Parameter]
    takes_any: bool
    """It has ``**kwargs``."""


_known: weakref.WeakKeyDictionary[Any, Signature] = weakref.WeakKeyDictionary()


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return what `function` takes.

    Raises
    ------
    ValueError
        It is written in C and does not tell.
    """
    try:
        known = _known.get(function)
    except TypeError:  # not hashable, or without weak references
        return _inspect(function)
    if known is None:
        known = _known[function] = _inspect(function)
    return known


def _inspect(function: Callable[..., Any]) -> Signature:
    found = inspect.signature(function).parameters.values()
    named = [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    hints = _hints(function, named)
    parameters: dict[str, Parameter] = {}
    for one in named:
        helper, nullable = _helper(hints[one.name]) if one.name in hints else (None, False)
        parameters[one.name] = Parameter(
            one.name, one.default is one.empty, one.kind is one.POSITIONAL_ONLY, helper, nullable
        )
    return Signature(parameters, any(one.kind is one.VAR_KEYWORD for one in found))


class _Path(typing.NamedTuple):
    """What a hint means that could not be evaluated."""

    dotted: str
    nullable: bool = False


def _hints(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> dict[str, Any]:
    plain = _plain(function)
    names = getattr(plain, "__globals__", {})
    written = {one.name: one.annotation for one in parameters if one.annotation is not one.empty}
    with contextlib.suppress(Exception):  # a hint may hold any expression; each is tried by itself below
        return _evaluate(written, names)
    hints: dict[str, Any] = {}
    imports: dict[str, str] | None = None
    for name, annotation in written.items():
        try:
            hints.update(_evaluate({name: annotation}, names))
        except Exception:  # noqa: BLE001 - as above: what cannot be evaluated is read as text
            imports = _imports(plain) if imports is None else imports
            hints[name] = _read(annotation, imports)
    return hints


def _plain(function: Callable[..., Any]) -> Any:
    """Return the Python function that says what the names in the annotations mean."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    if inspect.isclass(function):
        return function.__init__
    return function if hasattr(function, "__code__") else getattr(type(function), "__call__", function)  # noqa: B004 - not asked whether, but what


def _evaluate(annotations: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    def carrier() -> None: ...

    carrier.__annotations__ = annotations
    return typing.get_type_hints(carrier, names, include_extras=True)


def _helper(hint: Any) -> tuple[Helper | None, bool]:
    """Return the helper that `hint` names, and whether it allows None."""
    if isinstance(hint, _Path):
        return _by_path(hint.dotted), hint.nullable
    origin = typing.get_origin(hint)
    if origin is Annotated:
        return _helper(hint.__origin__)
    if origin in (Union, UnionType):
        arms = [arm for arm in typing.get_args(hint) if arm is not NoneType]
        return (_helper(arms[0])[0], True) if len(arms) == 1 else (None, False)
    if not isinstance(hint, type):
        return None, False
    return _classes().get(hint) or _by_path(f"{hint.__module__}.{hint.__qualname__}"), False


@functools.cache
def _classes() -> Mapping[type, Helper]:
    homes = {
        Helper.TRACKER: "tauro_nb.mlops.tracking.tracker",
        Helper.REGISTRY: "tauro_nb.mlops.registry.registry",
        Helper.CONTEXT: "tauro_nb.config.loader",
        Helper.CATALOG: "tauro_nb.io.catalog",
        Helper.RUN: "tauro_nb.mlops.tracking.run",
    }
    found: dict[type, Helper] = {
        getattr(importlib.import_module(home), helper.value): helper for helper, home in homes.items()
    }
    return {**found, logging.Logger: Helper.LOGGER}


def _by_path(path: str) -> Helper | None:
    package, _, name = path.rpartition(".")
    if name == "SparkSession" and package.startswith("pyspark.sql"):
        return Helper.SPARK
    if path == "logging.Logger":
        return Helper.LOGGER
    if package.partition(".")[0] in ("tauro", "tauro_nb"):
        return next((helper for helper in Helper if helper.value == name), None)
    return None


def _read(annotation: Any, imports: Mapping[str, str], *, nullable: bool = False) -> _Path | None:
    """Return what a written annotation means, looked through quotes, `Optional` and `Annotated`."""
    try:
        node: ast.expr = ast.parse(str(annotation), mode="eval").body
    except SyntaxError:
        return None
    while True:
        match node:
            case ast.Constant(value=str(text)):
                return _read(text, imports, nullable=nullable)
            case (
                ast.BinOp(left=node, op=ast.BitOr(), right=ast.Constant(value=None))
                | ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=node)
                | ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=node)
            ):
                nullable = True
            case ast.Subscript(
                value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"), slice=ast.Tuple(elts=[node, *_])
            ):
                pass
            case ast.Name() | ast.Attribute():
                head, dot, rest = ast.unparse(node).partition(".")
                return _Path(imports.get(head, head) + dot + rest, nullable)
            case _:
                return None


def _imports(function: Any) -> dict[str, str]:
    """Return what each name would be that the function's module imports, wherever in it the import stands."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    try:
        tree = ast.parse(inspect.getsource(module or function))
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found
