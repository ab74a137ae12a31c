from __future__ import annotations

import pickle
from typing import Any

import pytest

from tauro_nb.mlops.tracking.tracker import ExperimentTracker

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM comes with the extra `dev`")

PARAMS = {"objective": "binary", "num_leaves": 4, "num_threads": 1, "verbose": -1}


@pytest.fixture
def sets(halves: Any) -> tuple[Any, Any]:
    train, val = halves
    first = lightgbm.Dataset(*train, free_raw_data=False)
    return first, lightgbm.Dataset(*val, reference=first, free_raw_data=False)


def train(sets: Any, rounds: int, *callbacks: Any, **more: Any) -> Any:
    return lightgbm.train(
        PARAMS, sets[0], rounds, valid_sets=list(sets), valid_names=["train", "val"], callbacks=list(callbacks), **more
    )


def test_each_metric_of_each_set_is_logged_by_iteration(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    result: dict[str, Any] = {}
    with tracker.start_run() as run:
        train(sets, 4, run.callback("lightgbm"), lightgbm.record_evaluation(result))
    assert set(run.metrics) == {"train/binary_logloss", "val/binary_logloss"}
    assert curve(run, "val/binary_logloss") == ([0, 1, 2, 3], result["val"]["binary_logloss"])
    assert {"lightgbm/num_leaves": 4, "lightgbm/objective": "binary"}.items() <= run.params.items()


def test_the_iteration_that_stops_early_is_logged_too(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    result: dict[str, Any] = {}
    with tracker.start_run() as run:
        stopping = lightgbm.early_stopping(2, verbose=False)
        train(sets, 300, stopping, run.callback("lightgbm", log_params=False), lightgbm.record_evaluation(result))
    assert curve(run, "val/binary_logloss")[1] == result["val"]["binary_logloss"]
    assert run.params == {}


def test_iterations_count_on_in_a_resumed_run(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    with tracker.start_run() as run:
        booster = train(sets, 3, run.callback("lightgbm"))
    with tracker.resume_run(run.run_id) as run:
        train(sets, 2, run.callback("lightgbm"), init_model=booster)
    assert curve(run, "train/binary_logloss")[0] == [0, 1, 2, 3, 4]


def test_a_second_writer_with_other_parameters_leaves_those_of_the_first(
    tracker: ExperimentTracker, sets: Any, curve: Any
) -> None:
    with tracker.start_run() as run, pickle.loads(pickle.dumps(run)) as second:
        train(sets, 2, run.callback("lightgbm"))
        train(sets, 3, second.callback("lightgbm"))
    assert run.params["lightgbm/num_iterations"] == 2
    assert curve(run, "val/binary_logloss")[0] == [0, 1, 0, 1, 2]


def test_cross_validation_gives_mean_and_spread(tracker: ExperimentTracker, sets: Any, curve: Any) -> None:
    with tracker.start_run() as run:
        shown = lightgbm.cv(PARAMS, sets[0], 3, nfold=3, callbacks=[run.callback("lightgbm")], eval_train_metric=True)
    assert set(run.metrics) == {f"{data}/binary_logloss{end}" for data in ("train", "valid") for end in ("", "_std")}
    assert curve(run, "valid/binary_logloss") == ([0, 1, 2], shown["valid binary_logloss-mean"])
    assert curve(run, "valid/binary_logloss_std")[1] == shown["valid binary_logloss-stdv"]


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
def test_an_estimator_logs_to_the_run(tracker: ExperimentTracker, halves: Any, curve: Any) -> None:
    train, val = halves
    with tracker.start_run() as run:
        model = lightgbm.LGBMRegressor(n_estimators=2, n_jobs=1, verbose=-1)
        model.fit(*train, eval_set=[val], callbacks=[run.callback("lightgbm", prefix="fold1/")])
    assert curve(run, "fold1/valid_0/l2") == ([0, 1], model.evals_result_["valid_0"]["l2"])


def test_an_interrupt_while_logging_stops_the_training(
    tracker: ExperimentTracker, sets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise KeyboardInterrupt

    run = tracker.start_run()
    monkeypatch.setattr(run, "log_metrics", refuse)
    with pytest.raises(KeyboardInterrupt), run:
        train(sets, 3, run.callback("lightgbm"))
    assert run.status == "INTERRUPTED"
