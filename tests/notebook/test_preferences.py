"""``%config Tauro``, the environment variable and the project's settings: which of them is in force."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

FORCE = "from tauro_nb.display import tier\ntier.current()"


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("preferring")
    settings = {"notebook": {"display": "html", "update_hz": 3, "chart": False, "confirm": False}}
    make_project_in("def a(): return 1", {"a": {}}, root=root, settings=settings)
    return root


@pytest.fixture(scope="module")
def started(start_kernel, project):
    return start_kernel(project)


@pytest.fixture
def kernel(started):
    reply = started.run("%reset -f\n%reload_ext tauro_nb\n%unload_ext tauro_nb\n%load_ext tauro_nb")
    assert reply.status == "ok", reply.error
    return started


def in_force(kernel):
    names = ("display", "update_hz", "chart", "confirm")
    return eval(kernel.run(f"[getattr(get_ipython().configurables[-1], one) for one in {names}]").value)


def test_config_lists_the_preferences_with_help(kernel):
    listed = kernel.run("%config Tauro").stdout
    for name in ("display", "update_hz", "chart", "confirm"):
        assert f"Tauro.{name}=" in listed
    assert "script-free HTML" in listed
    assert "Tauro" in kernel.run("%config").stdout
    assert "Tauro.display" in kernel.complete("%config Tauro.di")["matches"]


def test_the_projects_settings_hold_until_something_else_is_chosen(kernel):
    assert in_force(kernel) == ["auto", 5.0, True, True]
    kernel.run("%tauro load dev")
    assert in_force(kernel) == ["html", 3.0, False, False]
    assert kernel.run(FORCE).value == "'html'"
    kernel.run("%config Tauro.display = 'text'\n%config Tauro.chart = True")
    assert kernel.run(FORCE).value == "'text'"
    kernel.run("%tauro load dev")
    assert in_force(kernel) == ["text", 3.0, True, False]
    kernel.run("from tauro_nb.display.live.poller import poller")
    assert kernel.run("poller.update_hz, tier.current()").value == "(3.0, 'text')"
    kernel.run("%unload_ext tauro_nb")
    assert kernel.run("tier.current(), poller.update_hz").value == "('auto', 5.0)"
    assert kernel.run("%config Tauro").status == "error"
    assert "Tauro" not in kernel.run("%config").stdout


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("Tauro.display = 'htlm'", "expected any of ['auto', 'live', 'html', 'text'], not the str 'htlm'"),
        ("Tauro.update_hz = 0", "more than 0 and at most 5 times a second"),
        ("Tauro.update_hz = float('nan')", "more than 0 and at most 5 times a second"),
        ("Tauro.confirm = 'maybe'", "expected a boolean"),
        ("Tauro.dispaly = 'html'", "Did you mean `display`?"),
    ],
)
def test_a_wrong_value_is_told_and_changes_nothing(kernel, statement, said):
    before = in_force(kernel)
    sent = kernel.client.execute(f"%config {statement}")
    told = ""
    while True:
        message = kernel.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") == sent:
            told += message["content"].get("text", "")
            if message["content"].get("execution_state") == "idle":
                break
    assert said in told
    assert in_force(kernel) == before
    assert kernel.run("%config Tauro.update_hz = 2").status == "ok"
    assert in_force(kernel)[1] == 2.0


def test_questions_are_asked_unless_that_is_switched_off(kernel, project):
    ask = "desk = get_ipython().magics_manager.registry['TauroMagics'].desk\ndesk.confirm('Sure?')"
    assert kernel.run(ask, answers=["n"]).value == "False"
    kernel.run("import msgspec\nfrom tauro_nb.display.live.grid import Action, Grid, Pages")
    kernel.run("act = Action(do='a', label='A', command='a()', confirm='Sure?')")
    kernel.run("naming = msgspec.structs.replace(act, asks='alias')")
    button = "grid = Grid(id='g', title='', columns=(), rows=[], actions=(act, naming))\n"
    button += "[one['confirm'] for one in Pages(grid, 1).first()['actions']]"
    assert kernel.run(button).value == "['Sure?', 'Sure?']"
    kernel.run("%config Tauro.confirm = False")
    assert kernel.run(ask).value == "True"
    assert kernel.run(button).value == "['', 'Sure?']"


def test_what_was_chosen_wins_over_the_environment_and_this_over_the_project(start_kernel, project):
    kernel = start_kernel(project, TAURO_DISPLAY="text")
    kernel.run("%load_ext tauro_nb\n%tauro load dev")
    assert kernel.run(FORCE).value == "'text'"
    assert kernel.run("%config Tauro.display").value == "'text'"
    kernel.run("%config Tauro.display = 'html'\n%tauro load dev")
    assert kernel.run(FORCE).value == "'html'"
