"""Keras models in Keras's own format; which layers a file names is read before it is opened."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tauro_nb.errors import Untrusted
from tauro_nb.mlops.registry import formats
from tauro_nb.mlops.registry.flavors.protocol import ModelMeta, Saved

_LAMBDA = "__lambda__"


class KerasFlavor:
    """A ``keras.Model``, in a ``.keras`` file."""

    name = "keras"
    suffixes = frozenset({".keras"})

    def matches(self, model: Any) -> bool:
        """Tell whether Keras is loaded and this is one of its models."""
        return isinstance(model, getattr(sys.modules.get("keras"), "Model", ()))

    def save(self, model: Any, folder: Path, file: str | None = None) -> Saved:
        """Write layers, weights, and how it was compiled."""
        if not self.matches(model):
            raise formats.foreign(self.name, model)
        keras = sys.modules["keras"]
        target = folder / (file or "model.keras")
        with formats.writing("keras", model, target):
            model.save(target)
        backend = keras.config.backend()
        return Saved(
            format="keras",
            file=target.name,
            details={"backend": backend, "foreign": _foreign(target)},
            packages=formats.versions({"keras", "numpy", backend, *formats.packages_of(model)}),
        )

    def load(self, folder: Path, meta: ModelMeta) -> Any:
        """Return the model; classes of one's own have to be registered with Keras before."""
        path = folder / (meta.file or "")
        foreign = _foreign(path)
        if not set(foreign) <= set(meta.details["foreign"]):
            raise Untrusted(f"{path.name} names {', '.join(foreign)}, which its record does not", fix="do not open it")
        keras = formats.imported("keras", meta)
        return keras.saving.load_model(path, safe_mode=_LAMBDA not in foreign)

    def runs_code(self, meta: Saved) -> bool:
        """Tell so where the file has a lambda, or names what is not Keras's own."""
        return bool(meta.details["foreign"])

    def predict(self, model: Any, data: Any) -> Any:
        """Return the predictions, without a bar."""
        return model.predict(data, verbose=0)


def _foreign(path: Path) -> list[str]:
    """Return what the file names that is not Keras's own: lambdas, and classes and functions of others."""
    with zipfile.ZipFile(path) as file:
        return sorted(set(_foreign_in(json.loads(file.read("config.json")))))


def _foreign_in(config: Any) -> Iterator[str]:
    if isinstance(config, list):
        for item in config:
            yield from _foreign_in(item)
    if not isinstance(config, dict):
        return
    name = str(config.get("class_name", ""))
    if name == _LAMBDA:
        yield name
    elif "config" in config and name and not name.startswith("__") and not _is_own(config):
        yield str(config["config"] if name == "function" else config.get("registered_name") or name)
    for item in config.values():
        yield from _foreign_in(item)


def _is_own(config: dict[str, Any]) -> bool:
    return str(config.get("module")).partition(".")[0] == "keras"
