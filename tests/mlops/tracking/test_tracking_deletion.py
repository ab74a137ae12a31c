"""Deleting runs softly, bringing them back, and removing them for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tauro_nb.errors import RunActive, RunNotFound, StoreError, UsageError
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.records import Owner
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk

ELSEWHERE = Owner(host="another", pid=1, started="1", boot="x", space="y", beat_s=30.0)


@pytest.fixture
def ended(tracker: ExperimentTracker) -> Callable[..., Run]:
    """Make a run that has ended, with a point and a file."""

    def make(name: str = "a", parent: Run | None = None) -> Run:
        with tracker.start_run(name, parent=parent) as run:
            run.log_metric("loss", 0.5)
            run.log_artifact(__file__)
        run.source  # noqa: B018 - wait until nobody writes any more
        return run

    return make


def names(runs: object) -> list[str]:
    return [run.name for run in runs]


def test_a_deleted_run_is_found_no_more_and_comes_back_whole(
    tracker: ExperimentTracker, again: ExperimentTracker, ended: Callable[..., Run]
) -> None:
    run = ended("a")
    ended("b")
    before = run.record
    tracker.delete_run(run.run_id)
    assert names(again.search_runs()) == ["b"]
    assert names(again.deleted_runs()) == ["a"]
    view = again.get_run(run.run_id)
    assert view.deleted_at_ns is not None
    assert repr(view).endswith("FINISHED deleted>")
    assert view.metrics == {"loss": 0.5}
    restored = again.restore_run(run.run_id)
    assert restored.deleted_at_ns is None
    assert msgspec.structs.replace(restored.record, revision=0) == msgspec.structs.replace(before, revision=0)
    assert names(again.search_runs()) == ["b", "a"]
    assert len(again.deleted_runs()) == 0


def test_deleting_and_restoring_twice_change_nothing(tracker: ExperimentTracker, ended: Callable[..., Run]) -> None:
    run = ended()
    tracker.delete_run(run.run_id)
    first = tracker.get_run(run.run_id).record
    tracker.delete_run(run.run_id)
    assert tracker.get_run(run.run_id).record == first
    tracker.restore_run(run.run_id)
    assert tracker.restore_run(run.run_id).deleted_at_ns is None
    with pytest.raises(RunNotFound):
        tracker.delete_run("20000101-000000-00000000")
    with pytest.raises(RunNotFound):
        tracker.restore_run("20000101-000000-00000000")


def test_a_run_that_goes_on_is_not_deleted(tracker: ExperimentTracker, store: Store) -> None:
    run = tracker.start_run()
    with pytest.raises(RunActive, match="in this process") as caught:
        tracker.delete_run(run.run_id)
    assert "end()" in caught.value.fix
    run.source  # noqa: B018 - wait until nobody writes any more
    archive = RunArchive(store)
    archive.change("default", run.run_id, lambda record: msgspec.structs.replace(record, owner=ELSEWHERE))
    run.end()
    archive.change("default", run.run_id, lambda record: msgspec.structs.replace(record, status="RUNNING"))
    with pytest.raises(RunActive, match="process 1 on another"):
        tracker.delete_run(run.run_id)


def test_a_run_whose_process_is_gone_is_ended_and_deleted(tracker: ExperimentTracker, store: Store) -> None:
    run = tracker.start_run()
    writer = MetricLog.writer(store, keys.metrics("default", run.run_id))
    writer.append("loss", 0.5)
    writer.close()
    run.source  # noqa: B018 - wait until nobody writes any more
    gone = msgspec.structs.replace(run.record.owner, started="1")
    RunArchive(store).change("default", run.run_id, lambda record: msgspec.structs.replace(record, owner=gone))
    other = ExperimentTracker(store)
    other.delete_run(run.run_id)
    deleted = other.get_run(run.run_id)
    assert (deleted.status, deleted.record.metrics) == ("INTERRUPTED", {"loss": 0.5})
    assert deleted.deleted_at_ns is not None
    other.restore_run(run.run_id)
    run.end()


def test_a_run_to_which_somebody_still_logs_after_its_owners_end_is_neither_deleted_nor_removed(
    tracker: ExperimentTracker, store: Store, ended: Callable[..., Run]
) -> None:
    run, other = ended("a"), ended("b")
    late = MetricLog.writer(store, keys.metrics("default", run.run_id))
    late.append("loss", 0.4)
    with pytest.raises(RunActive, match="still logs"):
        tracker.delete_run(run.run_id)
    late.close()
    tracker.delete_run(run.run_id)
    tracker.delete_run(other.run_id)
    late = MetricLog.writer(store, keys.metrics("default", run.run_id))
    late.append("loss", 0.3)
    done = tracker.gc(0, dry_run=False, force=True)
    assert names(done.runs) == ["b"]
    assert [(each.name, each.written) for each in done.kept] == [("a", True)]
    late.close()
    assert tracker.get_run(run.run_id).metric_history()["value"].tolist() == [0.5, 0.4, 0.3]
    assert names(tracker.gc(0, dry_run=False).runs) == ["a"]


def test_children_stay_when_their_parent_is_deleted_and_removed(
    tracker: ExperimentTracker, ended: Callable[..., Run]
) -> None:
    parent = ended("parent")
    child = ended("child", parent=parent)
    tracker.delete_run(parent.run_id)
    tracker.gc(0, dry_run=False)
    assert names(tracker.search_runs()) == ["child"]
    assert tracker.get_run(child.run_id).parent_id == parent.run_id


def test_gc_only_says_what_it_would_do_unless_told_to_do_it(
    tracker: ExperimentTracker, store: Store, ended: Callable[..., Run]
) -> None:
    run = ended()
    tracker.delete_run(run.run_id)
    assert tracker.gc().runs == ()
    said = tracker.gc(0)
    assert (said.dry_run, names(said.runs)) == (True, ["a"])
    assert said.size_bytes > len(Path(__file__).read_bytes())
    assert "would remove 1 run" in repr(said)
    tracker.restore_run(run.run_id)
    tracker.delete_run(run.run_id)
    done = tracker.gc(0, dry_run=False)
    assert done.size_bytes > 0
    assert [run.run_id for run in done.runs] == [run.run_id]
    with pytest.raises(RunNotFound):
        tracker.get_run(run.run_id)
    assert list(walk(store, keys.run("default", run.run_id))) == []
    assert tracker.gc(0, dry_run=False).runs == ()
    for days in (-1, float("nan"), "x", None):
        with pytest.raises(UsageError, match="older_than_days"):
            tracker.gc(days)


def test_reading_a_run_that_was_removed_says_that_it_is_gone(
    tracker: ExperimentTracker, again: ExperimentTracker, ended: Callable[..., Run]
) -> None:
    run_id = ended().run_id
    view = again.get_run(run_id)
    tracker.delete_run(run_id)
    tracker.gc(0, dry_run=False)
    for read in (view.metric_history, view.tail, view.artifacts):
        with pytest.raises(RunNotFound, match=run_id):
            read()


def test_a_run_that_a_registered_version_came_from_is_kept_unless_forced(
    tracker: ExperimentTracker, store: Store, ended: Callable[..., Run]
) -> None:
    parent = ended("parent")
    child = ended("child", parent=parent)
    other = ended("other")
    registry = ModelRegistry(store)
    registry.register_model(model={"a": 1}, model_name="churn", run=child)
    for run in (parent, child, other):
        tracker.delete_run(run.run_id)
    done = tracker.gc(0, dry_run=False)
    assert names(done.runs) == ["other"]
    assert [(each.name, each.versions) for each in done.kept] == [("parent", ("churn v1",)), ("child", ("churn v1",))]
    assert names(tracker.deleted_runs()) == ["child", "parent"]
    assert names(tracker.gc(0, dry_run=False, force=True).runs) == ["parent", "child"]


def test_a_version_that_cannot_be_read_keeps_every_run(
    tracker: ExperimentTracker, store: Store, ended: Callable[..., Run]
) -> None:
    run = ended()
    tracker.delete_run(run.run_id)
    store.put(keys.model_version("churn", 1), b"torn")
    with pytest.raises(StoreError, match="no run is removed"):
        tracker.gc(0, dry_run=False)
    assert tracker.get_run(run.run_id).deleted_at_ns is not None


def test_a_run_that_is_restored_meanwhile_is_not_removed(
    tracker: ExperimentTracker, store: Store, ended: Callable[..., Run]
) -> None:
    run = ended()
    tracker.delete_run(run.run_id)
    archive = RunArchive(store)
    before = archive.find(run.run_id)
    tracker.restore_run(run.run_id)
    assert archive.remove(before) is False
    assert tracker.get_run(run.run_id).metrics == {"loss": 0.5}


def test_usage_tells_what_takes_how_much_room(
    tracker: ExperimentTracker, store: Store, ended: Callable[..., Run]
) -> None:
    small, large = ended("small"), tracker.start_run("large", experiment="größe")
    large.log_artifact(__file__)
    large.log_table({"a": list(range(1_000))}, "table")
    large.end()
    large.source  # noqa: B018 - wait until nobody writes any more
    tracker.delete_run(small.run_id)
    store.put("logs/events.jsonl", b"12345")
    ModelRegistry(store).register_model(model={"a": 1}, model_name="churn")
    found = tracker.usage()
    assert [(run.name, run.experiment, run.deleted) for run in found.runs] == [
        ("large", "größe", False),
        ("small", "default", True),
    ]
    assert list(found.experiments) == ["größe", "default"]
    sizes = {file.path: file.size_bytes for file in large.artifacts()}
    assert found.runs[0].artifacts_bytes == sum(sizes.values())
    assert found.runs[0].metrics_bytes == 0 < found.runs[1].metrics_bytes
    assert all(run.records_bytes > 0 for run in found.runs)
    assert found.parts["logs"] == 5
    assert found.parts["model_registry"] > 0
    assert found.parts["spool"] == 0
    assert found.size_bytes == sum(found.parts.values())
    assert found.parts["experiments"] > sum(found.experiments.values())
    frame = found.frame
    assert list(frame.columns) == [
        "experiment",
        "run_id",
        "run_name",
        "deleted",
        "metrics_bytes",
        "artifacts_bytes",
        "records_bytes",
        "size_bytes",
    ]
    assert frame["size_bytes"].tolist() == [run.size_bytes for run in found.runs]


def test_the_usage_of_an_empty_store_is_nothing_and_makes_none(tracker: ExperimentTracker, store: Store) -> None:
    found = tracker.usage()
    assert found.size_bytes == 0
    assert list(store.list()) == []
    assert found.runs == ()
    assert found.experiments == {}
    assert len(found.frame) == 0


def test_notes_are_kept_and_can_be_changed_after_the_end(
    tracker: ExperimentTracker, again: ExperimentTracker, ended: Callable[..., Run]
) -> None:
    run = ended()
    assert run.notes == ""
    run.set_notes("# Why\n*because*")
    assert again.get_run(run.run_id).notes == "# Why\n*because*"
    again.get_run(run.run_id).set_notes("")
    assert tracker.get_run(run.run_id).notes == ""
    for wrong in (7, "x" * 100_001):
        with pytest.raises(ValueError, match="notes") as caught:
            run.set_notes(wrong)
        assert caught.value.fix
