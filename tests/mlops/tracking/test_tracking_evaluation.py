"""What `run.log_evaluation` finds: held against scikit-learn's own functions, on real estimators and data."""

# ruff: noqa: N803, N806 - X is what scikit-learn calls it

from __future__ import annotations

import builtins
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tauro_nb.errors import MissingDependency, UnknownName, UnsafePath, UsageError
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

sklearn = pytest.importorskip("sklearn")

from sklearn import metrics  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.compose import make_column_transformer  # noqa: E402
from sklearn.datasets import load_digits, load_iris  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402


@pytest.fixture(scope="module")
def churn(churn_parquet: Path) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, pd.Series]:
    """Training data and their truth, then those held out; the truth is text."""
    data = pd.read_parquet(churn_parquet)
    X, y = data.drop(columns=["churn"]), data["churn"].map({False: "stays", True: "leaves"})
    return X[:4000], y[:4000], X[4000:], y[4000:]


@pytest.fixture(scope="module")
def forest(churn: tuple[Any, ...]) -> RandomForestClassifier:
    return RandomForestClassifier(25, random_state=0).fit(*churn[:2])


@pytest.fixture
def run(tracker: ExperimentTracker) -> Run:
    return tracker.start_run(experiment="churn")


def kept(store: Store, run: Run, path: str) -> pd.DataFrame:
    """Read one of its files as anybody would who has pandas and nothing else."""
    return pd.read_json(io.BytesIO(store.get(keys.artifact(run.experiment, run.run_id, f"evaluation/{path}.json"))))


@pytest.mark.parametrize("weighted", [False, True])
def test_two_classes_are_measured_as_scikit_learn_measures_them(
    run: Run, churn: tuple[Any, ...], forest: Any, weighted: bool
) -> None:
    X, y = churn[2:]
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y)) if weighted else None
    found = run.log_evaluation(forest, X, y, sample_weight=weight, positive="leaves")
    guess, score, truth = forest.predict(X), forest.predict_proba(X)[:, 0], y == "leaves"
    same: dict[str, Any] = {"sample_weight": weight}
    assert found.metrics == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, guess, **same),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, guess, **same),
            "precision": metrics.precision_score(y, guess, pos_label="leaves", **same),
            "recall": metrics.recall_score(y, guess, pos_label="leaves", **same),
            "f1": metrics.f1_score(y, guess, pos_label="leaves", **same),
            "roc_auc": metrics.roc_auc_score(truth, score, **same),
            "average_precision": metrics.average_precision_score(truth, score, **same),
            "log_loss": metrics.log_loss(y, forest.predict_proba(X), **same),
        }
    )
    assert run.metrics == found.metrics
    assert found.summary.kind == "binary"
    assert found.summary.positive == "leaves"
    matrix = found.frame("confusion_matrix").pivot(index="actual", columns="predicted", values="count")
    assert matrix.to_numpy() == pytest.approx(metrics.confusion_matrix(y, guess, labels=["leaves", "stays"], **same))


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_several_classes_are_measured_each_against_the_rest(run: Run, average: str) -> None:
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=6, random_state=0)).fit(X[:900], y[:900])
    X, y = X[900:], y[900:]
    found = run.log_evaluation(model, X, y, average=average)
    guess, scores = model.predict(X), model.predict_proba(X)
    assert found.metrics == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, guess),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, guess),
            "precision": metrics.precision_score(y, guess, average=average),
            "recall": metrics.recall_score(y, guess, average=average),
            "f1": metrics.f1_score(y, guess, average=average),
            "roc_auc": metrics.roc_auc_score(y, scores, multi_class="ovr", average="macro"),
            "average_precision": metrics.average_precision_score(y, scores, average="macro"),
            "log_loss": metrics.log_loss(y, scores),
        }
    )
    report = metrics.classification_report(y, guess, output_dict=True)
    assert found.frame("classes").set_index("class")["f1"].to_dict() == pytest.approx(
        {label: report[str(label)]["f1-score"] for label in range(10)}
    )
    assert found.frame("importance")["feature"].str.fullmatch(r"x\d+").all()


def test_a_regressor_is_measured_and_its_residuals_are_kept(run: Run, churn: tuple[Any, ...]) -> None:
    X, y = churn[2].drop(columns=["total_day_charge"]), churn[2]["total_day_charge"] + 1
    model = LinearRegression().fit(X[["total_eve_calls", "account_length"]], y)
    found = run.log_evaluation(model, X[["total_eve_calls", "account_length"]], y, prefix="val/")
    guess = model.predict(X[["total_eve_calls", "account_length"]])
    assert found.metrics == pytest.approx(
        {
            "r2": metrics.r2_score(y, guess),
            "mae": metrics.mean_absolute_error(y, guess),
            "rmse": metrics.mean_squared_error(y, guess) ** 0.5,
            "mape": metrics.mean_absolute_percentage_error(y, guess),
            "median_absolute_error": metrics.median_absolute_error(y, guess),
        }
    )
    assert run.metrics == {f"val/{name}": value for name, value in found.metrics.items()}
    residuals = found.frame("residuals")
    assert len(residuals) <= 400
    assert residuals["predicted"].is_monotonic_increasing
    assert residuals["residual"].abs().max() == pytest.approx(np.abs(y - guess).max())
    assert set(found.frame("importance")["feature"]) == {"total_eve_calls", "account_length"}


def test_every_file_is_a_small_table_that_pandas_reads(
    run: Run, store: Store, again: ExperimentTracker, churn: tuple[Any, ...], forest: Any
) -> None:
    found = run.log_evaluation(forest, *churn[2:], prefix="val/", importance="permutation")
    run.end()
    shown = again.get_run(run.run_id)
    assert {file.path for file in shown.artifacts()} == {path for path, _ in found.files()}
    assert all(file.size_bytes < 20_000 for file in shown.artifacts())
    assert list(kept(store, run, "val/roc").columns) == [
        "class",
        "false_positive_rate",
        "true_positive_rate",
        "threshold",
    ]
    assert kept(store, run, "val/metrics").set_index("metric")["value"].to_dict() == pytest.approx(found.metrics)
    assert kept(store, run, "val/summary").loc[0, "estimator"] == "RandomForestClassifier"
    assert kept(store, run, "val/importance")["deviation"].notna().all()
    (read,) = shown.evaluations()
    assert read == found


def test_a_thinned_curve_still_has_its_area(run: Run) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 2))
    y = (X[:, 0] + rng.normal(size=20_000) > 0).astype(int)
    found = run.log_evaluation(LogisticRegression().fit(X, y), X, y)
    roc = found.frame("roc")
    assert len(roc) <= 150
    area = metrics.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(found.metrics["roc_auc"], abs=1e-3)


def test_what_the_data_do_not_define_is_left_out_and_told(run: Run, churn: tuple[Any, ...], forest: Any) -> None:
    X, y = churn[2:]
    one = run.log_evaluation(forest, X[y == "stays"], y[y == "stays"], prefix="one/")
    assert "roc_auc" not in one.metrics
    assert "log_loss" in one.metrics
    assert one.notes == ("without roc_auc, average_precision: y has one class",)
    scaled = make_pipeline(StandardScaler(), LinearSVC()).fit(*churn[:2])
    margins = run.log_evaluation(scaled, X, y, prefix="svc/")
    assert "roc_auc" in margins.metrics
    assert margins.notes == ("without log_loss: Pipeline gives no probabilities",)
    assert margins.frame("importance")["feature"].isin(X.columns).all()
    constant = run.log_evaluation(LinearRegression().fit(X, X["account_length"]), X, np.zeros(len(X)), prefix="r/")
    assert sorted(constant.metrics) == ["mae", "median_absolute_error", "rmse"]
    assert not any(np.isnan(value) for value in run.metrics.values())


def test_a_class_that_the_model_never_saw_counts_as_wrong(run: Run) -> None:
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X[:100], y[:100])
    found = run.log_evaluation(model, X, y)
    assert found.metrics["accuracy"] == pytest.approx(2 / 3)
    assert "without log_loss: y has classes that the model does not know" in found.notes
    with pytest.raises(UsageError, match="y has none of the classes that LogisticRegression knows"):
        run.log_evaluation(model, X, np.array(["a", "b", "c"])[y])


def test_many_classes_are_a_matrix_of_twenty(run: Run) -> None:
    rng = np.random.default_rng(0)
    y = np.r_[rng.integers(0, 10, 4_000), np.arange(60)]
    X = np.column_stack([y, rng.normal(size=len(y))])
    found = run.log_evaluation(DecisionTreeClassifier(max_depth=5, random_state=0).fit(X, y), X, y)
    matrix = found.frame("confusion_matrix")
    assert matrix["actual"].nunique() == 20
    assert matrix["actual"].iloc[-1] == "41 other classes"
    assert matrix["count"].sum() == len(y)
    assert found.frame("roc")["class"].nunique() == 8


def test_an_evaluation_replaces_the_one_of_its_prefix(run: Run, churn: tuple[Any, ...], forest: Any) -> None:
    run.log_evaluation(forest, *churn[2:])
    labelled = Perceptron().fit(*churn[:2])
    run.log_evaluation(labelled, *churn[2:], importance="none")
    (found,) = run.evaluations()
    assert found.summary.estimator == "Perceptron"
    assert "calibration" not in found.tables
    assert "importance" not in found.tables


def test_a_file_of_the_users_own_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"f1": 0.9}))
    run.log_artifact(tmp_path / "summary.json", "evaluation")
    assert run.evaluations() == []


def test_the_features_of_a_search_over_a_pipeline_have_their_names(run: Run, churn: tuple[Any, ...]) -> None:
    X, y, X_new, y_new = churn
    columns = ["account_length", "total_day_minutes"]
    steps = make_pipeline(make_column_transformer((StandardScaler(), columns)), LogisticRegression())
    search = GridSearchCV(steps, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(X, y)
    found = run.log_evaluation(search, X_new, y_new)
    names = found.frame("importance")["feature"]
    assert set(names) == {f"standardscaler__{name}" for name in columns}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m, X, y: (RandomForestClassifier(), X, y), "this RandomForestClassifier is not fitted"),
        (lambda m, X, y: (RandomForestClassifier, X, y), "not the class RandomForestClassifier"),
        (lambda m, X, y: ({"a": 1}, X, y), "takes a fitted estimator of scikit-learn, not a dict"),
        (lambda m, X, y: (KMeans(2, n_init=1).fit(X), X, y), "KMeans is neither a classifier nor a regressor"),
        (lambda m, X, y: (m, X.drop(columns=["account_length"]), y), "X lacks 'account_length'"),
        (lambda m, X, y: (m, X[X.columns[::-1]], y), "X has them in another order"),
        (lambda m, X, y: (m, X, y[:10]), "X has 1,000 rows, and y has 10"),
        (lambda m, X, y: (m, X[:0], y[:0]), "X has no rows"),
        (lambda m, X, y: (m, X, y.where(y == "stays")), "y has 141 missing values"),
        (lambda m, X, y: (m, X, np.column_stack([y, y])), r"y has shape \(1000, 2\)"),
    ],
)
def test_a_mistake_of_the_call_is_told_and_nothing_is_logged(
    run: Run, churn: tuple[Any, ...], forest: Any, change: Any, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        run.log_evaluation(*change(forest, *churn[2:]))
    assert raised.value.fix
    assert run.metrics == {}
    assert run.artifacts() == []


def test_a_bad_option_is_told_and_nothing_is_logged(run: Run, churn: tuple[Any, ...], forest: Any) -> None:
    X, y = churn[2:]
    with pytest.raises(UnknownName, match="no class named 'goes'"):
        run.log_evaluation(forest, X, y, positive="goes")
    with pytest.raises(UnknownName, match="no importance named 'shap'"):
        run.log_evaluation(forest, X, y, importance="shap")
    with pytest.raises(UnsafePath):
        run.log_evaluation(forest, X, y, prefix="../val/")
    for weight in (np.ones(3), -np.ones(len(y)), ["a"] * len(y)):
        with pytest.raises(UsageError, match="sample_weight"):
            run.log_evaluation(forest, X, y, sample_weight=weight)
    assert run.metrics == {}
    assert run.artifacts() == []


def test_a_table_that_is_not_there_is_named(run: Run, churn: tuple[Any, ...], forest: Any) -> None:
    found = run.log_evaluation(forest, *churn[2:])
    with pytest.raises(UnknownName, match="no table named 'rock'") as raised:
        found.frame("rock")
    assert raised.value.fix == "did you mean 'roc'?"


def test_without_scikit_learn_the_error_says_how_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def no_sklearn(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", no_sklearn)
    with pytest.raises(MissingDependency, match=r"run\.log_evaluation needs the package 'scikit-learn'"):
        run.log_evaluation(object(), [[1.0]], [1])
