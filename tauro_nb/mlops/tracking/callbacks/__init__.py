"""Curves from the frameworks that people train with: what each calls a callback or a logger, logging to one run.

A framework is known here by its name alone; the module that speaks to it, and with it the framework, is imported when
its callback is first asked for. Another package adds one by an entry point of the group ``tauro_nb.callbacks``: a class
or function that is called with the run and the options that the user gave, and returns what its framework takes.

A callback never ends its run, and swallows nothing that the run raises. Metrics have the names and steps that the
framework gives them; parameters stand under the framework's name (``xgboost/max_depth``), so that they never meet those
that the user logs.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tauro_nb.errors import MissingDependency, TrackingError, UnknownName, UsageError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

    from tauro_nb.mlops.tracking.recorder import RunRecorder

ENTRY_POINT_GROUP = "tauro_nb.callbacks"

Maker = Callable[..., Any]
"""Called with a run and keyword options."""


class _BuiltIn(NamedTuple):
    maker: str
    """A class or function in the module of the framework's name."""
    packages: tuple[str, ...]
    """Import names, which are also what pip installs; one of them is enough."""


_BUILT_IN = {
    "catboost": _BuiltIn("CatBoostCallback", ("catboost",)),
    "keras": _BuiltIn("keras_callback", ("keras",)),
    "lightgbm": _BuiltIn("LightGBMCallback", ("lightgbm",)),
    "lightning": _BuiltIn("LightningLogger", ("lightning", "pytorch_lightning")),
    "transformers": _BuiltIn("TransformersCallback", ("transformers",)),
    "xgboost": _BuiltIn("XGBoostCallback", ("xgboost",)),
}


def make(run: RunRecorder, framework: str, options: Mapping[str, Any]) -> Any:
    """Return the callback or logger of this framework that logs to `run`.

    Raises
    ------
    UnknownName
        There is no such framework, or it has no such option.
    MissingDependency
        The framework is not installed.
    UsageError
        The name is no text.
    TrackingError
        Another package offers it, but it cannot be imported.
    """
    if not isinstance(framework, str):
        raise UsageError(f"run.callback({framework!r}): a framework is named by text", fix=nearest("", names()))
    maker = _built_in(framework) if framework in _BUILT_IN else _third_party(framework)
    parameters = list(inspect.signature(maker).parameters.values())[1:]
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        known = [each.name for each in parameters]
        for option in options:
            if option not in known:
                raise UnknownName.among("option", option, known, where=f"run.callback({framework!r})")
    return maker(run, **options)


def names() -> list[str]:
    """Return the names of all frameworks, those of other packages included, without importing any."""
    return sorted({*_BUILT_IN, *(point.name for point in _offered())})


def _built_in(framework: str) -> Maker:
    wanted = _BUILT_IN[framework]
    if not any(importlib.util.find_spec(package) for package in wanted.packages):
        package = wanted.packages[0]
        raise MissingDependency(
            f"run.callback({framework!r}) needs the package {package!r}", fix=f"pip install {package}"
        )
    maker: Maker = getattr(importlib.import_module(f"{__name__}.{framework}"), wanted.maker)
    return maker


def _third_party(framework: str) -> Maker:
    point = next((point for point in _offered() if point.name == framework), None)
    if point is None:
        raise UnknownName.among("framework", framework, names(), where="run.callback")
    try:
        maker: Maker = point.load()
    except Exception as error:
        raise TrackingError(
            f"the callback for {framework!r}{_origin(point)} cannot be loaded: {type(error).__name__}: {error}",
            fix="update that package or remove it",
        ) from error
    return maker


def _offered() -> EntryPoints:
    import importlib.metadata  # takes as long as all of this package's own modules

    return importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)


def _origin(point: EntryPoint) -> str:
    return f" of package {point.dist.name!r}" if point.dist else ""
