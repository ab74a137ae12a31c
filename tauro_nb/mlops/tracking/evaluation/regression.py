"""What a regressor is worth: metrics, and residuals over what was predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tauro_nb.errors import UsageError
from tauro_nb.mlops.tracking.evaluation import estimators
from tauro_nb.mlops.tracking.evaluation.kept import Row
from tauro_nb.mlops.tracking.evaluation.samples import Outcome, Sample

POINTS = 400
"""Residuals that are kept."""

WORST = 20
"""The greatest of them, which are always among these."""


def outcome(model: Any, sample: Sample) -> Outcome:
    """Return what was found.

    Raises
    ------
    UsageError
        The model is not fitted, or on other columns; or `y` or what it predicts are no finite numbers.
    """
    truth = _numbers(sample.y, "y has", "drop those rows, or evaluate a classifier")
    guess = _numbers(estimators.predicted(model, sample.data), f"{type(model).__name__} predicts", "look at these rows")
    found = Outcome.of("regression")
    _measure(found, truth, guess, sample.weight)
    found.add("residuals", _residuals(truth, guess))
    return found


def _measure(
    found: Outcome, truth: NDArray[np.float64], guess: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> None:
    from sklearn import metrics

    if np.ptp(truth) > 0:
        found.measure("r2", metrics.r2_score(truth, guess, sample_weight=weight))
    else:
        found.leave_out("r2", "y is the same in all rows")
    found.measure("mae", metrics.mean_absolute_error(truth, guess, sample_weight=weight))
    found.measure("rmse", metrics.mean_squared_error(truth, guess, sample_weight=weight) ** 0.5)
    if truth.all():
        found.measure("mape", metrics.mean_absolute_percentage_error(truth, guess, sample_weight=weight))
    else:
        found.leave_out("mape", "y is 0 in some row")
    found.measure("median_absolute_error", metrics.median_absolute_error(truth, guess, sample_weight=weight))


def _residuals(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> list[Row]:
    """Return the worst, and others evenly over what was predicted, which is their order."""
    order = np.argsort(guess, kind="stable")
    truth, guess = truth[order], guess[order]
    missed = truth - guess
    kept = np.arange(len(missed))
    if len(missed) > POINTS:
        even = np.linspace(0, len(missed) - 1, POINTS - WORST).astype(np.intp)
        kept = np.union1d(even, np.argsort(-np.abs(missed), kind="stable")[:WORST])
    columns = (guess[kept].tolist(), truth[kept].tolist(), missed[kept].tolist())
    return [{"predicted": a, "actual": b, "residual": c} for a, b, c in zip(*columns, strict=True)]


def _numbers(values: NDArray[Any], who: str, fix: str) -> NDArray[np.float64]:
    try:
        found = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{who} values that are no numbers: {error}", fix=fix) from error
    lost = int((~np.isfinite(found)).sum())
    if lost:
        raise UsageError(f"{who} NaN or infinity in {lost:,} of {len(found):,} rows", fix=fix)
    return found
