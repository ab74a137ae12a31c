from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tauro_nb.errors import FormatTooNew, InvalidMetric, RunEnded
from tauro_nb.mlops.tracking import sources
from tauro_nb.mlops.tracking.metric_log import MetricLog, Points
from tauro_nb.store import open_local
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore

PREFIX = "runs/one/metrics"


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore | MemoryStore:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return open_local(tmp_path / "store") if request.param == "local" else MemoryStore()


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return open_local(tmp_path / "store")


def rows(points: Points) -> list[tuple[str, int, float, int]]:
    keys = [points.keys[number] for number in points.key_ids]
    return list(zip(keys, points.steps.tolist(), points.values.tolist(), points.at_ns.tolist(), strict=True))


def test_points_come_back_in_order_with_steps_values_and_times(store):
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 0.5, 3, 100)
    writer.append("acc", 1, 0, 101)
    writer.append_many({"loss": 0.25, "acc": 0.75}, 7, 102)
    expected = [("loss", 3, 0.5, 100), ("acc", 0, 1.0, 101), ("loss", 7, 0.25, 102), ("acc", 7, 0.75, 102)]
    reader = MetricLog.reader(store, PREFIX)
    assert rows(reader.read()) == expected
    writer.close()
    assert rows(reader.read()) == expected
    assert MetricLog.compact(store, PREFIX)
    assert rows(reader.read()) == expected
    assert writer.count == 4


def test_columns_have_the_promised_types(store):
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 0.5)
    for _ in range(2):
        points = MetricLog.reader(store, PREFIX).read()
        kinds = [array.dtype for array in (points.key_ids, points.steps, points.values, points.at_ns)]
        assert kinds == [np.int32, np.int64, np.float64, np.int64]
        writer.close()
        MetricLog.compact(store, PREFIX)


def test_nan_and_infinities_are_kept(store):
    writer = MetricLog.writer(store, PREFIX)
    for value in (math.nan, math.inf, -math.inf, -0.0):
        writer.append("loss", value)
    writer.close()
    MetricLog.compact(store, PREFIX)
    values = MetricLog.reader(store, PREFIX).read().values
    assert np.isnan(values[0])
    assert values[1:].tolist() == [math.inf, -math.inf, -0.0]
    assert math.copysign(1, values[3]) == -1


@pytest.mark.parametrize("key", ["loss", "ä" * 250, "🙂" * 250, "a", "x" * 16, "x" * 17, "", "'; drop", "a\u2028b"])
def test_any_text_is_a_key(store, key):
    writer = MetricLog.writer(store, PREFIX)
    writer.append("other", 1.0)
    writer.append(key, 2.0)
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read().keys == ["other", key]
    writer.close()
    MetricLog.compact(store, PREFIX)
    assert reader.read().keys == ["other", key]
    assert reader.read(key).values.tolist() == [2.0]


def test_a_point_without_step_takes_the_next_step_of_its_key(store):
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 0.0)
    writer.append("loss", 0.0)
    writer.append("acc", 0.0)
    writer.append("loss", 0.0, 10)
    writer.append("loss", 0.0, 4)
    writer.append_many({"loss": 0.0, "acc": 0.0})
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read("loss").steps.tolist() == [0, 1, 10, 4, 11]
    assert reader.read("acc").steps.tolist() == [0, 1]


@pytest.mark.parametrize("compacted", [False, True])
def test_a_second_writer_continues_the_steps_and_knows_the_last_values(store, compacted):
    first = MetricLog.writer(store, PREFIX)
    first.append("loss", 1.0, 41)
    first.close()
    if compacted:
        MetricLog.compact(store, PREFIX)
    second = MetricLog.writer(store, PREFIX)
    assert second.last() == {"loss": 1.0}
    second.append("loss", 2.0)
    second.append("acc", 3.0)
    assert second.last() == {"loss": 2.0, "acc": 3.0}
    assert second.count == 2
    second.close()
    assert second.last() == {"loss": 2.0, "acc": 3.0}
    assert MetricLog.reader(store, PREFIX).read("loss").steps.tolist() == [41, 42]


def test_last_values_are_those_logged_last_whatever_their_step(store):
    writer = MetricLog.writer(store, PREFIX)
    reader = MetricLog.reader(store, PREFIX)
    writer.append("loss", 1.0, 5)
    assert reader.last() == {"loss": 1.0}
    writer.append("loss", 2.0, 3)
    writer.append("acc", 9.0)
    assert reader.last() == writer.last() == {"loss": 2.0, "acc": 9.0}


def test_last_values_of_several_writers_are_the_newest_however_they_are_asked_for(store):
    one, two = MetricLog.writer(store, PREFIX), MetricLog.writer(store, PREFIX)
    reader = MetricLog.reader(store, PREFIX)
    for at_ns, writer in ((10, one), (20, two), (15, one), (12, two), (30, one), (25, one)):
        writer.append("loss", float(at_ns), at_ns=at_ns)
        expected = {"loss": reader.read().values[-1]}
        assert reader.last() == MetricLog.reader(store, PREFIX).last() == expected
    assert expected == {"loss": 25.0}


def test_a_long_log_is_read_in_stretches_as_it_is_in_one(store, monkeypatch):
    writer = MetricLog.writer(store, PREFIX)
    for number in range(6000):
        writer.append(f"key {number % 3000} with a name of several slots", float(number))
    whole = MetricLog.reader(store, PREFIX).read()
    for stretch in (2, 7, 300, 2048):
        monkeypatch.setattr(sources, "STRETCH", stretch)
        points = MetricLog.reader(store, PREFIX).read()
        assert points.keys == whole.keys
        assert np.array_equal(points.key_ids, whole.key_ids)
        assert np.array_equal(points.values, whole.values)
    writer.close()


def test_read_takes_one_key_and_the_newest_points(store):
    writer = MetricLog.writer(store, PREFIX)
    for step in range(10):
        writer.append_many({"a": step, "b": -step}, step)
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read("a", last=3).values.tolist() == [7, 8, 9]
    newest = reader.read(last=3)
    assert [newest.keys[number] for number in newest.key_ids] == ["b", "a", "b"]
    assert reader.read(last=1).keys == ["b"]
    assert len(reader.read("a", last=100)) == 10
    assert len(reader.read("missing")) == 0
    assert reader.read("missing").keys == []


def test_an_empty_log_reads_as_no_points(store):
    reader = MetricLog.reader(store, PREFIX)
    points, cursor = reader.tail()
    assert len(points) == 0
    assert points.keys == []
    assert reader.last() == {}
    writer = MetricLog.writer(store, PREFIX)
    writer.flush()
    writer.close()
    assert len(reader.tail(cursor)[0]) == 0
    assert not MetricLog.compact(store, PREFIX)


def test_tail_gives_each_point_once_across_blocks_closing_and_compaction(store):
    writer = MetricLog.writer(store, PREFIX, buffer_size=10)
    reader = MetricLog.reader(store, PREFIX)
    cursor = None
    seen = []
    numbers = itertools.count()
    for burst in (1, 2, 250, 7, 3000, 1, 0, 5000):
        for _ in range(burst):
            writer.append("loss", float(next(numbers)))
        points, cursor = reader.tail(cursor)
        assert len(points) == burst
        seen += points.values.tolist()
    writer.append("loss", float(next(numbers)))
    writer.close()
    MetricLog.compact(store, PREFIX)
    second = MetricLog.writer(store, PREFIX)
    second.append("new", float(next(numbers)))
    points, cursor = reader.tail(cursor)
    seen += points.values.tolist()
    assert points.keys == ["loss", "new"]
    assert len(reader.tail(cursor)[0]) == 0
    assert seen == list(map(float, range(next(numbers))))


def test_writers_are_merged_by_time_and_each_keeps_its_order(store):
    one, two = MetricLog.writer(store, PREFIX), MetricLog.writer(store, PREFIX)
    one.append("a", 1.0, at_ns=10)
    two.append("b", 2.0, at_ns=20)
    one.append("a", 3.0, at_ns=30)
    one.append("a", 4.0, at_ns=15)  # its clock was set back
    two.append("b", 5.0, at_ns=40)
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read().values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    one.close()
    MetricLog.compact(store, PREFIX)
    assert reader.read().values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    two.close()
    MetricLog.compact(store, PREFIX)
    assert reader.read().values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_the_clock_is_asked_once_a_call(store):
    clock = itertools.count(1000)
    writer = MetricLog.writer(store, PREFIX, clock=lambda: next(clock))
    writer.append_many({"a": 1.0, "b": 2.0})
    first, second = MetricLog.reader(store, PREFIX).read().at_ns.tolist()
    assert first == second


@pytest.mark.parametrize(
    ("value", "step", "at_ns"), [("text", 0, 0), (None, 0, 0), (1.0, 2**63, 0), (1.0, 0.5, 0), (1.0, 0, -(2**64))]
)
def test_a_point_that_does_not_fit_is_refused_and_leaves_no_trace(store, value, step, at_ns):
    writer = MetricLog.writer(store, PREFIX)
    with pytest.raises(InvalidMetric, match="'loss'"):
        writer.append("loss", value, step, at_ns)
    writer.append("loss", 1.0)
    assert MetricLog.reader(store, PREFIX).read().steps.tolist() == [0]
    assert writer.count == 1


def test_a_closed_writer_takes_nothing_and_closes_again(store):
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 1.0)
    writer.close()
    writer.close()
    writer.flush()
    with pytest.raises(RunEnded):
        writer.append("loss", 1.0)
    with pytest.raises(RunEnded):
        writer.append_many({"loss": 1.0})
    assert len(MetricLog.reader(store, PREFIX).read()) == 1


def test_threads_lose_nothing_and_keep_their_order(store):
    writer = MetricLog.writer(store, PREFIX, buffer_size=50)
    started = threading.Barrier(4)

    def log(name: str) -> None:
        started.wait()
        for number in range(2000):
            writer.append(name, float(number))

    threads = [threading.Thread(target=log, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = MetricLog.reader(store, PREFIX)
    for number in range(4):
        points = reader.read(f"t{number}")
        assert points.values.tolist() == list(map(float, range(2000)))
        assert points.steps.tolist() == list(range(2000))


def test_threads_of_one_key_take_each_step_once(local):
    writer = MetricLog.writer(local, PREFIX)
    threads = [threading.Thread(target=lambda: [writer.append("k", 0.0) for _ in range(3000)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert MetricLog.reader(local, PREFIX).read().steps.tolist() == list(range(9000))


def test_a_run_without_points_leaves_no_files(tmp_path, local):
    writer = MetricLog.writer(local, PREFIX)
    writer.flush()
    writer.close()
    assert not list(tmp_path.rglob("*.points"))


def test_a_closed_log_takes_no_more_room_than_its_points(tmp_path, local):
    writer = MetricLog.writer(local, PREFIX)
    for _ in range(1000):
        writer.append("loss", 1.0)
    writer.close()
    (path,) = tmp_path.rglob("*.points")
    assert path.stat().st_size < 1010 * 32


def test_one_writer_is_one_file(tmp_path, local):
    writer = MetricLog.writer(local, PREFIX)
    for _ in range(1000):
        writer.append("loss", 1.0)
    assert [path.suffix for path in (tmp_path / "store" / PREFIX).iterdir()] == [".points"]


def test_a_newer_format_is_refused(tmp_path, local):
    writer = MetricLog.writer(local, PREFIX)
    writer.append("loss", 1.0)
    writer.close()
    (path,) = tmp_path.rglob("*.points")
    import struct
    import zlib

    body = struct.pack("<8sIIqI", b"tauromet", 2, 0, 0, 0xFFFFFFFF)
    path.write_bytes(body + struct.pack("<I", zlib.crc32(body)) + path.read_bytes()[32:])
    with pytest.raises(FormatTooNew, match="format 2"):
        MetricLog.reader(local, PREFIX).read()


def test_logging_imports_neither_numpy_nor_arrow(tmp_path):
    code = f"""
import sys
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
writer = MetricLog.writer(open_local(Path({os.fspath(tmp_path)!r})), "m")
for number in range(1000):
    writer.append_many({{"loss": 0.5, "acc": 0.5}}, number)
writer.flush()
writer.last()
writer.close()
print([name for name in ("numpy", "pandas", "pyarrow", "logging", "filelock") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_imports_no_pandas(tmp_path):
    code = f"""
import sys
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
store = open_local(Path({os.fspath(tmp_path)!r}))
writer = MetricLog.writer(store, "m")
writer.append("loss", 1.0)
writer.close()
assert len(MetricLog.reader(store, "m").read()) == 1
assert "pyarrow" not in sys.modules
MetricLog.compact(store, "m")
assert len(MetricLog.reader(store, "m").read()) == 1
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
