"""How a model is asked: by its flavor, by its own ``predict``, or by calling it."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.errors import TauroError, UsageError
from tauro_nb.mlops.registry import flavors, inputs
from tauro_nb.mlops.registry import signature as signatures
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.mlops.registry.signature import Signature


def predict(record: VersionRecord, model: Any, data: Any) -> Any:
    """Return what the model of a version says of `data`, which are held against its signature before.

    Raises
    ------
    SchemaMismatch
        The data do not fit the signature.
    UsageError
        It is no model that predicts.
    """
    where = f"{record.model} v{record.version}"
    ask = _asked(model)
    if ask is None:
        kept = "files" if isinstance(model, Path) else f"a {type(model).__name__}"
        raise UsageError(f"{where} is {kept}, which predicts nothing", fix="version.load() gives it to you")
    if record.signature is not None:
        data = inputs.conformed(data, record.signature, where=where)
    elif signatures.is_records(data) and hasattr(model, "predict"):
        data = signatures.as_frame(data)
    return ask(data)


def with_outputs(signature: Signature | None, model: Any, example: Any) -> Signature | None:
    """Return the signature with what the model gives for the first rows of the example, if it is one that predicts.

    A model that fails on its own example is worth a warning, and is registered all the same.
    """
    if signature is None or example is None or signature.kind == "value" or signature.outputs:
        return signature
    ask = _asked(model)
    if ask is None:
        return signature
    try:
        given = inputs.conformed(signatures.head(example), signature, where="input_example")
        answer = ask(given)
    except Exception as error:  # noqa: BLE001 - it is the user's model that fails
        told = "; ".join(error.lines()) if isinstance(error, TauroError) else f"{type(error).__name__}: {error}"
        warnings.warn(f"the model cannot predict from its input_example: {told}", RuntimeWarning, stacklevel=2)
        return signature
    return msgspec.structs.replace(signature, outputs=signatures.outputs(answer))


def _asked(model: Any) -> Callable[[Any], Any] | None:
    if isinstance(model, Path):
        return None
    for flavor in flavors.installed().values():
        if isinstance(flavor, flavors.Predicting) and flavor.matches(model):
            return functools.partial(flavor.predict, model)
    own = getattr(model, "predict", None)
    if callable(own):
        return own  # type: ignore[no-any-return]
    return model if callable(model) and not isinstance(model, type) else None
