from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

if "KERAS_BACKEND" not in os.environ:
    pytest.importorskip("torch", reason="PyTorch, which these tests give to Keras as its backend, is not installed")
    os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras", reason="Keras is not installed: it is too large for the extra 'dev'")

from tauro_nb.errors import Untrusted  # noqa: E402
from tauro_nb.mlops.registry import flavors  # noqa: E402
from tauro_nb.mlops.registry.flavors import Flavor, load_model, save_model  # noqa: E402
from tauro_nb.mlops.registry.registry import ModelRegistry  # noqa: E402
from tauro_nb.store.memory import MemoryStore  # noqa: E402
from tauro_nb.testing.flavor_contract import FlavorContract  # noqa: E402

# what Keras does with arrays of NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def sequential(*more: Any) -> Any:
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, activation="relu"), *more])
    model.compile(optimizer="adam", loss=keras.losses.MeanSquaredError(), metrics=["mae"])
    model.fit(X, np.ones_like(model.predict(X, verbose=0)), verbose=0)
    return model


def functional() -> Any:
    given = keras.Input((3,))
    return keras.Model(given, keras.ops.sum(keras.layers.Dense(2)(given) * 2, axis=1))


class TestKerasContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.KerasFlavor()

    @pytest.fixture(params=[sequential, functional])
    def model(self, request: pytest.FixtureRequest) -> Any:
        return request.param()

    def same(self, loaded: Any, model: Any) -> bool:
        return np.allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("make", [sequential, functional])
def test_a_model_of_keras_own_layers_runs_no_code_when_loaded(make: Any, tmp_path: Path) -> None:
    meta = save_model(make(), tmp_path)
    assert (meta.flavor, meta.format, meta.file, meta.runs_code) == ("keras", "keras", "model.keras", False)
    assert {"keras", keras.config.backend()} <= set(meta.packages)


def test_a_lambda_is_code_and_loads_with_the_model(tmp_path: Path) -> None:
    model = sequential(keras.layers.Lambda(lambda values: values * 2, output_shape=(4,)))
    meta = save_model(model, tmp_path)
    assert meta.runs_code
    assert meta.details["foreign"] == ["__lambda__"]
    assert np.allclose(load_model(tmp_path, meta).predict(X, verbose=0), model.predict(X, verbose=0))


@keras.saving.register_keras_serializable("mine")
class Doubling(keras.layers.Layer):
    def call(self, values: Any) -> Any:
        return values * 2


@keras.saving.register_keras_serializable("mine")
def tripled(values: Any) -> Any:
    return values * 3


def test_a_layer_of_ones_own_is_named(tmp_path: Path) -> None:
    model = sequential(Doubling(), keras.layers.Dense(1, activation=tripled))
    meta = save_model(model, tmp_path)
    assert meta.runs_code
    assert meta.details["foreign"] == ["mine>Doubling", "mine>tripled"]
    assert np.allclose(load_model(tmp_path, meta).predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_file_with_a_lambda_that_its_record_does_not_name_is_not_opened(tmp_path: Path) -> None:
    meta = save_model(sequential(keras.layers.Lambda(lambda values: values * 2, output_shape=(4,))), tmp_path)
    forged = msgspec.structs.replace(meta, details={**meta.details, "foreign": []})
    assert not flavors.flavor_of(forged).runs_code(forged)
    with pytest.raises(Untrusted, match="__lambda__"):
        load_model(tmp_path, forged)


def test_a_registered_model_predicts_under_the_strictest_trust() -> None:
    from tauro_nb.config.schema import RegistrySettings

    model = sequential()
    version = ModelRegistry(MemoryStore(), RegistrySettings(trust="safe")).register_model(model, "net", input_example=X)
    assert np.allclose(version.predict(X), model.predict(X, verbose=0))
    assert version.record.signature is not None
