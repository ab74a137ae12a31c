"""`store push` and `store pull`: the addresses, the selection, and what is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tauro_nb
from tauro_nb.cli.main import run as tauro
from tauro_nb.display.progress import Bar
from tauro_nb.errors import ConfigError, UsageError
from tauro_nb.mlops.tracking.background import background


@pytest.fixture
def project(make_project, tmp_path, monkeypatch):
    """Two runs, a model of the second; a second environment with a store of its own."""
    make_project("def a(): pass", {"a": {}})
    (tmp_path / "prod.json").write_text('{"mlops": {"storage_path": "prod_data"}}', encoding="utf-8")
    descriptor = json.loads((tmp_path / "settings_json.json").read_text(encoding="utf-8"))
    descriptor["env_config"]["prod"] = {"global_settings_path": "prod.json"}
    (tmp_path / "settings_json.json").write_text(json.dumps(descriptor), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    session = tauro_nb.open_session(tmp_path)
    for name in ("first", "second"):
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


def names(folder):
    return [run.name for run in tauro_nb.open_store(folder).tracker.search_runs()]


def test_a_folder_receives_everything_once(say, project):
    assert "2 runs and 1 version to copy" in say("store", "push", "./backup", "--dry-run")
    assert not (project / "backup").exists()
    assert "2 runs and 1 version copied" in say("store", "push", "./backup")
    assert names(project / "backup") == ["second", "first"]
    assert "nothing is new" in say("store", "push", "./backup")


def test_an_environment_is_a_word_and_a_folder_has_a_slash(say, project, capsys):
    say("store", "push", "prod", "--run", "first")
    assert names(project / "prod_data") == ["first"]
    assert tauro(["store", "push", "prd"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "UnknownName: no environment named 'prd' (there are base, dev, prod)",
        "  fix: a folder is written with a slash: ./prd",
    ]
    assert not (project / "prd").exists()


def test_what_was_pushed_is_pulled_by_name_and_told_as_a_document(say, project):
    say("store", "push", "./backup")
    told = json.loads(say("store", "pull", "./backup", "--env", "prod", "--run", "second", "--json"))
    assert (told["ok"], told["target"]) == (True, str(project / "prod_data"))
    assert [(row["name"], row["outcome"]) for row in told["things"]] == [("second", "copied")]
    assert names(project / "prod_data") == ["second"]


def test_a_conflict_is_told_with_its_mend_and_ends_as_a_failure(say, project, capsys):
    say("store", "push", "./backup")
    for folder in ("mlops_data", "backup"):
        tauro_nb.open_store(project / folder).tracker.search_runs()[0].set_tag("by", folder)
    assert tauro(["store", "push", "./backup"]) == 1
    shown = capsys.readouterr().out
    assert "tags differ in" in shown
    assert "--overwrite" in shown
    say("store", "push", "./backup", "--overwrite")


def test_without_a_place_only_what_waits_here_is_delivered(say, project):
    assert "nothing waits on this machine" in say("store", "push")


@pytest.mark.parametrize(
    ("address", "problem"),
    [("s3://bucket/runs", "no address of a store"), ("/Volumes/main", "no volume"), ("dbfs:/Volumes/a/b", "no volume")],
)
def test_an_address_of_no_kind_is_refused(project, address, problem):
    session = tauro_nb.open_session(project)
    with pytest.raises(UsageError, match=problem):
        session.push(address)
    with pytest.raises((UsageError, ConfigError)):
        session.pull("")


def test_a_store_that_is_open_is_taken_as_it_is(project):
    session, backup = tauro_nb.open_session(project), tauro_nb.open_store(project / "backup")
    assert session.push(backup).n_runs == 2
    assert session.pull(backup.tracker.store).n_runs == 0
    assert session.push(Path("relative")).n_runs == 2
    assert names(project / "relative") == ["second", "first"]


def test_a_bar_shows_what_takes_long_and_is_gone_at_the_end():
    class Screen:
        text = ""

        def write(self, text):
            self.text = text if text.startswith("\r") else self.text + text

        def flush(self):
            pass

    screen, now = Screen(), iter([0.0, 0.1, 1.0, 1.1, 2.0])
    with Bar("pushing", screen, lambda: next(now)) as bar:
        bar(1, 4, "1 of 4 copied")
        assert screen.text == ""
        bar(2, 4, "2 of 4 copied")
        assert screen.text == f"\rpushing {'█' * 12}{'░' * 12}  50%  2 of 4 copied"
        bar(3, 4, "3 of 4 copied")
        assert "50%" in screen.text
        bar(4, 4, "4 of 4 copied")
        assert "100%" in screen.text
    assert screen.text == "\r"
