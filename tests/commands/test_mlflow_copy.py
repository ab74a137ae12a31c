"""`mlflow status | diff | sync` and `health` where nothing was delivered yet; tests/mlops/mlflow ask a real server."""

from __future__ import annotations

import json

import pytest

import tauro_nb
from tauro_nb.cli.main import run as tauro
from tauro_nb.mlops.tracking.background import background


@pytest.fixture
def say(make_project, tmp_path, monkeypatch, capsys):
    """Give a command in a project that has one run, from before a server was configured."""
    make_project("def a(): pass", {"a": {}})
    session = tauro_nb.open_session(tmp_path)
    with session.tracker.start_run("early") as run:
        run.log_metric("f1", 0.5)
    session.registry.register_model({"a": 1}, "churn")
    session.close()
    background.wait()
    monkeypatch.chdir(tmp_path)

    def said(*words, server=True):
        settings = {"mlops": {"mlflow": {"tracking_uri": "http://ann:s3cr3t@127.0.0.1:9"}}} if server else {}
        (tmp_path / "config" / "global_settings.json").write_text(json.dumps(settings))
        return tauro(words), capsys.readouterr()

    return said


def test_without_a_server_it_says_what_to_write(say):
    for verb in ("status", "diff", "sync"):
        code, shown = say("mlflow", verb, server=False)
        assert code == 2
        assert "no MLflow server is configured" in shown.err
        assert "tracking_uri" in shown.err


def test_status_tells_what_the_server_has_not_acknowledged_and_not_its_password(say):
    code, shown = say("mlflow", "status")
    assert (code, shown.err) == (0, "")
    assert "2 of 2 runs and models" in shown.out
    assert "early" in shown.out
    assert "missing" in shown.out
    assert "s3cr3t" not in shown.out
    told = json.loads(say("mlflow", "status", "--json")[1].out)
    assert [(each["kind"], each["name"], each["what"]) for each in told["things"]] == [
        ("run", "early", "missing"),
        ("model", "churn", "missing"),
    ]
    assert told["target"] == "http://127.0.0.1:9"


def test_health_tells_how_far_the_copy_is(say):
    told = json.loads(say("health", "--json")[1].out)
    (found,) = [check for check in told["checks"] if check["name"] == "copy on MLflow"]
    assert (found["status"], found["critical"]) == ("healthy", False)
    assert "s3cr3t" not in json.dumps(told)
