"""Tracking beside its floors, in one run: only the ratios travel to another machine.

    python tests/benchmarks/bench_tracking.py

Logging goes through `Run`, beside lists that become Arrow batches in a file. Searching is cold (a fresh process with
its imports done, page cache warm), beside reading one JSON file a run and one Parquet file for all.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa

from tauro_nb.mlops import encoding
from tauro_nb.mlops.tracking import provenance
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.changes import ChangeLog
from tauro_nb.mlops.tracking.owner import this_process
from tauro_nb.mlops.tracking.records import Experiment, RunRecord, RunStatus
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys, open_local

POINTS = 100_000
NAMES = [f"metric_{number}" for number in range(10)]
SCHEMA = pa.schema([("key", pa.string()), ("step", pa.int64()), ("value", pa.float64())])
ROUNDS = 7


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tracker = ExperimentTracker(open_local(root / "store"))
        alternately = [(log_floor(root / f"floor{n}"), log_own(tracker)) for n in range(ROUNDS)]
        floor, own = (POINTS / min(times) for times in zip(*alternately, strict=True))
        say(
            "log 100k points, 10 a call, to the end of the run",
            "M points/s",
            floor / 1e6,
            own / 1e6,
            ">= 0.35",
        )

        pairs = [(floor_latencies(), own_latencies(tracker)) for _ in range(ROUNDS)]
        for place, (name, goal) in enumerate((("p50", "1.5"), ("p99", "5"), ("max", "5000"))):
            floor, own = (statistics.median(pair[side][place] for pair in pairs) for side in (0, 1))
            say(f"one value a call, {name}", "us", floor, own, f"<= {goal} us")

        floor = statistics.median(timed(lambda n=n: whole_write(root / f"run{n}")) for n in range(50)) * 1e3
        own = statistics.median(timed(lambda: small_run(tracker)) for _ in range(50)) * 1e3
        background.wait()
        say("a run with one param and one metric", "ms", floor, own, "(floor: one durable file)")

        for count, goal in ((1_000, "<= 10 ms"), (5_000, "<= 20 ms"), (50_000, "<= 150 ms")):
            store = root / f"store{count}"
            fill(store, count)
            one_file = store / "all.parquet"
            ExperimentTracker(open_local(store)).search_runs().frame.to_parquet(one_file)
            background.wait(60)
            own = median_ms(SEARCH, [store] * ROUNDS)
            say(
                f"{count} runs searched, cold (floor: one Parquet)",
                "ms",
                median_ms(READ_PARQUET, [one_file] * ROUNDS),
                own,
                goal,
            )
            rounds = ROUNDS if count < 10_000 else 1
            say(
                f"{count} runs searched, cold (floor: a JSON a run)",
                "ms",
                median_ms(READ_JSON, [store] * rounds),
                own,
                goal,
            )
            floor = median_ms(READ_PARQUET_ALL, [one_file] * ROUNDS)
            say(
                f"{count} runs as a DataFrame, cold (floor: one Parquet)",
                "ms",
                floor,
                median_ms(FRAME, [store] * ROUNDS),
                "",
            )
        floor, own = note_costs(store)
        say("noting a change of an ended run (floor: its write)", "us", floor, own, "")

        floor = median_ms(WRITE_ONE, [root / f"one{n}" for n in range(ROUNDS)])
        own = median_ms(FIRST_METRIC, [root / f"first{n}" for n in range(ROUNDS)])
        say("import, start a run, first durable metric", "ms", floor, own, "<= 50 ms")


def log_floor(path: Path) -> float:
    begin = time.perf_counter()
    with pa.OSFile(os.fspath(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
        for start in range(0, POINTS // len(NAMES), 20):
            keys_, steps, values = [], [], []
            for step in range(start, start + 20):
                keys_.extend(NAMES)
                steps.extend([step] * len(NAMES))
                values.extend([0.5] * len(NAMES))
            writer.write_batch(pa.record_batch([pa.array(keys_), pa.array(steps), pa.array(values)], SCHEMA))
    return time.perf_counter() - begin


def log_own(tracker: ExperimentTracker) -> float:
    items = dict.fromkeys(NAMES, 0.5)
    with tracker.start_run():
        pass
    background.wait()
    begin = time.perf_counter()
    with tracker.start_run() as run:
        for step in range(POINTS // len(NAMES)):
            run.log_metrics(items, step)
    took = time.perf_counter() - begin
    background.wait()
    return took


def floor_latencies() -> tuple[float, float, float]:
    points: list[tuple[str, float, int]] = []
    return latencies(lambda key, value, step: points.append((key, value, step)))


def own_latencies(tracker: ExperimentTracker) -> tuple[float, float, float]:
    with tracker.start_run() as run:
        background.wait()
        return latencies(run.log_metric)


def latencies(log: Callable[[str, float, int], object]) -> tuple[float, float, float]:
    clock = time.perf_counter_ns
    log("loss", 0.5, 0)
    found = []
    for step in range(POINTS):
        begin = clock()
        log("loss", 0.5, step)
        found.append(clock() - begin)
    found.sort()
    return found[POINTS // 2] / 1e3, found[POINTS * 99 // 100] / 1e3, found[-1] / 1e3


def small_run(tracker: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        run.log_param("lr", 0.1)
        run.log_metric("loss", 0.5)


def whole_write(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"{}")
        os.fsync(file.fileno())


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def fill(root: Path, count: int) -> None:
    """Make finished runs, as a day of work would have left them."""
    source, owner = provenance.gather(provenance.circumstances()), this_process()
    folder = root / keys.runs("bench")
    folder.mkdir(parents=True)
    (root / keys.experiment_record("bench")).write_bytes(encoding.encode(Experiment(name="bench", created_at_ns=0)))
    for number in range(count):
        record = RunRecord(
            run_id=f"20261124-000000-{number:08x}",
            name=f"run-{number}",
            experiment="bench",
            status=RunStatus.FINISHED,
            started_at_ns=number,
            ended_at_ns=number + 1,
            params={"model": "RandomForest", "n_estimators": 150, "max_depth": number % 12, "lr": 1 / (number + 1)},
            tags={"pipeline": "churn", "node": "train", "environment": "dev"},
            metrics=dict.fromkeys(("accuracy", "f1", "loss", "precision", "recall"), number / count),
            owner=owner,
            source=source,
        )
        path = folder / record.run_id / "run.json"
        path.parent.mkdir()
        path.write_bytes(encoding.encode(record))
        os.utime(path, (1, 1))


def note_costs(root: Path) -> tuple[float, float]:
    """Return how long the durable write of a record takes, and the line that is noted before it, in microseconds."""
    store = open_local(root)
    key = keys.run_record("bench", "20261124-000000-00000000")
    data, log = store.get(key), ChangeLog.of(store, "bench")
    assert log is not None

    def note() -> None:
        with log.noted("20261124-000000-00000000"):
            pass

    writes = [timed(lambda: store.put(key, data)) for _ in range(200)]
    notes = [timed(note) for _ in range(200)]
    return statistics.median(writes) * 1e6, statistics.median(notes) * 1e6


SEARCH = """
from tauro_nb.mlops.tracking import search, run_table
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import open_local
begin = clock()
found = ExperimentTracker(open_local(path)).search_runs("metrics.f1 > 0.5", order_by=["metrics.f1 DESC"])
assert len(found) > 400
"""
READ_JSON = """
import glob, json
begin = clock()
found = [json.load(open(each)) for each in glob.glob(path + "/experiments/bench/runs/*/run.json")]
found = sorted((each for each in found if each["metrics"]["f1"] > 0.5), key=lambda each: each["metrics"]["f1"])
"""
READ_PARQUET = """
import pandas as pd, pyarrow.parquet as pq
begin = clock()
found = pq.read_table(path, columns=["run_id", "metrics.f1"]).to_pandas()
found = found[found["metrics.f1"] > 0.5].sort_values("metrics.f1")
"""
READ_PARQUET_ALL = """
import pandas as pd, pyarrow.parquet as pq
pd.Series(["a"], dtype="str")
begin = clock()
found = pq.read_table(path).to_pandas()
"""
FRAME = """
import pandas as pd, pyarrow
from tauro_nb.mlops.tracking import frames, search, run_table
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import open_local
pd.Series(["a"], dtype="str")
begin = clock()
found = ExperimentTracker(open_local(path)).search_runs().frame
"""
FIRST_METRIC = """
begin = clock()
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import open_local
ExperimentTracker(open_local(path)).start_run().log_metric("loss", 0.5)
"""
WRITE_ONE = """
begin = clock()
import json, os
with open(path, "w") as file:
    json.dump({"loss": 0.5}, file)
    os.fsync(file.fileno())
"""


def median_ms(code: str, paths: Iterable[Path]) -> float:
    return statistics.median(seconds_cold(code, path) for path in paths) * 1e3


def seconds_cold(code: str, path: Path) -> float:
    """Run `code` in a fresh interpreter and return how long it took from ``begin`` on."""
    script = f"from time import perf_counter as clock\npath = {os.fspath(path)!r}\n{code}\nprint(clock() - begin)"
    # compiled modules are kept, as they are of whatever is installed
    own = {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/bench_tracking_pyc",
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **own})
    return float(done.stdout)


def say(what: str, unit: str, floor: float, own: float, goal: str) -> None:
    sys.stdout.write(f"{what:50} floor {floor:9.3f}  own {own:9.3f} {unit:11} ratio {own / floor:7.2f}   goal {goal}\n")


if __name__ == "__main__":
    main()
