"""Which columns an estimator goes by: as it says itself, or by what it loses when a column is shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tauro_nb.mlops.tracking.evaluation import estimators
from tauro_nb.mlops.tracking.evaluation.kept import Row, number
from tauro_nb.mlops.tracking.evaluation.samples import Sample

MOST_FEATURES = 100
REPEATS = 5


def rows(model: Any, sample: Sample, how: str) -> list[Row]:
    """Return the importance of the features, the greatest first; none where the estimator does not say.

    Parameters
    ----------
    how : {"own", "permutation", "none"}
        ``"own"``: its ``feature_importances_``, or its coefficients, of several classes the mean of their sizes.
        ``"permutation"``: by how much the estimator's own score falls when a column is shuffled, which costs
        `REPEATS` predictions for each column.
    """
    if how == "none":
        return []
    if how == "permutation":
        return _permutation(model, sample)
    final, steps = _final(model)
    for by in ("feature_importances_", "coef_"):
        given = getattr(final, by, None)
        if given is not None:
            return _sorted(_one_each(given), None, _names(final, steps, sample.data), by)
    return []


def _permutation(model: Any, sample: Sample) -> list[Row]:
    from sklearn.inspection import permutation_importance

    found = permutation_importance(
        model, sample.data, sample.y, n_repeats=REPEATS, random_state=0, sample_weight=sample.weight
    )
    return _sorted(found.importances_mean, found.importances_std, estimators.columns(sample.data), "permutation")


def _final(model: Any) -> tuple[Any, Any]:
    """Return the estimator that learned at last, within a search or a pipeline, and the steps before it."""
    steps = None
    while True:
        inner = getattr(model, "best_estimator_", None) or getattr(model, "regressor_", None)
        if inner is not None:
            model = inner
        elif hasattr(model, "named_steps"):
            steps, model = model[:-1], model[-1]
        else:
            return model, steps


def _names(final: Any, steps: Any, data: Any) -> list[str]:
    if steps is None or not len(steps):
        known = getattr(final, "feature_names_in_", None)
        return estimators.columns(data) if known is None else [str(name) for name in known]
    try:
        return [str(name) for name in steps.get_feature_names_out()]
    except (AttributeError, ValueError):  # a step that does not say what it makes
        return []


def _one_each(given: Any) -> NDArray[np.float64]:
    dense = given.toarray() if hasattr(given, "toarray") else given
    table = np.atleast_2d(np.asarray(dense, dtype=np.float64))
    sizes: NDArray[np.float64] = table[0] if len(table) == 1 else np.abs(table).mean(axis=0)
    return sizes


def _sorted(
    mean: NDArray[np.float64], deviation: NDArray[np.float64] | None, names: Sequence[str], by: str
) -> list[Row]:
    named = names if len(names) == len(mean) else [f"x{at}" for at in range(len(mean))]
    first = np.argsort(-np.abs(mean), kind="stable")[:MOST_FEATURES]
    return [
        {
            "feature": named[at],
            "importance": number(mean[at]),
            "deviation": None if deviation is None else number(deviation[at]),
            "by": by,
        }
        for at in first
    ]
