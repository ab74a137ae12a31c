"""A disk that takes nothing more: a clear error, and training goes on after it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tauro_nb.errors import RunNotFound, StoreError
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.lifetime import open_runs
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store

FULL = """
import resource, sys
from contextlib import contextmanager
from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

@contextmanager
def no_room(limit=0):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

def refused(act):
    try:
        with no_room():
            act()
    except StoreError as error:
        assert error.fix
        return
    raise SystemExit(f"{act} did not fail")

tracker = ExperimentTracker(LocalStore(sys.argv[1]))
"""


def run_script(store: LocalStore, tmp_path: Path, script: str) -> str:
    path = tmp_path / "script.py"
    path.write_text(FULL + textwrap.dedent(script), encoding="utf-8")
    done = subprocess.run([sys.executable, path, store.root], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_logging_goes_on_when_there_is_room_again(local_store: LocalStore, tmp_path: Path) -> None:
    run_id = run_script(
        local_store,
        tmp_path,
        """
        run = tracker.start_run("full")
        run.source
        run.log_param("before", 1)
        run.log_metric("loss", 1.0)
        refused(lambda: run.log_param("during", 2))
        refused(lambda: run.set_tag("during", 2))
        refused(lambda: run.log_artifact(__file__))
        refused(lambda: run.log_model({"a": 1}, "x.pkl"))
        refused(lambda: [run.log_metric("loss", 1.0) for _ in range(1_000_000)])
        refused(lambda: tracker.start_run("other"))
        run.log_param("after", 3)
        run.log_metric("after", 3.0)
        refused(run.end)
        assert run.is_active
        run.log_metric("later", 4.0)
        run.end()
        run.end()
        print(run.run_id)
        """,
    )
    run = ExperimentTracker(local_store).get_run(run_id)
    assert run.status == "FINISHED"
    assert run.params == {"before": 1, "after": 3}
    assert run.metrics == {"loss": 1.0, "after": 3.0, "later": 4.0}
    assert run.artifacts() == []
    assert len(ExperimentTracker(local_store).search_runs()) == 1


def test_the_users_own_error_is_not_hidden_by_the_disks(local_store: LocalStore, tmp_path: Path) -> None:
    run_id = run_script(
        local_store,
        tmp_path,
        """
        run = tracker.start_run()
        run.source
        try:
            with no_room(), run:
                raise ValueError("mine")
        except ValueError as error:
            assert "could not be ended" in error.__notes__[0], error.__notes__
        print(run.run_id)
        run.end("FAILED")
        """,
    )
    assert ExperimentTracker(local_store).get_run(run_id).status == "FAILED"


class Fallen(MemoryStore):
    """A store that takes nothing any more from the moment on when it has fallen."""

    fallen = False

    def put(self, key: str, data: bytes) -> None:
        if self.fallen:
            raise StoreError("cannot write: the disk is read-only", fix="mount it writable")
        super().put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        if self.fallen:
            raise StoreError("cannot write: the disk is read-only", fix="mount it writable")
        return super().create(key, data)


def test_a_run_that_cannot_be_started_leaves_nothing_open() -> None:
    store = Fallen()
    store.fallen = True
    with pytest.raises(StoreError, match="read-only"):
        ExperimentTracker(store).start_run()
    assert not open_runs.has(store, "any")
    store.fallen = False
    assert ExperimentTracker(store).experiments() == []


def test_a_store_where_there_can_be_none_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    tracker = ExperimentTracker(LocalStore(tmp_path / "file" / "store"))
    with pytest.raises(StoreError) as caught:
        tracker.start_run()
    assert isinstance(caught.value, OSError)
    assert caught.value.fix


def test_a_record_that_is_no_record_is_named(tracker: ExperimentTracker, store: Store) -> None:
    with tracker.start_run() as run:
        pass
    run.source  # noqa: B018 - wait until nobody writes any more
    key = keys.run_record("default", run.run_id)
    store.put(key, b'{"run_id": "torn')
    with pytest.raises(StoreError, match=r"run\.json") as caught:
        tracker.get_run(run.run_id)
    assert caught.value.fix


def test_a_deleted_run_is_said_to_be_missing(tracker: ExperimentTracker, store: Store) -> None:
    with tracker.start_run() as run:
        pass
    run.source  # noqa: B018 - wait until nobody writes any more
    store.delete(keys.run_record("default", run.run_id))
    with pytest.raises(RunNotFound):
        run.set_tag("a", "b")


def test_a_newer_records_unknown_fields_are_passed_over(tracker: ExperimentTracker, store: Store) -> None:
    with tracker.start_run("a") as run:
        pass
    run.source  # noqa: B018 - wait until nobody writes any more
    key = keys.run_record("default", run.run_id)
    store.put(key, store.get(key).replace(b'{"run_id"', b'{"from_the_future":{"x":1},"run_id"'))
    assert tracker.get_run(run.run_id).name == "a"


def test_an_interrupt_while_a_run_is_being_created_leaves_none(clock, emitter, collector):
    class Interrupted(MemoryStore):
        def create(self, key: str, data: bytes) -> bool:
            made = super().create(key, data)
            if key.endswith("/run.json"):
                raise KeyboardInterrupt
            return made

    tracker = ExperimentTracker(Interrupted(), clock=clock, emitter=emitter, collector=collector)
    with pytest.raises(KeyboardInterrupt):
        tracker.start_run()
    assert len(tracker.search_runs()) == 0


def test_an_interrupt_while_a_run_is_being_told_of_ends_it(tracker, emitter):
    def interrupt(_):
        raise KeyboardInterrupt

    with emitter.on_event("RUN_STARTED", interrupt, inline=True), pytest.raises(KeyboardInterrupt):
        tracker.start_run(run_name="told")
    (run,) = tracker.search_runs()
    assert run.status == "INTERRUPTED"


def test_a_damaged_record_is_told_and_hides_no_other_run(tracker, store):
    with tracker.start_run(run_name="whole"):
        pass
    with tracker.start_run(run_name="damaged") as run:
        pass
    background.wait()  # what is found out in the background would be written over the damage
    store.put(keys.run_record(run.experiment, run.run_id), b'{"run_id": ')
    with pytest.warns(RuntimeWarning, match=f"{run.run_id}.*left out"):
        found = tracker.search_runs()
    assert [each.name for each in found] == ["whole"]
    with pytest.raises(StoreError, match=run.run_id):
        tracker.get_run(run.run_id)
