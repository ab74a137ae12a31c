from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.errors import ArtifactCorrupt, StoreError, Untrusted
from tauro_nb.mlops import ExperimentTracker
from tauro_nb.mlops.registry import flavors
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (self.path,))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "cut": lambda data: data[:-1],
    "emptied": lambda data: b"",
    "grown": lambda data: data + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["model.pkl", "metadata.json", "manifest.json"])
def test_a_damaged_file_is_named_and_nothing_is_loaded(
    name: str, damage: str, registry: ModelRegistry, store: Store
) -> None:
    registry.register_model("intact", "m")
    key = f"{registry.register_model([1, 2, 3], 'm').record.artifacts}/{name}"
    store.put(key, DAMAGE[damage](store.get(key)))

    with pytest.raises(ArtifactCorrupt, match=name) as caught:
        registry.load_model("m")

    assert "m v2" in str(caught.value)
    assert registry.load_model("m", 1) == "intact"


def test_a_missing_file_is_named(registry: ModelRegistry, store: Store) -> None:
    record = registry.register_model(1, "m").record
    store.delete(f"{record.artifacts}/model.pkl")
    with pytest.raises(ArtifactCorrupt, match=r"model\.pkl is missing"):
        registry.load_model("m")


def test_an_added_file_is_named(registry: ModelRegistry, store: Store) -> None:
    record = registry.register_model(1, "m").record
    store.put(f"{record.artifacts}/more/sitecustomize.py", b"print('hello')")
    with pytest.raises(ArtifactCorrupt, match=r"more/sitecustomize\.py was not registered"):
        registry.load_model("m")


@pytest.mark.parametrize("file", ["model.txt", "estimator.skops"])
def test_files_of_one_model_that_were_swapped_for_those_of_another_are_named(
    file: str, registry: ModelRegistry, store: Store
) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="LightGBM comes with the extra `dev`")

    for target in ([0, 1] * 20, [1, 0] * 20):
        model = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=1, verbose=-1, n_jobs=1)
        registry.register_model(model.fit([[each] for each in range(40)], target), "m")
    first, second = (registry.get("m", number).record.artifacts for number in (1, 2))
    store.put(f"{first}/{file}", store.get(f"{second}/{file}") + b" ")
    for act in (registry.get("m", 1).load, lambda: registry.get("m", 1).predict([[1]])):
        with pytest.raises(ArtifactCorrupt, match=file):
            act()


def test_a_file_that_is_swapped_after_it_was_checked_is_not_what_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    registry = ModelRegistry(store)
    record = registry.register_model("intact", "m").record
    load = flavors.load_model

    def swapped_just_before(folder: Path, meta: Any) -> Any:
        store.put(f"{record.artifacts}/model.pkl", pickle.dumps(Trap(str(tmp_path / "sprung"))))
        return load(folder, meta)

    monkeypatch.setattr(flavors, "load_model", swapped_just_before)
    assert registry.load_model("m") == "intact"
    assert not (tmp_path / "sprung").exists()
    monkeypatch.undo()
    with pytest.raises(ArtifactCorrupt):
        registry.get("m").predict([1])
    assert not (tmp_path / "sprung").exists()


def test_a_runs_model_that_is_swapped_after_it_was_checked_is_not_what_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    with ExperimentTracker(store).start_run() as run:
        run.log_model("intact", "m.pkl")
    load = flavors.load_model

    def swapped_just_before(folder: Path, meta: Any) -> Any:
        key = keys.artifact(run.experiment, run.run_id, "m.pkl")
        store.put(key, pickle.dumps(Trap(str(tmp_path / "sprung"))))
        return load(folder, meta)

    monkeypatch.setattr(flavors, "load_model", swapped_just_before)
    assert run.load_model("m.pkl") == "intact"
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"torn", b"{}", b'{"model": "\xff"}'])
def test_a_record_that_is_none_is_named(content: bytes, store: Store) -> None:
    made = ModelRegistry(store)
    made.register_model(1, "m")
    made.promote("m", 1)
    for key in (keys.model_version("m", 1), keys.model_event("m", 1)):
        kept = store.get(key)
        store.put(key, content)
        with pytest.raises(StoreError, match=key) as caught:
            ModelRegistry(store).get("m", 1)
        assert caught.value.fix == "restore that file from a copy"
        store.put(key, kept)
    assert ModelRegistry(store).get("m", 1).stage == "Production"


def test_a_swapped_malicious_pickle_is_never_deserialised(
    registry: ModelRegistry, store: Store, tmp_path: Path
) -> None:
    record = registry.register_model("x" * 500, "m").record
    trap = pickle.dumps(Trap(str(tmp_path / "sprung")))
    size = next(file.size_bytes for file in record.files if file.path == "model.pkl")
    store.put(f"{record.artifacts}/model.pkl", trap.ljust(size, b"\0"))

    with pytest.raises(ArtifactCorrupt, match="SHA-256"):
        registry.load_model("m")

    assert not (tmp_path / "sprung").exists()


def test_a_manifest_forged_to_fit_a_swapped_file_is_found_out(store: Store, registry: ModelRegistry) -> None:
    import hashlib
    import json

    record = registry.register_model("a", "m").record
    forged = pickle.dumps("b")
    store.put(f"{record.artifacts}/model.pkl", forged)
    manifest = json.loads(store.get(f"{record.artifacts}/manifest.json"))
    for file in manifest["files"]:
        if file["path"] == "model.pkl":
            file.update(size_bytes=len(forged), sha256=hashlib.sha256(forged).hexdigest())
    store.put(f"{record.artifacts}/manifest.json", json.dumps(manifest).encode())
    with pytest.raises(ArtifactCorrupt, match=r"manifest\.json"):
        registry.load_model("m")


def test_registering_never_opens_what_it_is_given(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap(str(tmp_path / "sprung"))))
    registry.register_model(tmp_path / "trap.pkl", "m")
    assert not (tmp_path / "sprung").exists()
    registry.load_model("m")
    assert (tmp_path / "sprung").exists()


def test_safe_trust_opens_no_format_that_runs_code(make: Any, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    make().register_model({"a": 1}, "pickled")
    make().register_model(LogisticRegression().fit([[0], [1]], [0, 1]), "skops")
    make().register_model(Path(__file__), "file")
    careful = make(trust="safe")

    with pytest.raises(Untrusted, match="kept as pickle") as caught:
        careful.load_model("pickled")
    assert "skops" in str(caught.value.fix)
    assert careful.load_model("skops").predict([[1]]) == [1]
    assert careful.load_model("file").read_bytes() == Path(__file__).read_bytes()


def test_own_trust_opens_what_was_registered_here_and_not_what_was_imported(make: Any, store: Store) -> None:
    import msgspec

    from tauro_nb.mlops import encoding
    from tauro_nb.store import keys

    registry = make(trust="own")
    record = registry.register_model("mine", "m").record
    assert registry.load_model("m") == "mine"
    imported = msgspec.structs.replace(record, version=2, imported_from="elsewhere")
    store.create(keys.model_version("m", 2), encoding.encode(imported))
    with pytest.raises(Untrusted):
        registry.load_model("m", 2)


def test_a_file_swapped_for_a_link_is_refused(tmp_path: Path) -> None:
    registry = ModelRegistry(LocalStore(tmp_path / "store"))
    record = registry.register_model(1, "m").record
    path = tmp_path / "store" / record.artifacts / "model.pkl"
    path.rename(tmp_path / "elsewhere.pkl")
    path.symlink_to(tmp_path / "elsewhere.pkl")
    with pytest.raises((ArtifactCorrupt, ValueError), match=r"model\.pkl"):
        registry.load_model("m")


def test_a_model_out_of_a_store_without_folders_leaves_nothing_behind(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    registry = ModelRegistry(MemoryStore())
    registry.register_model([1], "m")
    assert registry.load_model("m") == [1]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_record_is_told_and_hides_no_other(registry, store) -> None:
    for name in ("churn", "churn", "digits"):
        registry.register_model([1], name)
    store.put(keys.model_version("churn", 1), b"{")
    with pytest.warns(RuntimeWarning, match=r"versions/1\.json.*left out"):
        assert [version.version for version in registry.versions("churn")] == [2]
    with pytest.warns(RuntimeWarning, match=r"versions/1\.json.*left out"):
        assert list(registry.history("churn")["version"]) == [2]
    store.put(keys.model_version("churn", 2), b"{")
    with pytest.warns(RuntimeWarning, match=r"versions/2\.json.*left out"):
        assert [model.name for model in registry.models()] == ["digits"]


@pytest.mark.parametrize("other", ["m", "n"])
def test_a_record_that_was_swapped_for_another_one_is_told_and_never_loaded(
    other: str, registry: ModelRegistry, store: Store
) -> None:
    for model in ("first", "second"):
        registry.register_model(model, "m")
    registry.register_model("a model of another name", "n")
    store.put(keys.model_version("m", 2), store.get(keys.model_version(other, 1)))

    with pytest.raises(StoreError, match="in another's place"):
        registry.load_model("m", 2)
    with pytest.warns(RuntimeWarning, match=r"versions/2\.json"):
        assert [version.version for version in registry.versions("m")] == [1]
    assert [error.message for error in registry.damaged()] == [
        f"{store.location}: {keys.model_version('m', 2)}: it is {keys.model_version(other, 1)}, in another's place"
    ]


def test_acts_that_were_swapped_are_told_and_not_replayed(registry: ModelRegistry, store: Store) -> None:
    for number in (1, 2):
        registry.register_model(number, "m")
        registry.promote("m", number)
    first, second = keys.model_event("m", 1), keys.model_event("m", 2)
    was = store.get(first)
    store.put(first, store.get(second))
    store.put(second, was)

    with pytest.raises(StoreError, match="in another's place"):
        ModelRegistry(store).get("m", stage="Production")
    assert len(registry.damaged()) == 2


def test_a_lost_record_is_told_its_files_stay_and_its_number_is_not_used_again(
    registry: ModelRegistry, store: Store
) -> None:
    for number in range(1, 6):
        registry.register_model(number, "m")
    record = store.get(keys.model_version("m", 3))
    store.delete(keys.model_version("m", 3))

    fresh = ModelRegistry(store)
    assert ["is missing" in error.message for error in fresh.damaged()] == [True]
    if isinstance(store, LocalStore):
        assert (fresh.leftovers(), fresh.sweep()) == ([], [])
        assert fresh.register_model(6, "m").version == 6
    store.create(keys.model_version("m", 3), record)
    assert fresh.load_model("m", 3) == 3


def test_a_lost_act_stops_what_hangs_on_it_and_nothing_is_written_in_its_place(
    registry: ModelRegistry, store: Store
) -> None:
    for number in (1, 2, 3):
        registry.register_model(number, "m")
        registry.promote("m", number)
    lost = keys.model_event("m", 2)
    act = store.get(lost)
    store.delete(lost)

    fresh = ModelRegistry(store)
    for asked in (lambda: fresh.load_model("m", stage="Production"), lambda: fresh.promote("m", 1)):
        with pytest.raises(StoreError, match=r"events/2\.json: it is missing, and later ones are there"):
            asked()
    with pytest.warns(RuntimeWarning, match="left out"):
        assert fresh.models() == []
    assert store.create(lost, act)
    assert fresh.load_model("m", stage="Production") == 3


def test_a_link_that_was_put_among_files_is_named(tmp_path: Path) -> None:
    registry = ModelRegistry(LocalStore(tmp_path / "store"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"1")
    registry.register_model(tmp_path / "model", "m")
    (registry.load_model("m") / "more.bin").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactCorrupt, match=r"more\.bin is a symbolic link"):
        registry.load_model("m")
