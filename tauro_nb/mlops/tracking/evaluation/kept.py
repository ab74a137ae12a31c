"""An evaluation as it is kept: small JSON files of rows, each of which ``pandas.read_json`` reads as a table.

``summary.json`` says which tables belong to it and is written last, so that a table which an earlier evaluation left in
the same folder is not taken for one of this. A ``summary.json`` in this folder that is none of these is a user's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tauro_nb.errors import UnknownName
from tauro_nb.faces import Shown
from tauro_nb.kinds import known
from tauro_nb.mlops.tracking.records import FileRecord
from tauro_nb.store.paths import PathValidator

if TYPE_CHECKING:
    import pandas as pd

    from tauro_nb.mlops.tracking.artifacts import Artifacts

FOLDER = "evaluation"
SUMMARY = "summary.json"

Label = str | int | float | bool
Row = dict[str, Any]
"""Plain values by column; what is not a finite number is None."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was evaluated; the one row of ``summary.json``."""

    kind: Literal["binary", "multiclass", "regression"]
    estimator: str
    """The name of its class."""
    rows: int
    weighted: bool
    positive: Label | None
    """The class that precision, recall and the curves are about; None where it is not binary."""
    average: str | None
    """How precision, recall and F1 are averaged over the classes; None where they are not."""
    prefix: str
    notes: tuple[str, ...]
    """What was left out, and why."""
    tables: tuple[str, ...]
    """Names of the files beside it, without their ending."""
    format: Literal[1] = 1


@dataclass(frozen=True)
class Evaluation(Shown):
    """What an estimator is worth on data; made by `run.log_evaluation`, and given back by `run.evaluations`."""

    summary: Summary
    tables: Mapping[str, Sequence[Row]]

    def __repr__(self) -> str:
        summary = self.summary
        of = f" {summary.prefix!r}" if summary.prefix else ""
        return f"<Evaluation{of} of {summary.estimator} on {summary.rows} rows>"

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by their names without the prefix."""
        return {row["metric"]: row["value"] for row in self.tables["metrics"]}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, and why."""
        return self.summary.notes

    def frame(self, table: str) -> pd.DataFrame:
        """Return one of its tables: ``"metrics"``, ``"confusion_matrix"``, ``"roc"``; `tables` has all.

        Raises
        ------
        UnknownName
        """
        if table not in self.tables:
            raise UnknownName.among("table", table, self.tables, where="evaluation.frame")
        import pandas as pd

        return pd.DataFrame(list(self.tables[table]))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of each file, the summary last."""
        folder = folder_of(self.summary.prefix)
        for name, rows in self.tables.items():
            yield f"{folder}/{name}.json", msgspec.json.encode(rows)
        yield f"{folder}/{SUMMARY}", msgspec.json.encode([self.summary])


def folder_of(prefix: str) -> str:
    """Return the folder among the artifacts in which the evaluation with this prefix is kept.

    Raises
    ------
    UnsafePath
    """
    return PathValidator.inside(f"{FOLDER}/{prefix}")


def found(artifacts: Artifacts, files: Sequence[FileRecord]) -> list[Evaluation]:
    """Return the evaluations among the `files` of a run, by folder."""
    there = {file.path for file in files}
    evaluations = []
    for path in sorted(there):
        place = PurePosixPath(path)
        if place.parts[0] != FOLDER or place.name != SUMMARY:
            continue
        summary = _summary(artifacts.read(path))
        if summary is not None:
            paths = {name: str(place.with_name(f"{name}.json")) for name in summary.tables}
            tables = {name: _rows(artifacts.read(kept)) for name, kept in paths.items() if kept in there}
            evaluations.append(Evaluation(summary, tables))
    return evaluations


def number(value: float) -> float | None:
    """Return a number as a table has it."""
    return float(value) if math.isfinite(value) else None


def _summary(data: bytes) -> Summary | None:
    try:
        (summary,) = msgspec.json.decode(data, type=known(tuple[Summary]))
    except msgspec.DecodeError:
        return None
    return summary


def _rows(data: bytes) -> list[Row]:
    return msgspec.json.decode(data, type=list[Row])
