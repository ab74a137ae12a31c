from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tauro_nb.errors import InvalidMetric, InvalidName, ModelNotSerializable, RegistryError, UsageError
from tauro_nb.events import Event
from tauro_nb.mlops import scope
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.registry.signature import Column, Signature
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk


def test_a_version_tells_what_was_registered(registry: ModelRegistry) -> None:
    version = registry.register_model(
        model={"weights": [1, 2]},
        model_name="churn-predictor",
        description="for customer churn",
        metrics={"accuracy": np.float32(0.5), "true_positives": 105, "loss": float("nan")},
        tags={"project": "churn", "n": 3},
    )

    assert (version.name, version.version, version.stage, version.aliases) == ("churn-predictor", 1, None, ())
    assert version.description == "for customer churn"
    assert version.metrics == pytest.approx(
        {"accuracy": 0.5, "true_positives": 105.0, "loss": float("nan")}, nan_ok=True
    )
    assert version.tags == {"project": "churn", "n": "3"}
    assert version.run_id is None
    assert version.flavor == "pickle"
    assert version.runs_code
    assert version.size_bytes > 0
    assert repr(version) == "<ModelVersion 'churn-predictor' v1>"


def test_a_version_reads_the_same_from_another_registry(registry: ModelRegistry, store: Store) -> None:
    version = registry.register_model(1, "m", metrics={"loss": float("inf")}, tags={"a": "b"}, description="ü")
    assert ModelRegistry(store).get("m") == version


def test_versions_are_counted_for_each_model(registry: ModelRegistry) -> None:
    numbers = [registry.register_model(i, name).version for i, name in enumerate(["a", "b", "a", "a", "b"])]
    assert numbers == [1, 1, 2, 3, 2]


def test_files_metadata_and_manifest_lie_in_one_folder_with_their_checksums(
    store: Store, registry: ModelRegistry
) -> None:
    version = registry.register_model({"a": 1}, "m", description="why", metrics={"f1": 0.5}, tags={"t": "x"})
    prefix = version.record.artifacts

    assert {file.path for file in version.files} == {"model.pkl", "metadata.json", "manifest.json"}
    assert {key.removeprefix(f"{prefix}/") for key in walk(store, prefix)} == {file.path for file in version.files}
    metadata = json.loads(store.get(f"{prefix}/metadata.json"))
    assert metadata["description"] == "why"
    assert metadata["metrics"] == {"f1": 0.5}
    assert metadata["tags"] == {"t": "x"}
    assert metadata["meta"]["runs_code"] is True
    manifest = json.loads(store.get(f"{prefix}/manifest.json"))
    assert {file["path"] for file in manifest["files"]} == {"model.pkl", "metadata.json"}
    assert all(len(file["sha256"]) == 64 and file["size_bytes"] > 0 for file in manifest["files"])


def test_a_local_store_keeps_the_files_under_the_versions_number(tmp_path: Path) -> None:
    registry = ModelRegistry(LocalStore(tmp_path))
    for _ in range(2):
        registry.register_model(1, "churn-predictor")
    folder = tmp_path / "model_registry" / "artifacts" / "churn-predictor"
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
    assert (folder / "2" / "model.pkl").is_file()
    assert (tmp_path / "model_registry" / "models" / "churn-predictor" / "versions" / "2.json").is_file()


def test_a_store_without_folders_keeps_them_where_they_were_uploaded() -> None:
    store = MemoryStore()
    version = ModelRegistry(store).register_model(1, "m")
    assert "/upload-" in version.record.artifacts
    assert ModelRegistry(store).load_model("m") == 1


class FakeRun:
    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.experiment = "customer_churn"


def test_a_version_knows_the_run_that_it_is_registered_in(registry: ModelRegistry) -> None:
    run: Any = FakeRun("r1")
    token = scope.current_run.set(run)
    try:
        inside = registry.register_model(1, "m")
        other = registry.register_model(1, "m", run=FakeRun("r2"))
        by_id = registry.register_model(1, "m", run="r3")
    finally:
        scope.current_run.reset(token)
    outside = registry.register_model(1, "m")

    assert [each.run_id for each in (inside, other, by_id, outside)] == ["r1", "r2", "r3", None]
    assert inside.experiment == "customer_churn"


def test_a_version_says_which_node_registered_it(registry: ModelRegistry) -> None:
    with scope.scoped(scope.Scope(environment="prod", pipeline="p", node="n", execution_id="e", run=FakeRun("node"))):
        version = registry.register_model(1, "m")
    origin = version.record.origin
    assert (origin.environment, origin.pipeline, origin.node, origin.execution_id) == ("prod", "p", "n", "e")
    assert origin.host
    assert version.run_id == "node"


def test_a_registration_is_told_and_counted(
    registry: ModelRegistry, heard: list[Event], collector: MetricsCollector
) -> None:
    version = registry.register_model(1, "m", metrics={"f1": 0.5}, run="r1")
    [event] = heard
    assert (event.type, event.environment, event.subject) == ("MODEL_REGISTERED", "dev", version)
    assert event.data == {"model": "m", "version": 1, "run_id": "r1", "metrics": {"f1": 0.5}}
    assert collector.get_counter("models_registered", environment="dev") == 1


def test_when_it_is_told_it_can_be_loaded(registry: ModelRegistry, emitter: Any) -> None:
    loaded = []
    emitter.on_event("MODEL_REGISTERED", lambda event: loaded.append(registry.load_model("m", event.data["version"])))
    registry.register_model("the model", "m")
    assert loaded == ["the model"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"metrics": {"accuracy": "high"}}, InvalidMetric),
        ({"metrics": {"": 1}}, InvalidMetric),
        ({"tags": {"": "x"}}, InvalidName),
        ({"model": {"lock": threading.Lock()}}, ModelNotSerializable),
        ({"flavor": "nonsense"}, LookupError),
        ({"signature": {"kind": "cube"}}, UsageError),
        ({"input_example": object()}, UsageError),
    ],
)
def test_a_refused_registration_leaves_the_store_as_it_was(
    arguments: dict[str, Any], error: type[Exception], registry: ModelRegistry, store: Store, heard: list[Event]
) -> None:
    registry.register_model(1, "m")
    before = list(walk(store))
    heard.clear()

    with pytest.raises(error):
        registry.register_model(**{"model": 1, "model_name": "m", **arguments})

    assert list(walk(store)) == before
    assert heard == []
    assert registry.register_model(2, "m").version == 2


def test_an_example_is_kept_and_gives_the_signature(registry: ModelRegistry, store: Store) -> None:
    example = pd.DataFrame({"age": [1, 2], "name": ["a", "b"]}).astype({"age": "int32", "name": object})
    record = registry.register_model(1, "m", input_example=example).record

    assert record.signature == Signature(
        kind="table", columns=(Column(name="age", dtype="int32"), Column(name="name", dtype="object"))
    )
    kept = json.loads(store.get(f"{record.artifacts}/{record.input_example}"))
    assert kept == {"columns": ["age", "name"], "data": [[1, "a"], [2, "b"]]}


@pytest.mark.parametrize(
    ("example", "signature"),
    [
        (
            np.zeros((7, 3), dtype="float32"),
            Signature(kind="array", columns=(Column(name="", dtype="float32", shape=(None, 3)),)),
        ),
        ({"x": np.zeros(2, dtype="int8")}, Signature(kind="arrays", columns=(Column(name="x", dtype="int8"),))),
        ([1, "two"], Signature(kind="value")),
    ],
)
def test_arrays_and_values_have_signatures_too(example: Any, signature: Signature, registry: ModelRegistry) -> None:
    assert registry.register_model(1, "m", input_example=example).record.signature == signature


def test_a_signature_may_be_given(registry: ModelRegistry) -> None:
    given = {"kind": "table", "columns": [{"name": "age", "dtype": "int64"}]}
    record = registry.register_model(1, "m", signature=given, input_example=[1]).record
    assert record.signature == Signature(kind="table", columns=(Column(name="age", dtype="int64"),))


def test_a_folder_is_registered_whole_and_loads_as_a_path(registry: ModelRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "w.bin").write_bytes(b"abc")
    (folder / "metadata.json").write_text("{}", encoding="utf-8")

    version = registry.register_model(folder, "m")

    assert version.flavor == "files"
    assert not version.runs_code
    loaded = registry.load_model("m")
    assert loaded.name == "mine"
    assert (loaded / "inner" / "w.bin").read_bytes() == b"abc"
    assert (loaded / "metadata.json").read_text(encoding="utf-8") == "{}"


def test_a_file_that_is_named_as_the_registrys_own_is_refused(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"metadata\.json"):
        registry.register_model(tmp_path / "metadata.json", "m")


def test_a_text_that_names_a_model_is_not_kept_as_a_text(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"1")
    for text, mend in ((str(tmp_path / "model.bin"), "Path("), ("runs:/0a1b/model", "register_from_run(")):
        with pytest.raises(UsageError) as caught:
            registry.register_model(text, "m")
        assert str(caught.value.fix).startswith(mend)
    assert registry.models() == []
    registry.register_model("a prompt: " + "x" * 5_000, "m")
    assert registry.load_model("m").startswith("a prompt")


@pytest.mark.parametrize("wrong", [{"metrics": 5}, {"tags": ["risk"]}])
def test_metrics_and_tags_that_are_no_mapping_are_refused(registry: ModelRegistry, wrong: dict[str, Any]) -> None:
    with pytest.raises((InvalidMetric, InvalidName), match="are a dict, not a"):
        registry.register_model(1, "m", **wrong)
    assert registry.models() == []


def test_a_store_that_was_emptied_meanwhile_starts_again_at_one(tmp_path: Path) -> None:
    import shutil

    registry = ModelRegistry(LocalStore(tmp_path / "store"))
    for _ in range(3):
        registry.register_model(1, "m")
    registry.promote("m", 3)
    shutil.rmtree(tmp_path / "store" / "model_registry")

    assert registry.register_model(1, "m").version == 1
    assert registry.get("m").stage is None
