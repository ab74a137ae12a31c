"""`metrics.parquet`: what others read, and the safety of getting there."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tauro_nb.errors import FormatTooNew
from tauro_nb.mlops.tracking import compaction, parquet, sources
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local
from tauro_nb.store.local import LocalStore

PREFIX = "run/metrics"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return open_local(tmp_path / "store")


def names(store: LocalStore) -> list[str]:
    return sorted(path.name for path in store.local_dir(PREFIX).iterdir())


def log(store: LocalStore, count: int, *, key: str = "loss", start: int = 0) -> None:
    writer = MetricLog.writer(store, PREFIX)
    for number in range(start, start + count):
        writer.append(key, float(number), number, 1_700_000_000_000_000_000 + number)
    writer.close()


def test_others_read_the_points_without_this_package(store):
    log(store, 1000)
    log(store, 10, key="acc", start=5000)
    MetricLog.compact(store, PREFIX)
    frame = pd.read_parquet(store.local_dir(PREFIX) / "metrics.parquet")
    assert list(frame.columns) == ["key", "step", "value", "at", "writer"]
    assert frame["value"].tolist() == [*range(1000), *range(5000, 5010)]
    assert frame["key"].tolist() == ["loss"] * 1000 + ["acc"] * 10
    assert str(frame["at"].dtype) == "datetime64[ns, UTC]"
    assert frame["at"].iloc[0] == pd.Timestamp(1_700_000_000_000_000_000, tz="UTC")
    assert frame["writer"].nunique() == 2


def test_compaction_leaves_only_the_table(store):
    log(store, 300)
    log(store, 300)
    assert MetricLog.compact(store, PREFIX)
    assert names(store) == ["metrics.parquet"]
    assert not MetricLog.compact(store, PREFIX)


def test_a_living_writer_is_left_alone_and_taken_later(store):
    log(store, 5)
    writer = MetricLog.writer(store, PREFIX)
    writer.append("loss", 100.0)
    assert MetricLog.compact(store, PREFIX)
    assert len(names(store)) == 2
    writer.append("loss", 101.0)
    reader = MetricLog.reader(store, PREFIX)
    expected = [0, 1, 2, 3, 4, 100, 101]
    assert reader.read().values.tolist() == expected
    writer.close()
    assert MetricLog.compact(store, PREFIX)
    assert names(store) == ["metrics.parquet"]
    assert reader.read().values.tolist() == expected


@pytest.mark.parametrize("step", ["before the table", "before the logs go", "between the logs"])
def test_a_compaction_that_dies_on_the_way_loses_and_doubles_nothing(store, monkeypatch, step):
    for start in (0, 100, 200):
        log(store, 100, start=start)
    reader = MetricLog.reader(store, PREFIX)
    _, cursor = reader.tail()

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    if step == "before the table":
        monkeypatch.setattr(compaction.Path, "replace", die)
    elif step == "before the logs go":
        monkeypatch.setattr(compaction, "sync_folder", die)
    else:
        unlink, calls = Path.unlink, []

        def unlink_once(path: Path, **options: bool) -> None:
            if calls:
                raise Died
            calls.append(path)
            unlink(path, **options)

        monkeypatch.setattr(Path, "unlink", unlink_once)
    with pytest.raises(Died):
        MetricLog.compact(store, PREFIX)
    monkeypatch.undo()
    assert reader.read().values.tolist() == list(range(300))
    assert len(reader.tail(cursor)[0]) == 0
    log(store, 10, start=300)
    assert MetricLog.compact(store, PREFIX)
    assert names(store) == ["metrics.parquet"]
    assert reader.read().values.tolist() == list(range(310))
    assert reader.tail(cursor)[0].values.tolist() == list(range(300, 310))


def test_compactions_and_readers_do_not_meet(store):
    stop = threading.Event()
    logged = 0

    def compact() -> None:
        while not stop.is_set():
            MetricLog.compact(store, PREFIX)

    threads = [threading.Thread(target=compact) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        reader, cursor, tailed = MetricLog.reader(store, PREFIX), None, []
        for _ in range(15):
            log(store, 50, start=logged)
            logged += 50
            assert reader.read().values.tolist() == list(range(logged))
            points, cursor = reader.tail(cursor)
            tailed += points.values.tolist()
            assert tailed == list(range(logged))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_empty_leftover_log_is_swept_away(store):
    (store.local_dir(PREFIX) / "0-dead.points").touch()
    log(store, 3)
    assert MetricLog.compact(store, PREFIX)
    assert names(store) == ["metrics.parquet"]
    assert len(MetricLog.reader(store, PREFIX).read()) == 3


def test_many_points_survive_with_their_order(store):
    writer = MetricLog.writer(store, PREFIX)
    items = dict.fromkeys("abcdefghij", 0.5)
    for step in range(20_000):
        writer.append_many(items, step)
    writer.close()
    before = MetricLog.reader(store, PREFIX).read()
    MetricLog.compact(store, PREFIX)
    after = MetricLog.reader(store, PREFIX).read()
    assert after.keys == before.keys
    for column in ("key_ids", "steps", "values", "at_ns"):
        assert np.array_equal(getattr(after, column), getattr(before, column))


def test_writers_are_compacted_in_the_order_in_which_they_are_read(store, monkeypatch):
    monkeypatch.setattr(sources, "STRETCH", 300)
    monkeypatch.setattr(parquet, "GROUP", 700)
    dice = random.Random(7)
    reader = MetricLog.reader(store, PREFIX)
    for _ in range(3):
        writers = [MetricLog.writer(store, PREFIX) for _ in range(4)]
        for number in range(5000):
            # a clock that steps back now and then, and equal times
            at_ns = number - dice.choice([0, 0, 0, 50])
            dice.choice(writers).append(dice.choice("abc"), float(number), at_ns=at_ns)
        for writer in writers[:3]:
            writer.close()
        before = reader.read()
        assert MetricLog.compact(store, PREFIX)
        after = reader.read()
        assert np.array_equal(after.values, before.values)
        assert [after.keys[number] for number in after.key_ids] == [before.keys[number] for number in before.key_ids]
        assert np.array_equal(reader.read("b").values, before.only("b").values)
        writers[3].close()


def test_a_table_of_points_that_were_read_as_logs_is_not_read_again(store, monkeypatch):
    log(store, 1000)
    reader = MetricLog.reader(store, PREFIX)
    _, cursor = reader.tail()
    MetricLog.compact(store, PREFIX)

    def refuse(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", refuse)
    points, cursor = reader.tail(cursor)
    assert len(points) == 0
    monkeypatch.undo()
    log(store, 10, start=1000)
    MetricLog.compact(store, PREFIX)
    assert reader.tail(cursor)[0].values.tolist() == list(range(1000, 1010))


def test_a_newer_table_is_refused(store):
    log(store, 3)
    MetricLog.compact(store, PREFIX)
    path = store.local_dir(PREFIX) / parquet.NAME
    table = pq.read_table(path)
    metadata = {b"tauro_nb.metrics": b'{"format": 2}'}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(FormatTooNew, match="format 2"):
        MetricLog.reader(store, PREFIX).read()
