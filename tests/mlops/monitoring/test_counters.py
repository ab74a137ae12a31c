from __future__ import annotations

import threading

import pytest

from tauro_nb.mlops.monitoring.counters import MetricsCollector, Sample, get_metrics_collector


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


def test_there_is_one_collector_a_process() -> None:
    assert get_metrics_collector() is get_metrics_collector()
