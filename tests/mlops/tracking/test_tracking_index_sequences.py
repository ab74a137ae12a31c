"""Whatever becomes of runs and of the index: a search finds what reading every file would find."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import index
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.records import RunRecord, RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.walk import walk

SEARCHES: tuple[dict[str, object], ...] = (
    {},
    {"deleted": True},
    {"filter_string": "params.p > 1", "order_by": ["params.p DESC", "tags.t"]},
    {"filter_string": "params.p IN (1, 'x')", "order_by": ["metrics.m"], "max_results": 3},
    {"filter_string": "tags.t LIKE 'a%' and end_time IS NOT NULL"},
    {"filter_string": "tags.mlflow.runName != 'a'", "order_by": ["duration_s DESC"]},
    {"filter_string": "status = 'RUNNING'"},
)


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index write a snapshot of any change, and trust it in the smallest experiment."""
    monkeypatch.setattr(index, "LOOK_AT_ALL", 0)
    monkeypatch.setattr(index, "CHECK_AFTER_S", 1e6)
    monkeypatch.setattr(index, "_WORTH_WRITING", 1)
    monkeypatch.setattr(index, "_SETTLED_NS", 10_000_000)


class Library:
    """A store, and what people and processes do to it."""

    def __init__(self, root: Path) -> None:
        self.store = LocalStore(root)
        self.archive = RunArchive(self.store)
        self.long_lived = ExperimentTracker(self.store)
        self._seconds = itertools.count(1)
        self.archive.open_experiment("e", 0)

    def ids(self) -> list[str]:
        folder = self.store.root / keys.runs("e")
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def create(self, at: int, value: object) -> None:
        number = next(self._seconds)
        record = RunRecord(
            run_id=f"r{number:03}",
            name="ab"[number % 2],
            experiment="e",
            status=RunStatus.FINISHED,
            started_at_ns=number // 2,
            ended_at_ns=None if value is None else number + at,
            params={"p": value},
            tags={"t": f"a{at}"},
            metrics={"m": float(at)} if value is not None else {},
        )
        self.archive.create(record)
        self._age(record.run_id)

    def end(self, at: int, value: object) -> None:
        self._change(at, ended_at_ns=at, metrics={"m": float("nan")}, status=RunStatus.FAILED)

    def resume(self, at: int, value: object) -> None:
        self._change(at, ended_at_ns=None, status=RunStatus.RUNNING)

    def edit(self, at: int, value: object) -> None:
        self._change(at, tags={"t": "b", f"of {at}": str(value)}, params={"p": value})

    def delete(self, at: int, value: object) -> None:
        self._change(at, deleted_at_ns=None if value is None else at)

    def remove(self, at: int, value: object) -> None:
        for name in self._one(at):
            self.store.remove_tree(keys.run("e", name))

    def copy_in(self, at: int, value: object) -> None:
        for name in self._one(at):
            key = keys.run_record("e", name)
            record = encoding.read(self.store, key, RunRecord)
            other = f"{name}-{next(self._seconds)}"
            folder = self.store.root / keys.run("e", other)
            shutil.copytree(self.store.root / keys.run("e", name), folder)
            (folder / "run.json").write_bytes(encoding.encode(msgspec.structs.replace(record, run_id=other)))
            self._age(other)

    def lose_index(self, at: int, value: object) -> None:
        shutil.rmtree(self.store.root / keys.INDEX, ignore_errors=True)

    def lose_changes(self, at: int, value: object) -> None:
        (self.store.root / keys.experiment("e") / ".tauro-changes").unlink(missing_ok=True)

    def tear_index(self, at: int, value: object) -> None:
        path = self.store.root / keys.index("runs/e.snapshot")
        if path.is_file():
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data[: len(data) * at // 7])

    def spoil_index(self, at: int, value: object) -> None:
        path = self.store.root / keys.index("runs/e.snapshot")
        if path.is_file() and path.stat().st_size:
            data = bytearray(path.read_bytes())
            data[len(data) * at // 7] ^= 1
            path.write_bytes(data)

    def compare(self, at: int, value: object) -> None:
        memory = MemoryStore()
        for key in walk(self.store, keys.EXPERIMENTS):
            memory.put(key, self.store.get(key))
        for searcher in (self.long_lived, ExperimentTracker(self.store)):
            wanted = SEARCHES[at % len(SEARCHES)]
            found = searcher.search_runs(**wanted)  # type: ignore[arg-type]
            expected = ExperimentTracker(memory).search_runs(**wanted)  # type: ignore[arg-type]
            assert [repr(run.record) for run in found] == [repr(run.record) for run in expected]
            background.wait()

    def _one(self, at: int) -> list[str]:
        ids = self.ids()
        return [ids[at % len(ids)]] if ids else []

    def _change(self, at: int, **fields: object) -> None:
        for name in self._one(at):
            self.archive.change("e", name, lambda record: msgspec.structs.replace(record, **fields))
            self._age(name)

    def _age(self, run_id: str) -> None:
        """Let what was written have been written some time ago, each at its own time."""
        path = self.store.root / keys.run_record("e", run_id)
        os.utime(path, (next(self._seconds), next(self._seconds)))


ACTS: tuple[Callable[[Library, int, object], None], ...] = (
    Library.create,
    Library.end,
    Library.resume,
    Library.edit,
    Library.delete,
    Library.remove,
    Library.copy_in,
    Library.lose_index,
    Library.lose_changes,
    Library.tear_index,
    Library.spoil_index,
    Library.compare,
    Library.compare,
)
acts = st.tuples(st.sampled_from(ACTS), st.integers(0, 6), st.sampled_from([None, 1, 2.5, True, "x", [1], 2**70]))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(acts, max_size=20))
def test_a_search_finds_what_reading_every_file_finds(
    folder: Path, steps: list[tuple[Callable[..., None], int, object]]
) -> None:
    library = Library(Path(tempfile.mkdtemp(dir=folder)))
    for _ in range(3):
        library.create(1, 1)
    for act, at, value in steps:
        act(library, at, value)
    library.compare(0, None)
