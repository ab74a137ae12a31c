"""Gradient boosting: XGBoost, LightGBM and CatBoost in their own files, which hold trees and numbers and run no code.

An estimator of XGBoost is its booster's file, with the estimator's parameters in the details; one of LightGBM is the
booster's text, with the rest of the estimator as skops beside it; CatBoost's files hold the whole estimator. A class
derived from theirs, or a parameter that is code (an objective of one's own), is none of it: such a model is left to the
flavors that come next.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from tauro_nb.errors import ModelNotSerializable, UnknownName
from tauro_nb.mlops.registry import formats
from tauro_nb.mlops.registry.flavors.protocol import ModelMeta, Saved

_TREES, _ESTIMATOR = "model.txt", "estimator.skops"
"""The two files of an estimator of LightGBM."""

_HISTORY = ("collections.OrderedDict", "collections.defaultdict")
"""In what LightGBM keeps the history of a training: containers, which run no code."""


class XgboostFlavor:
    """A ``Booster``, or an estimator of ``xgboost.sklearn``, in UBJSON or JSON."""

    name = "xgboost"
    suffixes = frozenset({".json", ".ubj"})

    def matches(self, model: Any) -> bool:
        """Tell whether XGBoost is loaded and this is one of its models."""
        xgboost = sys.modules.get("xgboost")
        kinds = tuple(getattr(xgboost, name, ()) for name in ("Booster", "XGBModel"))
        return isinstance(model, kinds)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write the trees; what only the estimator knows goes into the details."""
        if not self.matches(model):
            raise formats.foreign(self.name, model)
        kind = _own_class(model, "xgboost")
        params = {} if kind == "Booster" else _plain_params(model)
        target = folder / (file or "model.ubj")
        with formats.writing("xgboost", model, target):
            model.save_model(target)
        used = {"xgboost", "numpy"} if kind == "Booster" else {"xgboost", "numpy", "sklearn"}
        return Saved(
            format="xgboost",
            file=target.name,
            details={"class": kind, "params": params},
            packages=formats.versions(used),
        )

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return a booster or an estimator, as it was saved."""
        xgboost, path = formats.imported("xgboost", meta), folder / (meta.file or "")
        if meta.details["class"] == "Booster":
            return xgboost.Booster(model_file=path)
        model = _class_of(xgboost, xgboost.XGBModel, meta)(**meta.details["params"])
        given = dict(vars(model))
        model.load_model(path)
        vars(model).update(given)  # what training made of them would take their place in a refit
        return model

    def runs_code(self, meta: Saved) -> bool:
        """Tell that trees and plain parameters are read."""
        return False

    def predict(self, model: Any, data: Any) -> Any:
        """Return what the model says; a booster is given its matrix."""
        xgboost = sys.modules["xgboost"]
        if isinstance(model, xgboost.Booster) and not isinstance(data, xgboost.DMatrix):
            data = xgboost.DMatrix(data, enable_categorical=True)
        return model.predict(data)


class LightgbmFlavor:
    """A ``Booster`` as LightGBM's text, or an ``LGBMModel`` as that and its own attributes."""

    name = "lightgbm"
    suffixes = frozenset({".txt"})

    def matches(self, model: Any) -> bool:
        """Tell whether LightGBM is loaded and this is one of its models."""
        lightgbm = sys.modules.get("lightgbm")
        kinds = tuple(getattr(lightgbm, name, ()) for name in ("Booster", "LGBMModel"))
        return isinstance(model, kinds)

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write all trees, those after the best iteration too."""
        if not self.matches(model):
            raise formats.foreign(self.name, model)
        kind = _own_class(model, "lightgbm")
        target = folder / (file or _TREES)
        if kind != "Booster":
            if file is not None:
                raise ModelNotSerializable(
                    f"{file}: LightGBM's text holds the trees of a {formats.title(model)}, and nothing else of it",
                    fix="log model.booster_, or end the name in .pkl",
                )
            self._save_estimator(model, folder / _ESTIMATOR)
        booster = model if kind == "Booster" else model.booster_
        with formats.writing("lightgbm", model, target):
            booster.save_model(target, num_iteration=-1)
        used = {"lightgbm", "numpy"} if kind == "Booster" else {"lightgbm", "numpy", "sklearn", "skops"}
        return Saved(
            format="lightgbm",
            file=target.name if kind == "Booster" else None,
            details={"class": kind, "best_iteration": booster.best_iteration},
            packages=formats.versions(used),
        )

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return a booster or an estimator, as it was saved."""
        lightgbm = formats.imported("lightgbm", meta)
        booster = lightgbm.Booster(model_file=folder / (meta.file or _TREES))
        booster.best_iteration = meta.details["best_iteration"]
        if meta.details["class"] == "Booster":
            return booster
        kind = _class_of(lightgbm, lightgbm.LGBMModel, meta)
        model = kind.__new__(kind)
        vars(model).update(formats.SKOPS.load(folder / _ESTIMATOR, {"trusted": _HISTORY}))
        model._Booster = booster  # noqa: SLF001 - the one attribute that is no plain value; `booster_` reads it
        return model

    def runs_code(self, meta: Saved) -> bool:
        """Tell that trees and plain attributes are read."""
        return False

    def _save_estimator(self, model: Any, path: Path) -> None:
        attributes = {key: value for key, value in vars(model).items() if key != "_Booster"}
        if not attributes.get("fitted_"):
            raise ModelNotSerializable(f"this {formats.title(model)} is not fitted", fix="fit it first")
        unknown = sorted(set(formats.dump(formats.SKOPS, attributes, path)["trusted"]).difference(_HISTORY))
        if unknown:
            path.unlink()
            raise ModelNotSerializable(
                f"this {formats.title(model)} holds code: {', '.join(unknown)}", fix="it can be kept as a pickle"
            )


class CatboostFlavor:
    """``CatBoost`` and its estimators, in CatBoost's binary format."""

    name = "catboost"
    suffixes = frozenset({".cbm"})

    def matches(self, model: Any) -> bool:
        """Tell whether CatBoost is loaded and this is one of its models."""
        return isinstance(model, getattr(sys.modules.get("catboost"), "CatBoost", ()))

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write the model with its parameters and classes."""
        if not self.matches(model):
            raise formats.foreign(self.name, model)
        kind = _own_class(model, "catboost")
        _plain_params(model)
        target = folder / (file or "model.cbm")
        with formats.writing("catboost", model, target):
            model.save_model(str(target))
        return Saved(
            format="catboost",
            file=target.name,
            details={"class": kind},
            packages=formats.versions({"catboost", "numpy"}),
        )

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return the estimator."""
        catboost = formats.imported("catboost", meta)
        return _class_of(catboost, catboost.CatBoost, meta)().load_model(str(folder / (meta.file or "")))

    def runs_code(self, meta: Saved) -> bool:
        """Tell that trees are read."""
        return False


def _own_class(model: Any, package: str) -> str:
    """Return the name of the model's class, which the package itself offers under that name."""
    name: str = type(model).__name__
    if getattr(sys.modules[package], name, None) is not type(model):
        raise ModelNotSerializable(
            f"{formats.title(model)} is no class of {package}'s own, whose format cannot say what it adds",
            fix="it can be kept as a pickle",
        )
    return name


def _class_of(package: Any, base: type, meta: ModelMeta) -> Any:
    """Return the class that was saved: one of the package's own, whatever a forged name says."""
    kind = getattr(package, str(meta.details["class"]), None)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        offered = [name for name, each in vars(package).items() if isinstance(each, type) and issubclass(each, base)]
        raise UnknownName.among(f"class of {package.__name__}", str(meta.details["class"]), offered)
    return kind


def _plain_params(model: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that were set, all of which have to be plain values."""
    params = {}
    for key, value in model.get_params().items():
        if value is None or (isinstance(value, float) and math.isnan(value)):  # both stand for what is not set
            continue
        plain = value.tolist() if hasattr(value, "tolist") else value
        if not _is_plain(plain):
            raise ModelNotSerializable(
                f"the parameter {key} of this {formats.title(model)} is no plain value but a {formats.title(value)}",
                fix="it can be kept as a pickle",
            )
        params[key] = plain
    return params


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
