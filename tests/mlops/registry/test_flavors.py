from __future__ import annotations

import os
import pickle
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tauro_nb.errors import MissingDependency, ModelNotSerializable, UnknownName, Untrusted, UsageError
from tauro_nb.mlops.registry import flavors
from tauro_nb.mlops.registry.flavors import Flavor, ModelMeta, load_model, save_file, save_model
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.memory import MemoryStore
from tauro_nb.testing.flavor_contract import FlavorContract

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=3, random_state=0).fit(X, Y)


def predicts_as(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one.predict(X), other.predict(X)))


class TestSklearnContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.SklearnFlavor()

    @pytest.fixture(params=[forest, lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)])
    def model(self, request: pytest.FixtureRequest) -> Any:
        return request.param()

    def same(self, loaded: Any, model: Any) -> bool:
        return predicts_as(loaded, model)


class TestPickleContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.PickleFlavor()

    @pytest.fixture
    def model(self) -> Any:
        return {"weights": [1.0, 2.0], "name": "by hand"}

    def same(self, loaded: Any, model: Any) -> bool:
        return bool(loaded == model)


class TestFilesContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.FilesFlavor()

    @pytest.fixture(params=["one file", "a folder"])
    def model(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
        folder = tmp_path_factory.mktemp("source")
        (folder / "weights.bin").write_bytes(b"\x00\x01")
        (folder / "more").mkdir()
        (folder / "more" / "vocabulary.txt").write_text("a b", encoding="utf-8")
        return folder if request.param == "a folder" else folder / "weights.bin"

    def same(self, loaded: Any, model: Any) -> bool:
        return bool(content(loaded) == content(model))


def content(path: Path) -> Any:
    if path.is_file():
        return path.read_bytes()
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "model",
    [
        forest(),
        LogisticRegression().fit(X, Y),
        pytest.param(
            HistGradientBoostingClassifier(max_iter=2).fit(X, Y),
            marks=pytest.mark.skipif(
                tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 6),
                reason="skops does not know the losses of this older scikit-learn, so joblib is right",
            ),
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_scikit_learn_are_kept_in_a_format_that_runs_no_code(model: Any, tmp_path: Path) -> None:
    meta = save_model(model, tmp_path)

    assert (meta.flavor, meta.format, meta.file, meta.runs_code) == ("sklearn", "skops", "model.skops", False)
    assert meta.model_class == f"{type(model).__module__}.{type(model).__qualname__}"
    assert {"sklearn", "skops"} <= set(meta.packages)
    assert predicts_as(load_model(tmp_path, meta), model)


class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, values: Any, y: Any = None) -> Doubler:
        return self

    def transform(self, values: Any) -> Any:
        return 2 * values


def test_trees_load_though_the_skops_that_wrote_them_still_trusted_them(tmp_path: Path) -> None:
    import msgspec

    model = forest()
    meta = save_model(model, tmp_path)
    assert predicts_as(load_model(tmp_path, msgspec.structs.replace(meta, details={})), model)


def test_a_skops_file_with_types_that_were_not_recorded_is_not_loaded(tmp_path: Path) -> None:
    import msgspec

    model = make_pipeline(FunctionTransformer(os.path.basename), LogisticRegression())
    meta = save_file(model, tmp_path / "m.skops")
    assert meta.runs_code
    with pytest.raises(Untrusted):
        load_model(tmp_path, msgspec.structs.replace(meta, details={}))


def test_a_type_that_skops_does_not_know_is_kept_as_joblib_and_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, Doubler.__module__, sys.modules[__name__])
    model = make_pipeline(Doubler(), LogisticRegression()).fit(X, Y)
    meta = save_model(model, tmp_path)

    assert (meta.format, meta.runs_code) == ("joblib", True)
    assert "Doubler" in meta.details["not_skops"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.joblib"]
    assert predicts_as(load_model(tmp_path, meta), model)


def test_a_lambda_in_a_pipeline_falls_to_pickle_by_value(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(lambda values: 3 * values), LogisticRegression()).fit(X, Y)
    meta = save_model(model, tmp_path)

    assert (meta.flavor, meta.format, meta.runs_code) == ("sklearn", "pickle", True)
    assert predicts_as(load_model(tmp_path, meta), model)


NOTEBOOK = """
import sys
from pathlib import Path
from sklearn.base import BaseEstimator, ClassifierMixin
import msgspec
from tauro_nb.mlops.registry.flavors import save_model

class MadeHere(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.answer_ = 42
        return self
    def predict(self, X):
        return [self.answer_]

meta = save_model(MadeHere().fit([[1]], [1]), Path(sys.argv[1]))
print(msgspec.json.encode(meta).decode())
"""


@pytest.mark.slow
def test_a_class_made_in_a_notebook_loads_in_another_process(tmp_path: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, str(tmp_path)], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    import msgspec

    meta = msgspec.json.decode(out.stdout, type=ModelMeta)
    assert meta.format == "pickle"
    assert load_model(tmp_path, meta).predict([[1]]) == [42]


def test_any_other_object_is_kept_as_pickle(tmp_path: Path) -> None:
    def model(x: int) -> int:
        return x + 1

    meta = save_model(model, tmp_path)
    assert (meta.flavor, meta.format, meta.file, meta.runs_code) == ("pickle", "pickle", "model.pkl", True)
    assert load_model(tmp_path, meta)(2) == 3


@pytest.mark.parametrize("model", [{"lock": threading.Lock()}, (i for i in range(3))], ids=["lock", "generator"])
def test_a_model_that_cannot_be_saved_says_why_and_leaves_nothing(model: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelNotSerializable, match="cannot be saved as pickle: TypeError") as caught:
        save_model(model, tmp_path)

    assert isinstance(caught.value.__cause__, TypeError)
    assert caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_a_sklearn_model_that_holds_a_lock_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    model = forest()
    model.lock_ = threading.Lock()
    with pytest.raises(ModelNotSerializable, match="lock"):
        save_model(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


OPENERS = {
    "m.pkl": lambda path: pickle.loads(path.read_bytes()),
    "m.pickle": lambda path: pickle.loads(path.read_bytes()),
    "m.joblib": joblib.load,
    "m.skops": lambda path: skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)),
    "model": lambda path: pickle.loads(path.read_bytes()),
    "v1.0": lambda path: pickle.loads(path.read_bytes()),
    "M.PKL": lambda path: pickle.loads(path.read_bytes()),
}


@pytest.mark.parametrize("name", OPENERS)
def test_a_file_opens_as_its_name_says(name: str, tmp_path: Path) -> None:
    model = forest()
    meta = save_file(model, tmp_path / name)

    assert meta.file == name
    assert meta.runs_code is (name != "m.skops")
    assert predicts_as(OPENERS[name](tmp_path / name), model)
    assert predicts_as(load_model(tmp_path, meta), model)


def test_an_ending_of_another_format_is_refused_with_those_that_are_not(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'\.onnx'") as caught:
        save_file(forest(), tmp_path / "m.onnx")
    assert ".skops" in str(caught.value.fix)
    assert list(tmp_path.iterdir()) == []


def test_a_skops_file_with_types_that_skops_does_not_know_is_named_as_running_code(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(np.abs), LogisticRegression()).fit(X, Y)
    meta = save_file(model, tmp_path / "m.skops")
    assert predicts_as(load_model(tmp_path, meta), model)
    assert meta.runs_code is flavors.flavor_of(meta).runs_code(meta)


class Trap:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("it was unpickled",))


def test_a_pickle_given_by_its_path_is_copied_without_being_opened(tmp_path: Path) -> None:
    source, target = tmp_path / "trap.pkl", tmp_path / "kept"
    source.write_bytes(pickle.dumps(Trap()))
    target.mkdir()

    meta = save_model(source, target)

    assert (meta.flavor, meta.format, meta.runs_code, meta.model_class) == ("pickle", "pickle", True, None)
    assert (target / "trap.pkl").read_bytes() == source.read_bytes()
    with pytest.raises(pytest.fail.Exception, match="it was unpickled"):
        load_model(target, meta)


def test_a_skops_file_given_by_its_path_loads_as_the_model(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    model = forest()
    save_file(model, tmp_path / "m.skops")
    meta = save_model(tmp_path / "m.skops", tmp_path / "kept")
    assert (meta.flavor, meta.runs_code) == ("sklearn", False)
    assert predicts_as(load_model(tmp_path / "kept", meta), model)


def test_files_asked_for_as_files_load_as_the_path(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(1))
    meta = save_model(tmp_path / "m.pkl", tmp_path / "kept", flavor="files")
    assert load_model(tmp_path / "kept", meta) == tmp_path / "kept" / "m.pkl"
    assert not meta.runs_code


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotSerializable, match="no such file"):
        save_model(Path("nowhere.bin"), tmp_path)


def test_an_unknown_flavor_gets_a_did_you_mean(tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        save_model(1, tmp_path, flavor="pikle")
    assert "'pickle'" in str(caught.value.fix)


@pytest.mark.parametrize("flavor", ["xgboost", "lightgbm", "catboost", "torch", "keras"])
@pytest.mark.parametrize("model", [{"a": 1}, Path(__file__)], ids=["dict", "path"])
def test_a_model_of_another_kind_than_the_flavor_that_was_asked_for_is_refused(
    flavor: str, model: Any, tmp_path: Path
) -> None:
    with pytest.raises(ModelNotSerializable, match=f"is no model of the flavor '{flavor}'"):
        save_model(model, tmp_path, flavor=flavor)
    assert list(tmp_path.iterdir()) == []


def test_the_python_and_the_packages_that_saved_a_model_are_told(tmp_path: Path) -> None:
    meta = save_model(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y), tmp_path)
    assert meta.python == platform.python_version()
    assert {"numpy", "sklearn", "skops"} <= set(meta.packages)


def test_a_flavor_that_is_no_longer_installed_is_named(tmp_path: Path) -> None:
    meta = ModelMeta(flavor="prophet", format="json", file="m.json", runs_code=False)
    with pytest.raises(MissingDependency, match="'prophet'"):
        load_model(tmp_path, meta)


@pytest.mark.parametrize(("package", "name"), [("cloudpickle", "m.pkl"), ("joblib", "m.joblib"), ("skops", "m.skops")])
def test_a_missing_package_names_the_extra(package: str, name: str, tmp_path: Path, monkeypatch: Any) -> None:
    model = LogisticRegression().fit(X, Y)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.io", None)
    with pytest.raises(MissingDependency, match=package) as caught:
        save_file(model, tmp_path / name)
    assert caught.value.fix == 'pip install "tauro-nb[mlops]"'
    assert list(tmp_path.iterdir()) == []


def test_metadata_that_claim_a_pickle_to_be_harmless_are_not_believed() -> None:
    meta = ModelMeta(flavor="pickle", format="pickle", file="m.pkl", runs_code=False)
    assert flavors.flavor_of(meta).runs_code(meta)


PLUGIN = """
from tauro_nb.mlops.registry.flavors import Saved

class TextFlavor:
    name = "text"
    suffixes = frozenset({".txt"})
    def matches(self, model): return isinstance(model, str)
    def save(self, model, folder, file=None):
        (folder / (file or "model.txt")).write_text(model, encoding="utf-8")
        return Saved(format="text", file=file or "model.txt")
    def load(self, folder, meta): return (folder / meta.file).read_text(encoding="utf-8")
    def runs_code(self, meta): return False
"""


@pytest.fixture
def plugins(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    site = tmp_path_factory.mktemp("site")
    (site / "text_flavor.py").write_text(PLUGIN, encoding="utf-8")
    info = site / "text_flavor-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: text-flavor\nVersion: 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    flavors.installed.cache_clear()

    def declare(text: str) -> None:
        (info / "entry_points.txt").write_text(f"[tauro_nb.flavors]\n{text}\n", encoding="utf-8")

    yield declare
    flavors.installed.cache_clear()


def test_another_package_adds_a_flavor_by_an_entry_point(plugins: Any, tmp_path: Path) -> None:
    plugins("text = text_flavor:TextFlavor")
    meta = save_model("hello", tmp_path)
    assert (meta.flavor, meta.format, meta.runs_code) == ("text", "text", False)
    assert load_model(tmp_path, meta) == "hello"
    assert save_file("hello", tmp_path / "own.txt").flavor == "text"


def test_a_flavor_of_another_package_may_predict_in_a_way_of_its_own(
    plugins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins("text = text_flavor:TextFlavor")
    import text_flavor

    registry = ModelRegistry(MemoryStore())
    version = registry.register_model("hello {}", "greeting")
    with pytest.raises(UsageError, match="predicts nothing"):
        version.predict("Ada")
    monkeypatch.setattr(text_flavor.TextFlavor, "predict", lambda self, model, data: model.format(data), raising=False)
    assert version.predict("Ada") == "hello Ada"


def test_a_broken_plugin_is_a_warning_and_takes_nothing_with_it(plugins: Any, tmp_path: Path) -> None:
    plugins("text = text_flavor:NoSuchThing")
    with pytest.warns(RuntimeWarning, match="NoSuchThing"):
        meta = save_model("hello", tmp_path)
    assert meta.flavor == "pickle"
