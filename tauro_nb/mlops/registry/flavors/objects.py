"""Estimators of scikit-learn, and any other Python object: skops, joblib and pickle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.errors import MissingDependency, ModelNotSerializable, UnknownName
from tauro_nb.mlops.registry import formats
from tauro_nb.mlops.registry.flavors.protocol import ModelMeta, Saved
from tauro_nb.mlops.registry.formats import BY_SUFFIX, FORMATS, JOBLIB, PICKLE, SKOPS


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
        packages = formats.versions({form.package, *formats.packages_of(model)})
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
        others = formats.versions(each.partition(".")[0] for each in unknown)
        return msgspec.structs.replace(
            saved, details={**saved.details, "not_skops": why}, packages={**others, **saved.packages}
        )


class PickleFlavor(_Objects):
    """Any Python object, by cloudpickle: what a notebook defines is carried along."""

    name = "pickle"

    def matches(self, model: Any) -> bool:
        """Take whatever the others left; of a path, what it leads to is meant, and that is no object."""
        return not isinstance(model, Path)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write pickle, or the format that `file` says."""
        form = BY_SUFFIX[Path(file).suffix.lower()] if file else PICKLE
        return self._written(form, model, folder, file or "model" + form.suffix)


def _format(meta: Saved) -> formats.Format:
    if meta.format not in FORMATS:
        raise UnknownName.among("model format", meta.format, FORMATS)
    return FORMATS[meta.format]
