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
    code = "from tauro_nb import Run\ndef a(rows=None, *, depth: int = 1, run: Run | None = None): pass"
    make_project_in(code, {"a": {"inputs": {"rows": "x"}}, "b": {"params": {"rate": 1}}}, root=root)
    desk = ShellDesk()
    desk.home = root
    session = tauro_nb.open_session(root)
    for experiment in ("default", "digits"):
        with session.tracker.start_run("a run", experiment=experiment, tags={"team": "x"}) as run:
            run.log_params({"rate": 0.5})
            run.log_metrics({"train/loss": 0.5, "accuracy": 0.9})
    session.tracker.delete_run(run.run_id)
    for at in range(10):
        session.registry.register_model({"at": at}, "churn")
    session.close()

    def offer(line):
        *words, last = line.split(" ")
        items = ShellComplete(verbs, {"obj": desk}, "tauro", "_TAURO_COMPLETE").get_completions(words, last)
        return {item.value for item in items}

    offer.desk = desk
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
        ("sweep p --maximize metrics.a", {"metrics.accuracy"}),
        ("sweep p --minimize r", {"results.a", "results.b"}),
        ("sweep p --sampler r", {"random"}),
        ("promote churn 1", {"10", "1"}),
        ("compare --experiment d", {"default", "digits"}),
        ("models --columns st", {"stages"}),
        ("model churn --columns me", {"metrics.*"}),
        ("history churn --columns a", {"at", "act", "alias"}),
        ("health --columns st", {"status"}),
        ("store ", {"usage", "gc", "push", "pull"}),
        ("store usage --columns art", {"artifacts_bytes"}),
    ],
)
def test_values_are_offered(offered, line, expected):
    assert offered(line) == expected


def test_deleted_runs_are_offered_to_be_restored_and_no_others(offered):
    assert len(offered("restore ")) == 1
    assert not offered("restore ") & offered("delete ")


def test_parameters_are_offered_out_of_params_and_out_of_functions_that_are_imported(offered):
    assert offered("run p -p ") == {"rate=", "b.rate="}
    offered.desk.session.validate("p")
    assert offered("sweep p -p ") == {"rate=", "b.rate=", "depth=", "a.depth="}


def test_behind_a_wrong_verb_the_verbs_are_offered_and_nothing_fails(offered):
    assert {"run", "runs"} <= offered("rum ")
