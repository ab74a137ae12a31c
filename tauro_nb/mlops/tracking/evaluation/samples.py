"""The rows on which an estimator is evaluated, checked before it sees them; and what was found on them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.errors import UsageError
from tauro_nb.mlops.tracking.evaluation.kept import Label, Row

Kind = Literal["binary", "multiclass", "regression"]


class Sample(msgspec.Struct, frozen=True, eq=False):
    """Data, what is true of them, and how much each row counts."""

    data: Any
    y: NDArray[Any]
    """Of shape (n_rows,), without missing values."""
    weight: NDArray[np.float64] | None


class Outcome(msgspec.Struct):
    """What was found, while it is being put together."""

    kind: Kind
    tables: dict[str, list[Row]]
    notes: list[str]
    positive: Label | None = None

    @classmethod
    def of(cls, kind: Kind) -> Outcome:
        """Return one in which nothing was found yet."""
        return cls(kind, {"metrics": []}, [])

    def measure(self, name: str, value: float) -> None:
        """Add a metric."""
        self.tables["metrics"].append({"metric": name, "value": float(value)})

    def add(self, name: str, rows: list[Row]) -> None:
        """Add a table, if it has rows."""
        if rows:
            self.tables[name] = rows

    def leave_out(self, what: str, why: str) -> None:
        """Note what the data do not define."""
        self.notes.append(f"without {what}: {why}")


def checked(data: Any, truth: Any, sample_weight: Any) -> Sample:
    """Return what was given as one sample.

    Raises
    ------
    UsageError
        There are no rows, lengths differ, or `y` or the weights are not one usable value for each row.
    """
    import pandas as pd

    n_rows = _n_rows(data)
    if n_rows == 0:
        raise UsageError("X has no rows", fix="evaluate on data that the model has not seen in training")
    target = _one_a_row(truth, "y", n_rows)
    n_missing = int(pd.isna(target).sum())
    if n_missing:
        raise UsageError(f"y has {n_missing:,} missing values", fix="drop those rows from X and y")
    if sample_weight is None:
        return Sample(data, target, None)
    try:
        weight = _one_a_row(sample_weight, "sample_weight", n_rows).astype(np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"sample_weight is not made of numbers: {error}", fix="give a number for each row") from error
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise UsageError("sample_weight has a negative or infinite weight, or no positive one", fix="mend the weights")
    return Sample(data, target, weight)


def _n_rows(data: Any) -> int:
    shape = getattr(data, "shape", None)
    try:
        return int(shape[0]) if shape is not None else len(data)
    except (TypeError, IndexError) as error:
        raise UsageError(f"X is a {type(data).__name__}, not a table", fix="pass a DataFrame or an array") from error


def _one_a_row(given: Any, name: str, n_rows: int) -> NDArray[Any]:
    column = np.asarray(given)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise UsageError(
            f"{name} has shape {column.shape}, not one value for each row", fix="evaluate each output by itself"
        )
    if len(column) != n_rows:
        raise UsageError(
            f"X has {n_rows:,} rows, and {name} has {len(column):,}", fix=f"pass the {name} of the same rows"
        )
    return column
