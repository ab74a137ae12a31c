from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import index
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore

COUNT = 40
ALONE = """
import os, sys
from tauro_nb.mlops.tracking import index
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

index.LOOK_AT_ALL, index.CHECK_AFTER_S, index._WORTH_WRITING = 0, 1e6, 1
store = LocalStore(sys.argv[1])
tracker = ExperimentTracker(store)
"""
"""A process that trusts the index in the smallest experiment, and writes it after any change."""


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


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the index in the smallest experiment, and write it after any change."""
    monkeypatch.setattr(index, "LOOK_AT_ALL", 0)
    monkeypatch.setattr(index, "CHECK_AFTER_S", 1e6)
    monkeypatch.setattr(index, "_WORTH_WRITING", 1)


def begin(script: str, store: LocalStore, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ALONE + textwrap.dedent(script), str(store.root), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("trusting")
def test_a_search_looks_only_at_the_files_that_may_have_changed(
    settled: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(settled)
    ExperimentTracker(settled).get_run("r07").set_tag("team", "a")
    looked: list[str] = []
    stamps = index._stamps

    def watched(folder: Path, names: Iterable[str] | None = None) -> Iterator[tuple[str, index.Stamp]]:
        looked.extend(["all"] if names is None else names)
        return stamps(folder, names)

    monkeypatch.setattr(index, "_stamps", watched)
    assert [run.run_id for run in ExperimentTracker(settled).search_runs("tags.team = 'a'")] == ["r07"]
    assert looked == ["r07"]


@pytest.mark.usefixtures("trusting")
def test_a_record_that_is_edited_by_hand_is_found_by_the_look_at_all_files(
    settled: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(settled)
    rewrite(settled, "r00", name="by hand")
    age(settled, "r00")
    assert search(settled)["r00"] == "a"
    monkeypatch.setattr(index, "CHECK_AFTER_S", -1)
    search(settled)
    assert search(settled)["r00"] == "by hand"


@pytest.mark.usefixtures("trusting")
def test_an_index_is_not_made_between_a_change_that_is_noted_and_its_file(
    settled: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(settled)
    noted, go = threading.Event(), threading.Event()
    put = LocalStore.put

    def slow(self: LocalStore, key: str, data: bytes) -> None:
        if key == keys.run_record("old", "r00"):
            noted.set()
            assert go.wait(30)
        put(self, key, data)

    monkeypatch.setattr(LocalStore, "put", slow)
    changer = threading.Thread(target=ExperimentTracker(settled).get_run("r00").set_tag, args=("team", "a"))
    changer.start()
    assert noted.wait(30)
    rewrite(settled, "r01", name="new")
    age(settled, "r01")
    settled.delete(keys.run_record("old", "r02"))
    index_file(settled).unlink()
    reader = ExperimentTracker(settled)
    assert len(reader.search_runs("tags.team = 'a'")) == 0
    assert not background.wait(0.2)
    go.set()
    changer.join()
    assert background.wait(30)
    age(settled, "r00")
    for tracker in (reader, ExperimentTracker(settled)):
        assert [run.run_id for run in tracker.search_runs("tags.team = 'a'")] == ["r00"]


@pytest.mark.usefixtures("trusting")
def test_a_writer_that_dies_between_a_note_and_the_file_is_in_nobodys_way(settled: LocalStore) -> None:
    expected = search(settled)
    process = begin(
        """
        type(store).put = lambda self, key, data: os._exit(9)
        tracker.get_run("r00").set_tag("team", "a")
        """,
        settled,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 9, err
    assert search(settled) == expected
    assert search(settled) == expected
    ExperimentTracker(settled).get_run("r00").set_tag("team", "b")
    assert [run.run_id for run in ExperimentTracker(settled).search_runs("tags.team = 'b'")] == ["r00"]


@pytest.mark.slow
def test_processes_that_change_runs_and_make_the_index_at_once_see_what_they_did(settled: LocalStore) -> None:
    script = """
        from tauro_nb.mlops.tracking import changes
        index._SETTLED_NS, changes._LARGE_BYTES = 20_000_000, 500
        sys.stdin.readline()
        for number in range(30):
            tracker.get_run(sys.argv[2]).set_tag("count", str(number))
            (found,) = ExperimentTracker(store).search_runs(f"run_id = '{sys.argv[2]}' and tags.count = '{number}'")
            assert found.tags["count"] == str(number)
            background.wait()
    """
    processes = [begin(script, settled, f"r{number:02}") for number in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert len(search(settled)) == COUNT


@pytest.mark.slow
def test_runs_that_eight_processes_start_at_once_are_all_found(local_store: LocalStore) -> None:
    script = """
        sys.stdin.readline()
        for number in range(50):
            with tracker.start_run(f"{sys.argv[2]}-{number}", "race") as run:
                run.log_param("number", number)
                run.log_metric("loss", number)
            if number % 10 == 0:
                (found,) = tracker.search_runs(f"run_id = '{run.run_id}'")
                assert (found.status, found.metrics) == ("FINISHED", {"loss": number})
    """
    processes = [begin(script, local_store, str(number)) for number in range(8)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    runs = ExperimentTracker(local_store).search_runs("status = 'FINISHED'", ["params.number"])
    assert {run.name for run in runs} == {f"{process}-{number}" for process in range(8) for number in range(50)}
    assert all(run.metrics == {"loss": run.params["number"]} for run in runs)
    assert runs.frame["metrics.loss"].tolist() == [float(number) for number in range(50) for _ in range(8)]
