from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import weakref

from tauro_nb.config.loader import Context
from tauro_nb.wiring import services


def test_services_are_made_once_for_each_context(tmp_path):
    one, two = Context.bare(tmp_path, "runs"), Context.bare(tmp_path, "runs")
    made = []
    threads = [threading.Thread(target=lambda: made.append(services(one))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(each) for each in made} == {id(services(one))}
    assert services(two) is not services(one)


def test_services_go_with_their_context(tmp_path):
    context = Context.bare(tmp_path, "runs")
    gone = weakref.ref(services(context).catalog)
    del context
    gc.collect()
    assert gone() is None


def test_services_follow_the_settings(make_project, tmp_path):
    mlops = {"storage_path": "kept/here", "default_experiment_name": "churn"}
    context = make_project("", {}, settings={"mlops": mlops})
    working = services(context)
    assert not (tmp_path / "kept").exists()
    with working.tracker.start_run(run_name="x") as run:
        pass
    assert run.experiment == "churn"
    assert (tmp_path / "kept" / "here" / "experiments").is_dir()
    assert working.tracker.store is working.store


def test_events_of_the_store_are_written_where_the_settings_ask_for_it(make_project, tmp_path):
    settings = {"mlops": {"storage_path": "kept", "event_log": True}}
    working = services(make_project("", {}, settings=settings))
    path = tmp_path / "kept" / "logs" / "events.jsonl"
    assert not path.exists()
    with working.tracker.start_run("x") as run:
        pass
    services(Context.bare(tmp_path, "elsewhere")).tracker.start_run("y").end()
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["type"], each["data"]["run_id"]) for each in told] == [
        ("RUN_STARTED", run.run_id),
        ("RUN_ENDED", run.run_id),
    ]


def test_a_server_of_mlflow_starts_nothing_before_there_is_something_to_deliver(make_project):
    settings = {"mlops": {"mlflow": {"tracking_uri": "http://127.0.0.1:5000"}}}
    working = services(make_project("", {}, settings=settings))
    working.tracker.search_runs()
    assert working.registry.models() == []
    assert not [thread for thread in threading.enumerate() if thread.name == "tauro-mlflow"]
    assert working.replica.standing.left == 0


def test_what_goes_on_in_the_background_is_told_to_who_configured_no_logging(tmp_path):
    began = f"import os, tauro_nb; tauro_nb.open_store({str(tmp_path)!r}).tracker.start_run('lost'); os._exit(0)"
    comes_after = (
        f"import threading, tauro_nb; tauro_nb.open_store({str(tmp_path)!r})\n"
        "[each.join(30) for each in threading.enumerate() if each.name == 'tauro-recovery']"
    )
    subprocess.run([sys.executable, "-c", began], check=True, timeout=60)
    told = subprocess.run([sys.executable, "-c", comes_after], check=True, timeout=60, capture_output=True, text=True)
    assert "is gone: it ended as INTERRUPTED" in told.stderr
