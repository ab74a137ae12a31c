from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from tauro_nb.mlops.mlflow.model_files import description, layout
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.memory import MemoryStore


def test_a_model_is_described_with_what_goes_in_and_comes_out() -> None:
    rows = pd.DataFrame({"age": [1, 2], "plan": ["a", "b"], "rate": [0.5, 1.5]})
    version = ModelRegistry(MemoryStore()).register_model({"w": 1}, "m", signature=rows)
    told = yaml.safe_load(description(version.record, "run", "m-1") or b"")
    assert told["flavors"]["python_function"]["loader_module"] == "tauro_nb.mlflow_plugin.pyfunc"
    assert (told["run_id"], told["model_id"]) == ("run", "m-1")
    assert json.loads(told["signature"]["inputs"]) == [
        {"type": "long", "name": "age", "required": True},
        {"type": "string", "name": "plan", "required": True},
        {"type": "double", "name": "rate", "required": True},
    ]


def test_an_array_is_a_tensor_and_a_type_that_mlflow_has_no_word_for_is_left_out() -> None:
    registry = ModelRegistry(MemoryStore())
    array = registry.register_model({"w": 1}, "m", signature=np.zeros((5, 3)))
    told = yaml.safe_load(description(array.record, None, "m-1") or b"")
    (spec,) = json.loads(told["signature"]["inputs"])
    assert spec["tensor-spec"] == {"dtype": "float64", "shape": [-1, 3]}
    odd = registry.register_model({"w": 1}, "m", signature=pd.DataFrame({"p": pd.Series(["a"], dtype="category")}))
    assert "signature" not in yaml.safe_load(description(odd.record, None, "m-1") or b"")


def test_of_a_model_that_mlflow_has_saved_its_folder_becomes_the_top(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "model.pkl").write_bytes(b"x")
    version = ModelRegistry(MemoryStore()).register_model(folder, "m")
    there = layout(version.record)
    assert {"MLmodel", "model.pkl", "metadata.json"} <= set(there.values())
    assert description(version.record, None, "m-1") is None
