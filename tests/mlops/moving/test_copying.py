"""Copying between two real stores: what arrives, what is told, and what is left alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import tauro_nb
from tauro_nb.errors import RunNotFound, StoreConflict, StoreError, UnknownName, UsageError
from tauro_nb.mlops import ExperimentTracker, ModelRegistry, copy_store
from tauro_nb.mlops.moving.copied import Outcome
from tauro_nb.mlops.tracking.background import background
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk
from tauro_nb.testing.databricks_emulator import DatabricksEmulator
from tauro_nb.testing.dying import Died, DyingLocal, DyingMemory, copy_and_die, copy_whole
from tauro_nb.testing.processes import in_processes

KINDS = ["local", "memory"]


def fill(store: Store, folder: Path, *, runs: int = 2) -> list[str]:
    """Log runs with points and a file, register a model of each, and do acts on it; return the runs' ids."""
    tracker, registry = ExperimentTracker(store), ModelRegistry(store)
    file = folder / "notes.txt"
    ids = []
    for number in range(runs):
        file.write_text(f"notes {number}\n" * 50, encoding="utf-8")
        with tracker.start_run(f"run {number}", experiment="a/b ö", tags={"n": str(number)}) as run:
            for step in range(30):
                run.log_metric("loss", math.nan if step == 29 else 1 / (step + 1))
            run.log_params({"rate": 0.1})
            run.log_artifact(file)
            registry.register_model({"number": number}, "churn", run=run, tags={"made": "here"})
        ids.append(run.run_id)
    registry.promote("churn", 1)
    registry.set_alias("churn", runs, alias="champion")
    background.wait()
    return ids


def made(kind: str, folder: Path) -> Store:
    return LocalStore(folder) if kind == "local" else MemoryStore()


def told(store: Store) -> dict[str, Any]:
    """Return all that a user can see of a store."""
    tracker, registry = ExperimentTracker(store), ModelRegistry(store)
    runs = {}
    for run in tracker.search_runs():
        points = run.metric_history()
        runs[run.run_id] = (
            run.name,
            run.experiment,
            run.status,
            dict(run.params),
            dict(run.tags),
            list(zip(points["key"], points["step"], map(str, points["value"]), points["at"], strict=True)),
            run.artifacts(),
            run.record.started_at_ns,
            run.record.ended_at_ns,
        )
    models = {}
    for model in registry.models():
        for version in model.versions():
            models[model.name, version.version] = (
                version.stage,
                version.aliases,
                version.tags,
                version.run_id,
                version.record.created_at_ns,
                registry.load_model(model.name, version.version),
            )
    history = {model.name: registry.history(model.name).to_dict("records") for model in registry.models()}
    return {"runs": runs, "models": models, "history": str(history)}


@pytest.fixture
def source(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "source")
    fill(store, tmp_path)
    return store


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("second", KINDS)
def test_what_a_user_sees_is_the_same_in_every_copy(tmp_path: Path, first: str, second: str) -> None:
    one, two, three = made(first, tmp_path / "1"), made(second, tmp_path / "2"), made(first, tmp_path / "3")
    fill(one, tmp_path)
    copied = copy_store(one, two)
    assert (copied.n_runs, copied.n_versions, copied.n_events, copied.ok) == (2, 2, 2, True)
    copy_store(two, three)
    assert told(three) == told(two) == told(one)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_copy_writes_nothing(source: LocalStore, tmp_path: Path, kind: str) -> None:
    target = made(kind, tmp_path / "target")
    copy_store(source, target)
    before = {key: target.stat(key) for key in walk(target)}
    again = copy_store(source, target)
    assert {each.outcome for each in again.moved} == {Outcome.SAME}
    assert again.size_bytes == 0
    assert {key: target.stat(key) for key in walk(target)} == before


def test_a_dry_run_tells_the_figures_and_writes_nothing(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    plan = copy_store(source, target, dry_run=True)
    assert not (tmp_path / "target").exists()
    done = copy_store(source, target)
    assert (plan.n_runs, plan.n_versions, plan.n_events) == (done.n_runs, done.n_versions, done.n_events)
    assert plan.size_bytes > 0


def test_only_what_was_chosen_comes_and_a_model_brings_its_runs(source: LocalStore, tmp_path: Path) -> None:
    tracker = ExperimentTracker(source)
    with tracker.start_run("alone", experiment="other") as alone:
        alone.log_metric("f1", 1.0)
    background.wait()
    by_model, by_run, by_experiment = (LocalStore(tmp_path / name) for name in ("model", "run", "experiment"))
    copy_store(source, by_model, models=["churn"])
    assert set(told(by_model)["runs"]) == set(told(source)["runs"]) - {alone.run_id}
    copy_store(source, by_run, runs=[alone.run_id])
    assert (set(told(by_run)["runs"]), told(by_run)["models"]) == ({alone.run_id}, {})
    assert copy_store(source, by_experiment, experiments=["a/b ö"]).n_runs == 2


def test_names_that_are_not_there_are_told(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    with pytest.raises(UnknownName, match="no experiment named 'a/b'"):
        copy_store(source, target, experiments=["a/b"])
    with pytest.raises(UnknownName, match="no model named 'chrun'"):
        copy_store(source, target, models=["chrun"])
    with pytest.raises(RunNotFound):
        copy_store(source, target, runs=["../../etc"])
    with pytest.raises(UsageError, match="both source and target"):
        copy_store(source, LocalStore(source.root))
    with pytest.raises(UsageError, match="there is no store"):
        copy_store(LocalStore(tmp_path / "nowhere"), target)
    assert copy_store(MemoryStore(), target).moved == ()


def test_a_run_that_goes_on_is_left_and_comes_when_it_has_ended(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    run = ExperimentTracker(source).start_run("going on")
    run.log_metric("loss", 1.0)
    (left,) = copy_store(source, target).left
    assert (left.run_id, left.why) == (run.run_id, "it goes on")
    run.end()
    assert copy_store(source, target).n_runs == 1
    assert told(target) == told(source)


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_on_one_side_travels_either_way(source: LocalStore, tmp_path: Path, kind: str) -> None:
    target = made(kind, tmp_path / "target")
    copy_store(source, target)
    run_id = next(iter(told(source)["runs"]))
    here, there = ExperimentTracker(source), ExperimentTracker(target)
    here.get_run(run_id).set_tag("looked at", "yes")
    assert copy_store(source, target).counts["run", Outcome.UPDATED] == 1
    there.get_run(run_id).set_tag("looked at", "twice")
    assert copy_store(source, target).counts["run", Outcome.AHEAD] == 1
    assert copy_store(target, source).counts["run", Outcome.UPDATED] == 1
    there.delete_run(run_id)
    copy_store(target, source)
    here.restore_run(run_id)
    copy_store(source, target)
    assert told(source) == told(target)


def test_an_edit_on_both_sides_is_a_conflict_until_somebody_decides(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    copy_store(source, target)
    run_id = next(iter(told(source)["runs"]))
    here, there = ExperimentTracker(source).get_run(run_id), ExperimentTracker(target).get_run(run_id)
    here.set_tag("by", "here")
    there.set_tag("by", "there")
    copied = copy_store(source, target)
    (conflict,) = copied.conflicts
    assert conflict.run_id == run_id
    assert "tags" in conflict.why
    assert not copied.ok
    with pytest.raises(StoreConflict, match=run_id):
        copied.raise_if_problems()
    assert told(target)["runs"][run_id][4]["by"] == "there"
    assert copy_store(source, target, overwrite=True).counts["run", Outcome.UPDATED] == 1
    assert told(target) == told(source)


def test_an_edit_that_came_from_a_third_store_is_not_overwritten(source: LocalStore, tmp_path: Path) -> None:
    hub, other = LocalStore(tmp_path / "hub"), LocalStore(tmp_path / "other")
    copy_store(source, hub)
    copy_store(hub, other)
    run_id = next(iter(told(source)["runs"]))
    ExperimentTracker(other).get_run(run_id).set_tag("by", "other")
    copy_store(other, hub)
    ExperimentTracker(source).get_run(run_id).set_tag("by", "source")
    assert len(copy_store(source, hub).conflicts) == 1
    assert told(hub)["runs"][run_id][4]["by"] == "other"


def test_a_run_that_was_resumed_brings_its_new_points(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    copy_store(source, target)
    run_id = next(iter(told(source)["runs"]))
    with ExperimentTracker(source).resume_run(run_id) as run:
        run.log_metric("loss", 0.5)
        (tmp_path / "notes.txt").write_text("others", encoding="utf-8")
        run.log_artifact(tmp_path / "notes.txt")
    background.wait()
    assert copy_store(source, target).counts["run", Outcome.UPDATED] == 1
    assert told(target) == told(source)


@pytest.mark.parametrize("kind", KINDS)
def test_new_versions_come_beside_acts_that_were_done_there(source: LocalStore, tmp_path: Path, kind: str) -> None:
    target = made(kind, tmp_path / "target")
    copy_store(source, target)
    ModelRegistry(target).promote("churn", 2)
    ModelRegistry(source).register_model({"number": 3}, "churn")
    assert copy_store(source, target).n_versions == 1
    assert ModelRegistry(target).get("churn", stage="Production").version == 2
    assert ModelRegistry(target).load_model("churn", 3) == {"number": 3}
    assert copy_store(target, source).n_events == 1
    assert told(target) == told(source)


def test_a_number_with_another_version_under_it_is_a_conflict(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    copy_store(source, target)
    ModelRegistry(source).register_model({"number": "here"}, "churn")
    ModelRegistry(target).register_model({"number": "there"}, "churn")
    (conflict,) = copy_store(source, target, overwrite=True).conflicts
    assert "v3 is another version" in conflict.why
    assert ModelRegistry(target).load_model("churn", 3) == {"number": "there"}


def test_trails_that_went_different_ways_are_a_conflict(source: LocalStore, tmp_path: Path) -> None:
    target = LocalStore(tmp_path / "target")
    copy_store(source, target)
    ModelRegistry(source).promote("churn", 2)
    ModelRegistry(target).set_alias("churn", 1, alias="old")
    (conflict,) = copy_store(source, target).conflicts
    assert "act 3" in conflict.why
    assert ModelRegistry(target).get("churn", stage="Production").version == 1


def test_a_file_that_is_not_what_was_recorded_is_named_and_holds_up_no_other(
    source: LocalStore, tmp_path: Path
) -> None:
    target = LocalStore(tmp_path / "target")
    run_id = next(iter(told(source)["runs"]))
    damaged = source.root / keys.artifact("a/b ö", run_id, "notes.txt")
    whole = damaged.read_bytes()
    damaged.write_bytes(b"x" + whole[1:])
    copied = copy_store(source, target)
    (failed,) = copied.failed
    assert failed.run_id == run_id
    assert "notes.txt is not what was recorded" in failed.why
    with pytest.raises(StoreError, match=r"notes\.txt"):
        copied.raise_if_problems()
    assert set(told(target)["runs"]) == set(told(source)["runs"]) - {run_id}
    damaged.write_bytes(whole)
    assert copy_store(source, target).n_runs == 1
    assert told(target) == told(source)


def test_a_file_that_did_not_arrive_whole_is_taken_away(source: LocalStore) -> None:
    class Losing(MemoryStore):
        def put_file(self, key: str, path: Any) -> None:
            self.put(key, Path(path).read_bytes()[:-1])

    target = Losing()
    copied = copy_store(source, target)
    assert len(copied.failed) == 3
    assert all("did not arrive whole" in each.why for each in copied.failed)
    assert list(walk(target)) == []


def test_a_file_that_is_missing_is_named(source: LocalStore, tmp_path: Path) -> None:
    run_id = next(iter(told(source)["runs"]))
    (source.root / keys.artifact("a/b ö", run_id, "notes.txt")).unlink()
    (failed,) = copy_store(source, LocalStore(tmp_path / "target")).failed
    assert "notes.txt is missing" in failed.why


@pytest.mark.slow
def test_a_volume_of_databricks_is_a_store_like_any_other(
    source: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("databricks.sdk", reason="databricks-sdk comes with the extra `databricks`")
    with DatabricksEmulator(tmp_path / "workspace") as emulator:
        emulator.create_volume("main", "ml", "tauro")
        monkeypatch.setenv("DATABRICKS_HOST", emulator.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", emulator.token)
        here, there = tauro_nb.open_store(source.root), tauro_nb.open_store(tmp_path / "there")
        emulator.fail("503", times=3)
        assert here.push("dbfs:/Volumes/main/ml/tauro").n_runs == 2
        emulator.log.clear()
        assert {each.outcome for each in here.push("/Volumes/main/ml/tauro").moved} == {Outcome.SAME}
        assert emulator.log.count("PUT") == 0
        assert there.pull("/Volumes/main/ml/tauro").n_versions == 2
    assert told(LocalStore(tmp_path / "there")) == told(source)


@pytest.mark.parametrize("dying", [DyingLocal, DyingMemory])
def test_a_copy_that_dies_at_any_write_is_finished_by_the_next(tmp_path: Path, dying: type) -> None:
    source = LocalStore(tmp_path / "source")
    fill(source, tmp_path, runs=1)
    whole = told(source)
    for life in range(200):
        target = dying(tmp_path / f"target-{life}")
        target.lives = life
        try:
            copy_store(source, target)
        except Died:
            target.lives = None
            assert all(told(target)["runs"][run_id] == whole["runs"][run_id] for run_id in told(target)["runs"])
            assert copy_store(source, target).ok
            assert told(target) == whole
        else:
            break
    assert life > 8


@pytest.mark.slow
def test_processes_that_are_killed_while_they_copy_leave_nothing_that_the_next_cannot_use(tmp_path: Path) -> None:
    source = LocalStore(tmp_path / "source")
    fill(source, tmp_path, runs=3)
    for life in (2, 9, 17):
        with pytest.raises(RuntimeError, match="without an answer"):
            in_processes(1, copy_and_die, source.root, tmp_path / "target", life)
    assert copy_store(source, LocalStore(tmp_path / "target")).ok
    assert told(LocalStore(tmp_path / "target")) == told(source)


@pytest.mark.slow
def test_processes_that_copy_at_once_make_one_copy(tmp_path: Path) -> None:
    source = LocalStore(tmp_path / "source")
    fill(source, tmp_path, runs=4)
    assert in_processes(3, copy_whole, source.root, tmp_path / "target") == [True] * 3
    assert told(LocalStore(tmp_path / "target")) == told(source)
    assert ModelRegistry(LocalStore(tmp_path / "target")).leftovers() == []
