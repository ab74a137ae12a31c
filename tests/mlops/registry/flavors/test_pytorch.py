from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: it is too large for the extra 'dev'")

from tauro_nb.errors import ModelNotSerializable, Untrusted  # noqa: E402
from tauro_nb.mlops import ExperimentTracker  # noqa: E402
from tauro_nb.mlops.registry import flavors  # noqa: E402
from tauro_nb.mlops.registry.flavors import Flavor, ModelMeta, load_model, save_file, save_model  # noqa: E402
from tauro_nb.mlops.registry.registry import ModelRegistry  # noqa: E402
from tauro_nb.store.memory import MemoryStore  # noqa: E402
from tauro_nb.testing.flavor_contract import FlavorContract  # noqa: E402

X = torch.linspace(-1, 1, 12).reshape(4, 3)


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))


def attention() -> Any:
    layer = torch.nn.TransformerEncoderLayer(3, 1, 8, batch_first=True, activation="gelu")
    return torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()


class Own(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(3, 1)

    def forward(self, values: Any) -> Any:
        return self.inner(values) + 1


def says(model: Any) -> Any:
    return flavors.TorchFlavor().predict(model, X)


class TestModuleContract(FlavorContract):
    refused = frozenset({".safetensors"})

    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.TorchFlavor()

    @pytest.fixture(params=[network, attention])
    def model(self, request: pytest.FixtureRequest) -> Any:
        return request.param()

    def same(self, loaded: Any, model: Any) -> bool:
        return loaded.training is model.training and np.array_equal(says(loaded), says(model))


class TestWeightsContract(FlavorContract):
    @pytest.fixture
    def flavor(self) -> Flavor:
        return flavors.TorchFlavor()

    @pytest.fixture
    def model(self) -> Any:
        return network().state_dict()

    def same(self, loaded: Any, model: Any) -> bool:
        return loaded.keys() == model.keys() and all(torch.equal(loaded[key], model[key]) for key in model)


@pytest.mark.parametrize("make", [network, attention])
def test_a_network_of_torchs_own_layers_is_kept_so_that_loading_runs_no_code(make: Any, tmp_path: Path) -> None:
    meta = save_model(make(), tmp_path)
    assert (meta.flavor, meta.format, meta.file, meta.runs_code) == ("torch", "torch", "model.pt", False)
    assert meta.packages == {"torch": torch.__version__}


def test_a_network_with_a_class_of_ones_own_is_named_as_running_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, Own.__module__, sys.modules[__name__])
    model = Own()
    meta = save_model(model, tmp_path)
    assert (meta.format, meta.runs_code) == ("torch-pickle", True)
    assert "Own" in meta.details["not_weights_only"]
    assert np.array_equal(says(load_model(tmp_path, meta)), says(model))


def test_a_hook_makes_a_network_code(tmp_path: Path) -> None:
    model = network()
    model.register_forward_hook(print)
    assert save_model(model, tmp_path).runs_code


NOTEBOOK = """
import sys
from pathlib import Path
import msgspec, torch
from tauro_nb.mlops.registry.flavors import save_model

class MadeHere(torch.nn.Module):
    def forward(self, values):
        return values * 42

print(msgspec.json.encode(save_model(MadeHere(), Path(sys.argv[1]))).decode())
"""


@pytest.mark.slow
def test_a_network_made_in_a_notebook_loads_in_another_process(tmp_path: Path) -> None:
    out = subprocess.run([sys.executable, "-c", NOTEBOOK, str(tmp_path)], check=True, capture_output=True, text=True)
    meta = msgspec.json.decode(out.stdout, type=ModelMeta)
    assert (meta.format, "cloudpickle" in meta.packages) == ("torch-pickle", True)
    assert says(load_model(tmp_path, meta)).tolist() == (X * 42).tolist()


def test_a_network_made_inside_a_function_is_kept_with_its_code(tmp_path: Path) -> None:
    class Local(torch.nn.Module):
        def forward(self, values: Any) -> Any:
            return values * 2

    meta = save_model(Local(), tmp_path)
    assert meta.runs_code
    assert says(load_model(tmp_path, meta)).tolist() == (X * 2).tolist()


def test_torchscript_is_named_as_running_code(tmp_path: Path) -> None:
    model = network().eval()
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        script = torch.jit.trace(model, X)
    meta = save_model(script, tmp_path)
    assert (meta.format, meta.runs_code) == ("torchscript", True)
    assert np.allclose(says(load_model(tmp_path, meta)), says(model))


def test_weights_are_safetensors_and_those_that_share_memory_a_file_of_torch(tmp_path: Path) -> None:
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    weights = network().state_dict()
    for folder, model, form in (
        ("own", weights, "safetensors"),
        ("shared", {"a": weights["0.weight"], "b": weights["0.weight"]}, "torch"),
    ):
        (tmp_path / folder).mkdir()
        meta = save_model(model, tmp_path / folder)
        assert (meta.flavor, meta.format, meta.runs_code) == ("torch", form, False)
        assert [path.name for path in (tmp_path / folder).iterdir()] == [meta.file]
        assert load_model(tmp_path / folder, meta).keys() == model.keys()


def test_a_module_does_not_go_into_safetensors(tmp_path: Path) -> None:
    with pytest.raises(ModelNotSerializable, match="hold tensors") as caught:
        save_file(network(), tmp_path / "m.safetensors")
    assert "state_dict" in str(caught.value.fix)


class Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (self.path,))


def test_a_file_that_claims_to_be_weights_and_is_a_malicious_pickle_is_not_run(tmp_path: Path) -> None:
    meta = save_model(network(), tmp_path)
    torch.save(Trap(str(tmp_path / "sprung")), tmp_path / "model.pt")
    with pytest.raises(Untrusted, match=r"model\.pt"):
        load_model(tmp_path, meta)
    assert not (tmp_path / "sprung").exists()


def test_predicting_leaves_a_network_in_the_mode_in_which_it_was(tmp_path: Path) -> None:
    model = network()
    model[0].eval()
    frame = pd.DataFrame(X.numpy().astype("float64"), columns=["a", "b", "c"])
    assert np.array_equal(flavors.TorchFlavor().predict(model, frame), says(model))
    assert [part.training for part in model] == [False, True, True, True]


def test_a_registered_network_predicts_under_the_strictest_trust() -> None:
    from tauro_nb.config.schema import RegistrySettings

    model = network()
    registry = ModelRegistry(MemoryStore(), RegistrySettings(trust="safe"))
    version = registry.register_model(model, "net", input_example=X.numpy())
    assert np.array_equal(version.predict(X.numpy()), says(model))
    assert version.predict(X.numpy().tolist()).shape == (4, 1)


def test_a_run_logs_a_network() -> None:
    model = network()
    with ExperimentTracker(MemoryStore()).start_run() as run:
        run.log_model(model, "models/net.pt")
    assert np.array_equal(says(run.load_model("models/net.pt")), says(model))
