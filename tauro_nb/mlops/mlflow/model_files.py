"""A version's files as MLflow wants a model's: with an ``MLmodel`` that says who loads it, and what goes in and out.

What MLflow itself has saved has one; of that its folder becomes the top. Of any other the loader is the one of
`tauro_nb.mlflow_plugin`, so that ``mlflow.pyfunc.load_model`` works wherever this package is installed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import PurePosixPath

from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.mlops.registry.signature import Column, Signature

DESCRIPTION = "MLmodel"
LOADER = "tauro_nb.mlflow_plugin.pyfunc"

_TYPES = {
    "bool": "boolean",
    "boolean": "boolean",
    "float32": "float",
    "float64": "double",
    "int16": "integer",
    "int32": "integer",
    "int64": "long",
    "int8": "integer",
    "object": "string",
    "str": "string",
    "string": "string",
}


def layout(record: VersionRecord) -> dict[str, str]:
    """Return, of each file of a version, its path in the logged model."""
    own = [file.path for file in record.files if PurePosixPath(file.path).name == DESCRIPTION]
    base = min(own, key=len, default="").removesuffix(DESCRIPTION)
    return {file.path: file.path.removeprefix(base) if base else file.path for file in record.files}


def description(record: VersionRecord, run_id: str | None, model_id: str) -> bytes | None:
    """Return the ``MLmodel`` of a version; None where it has one, or is no model that can be loaded.

    Parameters
    ----------
    run_id, model_id : str
        Of the run and of the logged model, as the server calls them.
    """
    if DESCRIPTION in layout(record).values() or record.meta.flavor == "files":
        return None
    import yaml

    created = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created_at_ns // 1_000_000_000))
    told = {
        "flavors": {"python_function": {"loader_module": LOADER, "python_version": record.meta.python}},
        "run_id": run_id,
        "model_id": model_id,
        "utc_time_created": created,
        "signature": None if record.signature is None else _signature(record.signature),
    }
    return yaml.safe_dump({key: value for key, value in told.items() if value is not None}).encode()


def _signature(signature: Signature) -> Mapping[str, str] | None:
    """Return a signature in MLflow's terms; None where it has no word for one of its types."""
    named = signature.kind == "table"
    parts = {"inputs": _specs(signature.columns, named=named)}
    if signature.outputs:
        parts["outputs"] = _specs(signature.outputs, named=bool(signature.outputs[0].name))
    if not all(parts.values()):
        return None
    return {name: json.dumps(specs) for name, specs in parts.items()}


def _specs(columns: tuple[Column, ...], *, named: bool) -> list[dict[str, object]] | None:
    specs: list[dict[str, object]] = []
    for column in columns:
        if named:
            kind = "datetime" if column.dtype.startswith("datetime64") else _TYPES.get(column.dtype)
            if kind is None:
                return None
            specs.append({"type": kind, "name": column.name, "required": True})
        elif re.fullmatch(r"(u?int|float)\d+|bool", column.dtype):
            shape = [-1 if length is None else length for length in column.shape]
            spec: dict[str, object] = {"type": "tensor", "tensor-spec": {"dtype": column.dtype, "shape": shape}}
            specs.append(spec | ({"name": column.name} if column.name else {}))
        else:
            return None
    return specs or None
