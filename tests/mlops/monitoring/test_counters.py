from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tauro_nb.config.schema import TrackingSettings
from tauro_nb.errors import InvalidName, UsageError
from tauro_nb.mlops.monitoring.counters import MetricsCollector, Sample, get_metrics_collector
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore


def test_what_nobody_fed_reads_zero() -> None:
    assert MetricsCollector().get_counter("models_registered") == 0


def test_a_counter_is_summed_over_environments_unless_one_is_named() -> None:
    collector = MetricsCollector()
    collector.increment("models_registered", environment="dev")
    collector.increment("models_registered", 2, environment="prod")
    collector.increment("models_registered")

    assert collector.get_counter("models_registered") == 4
    assert collector.get_counter("models_registered", environment="prod") == 2
    assert collector.get_counter("models_registered", environment="staging") == 0


def test_a_counter_never_falls() -> None:
    with pytest.raises(ValueError, match="never falls"):
        MetricsCollector().increment("runs_started", -1)


def test_what_falls_is_a_gauge() -> None:
    collector = MetricsCollector()
    collector.increment("active_runs", environment="dev")
    collector.decrement("active_runs", environment="dev")
    collector.increment("runs_started", environment="dev")
    collector.set_gauge("queue", 2.5)

    assert collector.snapshot() == (
        Sample("active_runs", "dev", 0, "gauge"),
        Sample("queue", "", 2.5, "gauge"),
        Sample("runs_started", "dev", 1, "counter"),
    )


def test_no_increment_is_lost_between_threads() -> None:
    collector = MetricsCollector()
    threads = [
        threading.Thread(target=lambda: [collector.increment("points", environment="dev") for _ in range(2_000)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert collector.get_counter("points") == 16_000


def test_a_followed_number_is_read_when_it_is_asked_for_and_kept_when_that_ends() -> None:
    collector, points = MetricsCollector(), [3]
    collector.increment("points_logged", 10, environment="dev")
    following = collector.follow("points_logged", lambda: points[0], environment="dev")
    assert collector.get_counter("points_logged") == 13
    points[0] = 5
    assert collector.snapshot() == (Sample("points_logged", "dev", 15, "counter"),)
    following.close()
    following.close()
    points[0] = 100
    assert collector.get_counter("points_logged") == 15


def test_a_timer_counts_what_a_block_took_also_where_it_raises() -> None:
    collector = MetricsCollector()
    with pytest.raises(KeyError), collector.timer("fetch", environment="dev", source="a"):
        raise KeyError
    collector.observe("fetch", 2.0, environment="prod", source="b")
    assert collector.get_timer("fetch", environment="dev").count == 1
    assert collector.get_timer("fetch", environment="dev").total_s < 1
    assert collector.get_timer("fetch").count == 2
    assert collector.get_timer("other").mean_s == 0


def test_timers_of_a_group_are_those_of_their_labels() -> None:
    collector = MetricsCollector()
    for _ in range(2):
        collector.timers_by("node", "node_seconds", "dev", pipeline="p").observe("train", 2.0)
    collector.observe("node_seconds", 1.0, "dev", pipeline="p", node="train")
    [sample] = collector.timers()
    assert (sample.labels, sample.timing.count) == ((("node", "train"), ("pipeline", "p")), 3)


@pytest.mark.parametrize("local", [True, False])
def test_points_count_as_flushed_when_the_store_has_them(local: bool, tmp_path: Path) -> None:
    collector = MetricsCollector()
    store = LocalStore(tmp_path) if local else MemoryStore()
    tracker = ExperimentTracker(store, TrackingSettings(auto_flush_metrics=False), collector=collector)
    with tracker.start_run("a") as run:
        for _ in range(3):
            run.log_metrics({"loss": 1.0, "accuracy": 0.5})
        assert [collector.get_counter(f"points_{what}") for what in ("logged", "flushed")] == [6, 0]
        run.flush_metrics()
        run.log_metric("loss", 1.0)
        assert [collector.get_counter(f"points_{what}") for what in ("logged", "flushed")] == [7, 6]
    assert [collector.get_counter(f"points_{what}") for what in ("logged", "flushed")] == [7, 7]
    assert collector.get_timer("flush_seconds").count == 2


def test_names_that_prometheus_would_not_take_are_refused() -> None:
    collector = MetricsCollector()
    with pytest.raises(InvalidName, match="'queue depth'"):
        collector.increment("queue depth")
    with pytest.raises(InvalidName, match="'größe'"):
        collector.increment("queue", größe="1")
    with pytest.raises(InvalidName, match="'le'"):
        collector.observe("queue", 1.0, le="1")
    with pytest.raises(UsageError, match="runs_started is a counter, and no timer"):
        collector.observe("runs_started", 1.0)
    collector.increment("queue")
    with pytest.raises(UsageError, match="would both be shown as tauro_queue_total"):
        collector.increment("queue_total")


def test_there_is_one_collector_a_process() -> None:
    assert get_metrics_collector() is get_metrics_collector()
