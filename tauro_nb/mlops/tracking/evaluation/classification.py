"""What a classifier is worth: metrics, confusion matrix, ROC, precision and recall, calibration.

A class is its place in the list of classes here: those that the model knows, then any others that occur. Of more than
two classes each has its own curves, against the rest; ROC AUC and average precision are the mean over the classes.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.mlops.tracking.evaluation import estimators
from tauro_nb.mlops.tracking.evaluation.kept import Label, Row, number
from tauro_nb.mlops.tracking.evaluation.samples import Outcome, Sample

MOST_CLASSES = 20
"""Classes of a confusion matrix; of more, the rare ones are one class together."""

MOST_CURVES = 8
"""Classes that have curves of their own: the most frequent."""

MOST_TOLD = 1_000
"""Classes of which precision, recall and F1 are told one by one."""

POINTS = 150
"""Points of a curve."""

BINS = 10

Codes = NDArray[np.intp]
Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Along, up, and the threshold there."""


class Task(msgspec.Struct, frozen=True, eq=False):
    """What is true of the rows."""

    labels: list[Label]
    truth: Codes
    weight: NDArray[np.float64] | None
    positive: int | None
    """The class that counts; None unless there are two."""


def outcome(model: Any, sample: Sample, *, positive: Any, average: str) -> Outcome:
    """Return what was found.

    Raises
    ------
    UsageError
        The model is not fitted, or on other columns; or knows none of the classes in `sample`; or there are not two of
        them, of which one could be `positive`.
    UnknownName
        There is no such positive class.
    """
    guessed = estimators.predicted(model, sample.data)
    known = _plain(model.classes_ if hasattr(model, "classes_") else np.unique(guessed))
    labels = [*dict.fromkeys([*known, *_plain(sample.y), *_plain(guessed)])]
    truth, guess = _codes(sample.y, labels), _codes(guessed, labels)
    if (truth >= len(known)).all():
        raise UsageError(
            f"y has none of the classes that {type(model).__name__} knows: {_some(_plain(sample.y))}"
            f" are not among {_some(known)}",
            fix="give y as it was in training",
        )
    found = Outcome.of("binary" if len(labels) == 2 else "multiclass")
    if found.kind == "multiclass" and positive is not None:
        raise UsageError(
            f"positive={positive!r} is for two classes, and there are {len(labels)}", fix="leave positive out"
        )
    at = _positive(labels, positive) if found.kind == "binary" else None
    found.positive = None if at is None else labels[at]
    task = Task(labels, truth, sample.weight, at)
    _measure_guesses(found, task, guess, average)
    found.add("confusion_matrix", _confusion(task, guess))
    found.add("classes", _each_class(task, guess))
    scores, are_probabilities = estimators.scores(model, sample.data, len(known))
    if scores is None:
        found.leave_out("roc_auc, average_precision, log_loss", f"{type(model).__name__} gives no scores")
        return found
    _measure_scores(found, task, scores)
    if are_probabilities:
        _measure_probabilities(found, task, scores)
    else:
        found.leave_out("log_loss", f"{type(model).__name__} gives no probabilities")
    return found


def _measure_guesses(found: Outcome, task: Task, guess: Codes, average: str) -> None:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support, recall_score

    truth = task.truth
    same: dict[str, Any] = {"sample_weight": task.weight, "zero_division": 0.0}
    found.measure("accuracy", accuracy_score(truth, guess, sample_weight=task.weight))
    present = np.unique(truth)
    found.measure("balanced_accuracy", recall_score(truth, guess, labels=present, average="macro", **same))
    if task.positive is None:
        precision, recall, f1, _ = precision_recall_fscore_support(truth, guess, average=average, **same)
    else:
        each = precision_recall_fscore_support(truth, guess, labels=[task.positive], **same)
        precision, recall, f1 = (float(values[0]) for values in each[:3])
    found.measure("precision", precision)
    found.measure("recall", recall)
    found.measure("f1", f1)


def _measure_scores(found: Outcome, task: Task, scores: NDArray[np.float64]) -> None:
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

    counted = np.bincount(task.truth, weights=task.weight, minlength=len(task.labels))
    asked = range(scores.shape[1]) if task.positive is None else [task.positive]
    able = [code for code in asked if 0 < counted[code] < counted.sum()]
    if not able:
        found.leave_out("roc_auc, average_precision", "y has one class")
        return
    if len(able) < len(asked):
        found.notes.append(f"roc_auc and average_precision are the mean of the {len(able)} classes that occur")
    drawn = sorted(able, key=lambda code: -counted[code])[:MOST_CURVES]
    areas, precisions = [], []
    roc: list[Row] = []
    precision_recall: list[Row] = []
    for code in able:
        is_it, score, weight = task.truth == code, scores[:, code], task.weight
        false, true, threshold = roc_curve(is_it, score, sample_weight=weight)
        areas.append(auc(false, true))
        precisions.append(average_precision_score(is_it, score, sample_weight=weight))
        if code in drawn:
            roc += _rows(task.labels[code], "false_positive_rate", "true_positive_rate", (false, true, threshold))
            precision, recall, threshold = precision_recall_curve(is_it, score, sample_weight=weight)
            curve = recall[::-1], precision[::-1], np.r_[np.inf, threshold[::-1]]
            precision_recall += _rows(task.labels[code], "recall", "precision", curve)
    found.measure("roc_auc", float(np.mean(areas)))
    found.measure("average_precision", float(np.mean(precisions)))
    found.add("roc", roc)
    found.add("precision_recall", precision_recall)


def _measure_probabilities(found: Outcome, task: Task, scores: NDArray[np.float64]) -> None:
    from sklearn.metrics import log_loss

    n_classes = scores.shape[1]
    if n_classes < 2:
        found.leave_out("log_loss", "the model knows one class")
    elif (task.truth >= n_classes).any():
        found.leave_out("log_loss", "y has classes that the model does not know")
    elif not np.allclose(scores.sum(axis=1), 1, atol=1e-4):
        found.leave_out("log_loss", "the probabilities of a row do not sum to 1")
    else:
        even = scores / scores.sum(axis=1, keepdims=True)
        found.measure("log_loss", log_loss(task.truth, even, labels=range(n_classes), sample_weight=task.weight))
    if task.positive is not None:
        found.add("calibration", _calibration(task.truth == task.positive, scores[:, task.positive], task.weight))


def _confusion(task: Task, guess: Codes) -> list[Row]:
    labels, truth = task.labels, task.truth
    occurs = np.bincount(np.r_[truth, guess], minlength=len(labels))
    kept = [code for code in np.argsort(-occurs, kind="stable") if occurs[code] or len(labels) <= MOST_CLASSES]
    names: list[Label] = list(labels)
    place = np.arange(len(labels))
    if len(kept) > MOST_CLASSES:
        rare = kept[MOST_CLASSES - 1 :]
        kept = kept[: MOST_CLASSES - 1]
        place[rare] = len(labels)
        names.append(f"{len(rare):,} other classes")
    shown = sorted(int(code) for code in kept) + ([len(labels)] if len(names) > len(labels) else [])
    size = len(names)
    counts = np.bincount(place[truth] * size + place[guess], weights=task.weight, minlength=size**2)
    return [
        {"actual": names[actual], "predicted": names[said], "count": counts[actual * size + said].item()}
        for actual in shown
        for said in shown
    ]


def _each_class(task: Task, guess: Codes) -> list[Row]:
    from sklearn.metrics import precision_recall_fscore_support

    occurs = np.bincount(np.r_[task.truth, guess], minlength=len(task.labels))
    told = sorted(np.argsort(-occurs, kind="stable")[:MOST_TOLD])
    each = precision_recall_fscore_support(task.truth, guess, labels=told, sample_weight=task.weight, zero_division=0.0)
    return [
        {"class": task.labels[code], "precision": precision, "recall": recall, "f1": f1, "support": support}
        for code, precision, recall, f1, support in zip(told, *(values.tolist() for values in each), strict=True)
    ]


def _calibration(
    is_it: NDArray[np.bool_], probability: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> list[Row]:
    """Return how often the class occurs where it is held for so likely, in `BINS` bins of equal width."""
    weight = np.ones(len(is_it)) if weight is None else weight
    bins = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    counts, said, true = (
        np.bincount(bins, weights=weight * each, minlength=BINS).tolist()
        for each in (np.ones(len(is_it)), probability, is_it)
    )
    return [
        {"predicted": said[at] / counts[at], "observed": true[at] / counts[at], "count": counts[at]}
        for at in range(BINS)
        if counts[at]
    ]


def _rows(label: Label, along: str, up: str, curve: Curve) -> list[Row]:
    x, y, threshold = (values[_chosen(*curve[:2])].tolist() for values in curve)
    return [{"class": label, along: a, up: b, "threshold": number(c)} for a, b, c in zip(x, y, threshold, strict=True)]


def _chosen(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which points of a curve are kept: both ends, and between them as many as its way is long."""
    if len(x) <= POINTS:
        return np.arange(len(x))
    way = np.r_[0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
    return np.unique(np.r_[np.searchsorted(way, np.linspace(0, way[-1], POINTS - 1)), len(x) - 1])


def _positive(labels: list[Label], wanted: Any) -> int:
    if wanted is None:
        return 1
    (plain,) = _plain(np.asarray([wanted], dtype=object))
    if plain not in labels:
        raise UnknownName.among("class", str(plain), map(str, labels), where="positive")
    return labels.index(plain)


def _plain(values: Any) -> list[Label]:
    """Return the labels among `values`, each once, in the order in which they first occur."""
    return [_label(each) for each in _factors(values)[1]]


def _codes(values: Any, labels: list[Label]) -> Codes:
    place = {label: at for at, label in enumerate(labels)}
    codes, kinds = _factors(values)
    return np.array([place[_label(each)] for each in kinds], dtype=np.intp)[codes]


def _factors(values: Any) -> tuple[Codes, Any]:
    import pandas as pd

    column = np.asarray(values)
    codes, kinds = pd.factorize(column.astype(object) if column.dtype.kind in "US" else column)
    return codes, kinds


def _label(value: Any) -> Label:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, (str, int, float)) else str(plain)


def _some(labels: list[Label]) -> str:
    return ", ".join(repr(label)[:40] for label in labels[:5]) + (", …" if len(labels) > 5 else "")
