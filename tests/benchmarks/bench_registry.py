"""Registering small models beside its floor and mlflow, in one run: only the ratios travel to another machine.

    python tests/benchmarks/bench_registry.py [folder]

The floor is what a disk asks for a version and nothing more: the model's bytes in a file, fsynced, its folder renamed
to the version's number, a record beside it, fsynced and linked; no metadata, checksums, locks, no search for a number.
Of a list of models the floor is to list each one's versions, and to read the newest and the acts.

mlflow logs the same bytes to a run and makes a version of them, on SQLite, which is its default; without models of its
own, trackio has nothing to stand beside. Imports are done before anything is measured.
"""

# ruff: noqa: T201 - what it prints is what it is for

from __future__ import annotations

import importlib.metadata
import os
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.local import LocalStore

MODEL = {"weights": [0.1, 0.2, 0.3], "threshold": 0.5}
METRICS = {"accuracy": 0.96, "f1_score": 0.958}
PROCESSES = 8
EACH = 10
ROUNDS = 5


class Floor:
    """A version is a renamed folder and a linked record."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("artifacts", "versions"):
            (root / name).mkdir(parents=True, exist_ok=True)

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


class Mlflow:
    """A version is an artifact of a run, and an entry that leads to it."""

    def __init__(self, root: Path) -> None:
        import mlflow

        root.mkdir(parents=True)
        os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
        self._client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
        experiment = self._client.create_experiment("bench", artifact_location=(root / "artifacts").as_uri())
        self._run = self._client.create_run(experiment).info
        self._client.create_registered_model("m")
        self._folder = root

    def register(self, number: int) -> None:
        model = self._folder / "model.pkl"
        model.write_bytes(pickle.dumps(MODEL))
        self._client.log_artifact(self._run.run_id, str(model), str(number))
        source = f"{self._run.artifact_uri}/{number}"
        self._client.create_model_version("m", source, self._run.run_id, tags={k: str(v) for k, v in METRICS.items()})


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


def one_process(root: Path) -> None:
    registry, floor = ModelRegistry(LocalStore(root / "store")), Floor(root / "floor")
    peer = _mlflow(root / "mlflow")
    shown = {}
    for first in (1, 101, 901):  # alternately, so that all meet the same disk
        here: dict[str, list[float]] = {"floor": [], "registry": []}
        for start in range(first, first + 100, 20):
            numbers = range(start, start + 20)
            here["floor"] += seconds(floor.register, numbers)
            here["registry"] += seconds(lambda _: registry.register_model(MODEL, "m", metrics=METRICS), numbers)
            if peer is not None:
                here.setdefault("mlflow", []).extend(seconds(peer.register, numbers))
        shown[first] = {name: statistics.median(taken) * 1e3 for name, taken in here.items()}
        if first == 101:
            for _ in range(700):
                registry.register_model(MODEL, "m", metrics=METRICS)
    print("one small model, median ms          floor  registry  ratio" + ("    mlflow" if peer else ""))
    for first, row in shown.items():
        beside = f"{row['mlflow']:10.2f}" if peer else ""
        print(f"  versions {first:>4} to {first + 99:<4}           {row['floor']:8.2f} {row['registry']:9.2f} "
              f"{row['registry'] / row['floor']:6.1f}{beside}")  # fmt: skip


def _mlflow(root: Path) -> Mlflow | None:
    try:
        print(f"mlflow {importlib.metadata.version('mlflow')}")
    except importlib.metadata.PackageNotFoundError:
        print('mlflow is not installed and is left out: pip install -e ".[bench]"')
        return None
    return Mlflow(root)


def many_processes(root: Path) -> None:
    rates: dict[str, list[float]] = {"floor": [], "registry": []}
    for turn in range(ROUNDS):
        floor = Floor(root / f"floor{turn}")
        store = LocalStore(root / f"store{turn}")
        rates["floor"].append(
            _rate(lambda child, floor=floor: seconds(floor.register, range(child * 100, child * 100 + EACH)))
        )
        rates["registry"].append(
            _rate(
                lambda _, store=store: seconds(lambda _: ModelRegistry(store).register_model(MODEL, "m"), range(EACH))
            )
        )
        registered = [version.version for version in ModelRegistry(store).versions("m")]
        assert registered == list(range(1, PROCESSES * EACH + 1)), registered
    floor_rate, rate = statistics.median(rates["floor"]), statistics.median(rates["registry"])
    print(f"{PROCESSES} processes x {EACH}, a second          {floor_rate:8.0f} {rate:9.0f} {rate / floor_rate:6.2f}")


def _rate(work: Callable[[int], object]) -> float:
    """How many registrations a second all children together make, from the moment when all are ready."""
    ready, go = os.pipe(), os.pipe()
    children = []
    for child in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            os.close(go[1])
            os.write(ready[1], b".")
            os.read(go[0], 1)
            work(child)
            os._exit(0)
        children.append(pid)
    for _ in children:
        os.read(ready[0], 1)
    started = time.perf_counter()
    os.close(go[1])
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    taken = time.perf_counter() - started
    for end in (*ready, go[0]):
        os.close(end)
    return PROCESSES * EACH / taken


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
    print(f"models() of 200 x 50 versions, first look  {floor:8.1f} {taken:9.1f} {taken / floor:6.1f}")


def _look(models: Path) -> None:
    for model in models.iterdir():
        newest = max(int(path.stem) for path in (model / "versions").iterdir())
        (model / "versions" / f"{newest}.json").read_bytes()
        for act in (model / "events").iterdir():
            act.read_bytes()


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        one_process(Path(folder) / "one")
        many_processes(Path(folder) / "many")
        listing(Path(folder))


if __name__ == "__main__":
    main()
