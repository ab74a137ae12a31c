"""Real models of XGBoost, LightGBM and CatBoost, kept in their own files."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

catboost = pytest.importorskip("catboost", reason="CatBoost comes with the extra `dev`")
lightgbm = pytest.importorskip("lightgbm", reason="LightGBM comes with the extra `dev`")
xgboost = pytest.importorskip("xgboost", reason="XGBoost comes with the extra `dev`")

from tauro_nb.config.schema import RegistrySettings  # noqa: E402
from tauro_nb.errors import MissingDependency, UnknownName, Untrusted  # noqa: E402
from tauro_nb.mlops import ExperimentTracker  # noqa: E402
from tauro_nb.mlops.registry import flavors  # noqa: E402
from tauro_nb.mlops.registry.flavors import Flavor, load_model, save_model  # noqa: E402
from tauro_nb.mlops.registry.registry import ModelRegistry  # noqa: E402
from tauro_nb.store import keys  # noqa: E402
from tauro_nb.store.memory import MemoryStore  # noqa: E402
from tauro_nb.testing.flavor_contract import FlavorContract  # noqa: E402

X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
Y = (X["a"] > 0).astype(int).to_numpy()
ANSWER = np.where(Y, "yes", "no")

XGB = {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}
LGBM = {"n_estimators": 3, "min_child_samples": 2, "verbose": -1, "n_jobs": 1}
CAT = {"iterations": 3, "depth": 2, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


def xgb_booster() -> Any:
    return xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(X, Y), 3)


def lgbm_booster() -> Any:
    data = lightgbm.Dataset(X, Y, params={"min_data_in_leaf": 2, "verbose": -1})
    return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 3)


class BoostingContract(FlavorContract):
    def same(self, loaded: Any, model: Any) -> bool:
        if type(loaded) is not type(model):
            return False
        if hasattr(model, "predict_proba"):
            return np.array_equal(loaded.predict_proba(X), model.predict_proba(X)) and np.array_equal(
                loaded.predict(X), model.predict(X)
            )
        data = xgboost.DMatrix(X) if isinstance(model, xgboost.Booster) else X
        return bool(np.array_equal(loaded.predict(data), model.predict(data)))


class TestXgboostContract(BoostingContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.XgboostFlavor()

    @pytest.fixture(
        params=[
            xgb_booster,
            lambda: xgboost.XGBClassifier(**XGB).fit(X, Y),
            lambda: xgboost.XGBRegressor(**XGB, booster="dart").fit(X, Y),
            lambda: xgboost.XGBRanker(**XGB).fit(X, Y, qid=np.repeat([0, 1], 30)),
        ],
        ids=["Booster", "classifier", "regressor", "ranker"],
    )
    def model(self, request: pytest.FixtureRequest) -> Any:
        return request.param()


class TestLightgbmContract(BoostingContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.LightgbmFlavor()

    @pytest.fixture
    def model(self) -> Any:
        return lgbm_booster()


class TestLightgbmEstimatorContract(BoostingContract):
    refused = frozenset({".txt"})

    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.LightgbmFlavor()

    @pytest.fixture(
        params=[
            lambda: lightgbm.LGBMClassifier(**LGBM).fit(X, ANSWER),
            lambda: lightgbm.LGBMRegressor(**LGBM).fit(X, Y),
        ],
        ids=["classifier", "regressor"],
    )
    def model(self, request: pytest.FixtureRequest) -> Any:
        return request.param()


class TestCatboostContract(BoostingContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.CatboostFlavor()

    @pytest.fixture(
        params=[
            lambda: catboost.CatBoostClassifier(**CAT).fit(X, ANSWER),
            lambda: catboost.CatBoostRegressor(**CAT).fit(X, Y),
        ],
        ids=["classifier", "regressor"],
    )
    def model(self, request: pytest.FixtureRequest) -> Any:
        return request.param()


@pytest.mark.parametrize(
    ("model", "flavor", "files"),
    [
        (xgb_booster(), "xgboost", {"model.ubj"}),
        (xgboost.XGBClassifier(**XGB).fit(X, Y), "xgboost", {"model.ubj"}),
        (lgbm_booster(), "lightgbm", {"model.txt"}),
        (lightgbm.LGBMClassifier(**LGBM).fit(X, ANSWER), "lightgbm", {"model.txt", "estimator.skops"}),
        (catboost.CatBoostClassifier(**CAT).fit(X, ANSWER), "catboost", {"model.cbm"}),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "predict") else None,
)
def test_a_boosted_model_is_kept_in_its_own_files_which_run_no_code(
    model: Any, flavor: str, files: set[str], tmp_path: Path
) -> None:
    meta = save_model(model, tmp_path)

    assert (meta.flavor, meta.format, meta.runs_code) == (flavor, flavor, False)
    assert {path.name for path in tmp_path.iterdir()} == files
    assert {flavor, "numpy"} <= set(meta.packages)
    assert type(load_model(tmp_path, meta)) is type(model)


def with_history(model: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # older versions know no other way to say this
        return model.fit(X, ANSWER, eval_set=[(X, ANSWER)])


def test_an_estimator_comes_back_with_its_parameters_and_classes(tmp_path: Path) -> None:
    for model in (
        xgboost.XGBClassifier(**{**XGB, "n_estimators": np.int64(3)}).fit(X, Y),
        with_history(lightgbm.LGBMClassifier(**LGBM)),
    ):
        folder = tmp_path / type(model).__name__
        folder.mkdir()
        loaded = load_model(folder, save_model(model, folder))
        told, asked_for = loaded.get_params(), model.get_params()
        assert repr(told.pop("missing", None)) == repr(asked_for.pop("missing", None))
        assert told == asked_for
        assert loaded.classes_.tolist() == model.classes_.tolist()
        assert loaded.feature_names_in_.tolist() == ["a", "b", "c"]
    assert loaded.evals_result_ == model.evals_result_


def test_all_trees_of_a_booster_stay_and_the_best_iteration_is_still_what_predicts(tmp_path: Path) -> None:
    model = lgbm_booster()
    model.best_iteration = 2
    loaded = load_model(tmp_path, save_model(model, tmp_path))
    assert (loaded.num_trees(), loaded.best_iteration) == (3, 2)
    assert np.array_equal(loaded.predict(X), model.predict(X))


def own_objective(truth: Any, guess: Any) -> tuple[Any, Any]:
    return guess - truth, np.ones_like(guess)


class OwnClassifier(xgboost.XGBClassifier):
    pass


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (xgboost.XGBRegressor(**XGB, objective=own_objective).fit(X, Y), "objective"),
        (lightgbm.LGBMRegressor(**LGBM, objective=own_objective).fit(X, Y), "own_objective"),
        (OwnClassifier(**XGB).fit(X, Y), "OwnClassifier"),
        (xgboost.XGBClassifier(**XGB), "NotFittedError"),
    ],
    ids=["XGBoost with an objective", "LightGBM with an objective", "a class of one's own", "not fitted"],
)
def test_what_their_formats_cannot_hold_is_kept_as_an_object_and_says_why(
    model: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, own_objective.__module__, sys.modules[__name__])
    meta = save_model(model, tmp_path)

    assert (meta.flavor, meta.format, meta.runs_code) == ("sklearn", "joblib", True)
    assert why in next(text for key, text in meta.details.items() if key in {"not_xgboost", "not_lightgbm"})
    assert "skops does not know" in meta.details["not_skops"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.joblib"]
    assert load_model(tmp_path, meta).get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("inside", [xgboost.XGBClassifier(**XGB), lightgbm.LGBMClassifier(**LGBM)])
def test_a_pipeline_with_a_boosted_model_inside_is_kept_as_joblib_and_says_why(inside: Any, tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), inside).fit(X, Y)
    meta = save_model(model, tmp_path)

    assert (meta.flavor, meta.format, meta.runs_code) == ("sklearn", "joblib", True)
    package = type(inside).__module__.partition(".")[0]
    assert f"{package}." in meta.details["not_skops"]
    assert {"joblib", "sklearn", package} <= set(meta.packages)
    assert np.array_equal(load_model(tmp_path, meta).predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["m.ubj", "m.json", "m.pkl", "m.skops"])
def test_a_run_logs_a_boosted_model_in_the_format_that_its_name_says(name: str, tmp_path: Path) -> None:
    model = xgboost.XGBClassifier(**XGB).fit(X, Y)
    store = MemoryStore()
    with ExperimentTracker(store).start_run() as run:
        run.log_model(model, f"models/{name}")
    assert np.array_equal(run.load_model(f"models/{name}").predict(X), model.predict(X))
    store.get_file(keys.artifact(run.experiment, run.run_id, f"models/{name}"), tmp_path / name)
    if name in {"m.ubj", "m.json"}:
        assert xgboost.Booster(model_file=tmp_path / name).num_boosted_rounds() == 3
    elif name == "m.pkl":
        assert np.array_equal(pickle.loads((tmp_path / name).read_bytes()).predict(X), model.predict(X))


def test_a_class_that_is_none_of_the_packages_is_not_made(tmp_path: Path) -> None:
    meta = save_model(xgboost.XGBClassifier(**XGB).fit(X, Y), tmp_path)
    forged = msgspec.structs.replace(meta, details={**meta.details, "class": "DMatrix"})
    with pytest.raises(UnknownName, match="DMatrix"):
        load_model(tmp_path, forged)


def test_a_framework_that_is_not_installed_is_named_with_the_version_that_wrote_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = save_model(xgb_booster(), tmp_path)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(MissingDependency, match="'xgboost'") as caught:
        load_model(tmp_path, meta)
    assert caught.value.fix == f"pip install xgboost=={xgboost.__version__}"


def test_looking_for_the_flavor_imports_no_framework() -> None:
    code = (
        "import sys\nfrom tauro_nb.mlops.registry.flavors import installed\n"
        "print([name for name, each in installed().items() if each.matches({'a': 1})])\n"
        "print(*{'xgboost', 'lightgbm', 'catboost', 'torch', 'keras', 'sklearn', 'numpy'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.splitlines() == ["['pickle']", ""]


def test_a_model_of_scikit_learn_is_none_of_theirs() -> None:
    model = LogisticRegression().fit(X, Y)
    assert [each.name for each in flavors.installed().values() if each.matches(model)] == ["sklearn", "pickle"]


def test_the_strictest_trust_opens_boosted_models_and_no_pipeline_that_holds_one() -> None:
    store = MemoryStore()
    registry = ModelRegistry(store)
    for name, model in (
        ("xgboost", xgboost.XGBClassifier(**XGB).fit(X, Y)),
        ("lightgbm", lightgbm.LGBMClassifier(**LGBM).fit(X, ANSWER)),
        ("catboost", catboost.CatBoostClassifier(**CAT).fit(X, ANSWER)),
        ("pipeline", make_pipeline(StandardScaler(), xgboost.XGBClassifier(**XGB)).fit(X, Y)),
    ):
        registry.register_model(model, name, input_example=X)
    careful = ModelRegistry(store, RegistrySettings(trust="safe"))

    for name in ("xgboost", "lightgbm", "catboost"):
        assert len(careful.get(name).predict(X.to_dict("records"))) == len(X)
    with pytest.raises(Untrusted, match="kept as joblib"):
        careful.load_model("pipeline")


def test_attributes_of_an_estimator_that_would_run_code_are_not_loaded(tmp_path: Path) -> None:
    meta = save_model(lightgbm.LGBMClassifier(**LGBM).fit(X, ANSWER), tmp_path)
    skops.io.dump({"_le": FunctionTransformer(os.getcwd)}, tmp_path / "estimator.skops")
    assert not meta.runs_code
    with pytest.raises(Untrusted, match="getcwd"):
        load_model(tmp_path, meta)


def test_a_booster_of_xgboost_predicts_from_a_table() -> None:
    model = xgb_booster()
    version = ModelRegistry(MemoryStore()).register_model(model, "m", input_example=X)
    assert np.array_equal(version.predict(X[["c", "b", "a"]]), model.predict(xgboost.DMatrix(X)))


def test_categories_reach_a_boosted_model_as_it_was_trained_on_them() -> None:
    frame = X.assign(kind=pd.Categorical(["b", "a", "c"] * 20))
    model = lightgbm.LGBMClassifier(**LGBM).fit(frame, np.where(frame["kind"] == "b", 1, 0))
    version = ModelRegistry(MemoryStore()).register_model(model, "m", input_example=frame)
    records = frame.iloc[:1].to_dict("records")
    assert version.predict(records).tolist() == model.predict(frame.iloc[:1]).tolist() == [1]
