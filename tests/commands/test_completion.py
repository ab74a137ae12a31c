"""What Tab offers for the values of options, without the shell around it."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

import tauro_nb
from tauro_nb.cli.desk import ShellDesk
from tauro_nb.commands import verbs


@pytest.fixture(scope="module")
def offered(make_project_in, tmp_path_factory):
    """Return a function that gives what is offered behind a line, in a project with two experiments."""
    root = tmp_path_factory.mktemp("project")
    make_project_in("def a(): pass", {"a": {}}, root=root)
    desk = ShellDesk()
    desk.home = root
    session = tauro_nb.open_session(root)
    for experiment in ("default", "digits"):
        with session.tracker.start_run("a run", experiment=experiment, tags={"team": "x"}) as run:
            run.log_params({"rate": 0.5})
            run.log_metrics({"train/loss": 0.5, "accuracy": 0.9})
    session.tracker.delete_run(run.run_id)
    session.close()

    def offer(line):
        *words, last = line.split(" ")
        items = ShellComplete(verbs, {"obj": desk}, "tauro", "_TAURO_COMPLETE").get_completions(words, last)
        return {item.value for item in items}

    yield offer
    desk.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("runs --columns metrics.", {"metrics.*", "metrics.accuracy", "metrics.train/loss"}),
        ("runs --columns run_name,pa", {"run_name,params.*", "run_name,params.rate", "run_name,parent_id"}),
        ("show --columns d", {"duration_s", "deleted_at"}),
        ("runs --sort d", {"duration_s"}),
        ("runs --filter ta", {"tags.team"}),
        ("compare --experiment d", {"default", "digits"}),
        ("models --columns st", {"stages"}),
        ("model churn --columns me", {"metrics.*"}),
        ("history churn --columns a", {"at", "act", "alias"}),
        ("health --columns st", {"status"}),
        ("store ", {"usage", "gc"}),
        ("store usage --columns art", {"artifacts_bytes"}),
    ],
)
def test_values_are_offered(offered, line, expected):
    assert offered(line) == expected


def test_deleted_runs_are_offered_to_be_restored_and_no_others(offered):
    assert len(offered("restore ")) == 1
    assert not offered("restore ") & offered("delete ")
