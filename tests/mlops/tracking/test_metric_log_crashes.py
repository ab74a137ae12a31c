"""Real processes that are killed, forked and many at once: what a user's machine does to a run."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import open_local

PREFIX = "runs/one/metrics"


def start(code: str, root: Path, *args: object) -> subprocess.Popen[str]:
    head = f"""
import os, signal, sys
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
store, PREFIX = open_local(Path({os.fspath(root)!r})), {PREFIX!r}
"""
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(child: subprocess.Popen[str], expected: int = 0) -> str:
    try:
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == expected
    return out


class Acknowledged:
    """How many points a child says to have logged; it says so in shared memory, which is as durable as its points."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(mmap.PAGESIZE))

    @property
    def count(self) -> int:
        return struct.unpack("<q", self.path.read_bytes()[:8])[0]

    def set(self, count: int) -> None:
        self.path.write_bytes(struct.pack("<q", count).ljust(mmap.PAGESIZE, bytes(1)))

    def wait_for(self, count: int, child: subprocess.Popen[str]) -> None:
        while self.count < count:
            assert child.poll() is None, "the child ended by itself"
            time.sleep(0.001)


LOGS_FOR_EVER = """
    import mmap, random, struct
    acknowledged = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), mmap.PAGESIZE)
    number, dice = int(sys.argv[2]), random.Random(int(sys.argv[3]))
    while True:
        writer = MetricLog.writer(store, PREFIX, buffer_size=dice.choice([1, 50, 200, 5000]))
        for _ in range(dice.choice([1, 10, 300, 3000])):
            if dice.random() < 0.2:
                many = dice.randint(1, 9)
                writer.append_many({str(key): float(number + key) for key in range(many)}, number)
                number += many
            else:
                writer.append(str(number % 7), float(number), number)
                number += 1
            struct.pack_into("<q", acknowledged, 0, number)
            if dice.random() < 0.001:
                writer.flush()
        writer.close()
        if dice.random() < 0.3:
            MetricLog.compact(store, PREFIX)
"""


def killed_again_and_again(tmp_path: Path, times: int, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged = Acknowledged(tmp_path / "acknowledged")
    store = open_local(tmp_path / "store")
    reader = MetricLog.reader(store, PREFIX)
    logged, cursor, tailed = 0, None, []
    for _ in range(times):
        child = start(LOGS_FOR_EVER, tmp_path / "store", acknowledged.path, logged, dice.randrange(2**32))
        acknowledged.wait_for(logged + 1, child)
        time.sleep(dice.random() * 0.25)
        child.kill()
        finish(child, -signal.SIGKILL)
        values = reader.read().values
        assert len(values) >= acknowledged.count
        assert np.array_equal(values, np.arange(len(values)))
        points, cursor = reader.tail(cursor)
        tailed += points.values.tolist()
        assert len(tailed) == len(values)
        logged = len(values)
        acknowledged.set(logged)
    assert tailed == list(range(logged))
    MetricLog.compact(store, PREFIX)
    assert np.array_equal(reader.read().values, np.arange(logged))
    assert [path.name for path in (tmp_path / "store" / PREFIX).iterdir()] == ["metrics.parquet"]


def test_killed_at_random_moments_no_acknowledged_point_is_lost(tmp_path):
    killed_again_and_again(tmp_path, 3, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_two_hundred_random_moments_no_acknowledged_point_is_lost(tmp_path, seed):
    killed_again_and_again(tmp_path, 50, seed=100 + seed)


RUNS_FOR_EVER = """
    import mmap, random, struct
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker
    acknowledged = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), mmap.PAGESIZE)
    number = int(sys.argv[2])
    dice = random.Random(int(sys.argv[3]))
    tracker = ExperimentTracker(store)
    while True:
        with tracker.start_run() as run:
            run.log_param("first", number)
            for _ in range(dice.choice([1, 10, 10_099])):
                run.log_metric("number", number)
                number += 1
                struct.pack_into("<q", acknowledged, 0, number)
                if dice.random() < 0.001:
                    run.flush_metrics()
        if dice.random() < 0.5:
            run.metric_history()
        if dice.random() < 0.3:
            with tracker.resume_run(run.run_id) as run:
                run.log_metric("number", number)
                number += 1
                struct.pack_into("<q", acknowledged, 0, number)
"""


def runs_killed_again_and_again(tmp_path: Path, times: int, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged = Acknowledged(tmp_path / "acknowledged")
    logged, unanswered = 0, set()
    for _ in range(times):
        child = start(RUNS_FOR_EVER, tmp_path / "store", acknowledged.path, logged, dice.randrange(2**32))
        acknowledged.wait_for(logged + 1, child)
        time.sleep(dice.random() * 0.25)
        child.kill()
        finish(child, -signal.SIGKILL)
        unanswered.add(acknowledged.count)
        logged = acknowledged.count + 1
        acknowledged.set(logged)
    tracker = ExperimentTracker(open_local(tmp_path / "store"))
    runs = tracker.search_runs()
    assert {run.status for run in runs} <= {"FINISHED", "INTERRUPTED"}
    found: list[float] = []
    for run in runs:
        history = run.metric_history("number")
        assert history["step"].tolist() == list(range(len(history)))
        assert run.metrics == ({"number": history["value"].iloc[-1]} if len(history) else {})
        found += history["value"].tolist()
    assert len(set(found)) == len(found)
    assert set(range(logged)) - set(found) <= unanswered
    with tracker.start_run() as run:
        run.log_metric("number", logged)
    assert tracker.get_run(run.run_id).metrics == {"number": logged}


def test_runs_killed_at_random_moments_keep_every_acknowledged_point(tmp_path):
    runs_killed_again_and_again(tmp_path, 2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_two_hundred_killed_runs_keep_every_acknowledged_point(tmp_path, seed):
    runs_killed_again_and_again(tmp_path, 50, seed=200 + seed)


@pytest.mark.parametrize("auto_flush", [True, False])
def test_all_of_10099_points_survive_a_kill(tmp_path, auto_flush):
    code = f"""
    writer = MetricLog.writer(store, PREFIX, auto_flush={auto_flush})
    for number in range(10_099):
        writer.append("loss", float(number))
    os.kill(os.getpid(), signal.SIGKILL)
    """
    finish(start(code, tmp_path), -signal.SIGKILL)
    store = open_local(tmp_path)
    assert MetricLog.reader(store, PREFIX).read().values.tolist() == list(range(10_099))
    MetricLog.compact(store, PREFIX)
    assert MetricLog.reader(store, PREFIX).read().steps.tolist() == list(range(10_099))


def test_another_process_sees_each_point_as_soon_as_it_is_logged(tmp_path):
    code = """
    writer = MetricLog.writer(store, PREFIX)
    for line in sys.stdin:
        writer.append("loss", float(line))
        print("logged", flush=True)
    """
    child = start(code, tmp_path)
    reader = MetricLog.reader(open_local(tmp_path), PREFIX)
    cursor = None
    for number in range(5):
        child.stdin.write(f"{number}\n")
        child.stdin.flush()
        assert child.stdout.readline() == "logged\n"
        points, cursor = reader.tail(cursor)
        assert points.values.tolist() == [number]
    finish(child)


def test_a_reader_beside_a_busy_writer_sees_a_growing_unbroken_prefix(tmp_path):
    code = """
    for turn in range(4):
        writer = MetricLog.writer(store, PREFIX)
        for number in range(turn * 20_000, (turn + 1) * 20_000):
            writer.append(f"key {number % 100}", float(number), number)
        writer.close()
        MetricLog.compact(store, PREFIX)
    """
    child = start(code, tmp_path)
    reader = MetricLog.reader(open_local(tmp_path), PREFIX)
    cursor, tailed, before = None, 0, 0
    while child.poll() is None or before < 80_000:
        points, cursor = reader.tail(cursor)
        assert np.array_equal(points.values, np.arange(tailed, tailed + len(points)))
        assert np.array_equal(points.key_ids, [points.keys.index(f"key {number % 100}") for number in points.steps])
        tailed += len(points)
        values = reader.read().values
        assert np.array_equal(values, np.arange(len(values)))
        assert len(values) >= max(before, tailed)
        before = len(values)
    finish(child)
    assert before == 80_000


def test_processes_that_log_to_one_run_lose_nothing(tmp_path):
    code = """
    writer = MetricLog.writer(store, PREFIX)
    for number in range(5_000):
        writer.append(sys.argv[1], float(number))
    if sys.argv[1] != "0":
        writer.close()
        MetricLog.compact(store, PREFIX)
    """
    children = [start(code, tmp_path, number) for number in range(4)]
    for child in children:
        finish(child)
    store = open_local(tmp_path)
    for _ in range(2):
        points = MetricLog.reader(store, PREFIX).read()
        assert len(points) == 20_000
        for key in "0123":
            assert points.only(key).values.tolist() == list(range(5_000))
        MetricLog.compact(store, PREFIX)


def test_a_forked_child_logs_beside_its_parent(tmp_path):
    code = """
    writer = MetricLog.writer(store, PREFIX)
    for number in range(100):
        writer.append("loss", float(number))
    child = os.fork()
    for number in range(100, 150):
        writer.append("loss", float(number) + (0 if child else 1000))
    assert writer.last() == {"loss": 149.0 if child else 1149.0}
    assert writer.count == (150 if child else 50)
    if not child:
        if os.fork() == 0:
            writer.append("loss", 5000.0)
            os._exit(0)
        os.wait()
        writer.close()
        os._exit(0)
    os.wait()
    os.kill(os.getpid(), signal.SIGKILL)
    """
    finish(start(code, tmp_path), -signal.SIGKILL)
    store = open_local(tmp_path)
    assert len(list((tmp_path / PREFIX).iterdir())) == 3
    points = MetricLog.reader(store, PREFIX).read()
    parents, childs = points.values < 1000, (points.values >= 1000) & (points.values < 5000)
    assert points.values[parents].tolist() == list(range(150))
    assert points.values[childs].tolist() == list(range(1100, 1150))
    assert points.steps[parents].tolist() == list(range(150))
    assert points.steps[childs].tolist() == list(range(100, 150))
    assert points.steps[points.values == 5000].tolist() == [150]


def test_a_childs_fork_does_not_keep_a_killed_parents_log_locked(tmp_path):
    code = """
    import time
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 1.0)
    if os.fork() == 0:
        print("forked", flush=True)
        sys.stdin.read()
        os._exit(0)
    time.sleep(600)
    """
    child = start(code, tmp_path)
    assert child.stdout.readline() == "forked\n"
    store = open_local(tmp_path)
    assert not MetricLog.compact(store, PREFIX)
    child.kill()
    child.wait()
    assert MetricLog.compact(store, PREFIX)
    assert len(MetricLog.reader(store, PREFIX).read()) == 1
    finish(child, -signal.SIGKILL)


def test_a_fork_beside_threads_that_log_leaves_a_usable_child(tmp_path):
    code = """
    import threading
    writer = MetricLog.writer(store, PREFIX)
    stop = threading.Event()

    def log(key):
        number = 0
        while not stop.is_set():
            writer.append(key, float(number))
            number += 1

    threads = [threading.Thread(target=log, args=(f"t{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    import warnings
    warnings.simplefilter("ignore")
    for number in range(20):
        if os.fork() == 0:
            writer.append("child", float(number))
            os._exit(0)
        assert os.wait()[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    writer.close()
    """
    finish(start(code, tmp_path))
    points = MetricLog.reader(open_local(tmp_path), PREFIX).read()
    assert sorted(points.only("child").values) == list(range(20))
    for key in ("t0", "t1", "t2"):
        values = points.only(key).values
        assert np.array_equal(values, np.arange(len(values)))


def test_a_signal_handler_may_log(tmp_path):
    code = """
    writer = MetricLog.writer(store, PREFIX)
    extra = 0

    def handle(number, frame):
        global extra
        extra += 1
        writer.append("handler", float(extra))

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for number in range(100_000):
        writer.append("loop", float(number))
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert extra > 10
    print(extra)
    """
    extra = int(finish(start(code, tmp_path)))
    points = MetricLog.reader(open_local(tmp_path), PREFIX).read()
    assert np.array_equal(points.only("loop").values, np.arange(100_000))
    assert sorted(points.only("handler").values) == list(range(1, extra + 1))


def test_an_interrupt_leaves_the_writer_whole(tmp_path):
    code = """
    writer = MetricLog.writer(store, PREFIX)
    done = interrupts = 0
    logging = False

    def handle(number, frame):
        global logging
        if logging:
            logging = False
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    while done < 100_000:
        try:
            logging = True
            writer.append("loop", float(done))
            done += 1
            logging = False
        except KeyboardInterrupt:
            interrupts += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert interrupts > 10
    print(interrupts)
    writer.close()
    """
    interrupts = int(finish(start(code, tmp_path)))
    values = MetricLog.reader(open_local(tmp_path), PREFIX).read().values
    # a point whose call was interrupted may be there, and is then there again from the repeated call
    assert np.array_equal(np.unique(values), np.arange(100_000))
    assert np.all(np.diff(values) >= 0)
    assert len(values) - 100_000 <= interrupts
