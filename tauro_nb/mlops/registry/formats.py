"""The single-file formats of Python objects: skops, joblib and pickle.

Each writes one object to one file and reads it back. skops holds data and the names of types, and refuses types that it
was not told to trust; joblib and pickle run code when they are read. A file is always what its ending says:
``pickle.load`` opens a ``.pkl``, ``joblib.load`` a ``.joblib``, ``skops.io.load`` a ``.skops``.
"""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tauro_nb.errors import MissingDependency, ModelNotSerializable, StoreError, Untrusted
from tauro_nb.store.disk import DiskErrors

DATA_TYPES = frozenset(
    {
        "sklearn.tree._tree.Tree",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
"""Types that skops does not trust for what a forged file could do to memory; they run no code, and a registry's files
are checked against their SHA-256 before they are opened."""


class Format(NamedTuple):
    """How one kind of file is written and read."""

    name: str
    suffix: str
    """The ending that this package gives it."""
    package: str
    """What must be installed to read it."""
    dump: Callable[[Any, Path], dict[str, Any]]
    """Writes the object; returns what loading must know."""
    load: Callable[[Path, Mapping[str, Any]], Any]


def _dump_skops(model: Any, path: Path) -> dict[str, Any]:
    io = _skops()
    io.dump(model, path)
    return inspect_skops(path)


def inspect_skops(path: Path) -> dict[str, Any]:
    """Return the types in the file that skops would not load unasked; builds none of them."""
    return {"trusted": sorted(_skops().get_untrusted_types(file=path))}


def _load_skops(path: Path, details: Mapping[str, Any]) -> Any:
    # a later skops may trust fewer types than the one that wrote the file: those that are only data stay admitted
    trusted = sorted(DATA_TYPES.union(details.get("trusted", ())))
    try:
        return _skops().load(path, trusted=trusted)
    except TypeError as error:
        if type(error).__name__ != "UntrustedTypesFoundException":
            raise
        raise Untrusted(f"{path.name}: {error}", fix="load it with the version of skops that wrote it") from error


def _dump_joblib(model: Any, path: Path) -> dict[str, Any]:
    _joblib().dump(model, path)
    return {}


def _load_joblib(path: Path, _: Mapping[str, Any]) -> Any:
    return _joblib().load(path)


def _dump_pickle(model: Any, path: Path) -> dict[str, Any]:
    try:
        import cloudpickle
    except ImportError as error:
        raise MissingDependency.of("cloudpickle", "mlops", what="saving a model as pickle") from error
    with path.open("wb") as file:
        cloudpickle.dump(model, file, protocol=pickle.DEFAULT_PROTOCOL)
    return {}


def _load_pickle(path: Path, _: Mapping[str, Any]) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301 - the caller has checked the file and what may be trusted


SKOPS = Format("skops", ".skops", "skops", _dump_skops, _load_skops)
JOBLIB = Format("joblib", ".joblib", "joblib", _dump_joblib, _load_joblib)
PICKLE = Format("pickle", ".pkl", "cloudpickle", _dump_pickle, _load_pickle)

FORMATS = {each.name: each for each in (SKOPS, JOBLIB, PICKLE)}

BY_SUFFIX = {
    SKOPS.suffix: SKOPS,
    JOBLIB.suffix: JOBLIB,
    PICKLE.suffix: PICKLE,
    ".pickle": PICKLE,
    ".pck": PICKLE,
    ".sav": PICKLE,
}
"""The endings that say what is inside."""


def dump(form: Format, model: Any, path: Path) -> dict[str, Any]:
    """Write `model` to `path`, and return what `load` must be told; a failed write leaves no file.

    Raises
    ------
    ModelNotSerializable
        The format cannot hold this object; the cause is the format's own error.
    MissingDependency
    StoreError
        The file could not be written.
    """
    with writing(form.name, model, path):
        return form.dump(model, path)


@contextmanager
def writing(form: str, model: Any, path: Path) -> Iterator[None]:
    """Turn what a library raises while it writes `path` into what `dump` raises; a failed write leaves no file."""
    try:
        with DiskErrors("write", path):
            yield
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, (StoreError, MissingDependency, MemoryError)) or not isinstance(error, Exception):
            raise
        raise ModelNotSerializable(
            f"a {title(model)} cannot be saved as {form}: {type(error).__name__}: {error}",
            fix="take out of the model what is no data (locks, open files, connections), or pass flavor=",
        ) from error


def foreign(flavor: str, model: Any) -> ModelNotSerializable:
    """Return the error for a model of another kind than the flavor that was asked for."""
    return ModelNotSerializable(
        f"a {title(model)} is no model of the flavor {flavor!r}",
        fix="leave flavor= out; of what lies in a file, load it first and register what it gives",
    )


def runs_code(form: Format, details: Mapping[str, Any]) -> bool:
    """Tell whether reading such a file can run code that the file names."""
    return form is not SKOPS or not DATA_TYPES.issuperset(details.get("trusted", ()))


def title(model: Any) -> str:
    """Return the model's class as a person would write it."""
    kind = type(model)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def packages_of(model: Any) -> set[str]:
    """Return the packages that a model is made of: its own, and those of estimators inside and of their arrays."""
    parts = [model]
    if hasattr(model, "get_params") and not isinstance(model, type):
        parts += model.get_params(deep=True).values()
    roots = {kind.__module__.partition(".")[0] for part in parts for kind in type(part).__mro__}
    if "sklearn" in roots:
        roots.add("numpy")
    return roots - {"__main__", *sys.stdlib_module_names}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are imported, by import name."""
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in packages}
    return {name: str(version) for name, version in sorted(found.items()) if isinstance(version, str)}


def imported(package: str, meta: Any) -> Any:
    """Import the framework that reads a file.

    Raises
    ------
    MissingDependency
        It says which version wrote the file.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        version = meta.packages.get(package, "").partition("+")[0]
        raise MissingDependency(
            f"a model that was saved as {meta.format} needs the package {package!r}",
            fix=f"pip install {package}" + (f"=={version}" if version else ""),
        ) from error


def _skops() -> ModuleType:
    try:
        import skops.io
    except ImportError as error:
        raise MissingDependency.of("skops", "mlops", what="the model format skops") from error
    return skops.io  # type: ignore[no-any-return]


def _joblib() -> ModuleType:
    try:
        import joblib
    except ImportError as error:
        raise MissingDependency.of("joblib", "mlops", what="the model format joblib") from error
    return joblib  # type: ignore[no-any-return]
