"""How a kind of model becomes files, and a model again. A leaf: it knows neither runs nor versions.

Two ways in. `save_model(model, folder)` lets the model's flavor choose the files, and is what a registered version
holds. `save_file(model, path)` writes one file under a name that the caller chose, in the format which that name says
(``.pkl`` pickle, ``.joblib`` joblib, ``.skops`` skops, ``.ubj`` XGBoost...; no ending: pickle), and is what
`Run.log_model` does. Both return a `ModelMeta`, with which `load_model(folder, meta)` gives the model back. Nothing
here checks where the files come from: who loads a file that others could have written checks its SHA-256 first.

A framework's models are kept in its own files. scikit-learn models are kept as skops where all of their types are known
to run no code, else as joblib (and, with classes made in a notebook, as pickle: only that carries their code along).
Other objects are kept as pickle, a `Path` as the file or folder that it names, untouched. Where a flavor cannot hold a
model, the next one that takes it does, and the details say why. A package adds a flavor by an entry point of the group
``tauro_nb.flavors``: an object that is as `Flavor` says, or a class of such; it is asked before the built-in ones.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.errors import MissingDependency, ModelNotSerializable, UnknownName, UsageError
from tauro_nb.mlops.registry import formats
from tauro_nb.mlops.registry.flavors.boosting import CatboostFlavor, LightgbmFlavor, XgboostFlavor
from tauro_nb.mlops.registry.flavors.files import FilesFlavor
from tauro_nb.mlops.registry.flavors.keras import KerasFlavor
from tauro_nb.mlops.registry.flavors.objects import PickleFlavor, SklearnFlavor
from tauro_nb.mlops.registry.flavors.protocol import Flavor, ModelMeta, Predicting, Saved
from tauro_nb.mlops.registry.flavors.pytorch import TorchFlavor
from tauro_nb.mlops.registry.formats import BY_SUFFIX, SKOPS, title
from tauro_nb.store.disk import DiskErrors

__all__ = [
    "CatboostFlavor",
    "FilesFlavor",
    "Flavor",
    "KerasFlavor",
    "LightgbmFlavor",
    "ModelMeta",
    "PickleFlavor",
    "Predicting",
    "Saved",
    "SklearnFlavor",
    "TorchFlavor",
    "XgboostFlavor",
    "flavor_of",
    "installed",
    "load_model",
    "save_file",
    "save_model",
]

ENTRY_POINT_GROUP = "tauro_nb.flavors"

_SKLEARN = SklearnFlavor()
_PICKLE = PickleFlavor()
_FILES = FilesFlavor()
_BUILT_IN: tuple[Flavor, ...] = (
    XgboostFlavor(),
    LightgbmFlavor(),
    CatboostFlavor(),
    KerasFlavor(),  # before PyTorch: with that as its backend, a Keras model is a module too
    TorchFlavor(),
    _SKLEARN,
    _FILES,
    _PICKLE,
)


@functools.cache
def installed() -> dict[str, Flavor]:
    """Return every flavor by name, in the order in which they are asked: other packages', then the built-in ones."""
    found: dict[str, Flavor] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            loaded = point.load()
            flavor = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:  # noqa: BLE001 - one broken plug-in must not take the registry with it
            warnings.warn(
                f"the model flavor {point.name!r} ({point.value}) cannot be used: {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            continue
        found[flavor.name] = flavor
    return {**found, **{each.name: each for each in _BUILT_IN}}


def save_model(model: Any, folder: Path, flavor: str | None = None) -> ModelMeta:
    """Write `model` into `folder`, which exists and is empty.

    A `Path` to a file that says by its ending what it holds (``.pkl``, ``.joblib``, ``.skops``) is copied unopened, and
    loads as the object in it; any other `Path`, or any with ``flavor="files"``, loads as the path.

    Raises
    ------
    ModelNotSerializable
        Nothing can save it, or not the flavor that was asked for; the cause says why.
    MissingDependency
        The flavor needs a package that is not installed.
    UnknownName
        There is no such flavor.
    UsageError
        It is a text that names a file, or something in MLflow.
    """
    if flavor is not None:
        if flavor not in installed():
            raise UnknownName.among("flavor", flavor, installed())
        chosen = installed()[flavor]
        return _described(chosen, chosen.save(model, folder), model)
    if isinstance(model, str):
        _refuse_address(model)
    if isinstance(model, Path) and model.is_file() and model.suffix.lower() in BY_SUFFIX:
        return _adopted(model, folder / model.name)
    refusals: dict[str, str] = {}
    *others, last = _takers(model)
    for each in others:
        try:
            saved = each.save(model, folder)
        except (ModelNotSerializable, MissingDependency) as error:
            refusals[f"not_{each.name}"] = str(error)
            _empty(folder)
        else:
            return _described(each, saved, model, refusals)
    return _described(last, last.save(model, folder), model, refusals)


def save_file(model: Any, path: Path) -> ModelMeta:
    """Write `model` to exactly `path`, whose folder exists, in the format that its ending says.

    Returns
    -------
    ModelMeta
        Its `file` is the name of `path`: ``load_model(path.parent, meta)`` gives the model back. A `Path` to a file is
        copied unopened, and loads as its own ending says.

    Raises
    ------
    ModelNotSerializable
        That format cannot hold this model; the cause says why.
    UsageError
        The ending is one that no flavor of this model can write.
    MissingDependency
    """
    if isinstance(model, Path):
        if not model.is_file():
            raise UsageError(f"{model} is no file", fix="log_artifacts keeps folders; log_model a model or one file")
        return _adopted(model, path)
    takers, suffix = list(_takers(model)), path.suffix.lower()
    chosen = next((each for each in takers if suffix in each.suffixes), None)
    if chosen is not None:
        return _described(chosen, chosen.save(model, path.parent, path.name), model)
    if suffix[1:].isalpha():
        known = sorted({ending for each in takers for ending in each.suffixes})
        raise UsageError(
            f"{path.name}: nothing here writes a {title(model)} as {suffix!r}",
            fix=f"end the name in one of {', '.join(known)}",
        )
    details = formats.dump(formats.PICKLE, model, path)
    return _described(_PICKLE, Saved(format=formats.PICKLE.name, file=path.name, details=details), model)


def load_model(folder: Path, meta: ModelMeta) -> Any:
    """Return the model that was saved in `folder`.

    Raises
    ------
    MissingDependency
        The flavor, or the package that reads its format, is not installed.
    Untrusted
        The file would run code, and its metadata say that it does not.
    """
    try:
        return flavor_of(meta).load(folder, meta)
    except ImportError as error:
        if not isinstance(error, MissingDependency):
            error.add_note(f"while loading a {meta.model_class or meta.format}; it was saved with {meta.packages}")
        raise


def flavor_of(meta: ModelMeta) -> Flavor:
    """Return the flavor that saved this.

    Raises
    ------
    MissingDependency
    """
    known = installed()
    if meta.flavor not in known:
        raise MissingDependency(
            f"this model was saved by the flavor {meta.flavor!r}, which no installed package provides",
            fix="install the package that registered it",
        )
    return known[meta.flavor]


def _refuse_address(text: str) -> None:
    """Refuse what would be kept as a text, and was meant as the place where a model is."""
    if text.startswith(("runs:/", "models:/")):
        raise UsageError(
            f"{text!r} is an address in MLflow, not a model",
            fix="register_from_run(run, 'path/in/the/run', model_name)",
        )
    if text and os.path.exists(text):  # noqa: PTH110 - a Path raises where the text is too long for a name
        raise UsageError(f"{text!r} is a text, not a model", fix=f"Path({text!r}) for what it names")


def _takers(model: Any) -> Iterator[Flavor]:
    return (each for each in installed().values() if each.matches(model))


def _adopted(source: Path, target: Path) -> ModelMeta:
    """Copy a file unopened; its own ending says how it is loaded."""
    form = BY_SUFFIX.get(source.suffix.lower())
    with DiskErrors("copy", source):
        shutil.copyfile(source, target)
    if form is None:
        return _described(_FILES, Saved(format="file", file=target.name), source)
    details = formats.inspect_skops(target) if form is SKOPS else {}
    flavor = _SKLEARN if form is SKOPS else _PICKLE
    return _described(flavor, Saved(format=form.name, file=target.name, details=details), source)


def _described(flavor: Flavor, saved: Saved, model: Any, refusals: dict[str, str] | None = None) -> ModelMeta:
    told = msgspec.structs.asdict(saved)
    return ModelMeta(
        flavor=flavor.name,
        runs_code=flavor.runs_code(saved),
        model_class=None if isinstance(model, Path) else title(model),
        python=platform.python_version(),
        **{**told, "details": {**told["details"], **(refusals or {})}},
    )


def _empty(folder: Path) -> None:
    with DiskErrors("empty", folder):
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
