"""Registering small models beside its floor, trackio and mlflow, in one run: only the ratios travel to another machine.

    pip install -e ".[bench]"
    python tests/benchmarks/bench_registry.py [folder]

The floor is what a disk asks for a version and nothing more: the model's bytes in a file, fsynced, its folder renamed
to the version's number, a record beside it, fsynced and linked; no metadata, checksums, locks, no search for a number.
Of a list of models the floor is to list each one's versions, and to read the newest and the acts.

mlflow logs the same bytes to a run and makes a version of them, on SQLite, which is its default; trackio logs them as
an artifact of type "model", which it versions. Imports are done before anything is measured. Of eight processes it is
told how many registrations came to nothing, and how many versions fewer than registrations there are; the peers, of
which each process takes seconds to be imported, have one round.
"""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import pickle
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore

MODEL = {"weights": [0.1, 0.2, 0.3], "threshold": 0.5}
METRICS = {"accuracy": 0.96, "f1_score": 0.958}
PROCESSES = 8
EACH = 10
ROUNDS = 5


class Contestant(Protocol):
    """Something that registers models; made, and in each process opened, before anything is measured."""

    def __init__(self, root: Path) -> None: ...

    def open(self) -> None:
        """Import and connect."""

    def register(self, number: int) -> None:
        """Make one more version; `number` is like no other's."""

    def versions(self) -> int:
        """Count the versions that there are."""


class Floor(Contestant):
    """A version is a renamed folder and a linked record."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> None:
        for name in ("artifacts", "versions"):
            (self._root / name).mkdir(parents=True, exist_ok=True)

    def register(self, number: int) -> None:
        upload = self._root / "artifacts" / f"upload-{number}"
        upload.mkdir()
        _write(upload / "model.pkl", pickle.dumps(MODEL))
        upload.rename(self._root / "artifacts" / f"{number}")
        _sync(self._root / "artifacts")
        record = self._root / "versions" / f"{number}.json"
        temporary = record.with_suffix(".tmp")
        _write(temporary, b"{}")
        os.link(temporary, record)
        temporary.unlink()
        _sync(record.parent)

    def versions(self) -> int:
        return sum(1 for _ in (self._root / "versions").iterdir())


class Registry(Contestant):
    """This package."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> None:
        self._registry = ModelRegistry(LocalStore(self._root))

    def register(self, number: int) -> None:
        self._registry.register_model(MODEL, "m", metrics=METRICS)

    def versions(self) -> int:
        found = [version.version for version in self._registry.versions("m")]
        assert found == list(range(1, len(found) + 1)), found
        return len(found)


class Trackio(Contestant):
    """A version is an artifact."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        os.environ.update(TRACKIO_DIR=str(self._root), GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1")
        import trackio

        with contextlib.redirect_stdout(io.StringIO()):
            self._run = trackio.init(project="bench", embed=False, auto_log_cpu=False, auto_log_gpu=False)

    def register(self, number: int) -> None:
        import trackio

        artifact = trackio.Artifact("m", "model", metadata=METRICS)
        artifact.add_file(_pickled(self._root, number))
        self._run.log_artifact(artifact).wait()

    def versions(self) -> int:
        from trackio.sqlite_storage import SQLiteStorage

        with SQLiteStorage._get_connection(SQLiteStorage.get_project_db_path("bench")) as database:
            return int(database.execute("SELECT COUNT(*) FROM artifact_versions").fetchone()[0])


class Mlflow(Contestant):
    """A version is an artifact of a run, and an entry that leads to it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> None:
        os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
        self._root.mkdir(parents=True, exist_ok=True)
        import logging

        import mlflow

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self._client = mlflow.MlflowClient(f"sqlite:///{self._root}/mlflow.db")
        place = (self._root / "artifacts").as_uri()
        if self._client.get_experiment_by_name("bench") is None:
            self._client.create_experiment("bench", artifact_location=place)
            self._client.create_registered_model("m")
        experiment = self._client.get_experiment_by_name("bench").experiment_id
        self._run = self._client.create_run(experiment).info

    def register(self, number: int) -> None:
        self._client.log_artifact(self._run.run_id, str(_pickled(self._root, number)), str(number))
        source = f"{self._run.artifact_uri}/{number}"
        self._client.create_model_version("m", source, self._run.run_id, tags={k: str(v) for k, v in METRICS.items()})

    def versions(self) -> int:
        return len(self._client.search_model_versions("name = 'm'", max_results=10_000))


def contestants() -> dict[str, type[Contestant]]:
    """Return who is here, in the order of the columns."""
    found: dict[str, type[Contestant]] = {"floor": Floor, "registry": Registry}
    for name, contestant in (("trackio", Trackio), ("mlflow", Mlflow)):
        try:
            print(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            print(f'{name} is not installed and is left out: pip install -e ".[bench]"')
        else:
            found[name] = contestant
    return found


def _pickled(root: Path, number: int) -> Path:
    path = root / f"model-{number}.pkl"
    path.write_bytes(pickle.dumps({**MODEL, "number": number}))
    return path


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def seconds(call: Callable[[int], object], numbers: range) -> list[float]:
    """Return how long each call took."""
    taken = []
    for number in numbers:
        started = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - started)
    return taken


def one_process(root: Path, taking_part: dict[str, type[Contestant]]) -> None:
    here = {name: contestant(root / name) for name, contestant in taking_part.items()}
    for each in here.values():
        each.open()
    print(f"{'one small model, median ms':34}" + "".join(f"{name:>18}" for name in here))
    done = 0
    for first in (1, 101, 901):  # alternately, so that all meet the same disk
        for _ in range(done + 1, first):
            here["registry"].register(0)
        taken: dict[str, list[float]] = {name: [] for name in here}
        for start in range(first, first + 100, 20):
            for name, each in here.items():
                taken[name] += seconds(each.register, range(start, start + 20))
        done = first + 99
        row({name: statistics.median(times) * 1e3 for name, times in taken.items()}, f"  versions {first} to {done}")


def many_processes(root: Path, taking_part: dict[str, type[Contestant]]) -> None:
    rates: dict[str, list[float]] = {name: [] for name in taking_part}
    failed, missing = dict.fromkeys(taking_part, 0), dict.fromkeys(taking_part, 0)
    for turn in range(ROUNDS):
        for name, contestant in taking_part.items():
            if turn and name not in ("floor", "registry"):
                continue
            here = contestant(root / f"{name}{turn}")
            _in_child(here.open)  # what is made once
            rate, failures = _rate(here)
            rates[name].append(rate)
            failed[name] += failures
            made = PROCESSES * (EACH + 1) - failures
            missing[name] += made - _in_child(lambda here=here: here.open() or here.versions())
    row({name: statistics.median(each) for name, each in rates.items()}, f"{PROCESSES} processes x {EACH}, a second")
    for what, counts in (("failed", failed), ("without a version of their own", missing)):
        print(f"{f'  {what}':34}" + "".join(f"{n:>18}" for n in counts.values()))


def row(figures: dict[str, float], title: str) -> None:
    floor = figures["floor"]
    shown = (f"{f'{figure:.2f} ({figure / floor:.2f}x)':>18}" for figure in figures.values())
    print(f"{title:34}" + "".join(shown), flush=True)


def _rate(here: Contestant) -> tuple[float, int]:
    """How many registrations a second all children together make, from the moment when all are ready; and failures."""
    ready, go = os.pipe(), os.pipe()
    children = []
    for child in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            os.close(go[1])
            here.open()
            here.register(child * 100)  # what is imported at the first one is imported now
            os.write(ready[1], b".")
            os.read(go[0], 1)
            os._exit(sum(not _did(here, child * 100 + each) for each in range(1, EACH + 1)))
        children.append(pid)
    for _ in children:
        os.read(ready[0], 1)
    started = time.perf_counter()
    os.close(go[1])
    failures = sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)
    taken = time.perf_counter() - started
    for end in (*ready, go[0]):
        os.close(end)
    return (PROCESSES * EACH - failures) / taken, failures


def _did(here: Contestant, number: int) -> bool:
    try:
        here.register(number)
    except Exception:  # noqa: BLE001 - it is counted
        return False
    return True


def _in_child(work: Callable[[], int | None]) -> int:
    """Do it in a process of its own, of which nothing stays in later ones; return its number, below 200."""
    pid = os.fork()
    if pid == 0:
        told = 255
        try:
            told = work() or 0
        except Exception:  # noqa: BLE001 - what is above belongs to the parent
            traceback.print_exc()
        finally:
            os._exit(told)
    told = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert told < 200, "it failed"
    return told


def listing(root: Path) -> None:
    store = LocalStore(root / "listing")
    registry = ModelRegistry(store)
    for model in range(200):
        for _ in range(50):
            registry.register_model(MODEL, f"model {model}")
        registry.promote(f"model {model}", 25)
    here: dict[str, list[float]] = {"floor": [], "registry": []}
    for _ in range(ROUNDS):
        here["floor"] += seconds(lambda _: _look(root / "listing" / "model_registry" / "models"), range(1))
        here["registry"] += seconds(lambda _: ModelRegistry(store).models(), range(1))
    assert len(ModelRegistry(store).models()) == 200
    floor, taken = (statistics.median(here[name]) * 1e3 for name in ("floor", "registry"))
    row({"floor": floor, "registry": taken}, "models() of 200 x 50, cold, ms")


def _look(models: Path) -> None:
    for model in models.iterdir():
        newest = max(int(path.stem) for path in (model / "versions").iterdir())
        (model / "versions" / f"{newest}.json").read_bytes()
        for act in (model / "events").iterdir():
            act.read_bytes()


def main() -> None:
    taking_part = contestants()
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        many_processes(Path(folder) / "many", taking_part)  # first: what it forks has imported nothing yet
        one_process(Path(folder) / "one", taking_part)
        listing(Path(folder))


if __name__ == "__main__":
    main()
