"""What an estimator is, and what it says of rows; its refusals are told as mistakes of the call where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tauro_nb.errors import UsageError


def is_classifier(model: Any) -> bool:
    """Tell a classifier from a regressor.

    Raises
    ------
    UsageError
        It is neither.
    """
    from sklearn import base

    kind = type(model).__name__
    if isinstance(model, type):
        raise UsageError(
            f"log_evaluation takes a fitted estimator, not the class {model.__name__}",
            fix=f"pass {model.__name__}().fit(X, y)",
        )
    if not callable(getattr(model, "predict", None)):
        raise UsageError(
            f"log_evaluation takes a fitted estimator of scikit-learn, not a {kind}",
            fix="pass an object that fit and predict; log other metrics with run.log_metrics",
        )
    try:
        classifies, regresses = base.is_classifier(model), base.is_regressor(model)
    except (AttributeError, TypeError) as error:
        raise _neither(kind) from error
    if not classifies and not regresses:
        raise _neither(kind)
    return bool(classifies)


def predicted(model: Any, data: Any) -> NDArray[Any]:
    """Return what it predicts, of shape (n_rows,).

    Raises
    ------
    UsageError
        It was not fitted, or on other columns.
    """
    found = np.asarray(_asked(model, "predict", data))
    if found.ndim == 2 and found.shape[1] == 1:
        return found[:, 0]
    if found.ndim != 1:
        raise UsageError(
            f"{type(model).__name__} predicts {found.shape[1]} outputs a row", fix="evaluate each output by itself"
        )
    return found


def scores(model: Any, data: Any, n_classes: int) -> tuple[NDArray[np.float64] | None, bool]:
    """Return a score for each class, shape (n_rows, n_classes), and whether they are probabilities.

    None where it gives none, or none that are numbers for each class.
    """
    for method in ("predict_proba", "decision_function"):
        if not hasattr(model, method):
            continue
        found = np.asarray(_asked(model, method, data), dtype=np.float64)
        if found.ndim == 1 and n_classes == 2:
            found = np.column_stack([-found, found])
        if found.ndim == 2 and found.shape[1] == n_classes and np.isfinite(found).all():
            return found, method == "predict_proba"
    return None, False


def columns(data: Any) -> list[str]:
    """Return the names of the columns of a table; empty where it has none."""
    return [str(name) for name in getattr(data, "columns", ())]


def _asked(model: Any, method: str, data: Any) -> Any:
    from sklearn.exceptions import NotFittedError

    try:
        return getattr(model, method)(data)
    except NotFittedError as error:
        kind = type(model).__name__
        raise UsageError(f"this {kind} is not fitted", fix="call its fit(X, y) with the training data first") from error
    except (ValueError, KeyError) as error:
        mismatch = _mismatch(model, data)
        if mismatch is None:
            raise
        raise mismatch from error


def _mismatch(model: Any, data: Any) -> UsageError | None:
    """Return how the columns differ from those that it was fitted on; None where that is not what is wrong."""
    kind = type(model).__name__
    known, given = [str(name) for name in getattr(model, "feature_names_in_", ())], columns(data)
    if known and given and known != given:
        missing, foreign = [name for name in known if name not in given], [name for name in given if name not in known]
        told = [f"{what} {_some(names)}" for what, names in (("lacks", missing), ("also has", foreign)) if names]
        return UsageError(
            f"{kind} was fitted on other columns: X {' and '.join(told) or 'has them in another order'}",
            fix="pass X[list(model.feature_names_in_)], made as the training data were",
        )
    n_known, shape = getattr(model, "n_features_in_", None), np.shape(data)
    if n_known is not None and len(shape) == 2 and shape[1] != n_known:
        return UsageError(
            f"{kind} was fitted on {n_known} columns, and X has {shape[1]}", fix="pass X as the training data were"
        )
    return None


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _neither(kind: str) -> UsageError:
    return UsageError(
        f"{kind} is neither a classifier nor a regressor of scikit-learn",
        fix="log its metrics with run.log_metrics, and files with run.log_artifact",
    )
