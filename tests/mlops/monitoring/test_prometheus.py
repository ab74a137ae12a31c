from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest

from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.monitoring.families import FAMILIES, exported

parser = pytest.importorskip("prometheus_client.parser")


def read(collector: MetricsCollector) -> dict[str, object]:
    return {family.name: family for family in parser.text_string_to_metric_families(collector.to_prometheus())}


def test_the_official_parser_reads_counters_gauges_and_timers() -> None:
    collector = MetricsCollector()
    collector.increment("runs_started", 2, "dev")
    collector.increment("runs_started", environment="prod")
    collector.increment("active_runs", environment="dev")
    collector.set_gauge("loss", math.inf)
    collector.observe("node_seconds", 0.25, "dev", pipeline="p", node="n")
    collector.observe("node_seconds", 2, "dev", pipeline="p", node="n")
    families = read(collector)

    assert {name: family.type for name, family in families.items()} == {
        "tauro_active_runs": "gauge",
        "tauro_loss": "gauge",
        "tauro_runs_started": "counter",
        "tauro_node_seconds": "histogram",
    }
    started = families["tauro_runs_started"]
    assert started.documentation == "Runs that were started."
    assert [(each.name, each.labels, each.value) for each in started.samples] == [
        ("tauro_runs_started_total", {"environment": "dev"}, 2),
        ("tauro_runs_started_total", {"environment": "prod"}, 1),
    ]
    nodes = {
        (each.name.removeprefix("tauro_node_seconds_"), each.labels.get("le")): each.value
        for each in families["tauro_node_seconds"].samples
    }
    assert (nodes["count", None], nodes["sum", None]) == (2, 2.25)
    assert (nodes["bucket", "0.1"], nodes["bucket", "0.3"], nodes["bucket", "+Inf"]) == (0, 1, 2)
    assert families["tauro_node_seconds"].samples[0].labels == {
        "environment": "dev",
        "pipeline": "p",
        "node": "n",
        "le": "0.0001",
    }


def test_labels_of_any_text_come_back_as_they_were() -> None:
    collector = MetricsCollector()
    texts = ['a"b', "back\\slash", "new\nline", "größe", "}", "\\n", "", "\r\n", "\u2028", "\x00", '\\"', "7"]
    for text in texts[:-1]:
        collector.increment("seen", environment="dev", text=text)
    collector.increment("seen", environment="dev", text=7)  # no text, and no reason to show nothing any more
    (family,) = read(collector).values()
    assert sorted(each.labels["text"] for each in family.samples) == sorted(texts)


def test_what_is_no_number_is_refused_before_it_spoils_all_that_is_shown() -> None:
    collector = MetricsCollector()
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match="grows by what is finite"):
            collector.increment("seen", number)
    with pytest.raises(ValueError, match="could not convert"):
        collector.set_gauge("depth", "deep")
    with pytest.raises(ValueError, match="no duration"):
        collector.observe("fetch_seconds", math.nan)
    assert collector.to_prometheus() == ""


def test_every_number_of_the_package_has_a_name_with_its_unit() -> None:
    for name, family in FAMILIES.items():
        ending = {"counter": "_total", "timer": "_seconds", "gauge": ""}[family.kind]
        assert exported(name, family.kind).endswith(ending)


def test_nothing_counted_is_an_empty_text() -> None:
    assert MetricsCollector().to_prometheus() == ""


def test_what_a_process_really_does_can_be_scraped() -> None:
    script = """
import tempfile, tauro_nb
from tauro_nb.mlops import get_metrics_collector
session = tauro_nb.open_store(tempfile.mkdtemp())
with session.tracker.start_run("a") as run:
    for step in range(7):
        run.log_metric("loss", 1.0)
    before = get_metrics_collector().get_counter("points_logged"), get_metrics_collector().get_counter("points_flushed")
    run.flush_metrics()
assert before == (7, 0), before
print(get_metrics_collector().to_prometheus())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    values = {
        (each.name, each.labels.get("operation")): each.value
        for family in parser.text_string_to_metric_families(done.stdout)
        for each in family.samples
    }
    for name, value in {
        "tauro_runs_started_total": 1,
        "tauro_runs_finished_total": 1,
        "tauro_active_runs": 0,
        "tauro_points_logged_total": 7,
        "tauro_points_flushed_total": 7,
        "tauro_flush_seconds_count": 2,
    }.items():
        assert values[name, None] == value, name
    assert values["tauro_store_seconds_count", "write"] > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_counts_from_nothing_and_what_it_does_itself() -> None:
    script = """
import os, tempfile, tauro_nb
from tauro_nb.mlops import get_metrics_collector
session, collector = tauro_nb.open_store(tempfile.mkdtemp()), get_metrics_collector()
run = session.tracker.start_run("a")
run.log_metric("loss", 1.0)
if os.fork() == 0:
    run.log_metrics({"loss": 2.0, "accuracy": 0.5})
    seen = [collector.get_counter(name) for name in ("runs_started", "points_logged", "active_runs")]
    run.end()
    print(seen, collector.get_counter("active_runs"), collector.get_counter("points_logged"), flush=True)
    os._exit(0)
os.wait()
run.end()
print([collector.get_counter(name) for name in ("runs_started", "points_logged", "active_runs")])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[0, 2, 0] 0 2\n[1, 1, 0]\n", done.stderr
