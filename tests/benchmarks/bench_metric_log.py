"""The metric log beside its floors, in one run: only the ratios travel to another machine.

    python tests/benchmarks/bench_metric_log.py

The floors are lean: no times, locks or checks, and nothing survives a kill. Logging: lists that become Arrow batches of
200 points in a file. Reading: that file as a DataFrame, in a fresh process with its imports done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyarrow as pa

from tauro_nb.mlops.tracking.metric_log import MetricLog, MetricWriter
from tauro_nb.store import open_local

POINTS = 100_000
KEYS = [f"metric_{number}" for number in range(10)]
SCHEMA = pa.schema([("key", pa.string()), ("step", pa.int64()), ("value", pa.float64())])
ROUNDS = 7


class ArrowFile:
    """The floor: points gathered in lists, written as Arrow record batches."""

    def __init__(self, path: Path) -> None:
        self._writer = pa.ipc.new_file(path, SCHEMA)
        self._clear()

    def _clear(self) -> None:
        self._keys: list[str] = []
        self._steps: list[int] = []
        self._values: list[float] = []

    def append(self, key: str, value: float, step: int) -> None:
        self._keys.append(key)
        self._steps.append(step)
        self._values.append(value)
        if len(self._keys) >= 200:
            self.flush()

    def append_many(self, items: dict[str, float], step: int) -> None:
        self._keys.extend(items)
        self._values.extend(items.values())
        self._steps.extend([step] * len(items))
        if len(self._keys) >= 200:
            self.flush()

    def flush(self) -> None:
        columns = [pa.array(self._keys, pa.string()), pa.array(self._steps), pa.array(self._values)]
        self._writer.write_batch(pa.record_batch(columns, SCHEMA))
        self._clear()

    def close(self) -> None:
        self._writer.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        logs = Logs(root)
        measure_logging(logs)
        measure_reading(logs)
        measure_memory(root)
        first = median(seconds_cold(FIRST_POINT, root / f"first{number}") for number in range(ROUNDS)) * 1e3
        bare = median(seconds_cold("begin = clock()\nimport msgspec", root) for _ in range(ROUNDS)) * 1e3
        say("import, first durable point (floor: msgspec)", "ms", bare, first, "<= 50 ms with the session")


def measure_logging(logs: Logs) -> None:
    rates = [(rate(logs.floor), rate(logs.own)) for _ in range(ROUNDS)]
    floor, own = (max(column) / 1e6 for column in zip(*rates, strict=True))
    say("log 100k points, 10 a call, to the end", "M/s", floor, own, "ratio >= 0.35")
    found = [(latencies(logs.floor), latencies(logs.own)) for _ in range(ROUNDS)]
    for place, (name, goal) in enumerate({"p50": "1.5", "p99": "5", "max": "5000"}.items()):
        floor, own = (median(column[place] for column in columns) for columns in zip(*found, strict=True))
        say(f"one value a call, {name}", "us", floor, own, f"<= {goal} us")


def measure_reading(logs: Logs) -> None:
    path = logs.filled()
    cases = {"as logged": path, "as metrics.parquet": logs.compacted()}
    for what, floor_code, own_code in (("numpy", FLOOR_ARRAYS, ARRAYS), ("a DataFrame", FLOOR_FRAME, FRAME)):
        for how, log in cases.items():
            pairs = [(seconds_cold(floor_code, logs.path_of_floor), seconds_cold(own_code, log)) for _ in range(ROUNDS)]
            floor, own = (median(column) * 1e3 for column in zip(*pairs, strict=True))
            say(f"100k points into {what}, cold, {how}", "ms", floor, own, "<= 12 ms")


def measure_memory(root: Path) -> None:
    small, large = (told(GROWS.format(path=root / f"grows{points}", points=points)) for points in (300_000, 10_000_000))
    say(
        "10M points logged, tailed, resumed, compacted",
        "MB",
        small,
        large,
        "<= 100 MB above the floor, a first run",
    )


class Logs:
    """Makes a new log of each kind."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = 0

    @property
    def path_of_floor(self) -> Path:
        """A file of the floor's with all points."""
        return self._root / "floor1.arrow"

    def floor(self) -> ArrowFile:
        self._count += 1
        return ArrowFile(self._root / f"floor{self._count}.arrow")

    def own(self) -> MetricWriter:
        self._count += 1
        return MetricLog.writer(open_local(self._root / f"own{self._count}"), "run/metrics")

    def filled(self) -> Path:
        log = self.own()
        fill(log)
        return self._root / f"own{self._count}"

    def compacted(self) -> Path:
        path = self.filled()
        MetricLog.compact(open_local(path), "run/metrics")
        return path


def fill(log: MetricWriter | ArrowFile) -> None:
    items = dict.fromkeys(KEYS, 0.5)
    for step in range(POINTS // len(KEYS)):
        log.append_many(items, step)
    log.close()


def rate(make: Callable[[], MetricWriter | ArrowFile]) -> float:
    log = make()
    log.append_many(dict.fromkeys(KEYS, 0.5), 0)
    begin = time.perf_counter()
    fill(log)
    return POINTS / (time.perf_counter() - begin)


def latencies(make: Callable[[], MetricWriter | ArrowFile]) -> tuple[float, float, float]:
    log = make()
    clock = time.perf_counter_ns
    append = log.append
    append("loss", 0.5, 0)
    found = []
    for step in range(POINTS):
        begin = clock()
        append("loss", 0.5, step)
        found.append(clock() - begin)
    log.close()
    found.sort()
    return found[POINTS // 2] / 1e3, found[POINTS * 99 // 100] / 1e3, found[-1] / 1e3


IMPORTS = """
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.frames import points_frame
from tauro_nb.store import open_local
"""
FLOOR_ARRAYS = (
    IMPORTS
    + """
begin = clock()
table = pa.ipc.open_file(path).read_all()
arrays = [table[name].to_numpy() for name in ("step", "value")]
"""
)
FLOOR_FRAME = (
    IMPORTS
    + """
begin = clock()
frame = pa.ipc.open_file(path).read_all().to_pandas()
"""
)
ARRAYS = (
    IMPORTS
    + """
begin = clock()
points = MetricLog.reader(open_local(Path(path)), "run/metrics").read()
assert len(points) == 100_000
"""
)
FRAME = (
    IMPORTS
    + """
begin = clock()
frame = points_frame(MetricLog.reader(open_local(Path(path)), "run/metrics").read())
assert len(frame) == 100_000
"""
)
GROWS = """
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
store = open_local(Path('{path}'))
writer, reader, cursor = MetricLog.writer(store, "m"), MetricLog.reader(store, "m"), None
items = dict.fromkeys("abcdefghij", 0.5)
for number in range({points} // 10):
    writer.append_many(items)
    if number % 1000 == 0:
        _, cursor = reader.tail(cursor)
writer.close()
resumed = MetricLog.writer(store, "m")
resumed.append("a", 1.0)
resumed.close()
MetricLog.compact(store, "m")
reader.tail(cursor)
reader.last()
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e3)
"""
FIRST_POINT = """
begin = clock()
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
MetricLog.writer(open_local(Path(path)), "run/metrics").append("loss", 0.5)
"""


def seconds_cold(code: str, path: Path) -> float:
    """Run `code` in a fresh interpreter and return how long it took from ``begin`` on."""
    return told(f"from time import perf_counter as clock\npath = {os.fspath(path)!r}\n{code}\nprint(clock() - begin)")


def told(script: str) -> float:
    """Run `script` in a fresh interpreter and return the number that it prints."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, env=environ)
    return float(done.stdout)


def say(what: str, unit: str, floor: float, own: float, goal: str) -> None:
    line = f"{what:50} floor {floor:9.3f}  own {own:9.3f} {unit:4} ratio {own / floor:6.2f}   goal {goal}"
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
