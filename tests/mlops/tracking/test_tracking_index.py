from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore

COUNT = 40


@pytest.fixture
def settled(local_store: LocalStore) -> LocalStore:
    """A store with runs that were written some time ago."""
    local_store.create(keys.experiment_record("old"), encoding.encode(Experiment(name="old", created_at_ns=0)))
    for number in range(COUNT):
        record = RunRecord(
            run_id=f"r{number:02}",
            name="a",
            experiment="old",
            status=RunStatus.FINISHED,
            started_at_ns=number,
            ended_at_ns=9,
        )
        local_store.create(keys.run_record("old", record.run_id), encoding.encode(record))
        age(local_store, record.run_id)
    return local_store


def age(store: LocalStore, run_id: str) -> None:
    an_hour_ago = time.time() - 3600
    os.utime(store.root / keys.run_record("old", run_id), (an_hour_ago, an_hour_ago))


def rewrite(store: LocalStore, run_id: str, **fields: object) -> None:
    key = keys.run_record("old", run_id)
    store.put(key, json.dumps({**json.loads(store.get(key)), **fields}).encode())


def search(store: LocalStore) -> dict[str, str]:
    found = {run.run_id: run.name for run in ExperimentTracker(store).search_runs()}
    background.wait()
    return found


def index_file(store: LocalStore) -> Path:
    return store.root / keys.index("runs/old.snapshot")


def test_what_was_read_once_is_not_read_again(settled: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = search(settled)
    assert index_file(settled).is_file()
    opened: list[str] = []
    get = LocalStore.get

    def watched(self: LocalStore, key: str) -> bytes:
        opened.append(key)
        return get(self, key)

    monkeypatch.setattr(LocalStore, "get", watched)
    assert search(settled) == before
    assert [key for key in opened if key.endswith("run.json")] == []


def test_a_changed_a_new_and_a_deleted_run_are_seen(settled: LocalStore) -> None:
    expected = search(settled)
    rewrite(settled, "r00", name="changed")
    settled.delete(keys.run_record("old", "r01"))
    del expected["r01"]
    with ExperimentTracker(settled).start_run("new", "old") as run:
        pass
    assert search(settled) == {**expected, "r00": "changed", run.run_id: "new"}


def test_a_change_of_the_same_size_right_after_a_look_is_seen(settled: LocalStore) -> None:
    tracker = ExperimentTracker(settled)
    for name in ("x", "y", "z") * 20:
        rewrite(settled, "r00", name=name)
        assert {run.name for run in tracker.search_runs("run_id = 'r00'")} == {name}


@pytest.mark.parametrize("content", [b"", b"torn", b"\xc1", b"\x92\x63\x80"])
def test_an_index_that_is_none_is_passed_over_and_made_again(settled: LocalStore, content: bytes) -> None:
    before = search(settled)
    index_file(settled).write_bytes(content)
    assert search(settled) == before
    assert index_file(settled).read_bytes() != content


def test_deleting_the_index_loses_nothing(settled: LocalStore) -> None:
    before = search(settled)
    index_file(settled).unlink()
    assert search(settled) == before


def test_an_index_that_cannot_be_read_stops_nothing(settled: LocalStore) -> None:
    before = search(settled)
    kept = index_file(settled)
    kept.unlink()
    kept.symlink_to(settled.root / "format.json")
    assert search(settled) == before


def test_an_index_that_cannot_be_written_stops_nothing(settled: LocalStore) -> None:
    settled.put("index/runs", b"a file where a folder should be")
    assert len(search(settled)) == COUNT


def test_an_index_keeps_numbers_that_json_has_not(settled: LocalStore) -> None:
    key = keys.run_record("old", "r00")
    settled.put(
        key, json.dumps({**json.loads(settled.get(key)), "metrics": {"loss": "NaN", "up": "Infinity"}}).encode()
    )
    age(settled, "r00")
    search(settled)
    (record,) = (each for each in RunArchive(settled).records(["old"]) if each.run_id == "r00")
    assert str(record.metrics) == "{'loss': nan, 'up': inf}"
