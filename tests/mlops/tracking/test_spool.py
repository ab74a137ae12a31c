"""The bytes of a log: what damage does to them, and what a full disk does to a writer."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking import mounts, spool
from tauro_nb.mlops.tracking.metric_log import MetricLog, MetricWriter
from tauro_nb.store import open_local
from tauro_nb.store.local import LocalStore

PREFIX = "m"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return open_local(tmp_path / "store")


def only_log(store: LocalStore) -> Path:
    (path,) = store.local_dir(PREFIX).glob("*.points")
    return path


def filled(store: LocalStore, count: int, *, closed: bool = True) -> MetricWriter:
    writer = MetricLog.writer(store, PREFIX)
    for number in range(count):
        writer.append("loss", float(number), number, number)
    if closed:
        writer.close()
    return writer


def test_the_documented_layout_is_what_numpy_reads(store):
    filled(store, 3000)
    kind = np.dtype([("step", "<i8"), ("value", "<f8"), ("at_ns", "<i8"), ("key", "<u4"), ("crc", "<u4")])
    slots = np.fromfile(only_log(store), kind)
    points = slots[(slots["key"] < 0xFFFFFF00) & (slots["crc"] != 0)]
    assert points["value"].tolist() == list(range(3000))
    for slot in slots[:300]:
        assert zlib.crc32(slot.tobytes()[:28]) == slot["crc"]
    magic, version = struct.unpack("<8sI", slots[0].tobytes()[:12])
    assert (magic, version) == (b"tauromet", 1)


def test_the_recipe_in_the_reference_reads_a_log(store, monkeypatch):
    writer = MetricLog.writer(store, PREFIX)
    keys = ["loss", "a key longer than one slot holds", "ä🙂" * 40]
    for number in range(900):
        writer.append(keys[number % 3], float(number))
    page = Path(__file__).parents[3] / "docs" / "reference" / "metric-format.md"
    recipe = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    path = os.fspath(only_log(store))
    found: dict[str, Any] = {}
    exec(recipe.replace("metrics/18eae76fde4c3e6f-78a01c30.points", path), found)
    assert found["points"]["value"].tolist() == list(range(900))
    assert [found["names"][number].decode() for number in found["points"]["key"][:3]] == keys
    writer.close()


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("count", [1, 253, 254, 255, 256, 10_000])
def test_a_damaged_slot_costs_its_own_point_and_no_other(store, count, closed):
    writer = filled(store, count, closed=closed)
    path = only_log(store)
    data = bytearray(path.read_bytes())
    dice = random.Random(count)
    points = [
        at
        for at in range(0, len(data), 32)
        if struct.unpack_from("<I", data, at + 24)[0] == 0 and any(data[at : at + 32])
    ]
    lost = set()
    for at in dice.sample(points, min(len(points), 5)):
        data[at + dice.randrange(28)] ^= 1 << dice.randrange(8)
        lost.add(points.index(at))
    path.write_bytes(data)
    points = MetricLog.reader(store, PREFIX).read()
    assert points.values.tolist() == [number for number in range(count) if number not in lost]
    writer.close()


def test_damage_before_the_cursor_or_in_zeroed_pages_hides_nothing_after_it(store):
    filled(store, 5000)
    path = only_log(store)
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    points, cursor = MetricLog.reader(store, PREFIX).tail()
    assert len(points) == 5000 - 128 + 1  # a block's seal lay in that page too
    assert points.values[-1] == 4999
    assert len(MetricLog.reader(store, PREFIX).tail(cursor)[0]) == 0


def test_points_of_a_key_whose_name_is_damaged_are_kept(store):
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 1.0)
    writer.append("acc", 2.0)
    writer.close()
    path = only_log(store)
    data = bytearray(path.read_bytes())
    data[data.index(b"loss")] ^= 1
    path.write_bytes(data)
    points = MetricLog.reader(store, PREFIX).read()
    assert points.values.tolist() == [1.0, 2.0]
    assert points.keys == ["(name lost: 0)", "acc"]


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 33, 500, 4095, 4096, 4097, 100_000])
def test_a_log_cut_anywhere_reads_up_to_the_cut(store, cut):
    filled(store, 5000)
    path = only_log(store)
    path.write_bytes(path.read_bytes()[:cut])
    values = MetricLog.reader(store, PREFIX).read().values
    assert np.array_equal(values, np.arange(len(values)))
    assert len(values) >= cut // 32 - 20


def test_random_bytes_are_read_as_no_points(store):
    path = store.local_dir(PREFIX) / f"x{spool.SUFFIX}"
    path.write_bytes(random.Random(5).randbytes(1_000_000))
    assert len(MetricLog.reader(store, PREFIX).read()) == 0


def test_key_text_that_looks_like_a_point_is_no_point(store):
    writer = MetricLog.writer(store, PREFIX)
    body = struct.pack("<qdqI", 1, 2.0, 3, 0)
    disguised = (body + struct.pack("<I", zlib.crc32(body))).decode("latin-1") * 4
    writer.append(disguised, 7.0)
    points = MetricLog.reader(store, PREFIX).read()
    assert points.values.tolist() == [7.0]
    assert points.keys == [disguised]


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make files as small as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_clear_error_and_logging_goes_on_when_there_is_room(store):
    writer = MetricLog.writer(store, PREFIX)
    logged = []
    refused = []
    with file_size_limit(40_000):
        for number in range(2000):
            try:
                writer.append("loss", float(number))
            except StoreError as error:
                refused.append(error)
            else:
                logged.append(number)
    assert len(refused) > 100
    assert all("no room" in str(error) and error.fix for error in refused)
    assert writer.count == len(logged)
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read().values.tolist() == logged
    for number in range(2000, 4000):
        writer.append("loss", float(number))
        logged.append(number)
    assert reader.read().values.tolist() == logged
    assert reader.read().steps.tolist() == list(range(len(logged)))
    writer.close()
    assert reader.read().values.tolist() == logged


def test_no_room_for_the_first_point_leaves_no_file(store):
    writer = MetricLog.writer(store, PREFIX)
    with file_size_limit(100), pytest.raises(StoreError, match="no room"):
        writer.append("loss", 1.0)
    assert not list(store.local_dir(PREFIX).iterdir())
    writer.append("loss", 2.0)
    assert MetricLog.reader(store, PREFIX).read().values.tolist() == [2.0]


def test_a_log_can_be_closed_on_a_full_disk(store):
    writer = MetricLog.writer(store, PREFIX)
    with file_size_limit(40_000):
        with pytest.raises(StoreError):
            log_for_ever(writer)
        count = writer.count
        writer.close()
    assert len(MetricLog.reader(store, PREFIX).read()) == count


def test_a_full_disk_stops_a_compaction_and_leaves_the_points_where_they_were(store):
    filled(store, 5000)
    with file_size_limit(20_000), pytest.raises(StoreError, match="cannot write"):
        MetricLog.compact(store, PREFIX)
    assert [path.suffix for path in store.local_dir(PREFIX).iterdir()] == [".points"]
    assert MetricLog.reader(store, PREFIX).read().values.tolist() == list(range(5000))
    assert MetricLog.compact(store, PREFIX)
    assert MetricLog.reader(store, PREFIX).read().values.tolist() == list(range(5000))


def log_for_ever(writer: MetricWriter) -> None:
    while True:
        writer.append("loss", 1.0)


def test_a_key_that_found_no_room_is_declared_again(store):
    writer = MetricLog.writer(store, PREFIX)
    with file_size_limit(40_000):
        with pytest.raises(StoreError):
            log_for_ever(writer)
        for key in ("x" * 200, "y"):
            with pytest.raises(StoreError):
                writer.append(key, 1.0)
    writer.append("y", 2.0)
    writer.append("x" * 200, 3.0)
    reader = MetricLog.reader(store, PREFIX)
    assert reader.read("y").values.tolist() == [2.0]
    assert reader.read("x" * 200).values.tolist() == [3.0]


def test_a_key_that_found_no_room_midway_makes_no_point_new_twice(store):
    writer = MetricLog.writer(store, PREFIX)
    reader = MetricLog.reader(store, PREFIX)
    writer.append("loss", 0.0)
    with file_size_limit(8192):
        for number in range(1, 250):
            writer.append("loss", float(number))
        with pytest.raises(StoreError):
            writer.append("x" * 200, 1.0)
    points, cursor = reader.tail()
    assert len(points) == 250
    for number in range(250, 300):
        writer.append("loss", float(number))
        points, cursor = reader.tail(cursor)
        assert points.values.tolist() == [number]


FILLS_A_DISK = """
import sys
from pathlib import Path
from tauro_nb.errors import StoreError
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
store = open_local(Path(sys.argv[1]))
writer = MetricLog.writer(store, "m")
done = 0
try:
    while True:
        writer.append("loss", float(done))
        done += 1
except StoreError as error:
    print(error)
ballast = Path(sys.argv[1], "ballast")
ballast.unlink()
for _ in range(5000):
    writer.append("loss", float(done))
    done += 1
writer.close()
points = MetricLog.reader(store, "m").read()
assert points.values.tolist() == list(range(done)), (len(points), done)
"""


def test_a_full_file_system_never_kills_the_process(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", os.fspath(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small tmpfs cannot be mounted here (needs root)")
    try:
        (disk / "ballast").write_bytes(bytes(400_000))
        done = subprocess.run([sys.executable, "-c", FILLS_A_DISK, disk], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "no room" in done.stdout
    finally:
        subprocess.run(["umount", os.fspath(disk)], check=True)


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="exists") as caught:
        spool.LogFile(tmp_path / "file" / "x.points", at_ns=0, room=10)
    assert caught.value.fix


def test_room_is_reserved_also_where_the_file_system_cannot_reserve(store, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(spool.os, "posix_fallocate", refuse)
    filled(store, 5000, closed=False)
    path = only_log(store)
    assert path.stat().st_blocks * 512 >= path.stat().st_size
    assert len(MetricLog.reader(store, PREFIX).read()) == 5000


def test_logging_takes_no_memory_for_what_was_logged(tmp_path):
    code = """
import resource, sys
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
writer = MetricLog.writer(open_local(Path(sys.argv[1])), "m", auto_flush=False)
items = dict.fromkeys("abcdefghij", 0.5)
writer.append_many(items)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(30_000):
    writer.append_many(items)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1024  # kB, for 10 MB of points


GROWTH = """
import sys
from pathlib import Path
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

def live(name, count):
    store = open_local(Path(sys.argv[1], name))
    reader, cursor, tailed = MetricLog.reader(store, "m"), None, 0
    writer = MetricLog.writer(store, "m")
    items = dict.fromkeys("abcdefghij", 0.5)
    for number in range(count // 10):
        writer.append_many(items)
        if number % 1000 == 0:
            points, cursor = reader.tail(cursor)
            tailed += len(points)
    tailed += len(reader.tail(cursor)[0])
    writer.close()
    MetricLog.reader(store, "m").last()
    resumed = MetricLog.writer(store, "m")
    resumed.append("a", 1.0)
    resumed.close()
    assert MetricLog.compact(store, "m")
    assert MetricLog.reader(store, "m").last()["a"] == 1.0
    points, cursor = reader.tail(cursor)
    assert tailed == count

live("first", 300_000)
before = peak()
live("second", int(sys.argv[2]))
print(peak() - before)
"""


def grown_kb(folder: Path, points: int) -> int:
    """How much a process grows, above a first small run, that logs, tails, resumes and compacts so many points."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, folder, str(points)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_memory_does_not_grow_with_the_log(tmp_path):
    assert grown_kb(tmp_path, 1_000_000) < 20_000  # its points take 32 MB on disk, 28 as arrays


@pytest.mark.slow
def test_ten_million_points_take_less_than_a_hundred_megabytes(tmp_path):
    assert grown_kb(tmp_path, 10_000_000) < 100_000


@pytest.mark.parametrize(
    ("line", "local"),
    [
        ("36 35 98:0 / /data rw,noatime master:1 - ext4 /dev/root rw", True),
        ("36 35 98:0 / /data rw - tmpfs tmpfs rw", True),
        ("36 35 98:0 / /data rw shared:7 - nfs4 server:/export rw", False),
        ("36 35 98:0 / /Volumes rw - fuse.goofys bucket rw", False),
        ("36 35 98:0 / /Volumes rw - fuse x rw", False),
        ("36 35 99:0 / /other rw - nfs server:/export rw", True),
    ],
)
def test_network_and_fuse_folders_are_known(tmp_path, monkeypatch, line, local):
    monkeypatch.setattr(mounts.Path, "read_text", lambda *_, **__: line + "\n")
    assert mounts._is_local.__wrapped__(os.makedev(98, 0)) is local
