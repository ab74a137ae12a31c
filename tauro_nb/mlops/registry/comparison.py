"""Versions side by side, as plain data: metrics, parameters, input, data, code, packages; and in what they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from tauro_nb.faces import Shown
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.comparison import Row
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus, Source

_CODE = ("git_commit", "git_branch", "git_dirty", "directory", "notebook", "cell", "command", "python", "user", "host")


class Part(msgspec.Struct, frozen=True):
    """One side of versions: their metrics, or the code that made them."""

    name: str
    rows: tuple[Row, ...]
    """Sorted by name; their values in the order of the versions."""

    @property
    def differing(self) -> tuple[Row, ...]:
        """The rows in which the versions are not all alike."""
        return tuple(row for row in self.rows if row.differs)

    @property
    def shared(self) -> tuple[Row, ...]:
        """The rows that are the same in all."""
        return tuple(row for row in self.rows if not row.differs)


class VersionComparison(Shown):
    """Several versions of a model side by side.

    Parameters
    ----------
    versions : iterable of ModelVersion
        In the order of the columns.
    run_of : callable
        Returns the record of the run that made a version, or None.
    """

    def __init__(self, versions: Iterable[ModelVersion], run_of: Callable[[VersionRecord], RunRecord | None]) -> None:
        self.versions = tuple(versions)
        self._runs = tuple(run_of(version.record) for version in self.versions)

    def __repr__(self) -> str:
        numbers = ", ".join(f"v{version.version}" for version in self.versions)
        return f"<VersionComparison of {self.versions[0].name!r}: {numbers}>"

    def __len__(self) -> int:
        return len(self.versions)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All of it; a part that no version has anything of is left out."""
        held: dict[str, list[Mapping[str, Any]]] = {
            "metrics": self._with_runs(lambda version, run: {**run.metrics, **version.metrics}),
            "params": self._with_runs(lambda _, run: run.params),
            "signature": [_signature(version.record) for version in self.versions],
            "data": self._with_runs(lambda _, run: {key: _fingerprint(each) for key, each in run.inputs.items()}),
            "code": self._with_runs(lambda _, run: _named(run.source, _CODE)),
            "packages": self._with_runs(_packages),
            "tags": [version.tags for version in self.versions],
            "model": [_model(version) for version in self.versions],
        }
        parts = (Part(name, _rows(each)) for name, each in held.items())
        return tuple(part for part in parts if part.rows)

    def part(self, name: str) -> Part:
        """Return one: ``metrics``, ``params``, ``signature``, ``data``, ``code``, ``packages``, ``tags``, ``model``."""
        return next((part for part in self.parts if part.name == name), Part(name, ()))

    def _with_runs(self, told: Callable[[VersionRecord, RunRecord], Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        nobody = RunRecord(run_id="", name="", experiment="", status=RunStatus.FINISHED, started_at_ns=0)
        return [told(version.record, run or nobody) for version, run in zip(self.versions, self._runs, strict=True)]


def _rows(held: list[Mapping[str, Any]]) -> tuple[Row, ...]:
    names = sorted({name for each in held for name in each})
    return tuple(Row(name, tuple(each.get(name) for each in held)) for name in names)


def _signature(record: VersionRecord) -> dict[str, str]:
    """Return what goes in and comes out, by name."""
    if record.signature is None:
        return {}
    told: dict[str, str] = {}
    for side, columns in msgspec.to_builtins(record.signature).items():
        if isinstance(columns, (list, tuple)):
            for column in columns:
                shape = column.get("shape") or ()
                among = column.get("categories")
                told[f"{side}.{column.get('name') or 'array'}"] = "".join(
                    (column["dtype"], str(tuple(shape)) if len(shape) > 1 else "", f" {list(among)}" if among else "")
                )
    return told


def _fingerprint(told: Any) -> Any:
    """Return what tells one state of a dataset from another: its digest where that is known."""
    return (told.get("sha256") or told) if isinstance(told, Mapping) else told


def _named(source: Source | None, fields: Iterable[str]) -> dict[str, Any]:
    found = {field: getattr(source, field, None) for field in fields}
    return {field: value for field, value in found.items() if value is not None}


def _packages(record: VersionRecord, run: RunRecord) -> dict[str, str]:
    return {**(run.source.packages if run.source else {}), **record.meta.packages}


def _model(version: ModelVersion) -> dict[str, Any]:
    meta = version.record.meta
    return {
        "class": meta.model_class,
        "flavor": meta.flavor,
        "format": meta.format,
        "runs code": meta.runs_code,
        "size": version.size_bytes,
    }
