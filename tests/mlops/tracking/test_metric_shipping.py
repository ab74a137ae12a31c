"""Points on their way to a store that has no local folder."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking import metric_log, parquet, shipping
from tauro_nb.mlops.tracking.compaction import write_whole
from tauro_nb.mlops.tracking.metric_log import MetricLog, MetricWriter
from tauro_nb.mlops.tracking.metric_reader import MetricReader
from tauro_nb.mlops.tracking.sources import SENDING
from tauro_nb.store import open_local
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.walk import walk
from tauro_nb.testing.dying import Died, DyingMemory

PREFIX = "run/metrics"


class OutOfReach(MemoryStore):
    """A store that can be cut off, and that counts what is put."""

    def __init__(self) -> None:
        super().__init__()
        self.reachable = True
        self.puts: list[str] = []

    def put(self, key: str, data: bytes) -> None:
        if not self.reachable:
            raise StoreError("no answer", fix="try again")
        self.puts.append(key)
        super().put(key, data)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store() -> OutOfReach:
    return OutOfReach()


def sent(store: MemoryStore) -> list[float]:
    """What another machine would read: only what the store itself holds."""
    saved = SENDING.pop((store.location, PREFIX), {})
    try:
        return MetricReader(store, PREFIX).read().values.tolist()
    finally:
        if saved:
            SENDING[store.location, PREFIX] = saved


def wait_until(met: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def fill(writer: MetricWriter, start: int, stop: int) -> None:
    for number in range(start, stop):
        writer.append("loss", float(number))


def test_a_slow_runs_points_arrive_by_themselves(store, spool):
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool)
    writer.append("loss", 0.0)
    assert sent(store) == []
    wait_until(lambda: sent(store) == [0.0])
    writer.append("loss", 1.0)
    wait_until(lambda: sent(store) == [0.0, 1.0])
    writer.close()


def test_without_auto_flush_points_wait_for_a_flush_and_this_process_sees_them(store, spool):
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool, auto_flush=False)
    fill(writer, 0, 10_000)
    assert store.puts == []
    assert len(MetricLog.reader(store, PREFIX).read()) == 10_000
    writer.flush()
    assert sent(store) == list(range(10_000))
    fill(writer, 10_000, 10_010)
    assert len(sent(store)) == 10_000
    writer.close()
    assert sent(store) == list(range(10_010))
    assert not list(spool.rglob("*.points"))


def test_a_slow_run_of_many_flushes_is_a_few_objects(store, spool):
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool, auto_flush=False)
    for number in range(100):
        fill(writer, number * 30, number * 30 + 30)
        writer.flush()
    writer.close()
    assert len(set(store.puts)) == 2
    assert sent(store) == list(range(3000))


def test_points_wait_while_the_store_is_out_of_reach(store, spool, caplog):
    caplog.set_level(logging.WARNING)
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool)
    store.reachable = False
    fill(writer, 0, 500)
    wait_until(lambda: "points wait in" in caplog.text)
    fill(writer, 500, 1000)
    with pytest.raises(StoreError, match="no answer"):
        writer.flush()
    assert len(MetricLog.reader(store, PREFIX).read()) == 1000
    store.reachable = True
    wait_until(lambda: sent(store) == list(range(1000)))
    writer.close()
    assert len([record for record in caplog.records if "points wait in" in record.message]) == 1


def test_a_close_that_cannot_send_keeps_the_points_for_recovery(store, spool):
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool, auto_flush=False)
    fill(writer, 0, 300)
    writer.flush()
    fill(writer, 300, 5000)
    store.reachable = False
    with pytest.raises(StoreError):
        writer.close()
    assert len(MetricLog.reader(store, PREFIX).read()) == 5000
    with pytest.raises(StoreError):
        MetricLog.recover(store, spool_dir=spool)
    store.reachable = True
    assert MetricLog.recover(store, spool_dir=spool) == [PREFIX]
    assert MetricLog.recover(store, spool_dir=spool) == []
    assert sent(store) == MetricLog.reader(store, PREFIX).read().values.tolist() == list(range(5000))
    assert MetricLog.compact(store, PREFIX)
    assert sent(store) == list(range(5000))


KILLED = """
import os, signal, sys
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
from tauro_nb.mlops.tracking import metric_log
metric_log.can_be_mapped = lambda folder: False
writer = MetricLog.writer(open_local(Path(sys.argv[1])), "run/metrics", spool_dir=Path(sys.argv[2]))
for number in range(10_099):
    writer.append("loss", float(number))
    if number == 6_000:
        writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_in_the_spool_is_sent_later(tmp_path, spool):
    root = tmp_path / "store"
    subprocess.run([sys.executable, "-c", KILLED, root, spool], check=False)
    store = open_local(root)
    reader = MetricLog.reader(store, PREFIX)
    assert len(reader.read()) >= 6_001
    assert MetricLog.recover(store, spool_dir=spool) == [PREFIX]
    assert reader.read().values.tolist() == list(range(10_099))
    assert not list(spool.rglob("*.points"))
    assert MetricLog.compact(store, PREFIX)
    assert reader.read().values.tolist() == list(range(10_099))


def test_recovery_leaves_a_living_writer_alone(store, spool):
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool, auto_flush=False)
    fill(writer, 0, 10)
    assert MetricLog.recover(store, spool_dir=spool) == []
    fill(writer, 10, 20)
    writer.close()
    assert sent(store) == list(range(20))


def test_recovery_of_another_stores_points_is_not_this_ones(store, spool):
    other = OutOfReach()
    writer = MetricLog.writer(other, PREFIX, spool_dir=spool, auto_flush=False)
    fill(writer, 0, 10)
    other.reachable = False
    with pytest.raises(StoreError):
        writer.close()
    assert MetricLog.recover(store, spool_dir=spool) == []
    other.reachable = True
    assert MetricLog.recover(other, spool_dir=spool) == [PREFIX]


def test_a_local_store_on_a_network_folder_is_sent_to_through_the_spool(tmp_path, spool, monkeypatch):
    monkeypatch.setattr(metric_log, "can_be_mapped", lambda folder: False)
    store = open_local(tmp_path / "store")
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool)
    fill(writer, 0, 3000)
    reader = MetricLog.reader(store, PREFIX)
    points, cursor = reader.tail()
    assert len(points) == 3000
    fill(writer, 3000, 3010)
    writer.close()
    assert reader.tail(cursor)[0].values.tolist() == list(range(3000, 3010))
    assert MetricLog.compact(store, PREFIX)
    assert reader.read().values.tolist() == list(range(3010))
    assert len(reader.tail(cursor)[0]) == 10


def test_compaction_of_objects_waits_for_all_writers_and_is_done_once(store, spool):
    one = MetricLog.writer(store, PREFIX, spool_dir=spool)
    two = MetricLog.writer(store, PREFIX, spool_dir=spool)
    one.append("a", 1.0)
    two.append("b", 2.0)
    one.close()
    assert not MetricLog.compact(store, PREFIX)
    two.close()
    assert MetricLog.compact(store, PREFIX)
    three = MetricLog.writer(store, PREFIX, spool_dir=spool)
    three.append("a", 3.0)
    three.close()
    assert not MetricLog.compact(store, PREFIX)
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read("a").steps.tolist() == [0, 1]
    assert len(reader.read()) == 3


@pytest.mark.parametrize("lives", range(4))
def test_a_compaction_of_objects_that_dies_on_the_way_loses_and_doubles_nothing(tmp_path, spool, lives):
    store = DyingMemory(tmp_path)
    writer = MetricLog.writer(store, PREFIX, spool_dir=spool)
    fill(writer, 0, 5_000)
    writer.close()
    store.lives = 1 + lives
    if lives < 3:
        with pytest.raises(Died):
            MetricLog.compact(store, PREFIX)
    else:
        assert MetricLog.compact(store, PREFIX)
    store.lives = None
    values = list(range(5_000))
    assert sent(store) == values
    cursor = MetricLog.reader(store, PREFIX).tail()[1]
    assert write_whole(store, PREFIX, tmp_path / "copy.parquet")
    assert pq.read_table(tmp_path / "copy.parquet")["step"].to_pylist() == values
    assert not MetricLog.compact(store, PREFIX)
    assert list(walk(store, PREFIX)) == [f"{PREFIX}/{parquet.NAME}"]
    assert sent(store) == values
    assert len(MetricLog.reader(store, PREFIX).tail(cursor)[0]) == 0


ENDS = """
import sys, threading, time
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store.memory import MemoryStore

def threads():
    return [thread.name for thread in threading.enumerate()]

store = MemoryStore()
for turn in range(2):
    writer = MetricLog.writer(store, "m", spool_dir=Path(sys.argv[1]))
    writer.append("loss", 1.0)
    assert threads() == ["MainThread", "tauro-nb-metrics"]
    while not any(store.list("m")):
        time.sleep(0.01)
    writer.close()
    while len(threads()) > 1:
        time.sleep(0.01)
"""


def test_the_thread_lives_only_while_a_log_is_open(spool):
    subprocess.run([sys.executable, "-c", ENDS, spool], check=True, timeout=60)


def test_a_local_log_needs_no_thread(tmp_path):
    before = threading.active_count()
    writer = MetricLog.writer(open_local(tmp_path), PREFIX)
    writer.append("loss", 1.0)
    assert threading.active_count() == before
    writer.close()


EXITS = """
import os, sys, time
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store.memory import MemoryStore

class Slow(MemoryStore):
    def put(self, key, data):
        time.sleep(30)

writer = MetricLog.writer(Slow(), "m", spool_dir=Path(sys.argv[1]), buffer_size=1)
writer.append("loss", 1.0)
time.sleep(0.5)
if os.fork() == 0:
    writer.append("loss", 2.0)
    os._exit(0)
assert os.wait()[1] == 0
"""


def test_a_store_that_hangs_holds_up_neither_exit_nor_fork(spool):
    begin = time.monotonic()
    subprocess.run([sys.executable, "-W", "ignore", "-c", EXITS, spool], check=True)
    assert time.monotonic() - begin < 20


def test_the_default_spool_lies_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    assert shipping.default_spool() == tmp_path / "tauro-nb" / "spool"
