from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from tauro_nb.errors import RunEnded
from tauro_nb.mlops.tracking.tracker import ExperimentTracker

xgb = pytest.importorskip("xgboost", reason="XGBoost comes with the extra `dev`")

PARAMS = {"objective": "binary:logistic", "max_depth": 2, "eta": 0.1, "nthread": 1}


@pytest.fixture
def sets(halves: Any) -> tuple[Any, Any]:
    train, val = halves
    return xgb.DMatrix(*train), xgb.DMatrix(*val)


def train(sets: Any, rounds: int, *callbacks: Any, **more: Any) -> Any:
    names = [(sets[0], "train"), (sets[1], "val")]
    return xgb.train(PARAMS, sets[0], rounds, evals=names, callbacks=callbacks, verbose_eval=False, **more)


def test_each_metric_of_each_set_is_logged_by_round(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    result: dict[str, Any] = {}
    with tracker.start_run() as run:
        train(sets, 4, run.callback("xgboost"), evals_result=result)
    assert set(run.metrics) == {"train/logloss", "val/logloss"}
    assert curve(run, "train/logloss") == ([0, 1, 2, 3], result["train"]["logloss"])
    assert curve(run, "val/logloss") == ([0, 1, 2, 3], result["val"]["logloss"])


def test_the_parameters_are_kept_as_they_were_written(tracker: ExperimentTracker, sets: Any) -> None:
    with tracker.start_run() as run:
        run.log_params({"max_depth": "as the user says"})
        train(sets, 1, run.callback("xgboost"))
        run.log_params({"eta": 0.1})
    told = {"xgboost/max_depth": 2, "xgboost/learning_rate": 0.1, "xgboost/objective": "binary:logistic"}
    assert told.items() <= run.params.items()
    assert run.params["max_depth"] == "as the user says"
    assert "xgboost/eta" not in run.params


def test_parameters_can_be_left_out_and_names_prefixed(tracker: ExperimentTracker, sets: Any) -> None:
    with tracker.start_run() as run:
        train(sets, 1, run.callback("xgboost", prefix="fold1/", log_params=False))
    assert (run.params, set(run.metrics)) == ({}, {"fold1/train/logloss", "fold1/val/logloss"})


@pytest.mark.parametrize("first", ["ours", "early stopping"])
def test_early_stopping_leaves_the_best_round_and_the_last_one(
    tracker: ExperimentTracker, sets: Any, curve: Any, first: str
) -> None:
    with tracker.start_run() as run:
        both = [run.callback("xgboost"), xgb.callback.EarlyStopping(rounds=2)]
        booster = train(sets, 200, *(both if first == "ours" else both[::-1]))
    steps, values = curve(run, "val/logloss")
    assert steps == list(range(booster.num_boosted_rounds()))
    assert (run.metrics["best_iteration"], run.metrics["best_score"]) == (booster.best_iteration, booster.best_score)
    assert values[booster.best_iteration] == min(values)


def test_rounds_count_on_in_a_resumed_run(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    with tracker.start_run() as run:
        booster = train(sets, 3, run.callback("xgboost"), early_stopping_rounds=9)
    with tracker.resume_run(run.run_id) as run:
        train(sets, 2, run.callback("xgboost"), xgb_model=booster)
    assert curve(run, "val/logloss")[0] == [0, 1, 2, 3, 4]
    assert curve(run, "best_iteration")[1] == [2.0]


def test_cross_validation_gives_mean_and_spread(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    with tracker.start_run() as run:
        shown = xgb.cv(PARAMS, sets[0], 30, nfold=3, callbacks=[run.callback("xgboost")], early_stopping_rounds=2)
    best = len(shown)
    assert curve(run, "test/logloss")[1][:best] == shown["test-logloss-mean"].tolist()
    assert curve(run, "test/logloss_std")[1][:best] == shown["test-logloss-std"].tolist()
    assert run.metrics["best_iteration"] == best - 1
    assert run.params["xgboost/max_depth"] == 2


def test_an_estimator_and_its_clones_log_to_the_run(tracker: ExperimentTracker, halves: Any, curve: Any) -> None:
    train, val = halves
    with tracker.start_run() as run:
        model = xgb.XGBClassifier(n_estimators=3, n_jobs=1, max_depth=2, callbacks=[run.callback("xgboost")])
        clone(model).fit(*train, eval_set=[train, val], verbose=False)
        cross_val_score(model, *train, cv=2)
    assert curve(run, "validation_1/logloss")[0] == [0, 1, 2]
    assert set(run.metrics) == {"validation_0/logloss", "validation_1/logloss"}


@pytest.mark.slow
def test_a_worker_process_logs_to_the_run_of_its_parent(tracker: ExperimentTracker, halves: Any, curve: Any) -> None:
    train, val = halves
    code = "import pickle, sys; model, train, val = pickle.load(sys.stdin.buffer); model.fit(*train, eval_set=[val])"
    with tracker.start_run() as run:
        model = xgb.XGBClassifier(n_estimators=2, n_jobs=1, callbacks=[run.callback("xgboost")])
        subprocess.run([sys.executable, "-c", code], input=pickle.dumps((model, train, val)), check=True)
        assert curve(run, "validation_0/logloss")[0] == [0, 1]
    assert run.status == "FINISHED"


def test_a_model_that_was_saved_with_its_callback_loads_and_leaves_the_ended_run_alone(
    tracker: ExperimentTracker, halves: Any
) -> None:
    train, _ = halves
    with tracker.start_run() as run:
        model = xgb.XGBClassifier(n_estimators=2, n_jobs=1, callbacks=[run.callback("xgboost")]).fit(*train)
        run.log_model(model, "model.pkl")
    loaded = tracker.get_run(run.run_id).load_model()
    assert loaded.predict(train[0]).tolist() == model.predict(train[0]).tolist()
    with pytest.raises(RunEnded):
        loaded.fit(*train)
    assert tracker.get_run(run.run_id).status == "FINISHED"


@pytest.mark.parametrize(("kind", "status"), [(KeyboardInterrupt, "INTERRUPTED"), (RuntimeError, "FAILED")])
def test_what_logging_raises_stops_the_training(
    tracker: ExperimentTracker, sets: Any, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], status: str
) -> None:
    stop = kind("stop")

    def refuse(*_: object) -> None:
        raise stop

    run = tracker.start_run()
    monkeypatch.setattr(run, "log_metrics", refuse)
    with pytest.raises(kind) as caught, run:
        train(sets, 3, run.callback("xgboost"))
    assert caught.value is stop
    assert run.status == status
