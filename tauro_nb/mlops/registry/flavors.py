"""How a kind of model becomes files, and a model again. A leaf: it knows neither runs nor versions.

Two ways in. `save_model(model, folder)` lets the model's flavor choose the files, and is what a registered version
holds. `save_file(model, path)` writes one file under a name that the caller chose, in the format which that name says
(``.pkl`` pickle, ``.joblib`` joblib, ``.skops`` skops; no ending: pickle), and is what `Run.log_model` does. Both
return a `ModelMeta`, with which `load_model(folder, meta)` gives the model back. Nothing here checks where the files
come from: who loads a file that others could have written checks its SHA-256 first.

scikit-learn models are kept as skops where all of their types are known to run no code, else as joblib (and, with
classes made in a notebook, as pickle: only that carries their code along). Other objects are kept as pickle, a `Path`
as the file or folder that it names, untouched. A package adds a flavor by an entry point of the group
``tauro_nb.flavors``: an object that is as `Flavor` says, or a class of such; it is asked before the built-in ones.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from tauro_nb.errors import MissingDependency, ModelNotSerializable, UnknownName, UsageError
from tauro_nb.mlops.registry import formats
from tauro_nb.mlops.registry.formats import BY_SUFFIX, FORMATS, JOBLIB, PICKLE, SKOPS, title
from tauro_nb.store.disk import DiskErrors

ENTRY_POINT_GROUP = "tauro_nb.flavors"


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a flavor tells after it has written a model."""

    format: str
    """Of the files; a flavor may know several."""
    file: str | None
    """The file or folder in which the model is, relative to the folder it was saved in; None: all of that folder."""
    details: dict[str, Any] = {}
    """Plain JSON values that the flavor wants back when it loads."""
    packages: dict[str, str] = {}
    """Versions of what must be installed to load it, by import name."""


class ModelMeta(Saved, frozen=True, kw_only=True):
    """How a saved model is loaded; stored with it."""

    flavor: str
    runs_code: bool
    """Loading runs code that the files name: load only what comes from somebody you trust."""
    model_class: str | None = None
    """None where files were taken as they were."""


@runtime_checkable
class Flavor(Protocol):
    """One kind of model; an implementation passes `tauro_nb.testing.flavor_contract.FlavorContract`.

    What `load` returns behaves as what `save` was given. Neither changes the model, and a failed `save` raises.
    """

    name: str
    """What `flavor=` takes and metadata say; never changes."""
    suffixes: frozenset[str]
    """Endings (``".pkl"``) under which it can write a model as one file of the caller's choice of name."""

    def matches(self, model: Any) -> bool:
        """Tell whether this is such a model; quick, and imports nothing that the model has not imported."""
        ...

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write the model into an existing folder; under the name `file`, whose ending is in `suffixes`, if given.

        Raises
        ------
        ModelNotSerializable
        """
        ...

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return the model, having read all that it needs: the folder may go afterwards."""
        ...

    def runs_code(self, meta: Saved) -> bool:
        """Tell whether `load` of these files would run code that they name.

        Decided by what `load` does with such a format, never by what the metadata claim.
        """
        ...


class _Objects:
    """What the flavors of one-file formats share."""

    name: str
    suffixes = frozenset(BY_SUFFIX)

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        return _format(meta).load(folder / (meta.file or ""), meta.details)

    def runs_code(self, meta: Saved) -> bool:
        return formats.runs_code(_format(meta), meta.details)

    def _written(self, form: formats.Format, model: Any, folder: Path, file: str) -> Saved:
        details = formats.dump(form, model, folder / file)
        packages = formats.versions({form.package, *_roots(model)})
        return Saved(format=form.name, file=file, details=details, packages=packages)


class SklearnFlavor(_Objects):
    """Estimators and pipelines of scikit-learn, and classes derived from its own."""

    name = "sklearn"

    def matches(self, model: Any) -> bool:
        """Tell whether scikit-learn is loaded and this is an estimator of its kind."""
        base = sys.modules.get("sklearn.base")
        return base is not None and isinstance(model, base.BaseEstimator)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write skops where that is safe to load again, else joblib, else pickle; or the format that `file` says."""
        if file is not None:
            return self._written(BY_SUFFIX[Path(file).suffix.lower()], model, folder, file)
        try:
            saved = self._written(SKOPS, model, folder, "model" + SKOPS.suffix)
        except (ModelNotSerializable, MissingDependency) as error:
            unknown, why = [], str(error)
        else:
            if not self.runs_code(saved):
                return saved
            unknown = sorted(set(saved.details["trusted"]) - formats.DATA_TYPES)
            why = f"skops does not know {', '.join(unknown)}"
            (folder / (saved.file or "")).unlink()
        # what a notebook defines exists nowhere else: only cloudpickle takes its code along
        home_made = type(model).__module__ == "__main__" or any(each.startswith("__main__.") for each in unknown)
        if not home_made:
            try:
                saved = self._written(JOBLIB, model, folder, "model" + JOBLIB.suffix)
            except ModelNotSerializable:
                home_made = True
        if home_made:
            saved = self._written(PICKLE, model, folder, "model" + PICKLE.suffix)
        return msgspec.structs.replace(saved, details={**saved.details, "not_skops": why})


class PickleFlavor(_Objects):
    """Any Python object, by cloudpickle: what a notebook defines is carried along."""

    name = "pickle"

    def matches(self, model: Any) -> bool:
        """Take whatever the others left."""
        return True

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write pickle, or the format that `file` says."""
        form = BY_SUFFIX[Path(file).suffix.lower()] if file else PICKLE
        return self._written(form, model, folder, file or "model" + form.suffix)


class FilesFlavor:
    """A file or a folder, kept as it is; loading gives its `Path`, and opens nothing."""

    name = "files"
    suffixes: frozenset[str] = frozenset()

    def matches(self, model: Any) -> bool:
        """Take paths; whether something is there, `save` finds out."""
        return isinstance(model, Path)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Copy the file or folder under its own name."""
        source = Path(model)
        if source.is_dir():
            _refuse_special(source)
            name = source.resolve().name or "model"
            with DiskErrors("copy", source):
                shutil.copytree(source, folder / name, copy_function=shutil.copyfile)
            return Saved(format="folder", file=name)
        if not source.is_file():
            raise ModelNotSerializable(
                f"{os.fspath(model)}: no such file or folder (in {Path.cwd()})", fix="pass the path of what was saved"
            )
        with DiskErrors("copy", source):
            shutil.copyfile(source, folder / (file or source.name))
        return Saved(format="file", file=file or source.name)

    def load(self, folder: Path, meta: ModelMeta) -> Path:
        """Return the path, inside the store where that has one: copy before you edit."""
        return folder / (meta.file or "")

    def runs_code(self, meta: Saved) -> bool:
        """Tell that it opens nothing."""
        return False


_SKLEARN = SklearnFlavor()
_PICKLE = PickleFlavor()
_FILES = FilesFlavor()


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
    return {**found, **{each.name: each for each in (_SKLEARN, _FILES, _PICKLE)}}


def choose(model: Any, flavor: str | None = None) -> Flavor:
    """Return the flavor of this name, or the first that takes this model.

    Raises
    ------
    UnknownName
    """
    known = installed()
    if flavor is None:
        return next(each for each in known.values() if each.matches(model))
    if flavor not in known:
        raise UnknownName.among("flavor", flavor, known)
    return known[flavor]


def save_model(model: Any, folder: Path, flavor: str | None = None) -> ModelMeta:
    """Write `model` into `folder`, which exists and is empty.

    A `Path` to a file that says by its ending what it holds (``.pkl``, ``.joblib``, ``.skops``) is copied unopened, and
    loads as the object in it; any other `Path`, or any with ``flavor="files"``, loads as the path.

    Raises
    ------
    ModelNotSerializable
        Nothing can save it; the cause says why.
    MissingDependency
        The flavor needs a package that is not installed.
    UnknownName
        There is no such flavor.
    """
    if flavor is None and isinstance(model, Path) and model.is_file() and model.suffix.lower() in BY_SUFFIX:
        return _adopted(model, folder / model.name)
    chosen = choose(model, flavor)
    return _described(chosen, chosen.save(model, folder), model)


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
    chosen, suffix = choose(model), path.suffix.lower()
    if suffix in chosen.suffixes:
        return _described(chosen, chosen.save(model, path.parent, path.name), model)
    if suffix in BY_SUFFIX:
        return _described(_PICKLE, _PICKLE.save(model, path.parent, path.name), model)
    if suffix[1:].isalpha():
        raise UsageError(
            f"{path.name}: nothing here writes a {title(model)} as {suffix!r}",
            fix=f"end the name in one of {', '.join(sorted({*chosen.suffixes, *BY_SUFFIX}))}",
        )
    details = formats.dump(PICKLE, model, path)
    return _described(_PICKLE, Saved(format=PICKLE.name, file=path.name, details=details), model)


def load_model(folder: Path, meta: ModelMeta) -> Any:
    """Return the model that was saved in `folder`.

    Raises
    ------
    MissingDependency
        The flavor, or the package that reads its format, is not installed.
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


def _described(flavor: Flavor, saved: Saved, model: Any) -> ModelMeta:
    return ModelMeta(
        flavor=flavor.name,
        runs_code=flavor.runs_code(saved),
        model_class=None if isinstance(model, Path) else title(model),
        **msgspec.structs.asdict(saved),
    )


def _format(meta: Saved) -> formats.Format:
    if meta.format not in FORMATS:
        raise UnknownName.among("model format", meta.format, FORMATS)
    return FORMATS[meta.format]


def _roots(model: Any) -> set[str]:
    return {kind.__module__.partition(".")[0] for kind in type(model).__mro__} - {"builtins", "__main__"}


def _refuse_special(folder: Path) -> None:
    for path in folder.rglob("*"):
        if not path.is_file() and not path.is_dir():
            raise ModelNotSerializable(f"{path}: neither a file nor a folder", fix="take it out of the model's folder")
