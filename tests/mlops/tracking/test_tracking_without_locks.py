"""Changes of one run's record in a store that has no locks: exclusive creation alone says who comes first."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore

WITHOUT_LOCKS = """
from tauro_nb.store.local import LocalStore

class WithoutLocks:
    '''What an object store can do, on a disk.'''

    def __init__(self, root):
        self._disk = LocalStore(root)
        self.location = f"object:{root}"
        for name in ("create", "put", "put_file", "get", "get_file", "list", "stat", "delete"):
            setattr(self, name, getattr(self._disk, name))

    def local_dir(self, prefix):
        return None
"""

SCRIPT = """
import sys
from tauro_nb.mlops.tracking.tracker import ExperimentTracker

run = ExperimentTracker(WithoutLocks(sys.argv[1])).resume_run(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(15):
    run.log_param(f"{sys.argv[3]}-{number}", number)
"""


def test_processes_that_change_one_run_at_once_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place: dict[str, type] = {}
    exec(textwrap.dedent(WITHOUT_LOCKS), place)
    store = place["WithoutLocks"](tmp_path / "store")
    tracker = ExperimentTracker(store)
    run = tracker.start_run()
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_LOCKS + SCRIPT, encoding="utf-8")
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path / "store"), run.run_id, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, told = process.communicate(timeout=60)
        assert process.returncode == 0, told
    run.end()
    background.wait()
    wanted = {f"{process}-{number}": number for process in range(3) for number in range(15)}
    assert tracker.get_run(run.run_id).params == wanted
    shown = json.loads(store.get(keys.run_record("default", run.run_id)))
    assert (shown["params"], shown["status"]) == (wanted, "FINISHED")
    assert shown["revision"] == len(list(store.list(f"{keys.run('default', run.run_id)}/changes")))


class Killed(MemoryStore):
    """A store whose user is killed before a change is where readers look."""

    fails = False

    def put(self, key: str, data: bytes) -> None:
        if self.fails and key.endswith("/run.json"):
            raise StoreError("the connection was cut", fix="try again")
        super().put(key, data)


def test_a_change_whose_maker_was_killed_is_not_lost() -> None:
    store = Killed()
    with ExperimentTracker(store).start_run() as run:
        pass
    run.source  # noqa: B018 - wait until nobody writes any more
    store.fails = True
    with pytest.raises(StoreError, match="cut"):
        run.set_tag("first", "1")
    store.fails = False
    tracker = ExperimentTracker(store)
    assert tracker.get_run(run.run_id).tags == {"first": "1"}
    tracker.get_run(run.run_id).set_tag("second", "2")
    (found,) = tracker.search_runs()
    assert found.tags == {"first": "1", "second": "2"}


def test_whoever_is_late_does_not_put_back_what_is_older() -> None:
    class Overtaken(MemoryStore):
        overtaken = False

        def put(self, key: str, data: bytes) -> None:
            if self.overtaken and key.endswith("/run.json"):
                self.overtaken = False
                other.set_tag("second", "2")
            super().put(key, data)

    store = Overtaken()
    with ExperimentTracker(store).start_run() as run:
        pass
    run.source  # noqa: B018 - wait until nobody writes any more
    other = ExperimentTracker(store).get_run(run.run_id)
    store.overtaken = True
    run.set_tag("first", "1")
    (record,) = RunArchive(store).records()
    assert record.tags == {"first": "1", "second": "2"}


def test_a_store_with_locks_keeps_no_changes(local_store: LocalStore) -> None:
    with ExperimentTracker(local_store).start_run() as run:
        run.set_tag("a", "b")
    run.source  # noqa: B018 - wait until nobody writes any more
    assert run.record.revision == 0
    assert {entry.name for entry in local_store.list(keys.run("default", run.run_id))} == {"run.json", "manifest.json"}
