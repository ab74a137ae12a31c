"""`delete`, `restore` and `store`: what goes, and what is asked before."""

from __future__ import annotations

import csv
import io
import json

import pytest

import tauro_nb
from tauro_nb.cli.desk import ShellDesk
from tauro_nb.cli.main import run as tauro
from tauro_nb.mlops.tracking.background import background


@pytest.fixture
def project(make_project, tmp_path, monkeypatch):
    """Three runs; a version was registered of the second."""
    make_project("def a(): pass", {"a": {}})
    monkeypatch.chdir(tmp_path)
    session = tauro_nb.open_session(tmp_path)
    for name in ("first", "second", "third"):
        with session.tracker.start_run(name) as run:
            run.log_metric("f1", 0.5)
            if name == "second":
                session.registry.register_model({"a": 1}, "churn")
    session.close()
    background.wait()
    return tmp_path


@pytest.fixture
def say(project, capsys):
    def said(*words):
        code = tauro(words)
        shown = capsys.readouterr()
        assert (code, shown.err) == (0, "")
        return shown.out

    return said


@pytest.fixture
def answered(monkeypatch):
    """Answer the next question; return the list of those that were asked."""

    def answer(word):
        asked = []
        monkeypatch.setattr(ShellDesk, "confirm", lambda _, question: asked.append(question) or word)
        return asked

    return answer


def names(text):
    return [run["run_name"] for run in json.loads(text)]


def test_a_deleted_run_is_found_no_more_until_it_is_restored(say):
    told = say("delete", "first", "last:1")
    assert "2 runs deleted" in told
    assert names(say("runs", "--json")) == ["second"]
    assert names(say("runs", "--json", "--deleted")) == ["third", "first"]
    found = json.loads(say("runs", "--json", "--deleted", "--columns", "run_name,deleted_at"))
    assert all(run["deleted_at"].endswith("Z") for run in found)
    say(*told.splitlines()[1].split("tauro ")[1].split())
    assert names(say("runs", "--json")) == ["third", "second", "first"]


def test_deleted_runs_are_restored_by_name_and_the_newest_of_them_by_count(say):
    say("delete", "first", "third")
    assert "1 run restored" in say("restore", "last:1")
    assert names(say("runs", "--json", "--deleted")) == ["first"]
    say("restore", "first")
    assert names(say("runs", "--json", "--deleted")) == []


@pytest.mark.parametrize("words", [["restore", "first"], ["delete", "frist"], ["store", "usgae"], ["delete"]])
def test_a_mistake_is_two_lines_and_deletes_nothing(project, capsys, words):
    assert tauro(words) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert len(tauro_nb.open_session(project).tracker.search_runs()) == 3


def test_gc_removes_nothing_that_nobody_confirmed(say):
    say("delete", "first")
    assert "1 run would be removed" in say("store", "gc", "--older-than", "0")
    assert names(say("runs", "--json", "--deleted")) == ["first"]


def test_gc_asks_with_the_names_and_does_what_the_answer_says(say, answered):
    say("delete", "first", "third")
    asked = answered(False)
    assert "2 runs would be removed" in say("store", "gc", "--older-than", "0")
    assert "Remove 2 runs for good" in asked[0]
    assert "'first'" in asked[0]
    answered(True)
    assert "2 runs removed" in say("store", "gc", "--older-than", "0")
    assert names(say("runs", "--json", "--deleted")) == []


def test_gc_asks_nothing_where_nothing_is_due_or_where_it_is_told_yes(say, answered):
    asked = answered(False)
    say("store", "gc", "--older-than", "0")
    say("delete", "first")
    say("store", "gc")
    assert "1 run removed" in say("store", "gc", "--older-than", "0", "--yes")
    assert asked == []


def test_a_run_that_a_version_leads_back_to_stays_unless_forced(say):
    say("delete", "second")
    (kept,) = json.loads(say("store", "gc", "--older-than", "0", "--yes", "--json"))
    assert (kept["run_name"], kept["removed"], kept["versions"]) == ("second", False, ["churn v1"])
    (gone,) = json.loads(say("store", "gc", "--older-than", "0", "--yes", "--force", "--json"))
    assert gone["removed"] is True


def test_usage_tells_of_the_whole_and_of_each_run(say):
    told = json.loads(say("store", "usage", "--json"))
    assert told["size_bytes"] == sum(told["parts"].values())
    assert sorted(run["run_name"] for run in told["runs"]) == ["first", "second", "third"]
    header, *rows = csv.reader(io.StringIO(say("store", "usage", "--csv", "--columns", "run_name,*_bytes")))
    assert header == ["run_name", "metrics_bytes", "artifacts_bytes", "records_bytes", "size_bytes"]
    assert len(rows) == 3
    assert "kB" in say("store", "usage")


def test_a_group_without_a_word_shows_its_help(say):
    out = say("store")
    for verb in ("usage", "gc"):
        assert f"\n  {verb} " in out
