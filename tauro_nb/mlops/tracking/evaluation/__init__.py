"""`run.log_evaluation`: what an estimator of scikit-learn is worth on data, as metrics and small JSON files of the run.

Whatever is wrong with what was given is found before anything is kept. A metric that the data do not define (ROC AUC of
one class) is left out, and the evaluation's notes say why: a NaN in a table of runs would tell nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tauro_nb.errors import MissingDependency, UnknownName, UsageError
from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.evaluation.kept import Evaluation, Summary, folder_of

if TYPE_CHECKING:
    from tauro_nb.mlops.tracking.artifacts import Artifacts

AVERAGES = ("macro", "weighted")
IMPORTANCES = ("own", "permutation", "none")


def evaluate(
    model: Any,
    data: Any,
    truth: Any,
    *,
    prefix: str,
    sample_weight: Any,
    positive: Any,
    average: str,
    importance: str,
) -> Evaluation:
    """Return the evaluation, of which nothing is kept yet; see `RunRecorder.log_evaluation`."""
    try:
        import sklearn  # noqa: F401 - what follows is made of it
    except ImportError as error:
        raise MissingDependency.of("scikit-learn", "mlops", what="run.log_evaluation") from error

    from tauro_nb.mlops.tracking.evaluation import classification, estimators, importances, regression, samples

    if average not in AVERAGES:
        raise UnknownName.among("average", average, AVERAGES, where="run.log_evaluation")
    if importance not in IMPORTANCES:
        raise UnknownName.among("importance", importance, IMPORTANCES, where="run.log_evaluation")
    values.metric_key(f"{prefix}accuracy")
    folder_of(prefix)
    is_classifier = estimators.is_classifier(model)
    if positive is not None and not is_classifier:
        raise UsageError(f"positive={positive!r}: a regressor has no classes", fix="leave positive out")
    sample = samples.checked(data, truth, sample_weight)
    if is_classifier:
        outcome = classification.outcome(model, sample, positive=positive, average=average)
    else:
        outcome = regression.outcome(model, sample)
    outcome.add("importance", importances.rows(model, sample, importance))
    summary = Summary(
        kind=outcome.kind,
        estimator=type(model).__name__,
        rows=len(sample.y),
        weighted=sample.weight is not None,
        positive=outcome.positive,
        average=average if outcome.kind == "multiclass" else None,
        prefix=prefix,
        notes=tuple(outcome.notes),
        tables=tuple(outcome.tables),
    )
    return Evaluation(summary, outcome.tables)


def keep(evaluation: Evaluation, artifacts: Artifacts) -> None:
    """Write the evaluation among a run's artifacts, the summary last."""
    for path, data in evaluation.files():
        artifacts.add_bytes(path, data)
