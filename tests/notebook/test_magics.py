"""`%tauro` in a real kernel, as a front end and nbclient see it."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    import pandas as pd
    from tauro_nb import Run, ExperimentTracker

    def numbers():
        print("making numbers")
        return pd.DataFrame({"n": [1, 2, 3]})

    def train(numbers: pd.DataFrame, run: Run, rate: float = 0.5, note: str = ""):
        for step in range(5):
            run.log_metrics({"train/loss": 1 / (step + 1), "val/loss": 2 / (step + 1)}, step=step)
        run.log_metric("rate", rate)
        return {"rate": rate, "rows": len(numbers)}

    def broken():
        raise ZeroDivisionError("mine")
"""
NODES = {
    "numbers": {"outputs": "numbers"},
    "train": {"inputs": {"numbers": "numbers"}},
    "broken": {},
}
PIPELINES = {"training": ["numbers", "train"], "failing": ["numbers", "broken"]}


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, NODES, pipelines=PIPELINES, root=root)
    (root / "notebooks").mkdir()
    return root


@pytest.fixture(scope="module")
def loaded(start_kernel, project):
    """A kernel whose folder is `notebooks/`."""
    started = start_kernel(project / "notebooks")
    assert started.run("%load_ext tauro_nb").status == "ok"
    return started


@pytest.fixture
def kernel(loaded):
    """The same kernel, with the project loaded anew."""
    assert loaded.run("%tauro load dev").status == "ok"
    return loaded


def test_a_pipeline_runs_and_its_report_is_the_value(kernel):
    reply = kernel.run("report = %tauro run training -p rate=0.25")
    assert reply.status == "ok"
    assert "making numbers" in reply.stdout
    assert kernel.run("report").value.startswith("training  [FINISHED]")
    assert kernel.run("report.results['train']").value == "{'rate': 0.25, 'rows': 3}"


def test_a_run_shows_a_live_card_that_ends_as_its_picture(kernel):
    reply = kernel.run("%tauro run training")
    card = reply.shown[0]
    assert "tn-mount" in card["text/html"]
    assert set(card) == {"text/html", "text/plain"}
    final = reply.updated[-1]
    assert "tn-mount" not in final["text/html"]
    assert "data:image/svg+xml;base64," in final["text/html"]
    assert "train/loss  last 0.2" in final["text/plain"]


def test_in_deterministic_mode_a_run_shows_its_picture_once(start_kernel, project):
    kernel = start_kernel(project, TAURO_DETERMINISTIC="1")
    kernel.run("%load_ext tauro_nb\n%tauro load dev")
    reply = kernel.run("%tauro run training")
    assert reply.kinds == ["display_data"]
    assert reply.updated == []
    assert "data:image/svg+xml;base64," in reply.shown[0]["text/html"]


def test_a_projects_settings_say_how_things_are_shown(start_kernel, make_project_in, tmp_path):
    settings = {"notebook": {"display": "text", "update_hz": 2}}
    make_project_in(STEPS, NODES, pipelines=PIPELINES, settings=settings, root=tmp_path)
    kernel = start_kernel(tmp_path)
    kernel.run("%load_ext tauro_nb")
    assert set(kernel.run("%tauro load dev").shown[0]) == {"text/plain"}
    assert set(kernel.run("tracker").shown[0]) == {"text/plain"}
    assert kernel.run("from tauro_nb.display.live.poller import poller; poller.update_hz").value == "2.0"


def test_without_cards_the_lines_tell_what_has_come_true(start_kernel, make_project_in, tmp_path):
    make_project_in(STEPS, NODES, pipelines=PIPELINES, settings={"notebook": {"chart": False}}, root=tmp_path)
    reply = start_kernel(tmp_path).run("%load_ext tauro_nb\n%tauro run training")
    told = [line for line in reply.stdout.splitlines() if line.startswith("✓")]
    assert [line.split()[1] for line in told] == ["Loading", "Validating", "Starting", "numbers", "train", "Pipeline"]
    assert reply.kinds == ["execute_result"]


def test_a_node_runs_alone_and_its_result_is_the_value(kernel):
    assert kernel.run("%tauro node numbers").value.splitlines()[-1].split() == ["2", "3"]


def test_loading_binds_session_tracker_and_registry(kernel):
    assert kernel.run("session.tracker is tracker and session.registry is registry").value == "True"
    assert kernel.run("session.context.root.name == __import__('pathlib').Path.cwd().parent.name").value == "True"


def test_the_commands_work_in_the_session_that_is_bound(kernel):
    kernel.run("%tauro run training")
    assert kernel.run("session.last_report.pipeline").value == "'training'"


def test_loading_again_replaces_what_it_bound(kernel):
    assert kernel.run("old = session\n%tauro load dev").status == "ok"
    assert kernel.run("session is old").value == "False"


def test_loading_binds_nothing_where_a_name_is_the_users(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run("%load_ext tauro_nb\ntracker = 'mine'")
    reply = kernel.run("%tauro load dev")
    assert reply.error[0] == "UsageError"
    assert "tracker (str)" in reply.error[1]
    assert kernel.run("tracker, 'session' in dir()").value == "('mine', False)"
    assert kernel.run("%tauro load dev --as churn").status == "ok"
    assert kernel.run("tracker, churn_tracker is churn_session.tracker").value == "('mine', True)"


@pytest.mark.parametrize(
    ("line", "kind", "message", "fix"),
    [
        ("%tauro rnu training", "UsageError", "no verb named 'rnu'", "did you mean 'run'?"),
        ("%tauro run trainning", "UnknownName", "no pipeline named 'trainning'", "did you mean 'training'?"),
        ("%tauro run", "UsageError", "no pipeline is named", "%tauro run PIPELINE"),
        ("%tauro run training --env prod", "UnknownName", "no environment named 'prod'", "there are"),
        ('%tauro run "training', "UsageError", "no closing quotation", "close the quote"),
        ("%tauro run training -p rate", "UsageError", "a parameter is written key=value", "-p rate=VALUE"),
        ("%tauro run training --nope", "UsageError", "--nope", "did you mean '--node'?"),
        ("%tauro run training -p @nothing", "UnknownName", "no variable named 'nothing'", ""),
    ],
)
def test_a_mistake_is_a_real_error_in_two_lines(kernel, line, kind, message, fix):
    reply = kernel.run(line)
    assert reply.status == "error"
    name, _, traceback = reply.error
    assert name == kind
    assert message in traceback
    assert fix in traceback
    assert len(traceback.splitlines()) == 2


def test_a_failing_node_raises_the_users_own_exception_and_leaves_the_report(kernel):
    reply = kernel.run("%tauro run failing")
    assert reply.status == "error"
    name, message, traceback = reply.error
    assert (name, message) == ("ZeroDivisionError", "mine")
    assert "steps.py" in traceback
    assert "tauro_nb/pipeline" not in traceback
    assert "node 'broken'" in traceback
    assert kernel.run("{n: r.status.value for n, r in session.last_report.nodes.items()}").value == (
        "{'numbers': 'FINISHED', 'broken': 'FAILED'}"
    )
    assert kernel.run("%tauro run training").status == "ok"


def test_a_variable_gives_parameters(kernel):
    kernel.run("mine = {'rate': 0.125}")
    assert kernel.run("r = %tauro run training -p @mine\nr.results['train']['rate']").value == "0.125"


def test_ipython_expands_nothing(kernel):
    kernel.run("rate = 5")
    assert kernel.run("%tauro run training -p note={rate}$rate").status == "ok"
    assert kernel.run("session.last_report.params").value == "{'note': '{rate}$rate'}"


def test_chosen_columns_are_a_frame_and_documents_are_text(kernel):
    kernel.run("%tauro run training -p rate=0.375")
    kernel.run("x = %tauro runs --columns run_name,metrics.rate --limit 1")
    assert kernel.run("type(x).__name__, x.values.tolist()").value == "('DataFrame', [['train', 0.375]])"
    kernel.run("import json\nx = %tauro show --json")
    assert kernel.run("isinstance(x, str), json.loads(x)['metrics']['rate']").value == "(True, 0.375)"
    shown = kernel.run("%tauro runs --csv --columns metrics.rate --limit 1").value
    assert shown.splitlines() == ["metrics.rate", "0.375"]
    assert kernel.run("runs = %tauro runs --limit 1\ntype(runs).__name__").value == "'RunTable'"


def test_help_is_printed_and_gives_no_value(kernel):
    reply = kernel.run("%tauro run --help")
    assert "--validate-only" in reply.stdout
    assert reply.shown == []
    assert "Verbs:" in kernel.run("%tauro --help").stdout


def test_the_magic_alone_tells_where_one_stands(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run("%load_ext tauro_nb")
    told = kernel.run("%tauro").value
    assert told.splitlines()[0] == "tauro  [dev]"
    assert f"project    {project}" in told
    assert "%tauro load dev" in told
    kernel.run("%tauro load dev")
    told = kernel.run("%tauro").value
    assert "%tauro load" not in told
    assert "%tauro run training" in told
    kernel.run("%tauro run failing")
    told = kernel.run("%tauro").value
    assert [line.split()[-1] for line in told.splitlines() if "ended" in line or "failed at" in line] == [
        "FAILED",
        "broken",
    ]
    assert "%tauro retry" in told
    assert set(kernel.run("%tauro").shown[0]) == {"text/html", "text/plain"}


def test_the_magics_own_help_lists_the_verbs(kernel):
    sent = kernel.client.inspect("%tauro", 5)
    answer = kernel.client.get_shell_msg(timeout=60)
    assert answer["parent_header"]["msg_id"] == sent
    told = answer["content"]["data"]["text/plain"]
    assert "Run a pipeline, or validate it." in told
    assert "%tauro --help" in told


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("%tauro ru", {"run", "runs"}),
        ("%tauro load d", {"dev"}),
        ("%tauro run ", {"training", "failing"}),
        ("x = %tauro run tr", {"training"}),
        ("%tauro run --pipeline tr", {"training"}),
        ("%tauro run --val", {"--validate-only"}),
        ("%tauro run training --node ", {"numbers", "train", "broken"}),
        ("%tauro node tra", {"train"}),
        ("1 + 1\n%tauro node tra", {"train"}),
        ("%tauro runs --columns run_name,metrics.train/", {"run_name,metrics.train/loss"}),
        ("%tauro runs --sort 'metrics.va", {"metrics.val/loss"}),
    ],
)
def test_tab_offers_verbs_flags_and_values(kernel, code, offered):
    kernel.run("%tauro run training")
    answer = kernel.complete(code)
    assert set(answer["matches"]) == offered
    assert code[answer["cursor_start"] : answer["cursor_end"]] == code.rpartition(" ")[2].lstrip("'")


def test_tab_elsewhere_is_left_alone(kernel):
    kernel.run("training_rows = 1")
    assert "training_rows" in kernel.complete("training_r")["matches"]


def test_loading_the_extension_twice_and_unloading_leave_nothing_behind(start_kernel, project):
    kernel = start_kernel(project)
    look = (
        "ip = get_ipython()\n"
        "state = lambda: (sorted(ip.magics_manager.magics['line']), sorted(ip.magics_manager.registry), "
        "len(ip.Completer.custom_matchers), sorted(n for n in dir() if not n.startswith('_')), "
        "{k: len(v) for k, v in ip.events.callbacks.items()}, "
        "[sorted(map(str, f.type_printers)) for f in ip.display_formatter.formatters.values()])"
    )
    kernel.run(look)
    kernel.run("%unload_ext json")  # makes IPython load its own magics of extensions
    kernel.run("before = after = None\nbefore = state()")
    kernel.run("%load_ext tauro_nb\n%load_ext tauro_nb\n%tauro load dev\n%unload_ext tauro_nb")
    assert kernel.run("after = state()\nafter == before or (before, after)").value == "True"
    assert kernel.run("%tauro load dev").status == "error"
    assert kernel.run("%load_ext tauro_nb\n%tauro load dev").status == "ok"


def test_a_folder_without_a_project_says_how_to_make_one(start_kernel, tmp_path_factory):
    kernel = start_kernel(tmp_path_factory.mktemp("empty"))
    assert kernel.run("%load_ext tauro_nb").status == "ok"
    reply = kernel.run("%tauro load dev")
    assert reply.error[0] == "DescriptorNotFound"
    assert "tauro init" in reply.error[2]


def test_an_interrupt_keeps_every_point_and_leaves_the_kernel_usable(start_kernel, make_project, tmp_path):
    code = """
        import time, pathlib
        from tauro_nb import Run

        def train(run: Run):
            for step in range(10_000):
                run.log_metric("loss", 1.0, step=step)
                pathlib.Path("reached").write_text(str(step))
                time.sleep(0.002)
    """
    make_project(code, {"train": {}})
    kernel = start_kernel(tmp_path)
    kernel.run("%load_ext tauro_nb\n%tauro load dev")
    sent = kernel.client.execute("%tauro run p")
    wait_for(tmp_path / "reached")
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert reply.error[0] == "KeyboardInterrupt"
    reached = int((tmp_path / "reached").read_text())
    shown = kernel.run("r = tracker.search_runs()[0]\n(r.status.value, len(r.metric_history('loss')))").value
    status, points = eval(shown)
    assert status == "INTERRUPTED"
    assert points >= reached
    assert kernel.run("session.last_report.status.value").value == "'INTERRUPTED'"


def wait_for(path, timeout_s=60):
    import time

    end = time.monotonic() + timeout_s
    while not (path.exists() and path.read_text() > "20"):
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.01)


def test_nbclient_sees_a_mistake_as_a_failed_cell(project):
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(f"%load_ext tauro_nb\n%tauro load dev\n%tauro run {p}") for p in ("nope",)]
    with pytest.raises(CellExecutionError, match="no pipeline named 'nope'"):
        NotebookClient(book, resources={"metadata": {"path": str(project)}}).execute()


def test_json_lines_of_outputs_hold_no_widget_mime(kernel):
    reply = kernel.run("%tauro run training")
    assert "widget-view" not in json.dumps([*reply.shown, *reply.updated])


def test_the_tutorials_module_unmodified_trains_and_registers_in_a_kernel(start_kernel, tutorial_project):
    kernel = start_kernel(tutorial_project)
    kernel.run("%load_ext tauro_nb\n%tauro load dev")
    for version in (1, 2):
        reply = kernel.run("%tauro run ml_training_pipeline")
        assert reply.status == "ok", reply.error
        assert "Training set: 4000 samples | Test set: 1000 samples" in reply.stdout
        assert "✓ Logged metrics: accuracy=0.960, f1=0.958" in reply.stdout
        assert f"✅ Model registered: churn-predictor v{version}" in reply.stdout
    counts = "[tracker.search_runs()[0].metrics[f'{k}s'] for k in %r]"
    names = ["true_negative", "false_positive", "false_negative", "true_positive"]
    assert kernel.run(counts % names).value == "[855.0, 6.0, 34.0, 105.0]"
