"""The trackers beside which ours is measured, each doing the same few things; run by `bench_peers.py`.

    python tests/benchmarks/peers.py NAME ACT FOLDER

does one thing in a fresh process and prints what it measured, as JSON. Each tracker keeps its data in FOLDER, and no
process may talk to another machine.
"""

from __future__ import annotations

import time

BEGAN_S = time.perf_counter()

import json  # noqa: E402 - the clock runs from here on
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402

NAMES = [f"metric_{number}" for number in range(10)]
ITEMS = dict.fromkeys(NAMES, 0.5)
RUNS = 1_000
LOSSES = [number / RUNS for number in range(RUNS)]
SETTLED_S = 1.0
"""After it the work that a start leaves to the background is done; it is no part of what logging takes."""


class Peer:
    imports: tuple[str, ...]
    """What reading takes beside its own time."""
    calls: int
    """Of ten points each; fewer where they would take minutes."""
    single_calls: int
    before_kill = 10_099
    """Not a multiple of anybody's buffer."""

    def begin(self) -> None:
        """Begin a run; after that there are `log`, `log_one` and `end`."""

    def first(self) -> None:
        """Begin a run and log one point."""
        self.begin()
        self.log_one("loss", 0.5, 0)

    def fill(self) -> None:
        """Log 100,000 points."""
        self.begin()
        for step in range(10_000):
            self.log(ITEMS, step)
        self.end()

    def log(self, items: dict[str, float], step: int) -> object: ...

    def log_one(self, key: str, value: float, step: int) -> object: ...

    def end(self) -> object: ...

    def read(self) -> int:
        """Read all points into a DataFrame; return how many they are."""

    def make_runs(self) -> None:
        """Make `RUNS` runs that have ended, with one metric each."""

    def search(self) -> int:
        """Find the runs whose loss is above a half, sorted by it; return how many they are."""


class Floor(Peer):
    """Lists that become Arrow batches of 200 points in a file: no times, locks or checks."""

    imports = ("pandas", "pyarrow")
    calls = 10_000
    single_calls = 100_000

    def __init__(self, folder: str) -> None:
        self._path = f"{folder}/points.arrow"

    def first(self) -> None:
        """Write one durable file, with no import at all."""
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT)
        os.write(fd, b"loss 0.5")
        os.fsync(fd)

    def begin(self) -> None:
        import pyarrow as pa

        pa.array([""])  # the first one imports pandas
        self._pa = pa
        self._schema = pa.schema([("key", pa.string()), ("step", pa.int64()), ("value", pa.float64())])
        self._file = pa.OSFile(self._path, "wb")
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        self._columns: tuple[list[str], list[int], list[float]] = ([], [], [])

    def log(self, items: dict[str, float], step: int) -> None:
        keys, steps, values = self._columns
        keys.extend(items)
        steps.extend([step] * len(items))
        values.extend(items.values())
        if len(keys) >= 200:
            self._flush()

    def log_one(self, key: str, value: float, step: int) -> None:
        keys, steps, values = self._columns
        keys.append(key)
        steps.append(step)
        values.append(value)
        if len(keys) >= 200:
            self._flush()

    def end(self) -> None:
        self._flush()
        self._writer.close()
        self._file.close()

    def read(self) -> int:
        import pyarrow as pa

        with pa.OSFile(self._path, "rb") as file:
            return len(pa.ipc.open_stream(file).read_all().to_pandas())

    def make_runs(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"run": [f"run-{n}" for n in range(RUNS)], "loss": LOSSES}), self._path)

    def search(self) -> int:
        import pyarrow.parquet as pq

        found = pq.read_table(self._path).to_pandas()
        return len(found[found["loss"] > 0.5].sort_values("loss"))

    def _flush(self) -> None:
        pa = self._pa
        arrays = [pa.array(column, field.type) for column, field in zip(self._columns, self._schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, self._schema))
        self._columns = ([], [], [])


class Tauro(Peer):
    imports = (
        "numpy", "pandas", "pyarrow.parquet", "tauro_nb.session", "tauro_nb.mlops.tracking.frames",
        "tauro_nb.mlops.tracking.metric_log", "tauro_nb.mlops.tracking.run_table", "tauro_nb.mlops.tracking.search",
    )  # fmt: skip
    calls = 10_000
    single_calls = 100_000

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def begin(self) -> None:
        import tauro_nb

        run = tauro_nb.open_store(self._folder).tracker.start_run("run")
        self.log, self.log_one, self.end = run.log_metrics, run.log_metric, run.end

    def read(self) -> int:
        import tauro_nb

        (run,) = tauro_nb.open_store(self._folder).tracker.search_runs()
        return len(run.metric_history())

    def make_runs(self) -> None:
        import tauro_nb
        from tauro_nb.mlops.tracking.background import background

        tracker = tauro_nb.open_store(self._folder).tracker
        for number, loss in enumerate(LOSSES):
            with tracker.start_run(f"run-{number}") as run:
                run.log_metric("loss", loss)
        background.wait()
        tracker.search_runs()  # has the index made, as any look at the runs does
        background.wait()

    def search(self) -> int:
        import tauro_nb

        return len(tauro_nb.open_store(self._folder).tracker.search_runs("metrics.loss > 0.5", ["metrics.loss"]))


class Trackio(Peer):
    imports = ("pandas", "trackio.sqlite_storage")
    calls = 10_000
    single_calls = 20_000

    def __init__(self, folder: str) -> None:
        os.environ.update(TRACKIO_DIR=folder, GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1")

    def begin(self) -> None:
        import trackio

        run = trackio.init(project="bench", name="run", embed=False, auto_log_cpu=False, auto_log_gpu=False)
        self.log = lambda items, step: run.log(items, step=step)
        self.log_one = lambda key, value, step: run.log({key: value}, step=step)
        self.end = trackio.finish

    def read(self) -> int:
        import pandas as pd
        from trackio.sqlite_storage import SQLiteStorage

        points = pd.DataFrame(SQLiteStorage.get_logs("bench", "run"))
        return int(points.filter(regex="^(metric_|loss)").notna().to_numpy().sum())

    def make_runs(self) -> None:
        from trackio.sqlite_storage import SQLiteStorage

        for number, loss in enumerate(LOSSES):
            SQLiteStorage.bulk_log("bench", f"run-{number}", [{"loss": loss}])

    def search(self) -> int:
        from trackio.sqlite_storage import SQLiteStorage

        # it has no search of runs; its own command line offers SQL
        loss = "json_extract(metrics, '$.loss')"
        query = f"SELECT run_name, {loss} FROM metrics WHERE {loss} > 0.5 ORDER BY {loss}"
        return len(SQLiteStorage.query_project("bench", query)["rows"])


class Mlflow(Peer):
    imports = ("pandas", "mlflow", "mlflow.store.tracking.sqlalchemy_store")
    calls = 500
    single_calls = 1_000
    before_kill = 1_099

    def __init__(self, folder: str) -> None:
        os.environ.update(
            MLFLOW_TRACKING_URI=f"sqlite:///{folder}/mlflow.db", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true"
        )

    def begin(self) -> None:
        import mlflow

        mlflow.start_run(run_name="run")
        self.log, self.end = mlflow.log_metrics, mlflow.end_run
        self.log_one = lambda key, value, step: mlflow.log_metric(key, value, step=step)

    def fill(self) -> None:
        """Log 100,000 points in batches, which is faster than it logs by itself."""
        import mlflow
        from mlflow.entities import Metric

        client = mlflow.MlflowClient()
        with mlflow.start_run(run_name="run") as run:
            for step in range(0, 10_000, 100):
                points = [Metric(name, 0.5, 0, one) for one in range(step, step + 100) for name in NAMES]
                client.log_batch(run.info.run_id, points)

    def read(self) -> int:
        import mlflow
        import pandas as pd

        client = mlflow.MlflowClient()
        (run,) = client.search_runs(["0"])
        histories = [client.get_metric_history(run.info.run_id, key) for key in run.data.metrics]
        return len(pd.DataFrame([dict(point) for history in histories for point in history]))

    def make_runs(self) -> None:
        import mlflow

        client = mlflow.MlflowClient()
        for loss in LOSSES:
            run_id = client.create_run("0").info.run_id
            client.log_metric(run_id, "loss", loss)
            client.set_terminated(run_id)

    def search(self) -> int:
        import mlflow

        return len(mlflow.search_runs(["0"], "metrics.loss > 0.5", order_by=["metrics.loss"]))


PEERS = {"floor": Floor, "tauro": Tauro, "trackio": Trackio, "mlflow": Mlflow}


def first(peer: Peer) -> float:
    """Seconds from the start of the process to the first logged metric."""
    peer.first()
    return time.perf_counter() - BEGAN_S


def rate(peer: Peer) -> float:
    """Points a second, 10 a call, to the end of the run."""
    peer.begin()
    peer.log(ITEMS, 0)
    time.sleep(SETTLED_S)
    begin_s = time.perf_counter()
    for step in range(1, peer.calls):
        peer.log(ITEMS, step)
    peer.end()
    return (peer.calls - 1) * len(NAMES) / (time.perf_counter() - begin_s)


def latencies(peer: Peer) -> tuple[float, float, float]:
    """p50, p99 and longest call in microseconds, one value a call."""
    peer.begin()
    peer.log_one("loss", 0.5, 0)
    time.sleep(SETTLED_S)
    clock, log, found = time.perf_counter_ns, peer.log_one, []
    for step in range(1, peer.single_calls):
        begin_ns = clock()
        log("loss", 0.5, step)
        found.append(clock() - begin_ns)
    found.sort()
    return found[len(found) // 2] / 1e3, found[len(found) * 99 // 100] / 1e3, found[-1] / 1e3


def killed(peer: Peer) -> None:
    """Log some points, and die at once."""
    peer.begin()
    for step in range(peer.before_kill):
        peer.log_one("loss", 0.5, step)
    os.kill(os.getpid(), signal.SIGKILL)


def left(peer: Peer) -> float:
    """Percent of those points that are read back."""
    return 100 * peer.read() / peer.before_kill


def filled(peer: Peer) -> None:
    """Log 100,000 points."""
    peer.fill()


def frame(peer: Peer) -> float:
    """Milliseconds to have all points in a DataFrame, imports done."""
    for name in peer.imports:
        import_module(name)
    begin_s = time.perf_counter()
    count = peer.read()
    took_s = time.perf_counter() - begin_s
    if count != 100_000:
        raise SystemExit(f"{count} points")
    return took_s * 1e3


def runs(peer: Peer) -> None:
    """Make runs."""
    peer.make_runs()


def search(peer: Peer) -> float:
    """Milliseconds to find half of them, imports done."""
    for name in peer.imports:
        import_module(name)
    begin_s = time.perf_counter()
    count = peer.search()
    took_s = time.perf_counter() - begin_s
    if count != RUNS // 2 - 1:
        raise SystemExit(f"{count} runs")
    return took_s * 1e3


ACTS = {act.__name__: act for act in (first, rate, latencies, killed, left, filled, frame, runs, search)}


def stay_here(event: str, arguments: tuple[object, ...]) -> None:
    """Let no process talk to another machine."""
    if event == "socket.connect":
        host = arguments[1][0] if isinstance(arguments[1], tuple) else "127.0.0.1"
        if host not in {"127.0.0.1", "::1", "localhost"}:
            raise PermissionError(f"a benchmark talks to nobody, and not to {host}")


if __name__ == "__main__":
    sys.addaudithook(stay_here)
    name, act, folder = sys.argv[1:]
    told = ACTS[act](PEERS[name](folder))
    sys.stderr.write(f"\n{json.dumps(told)}\n")
    sys.stderr.flush()
    os._exit(0)  # what a tracker does at exit is measured where it is asked to end
