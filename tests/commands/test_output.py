"""``--columns``, ``--json`` and ``--csv`` at every verb that finds something, through the shell's front door."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys

import pandas as pd
import pytest

import tauro_nb
from tauro_nb.cli.main import run as tauro

TABLES = ["runs", "show", "compare", "models", "model churn", "history churn", "health"]


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    """Four runs, the last of which failed, and two versions of a model."""
    root = tmp_path_factory.mktemp("project")
    make_project_in("def a(): pass", {"a": {}}, root=root)
    session = tauro_nb.open_session(root)
    for at, rate in enumerate((0.25, 0.5, 0.75)):
        with session.tracker.start_run(f"run {at}", tags={"team": "x"}) as run:
            run.log_params({"rate": rate, "layers": [at, 2], "seed": 7})
            run.log_metrics({"f1": rate, "loss": math.nan if at == 2 else rate})
    session.registry.register_model({"a": 1}, "churn", metrics={"f1": 0.5})
    session.registry.register_model({"a": 2}, "churn", metrics={"f1": 0.75}, run=run)
    session.registry.promote("churn", 2, comment="better")
    with pytest.raises(ZeroDivisionError), session.tracker.start_run("bad", experiment="other") as run:
        raise ZeroDivisionError("mine")
    session.close()
    return root


@pytest.fixture
def say(project, monkeypatch, capfdbinary):
    """Run a command that is to succeed, and return what it printed, byte for byte."""
    monkeypatch.chdir(project)

    def said(line, *more):
        code = tauro([*line.split(), *more])
        shown = capfdbinary.readouterr()
        assert (code, shown.err.decode()) == (0, "")
        return shown.out.decode()

    return said


@pytest.mark.parametrize("line", TABLES)
def test_json_is_one_document_and_nothing_else(say, line):
    assert json.loads(say(line, "--json"), parse_constant=pytest.fail)


@pytest.mark.parametrize("line", TABLES)
def test_csv_is_a_header_and_rows_of_its_length(say, line):
    header, *rows = csv.reader(io.StringIO(say(line, "--csv")))
    assert rows
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("line", TABLES)
def test_the_formats_exclude_one_another(project, monkeypatch, capsys, line):
    monkeypatch.chdir(project)
    assert tauro([*line.split(), "--json", "--csv"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "exclude one another" in shown.err


def test_runs_as_json_are_what_json_normalize_makes_a_frame_of(say, project):
    found = pd.json_normalize(json.loads(say("runs", "--json")))
    frame = tauro_nb.open_session(project).tracker.search_runs().frame
    assert set(found.columns) == set(frame.columns)
    assert list(found["metrics.f1"][1:]) == [0.75, 0.5, 0.25]
    assert pd.to_datetime(found["start_time"]).equals(frame["start_time"].dt.floor("us")) or (
        list(pd.to_datetime(found["start_time"])) == list(frame["start_time"].dt.floor("us"))
    )


def test_runs_as_csv_read_back_as_the_frame(say, project):
    found = pd.read_csv(io.StringIO(say("runs", "--csv")))
    frame = tauro_nb.open_session(project).tracker.search_runs().frame
    assert list(found.columns) == list(frame.columns)
    pd.testing.assert_series_equal(found["metrics.loss"], frame["metrics.loss"])
    assert list(found["run_name"]) == list(frame["run_name"])


def test_columns_make_a_table_under_the_names_that_were_asked_for(say):
    lines = say("runs --columns run_name,metrics.* --experiment default").splitlines()
    assert lines[2].split() == ["run_name", "metrics.f1", "metrics.loss"]
    assert lines[3].split() == ["run", "2", "0.75", "NaN"]


def test_json_of_chosen_columns_has_these_alone(say):
    found = json.loads(say("runs --json --columns run_name,params.rate,tags.*"))
    assert found[1] == {"run_name": "run 2", "params": {"rate": 0.75}, "tags": {"team": "x"}}
    assert found[0] == {"run_name": "bad", "params": {}, "tags": {}}


def test_a_filter_that_finds_nothing_gives_an_empty_list_and_a_header(say):
    assert json.loads(say("runs --json --filter", "metrics.f1 > 9")) == []
    assert say("runs --csv --columns run_id,metrics.f1 --filter", "metrics.f1 > 9") == "run_id,metrics.f1\r\n"


def test_a_limit_is_how_many_rows_are_shown(say, project):
    tracker = tauro_nb.open_session(project).tracker
    for _ in range(22):
        tracker.start_run("many", experiment="many").end()
    assert say("runs --experiment many").count("FINISHED") == 20
    assert say("runs --experiment many --limit 22").count("FINISHED") == 22
    assert say("runs --experiment many --columns run_id,status --limit 21").count("FINISHED") == 21


def test_show_tells_all_that_is_kept_of_a_run(say):
    found = json.loads(say("show bad --json"))
    assert found["status"] == "FAILED"
    assert found["error"]["type"] == "ZeroDivisionError"
    assert {"params", "metrics", "tags", "notes", "artifacts", "source", "duration_s"} <= set(found)
    assert json.loads(say("show bad --json --columns run_name,error"))["error"]["message"] == "mine"


def test_compare_tells_what_differs_by_run(say):
    found = json.loads(say("compare --experiment default --limit 2 --json"))
    newest, older = (run["run_id"] for run in found["runs"])
    assert found["differ"]["params"] == {
        "rate": {newest: 0.75, older: 0.5},
        "layers": {newest: [2, 2], older: [1, 2]},
    }
    assert found["differ"]["metrics"]["loss"] == {newest: "NaN", older: 0.5}
    assert found["same"] == {"params": {"seed": 7}, "metrics": {}, "tags": {"team": "x"}}
    assert not {"params", "metrics", "tags"} & {key for run in found["runs"] for key in run}


def test_compared_runs_are_columns_of_csv(say):
    header, *rows = csv.reader(io.StringIO(say("compare --experiment default --limit 3 --csv --columns metrics.f1")))
    assert header[0] == "name"
    assert rows == [["metrics.f1", "0.75", "0.5", "0.25"]]


def test_runs_to_compare_are_named_among_those_that_are_found(say):
    best = "compare last:1 --sort 'metrics.f1' --json --columns run_name".replace("'", "")
    assert [run["run_name"] for run in json.loads(say(best))["runs"]] == ["run 0"]
    every = json.loads(say("compare --json --filter", "metrics.f1 >= 0.5"))
    assert [run["run_name"] for run in every["runs"]] == ["run 2", "run 1"]


@pytest.mark.parametrize("words", [["--filter", "metrics.f1 > 9"], ["nope", "--experiment", "other"]])
def test_comparing_what_is_not_found_says_so(project, monkeypatch, capsys, words):
    monkeypatch.chdir(project)
    assert tauro(["compare", "--json", *words]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 2


def test_a_models_versions_and_history(say):
    newest, first = json.loads(say("model churn --json"))
    assert (newest["version"], newest["stage"], newest["metrics"]) == (2, "Production", {"f1": 0.75})
    assert first["run_id"] is None
    acts = json.loads(say("history churn --json"))
    assert [act["act"] for act in acts] == ["registered", "registered", "promoted"]
    assert acts[-1]["comment"] == "better"
    assert acts[0]["former"] is None


def test_an_unhealthy_store_is_a_failure_in_every_form(make_project, tmp_path, monkeypatch, capsys):
    make_project("def a(): pass", {"a": {}})
    (tmp_path / "mlops_data").write_text("a file where the store should be")
    monkeypatch.chdir(tmp_path)
    assert tauro(["health", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "unhealthy"
    for form in (["--csv"], ["--columns", "name,status"]):
        assert tauro(["health", *form]) == 1
        assert "unhealthy" in capsys.readouterr().out


def test_json_of_runs_needs_no_pandas(project):
    code = (
        "import sys\nfrom tauro_nb.cli.main import run\nrun(['runs', '--json', '--columns', 'metrics.*'])\n"
        "print([m for m in sys.modules if m in ('pandas', 'pyarrow', 'plotly', 'IPython')], file=sys.stderr)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    assert shown.stderr.strip() == "[]"
