"""The card of a pipeline under `%tauro run`, as a front end and nbclient see it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    import logging
    import pandas as pd
    from tauro_nb import Run

    def numbers(logger: logging.Logger):
        logger.info("made <b>three</b>")
        return pd.DataFrame({"n": [1, 2, 3]})

    def train(numbers: pd.DataFrame, run: Run):
        for step in range(5):
            run.log_metric("loss", 1 / (step + 1), step=step)

    def broken(numbers: pd.DataFrame):
        raise ZeroDivisionError("mine")

    def interrupted(numbers: pd.DataFrame):
        raise KeyboardInterrupt

    def after():
        pass
"""
NODES = {
    "numbers": {"outputs": "numbers"},
    "train": {"inputs": {"numbers": "numbers"}},
    "broken": {"inputs": {"numbers": "numbers"}},
    "interrupted": {"inputs": {"numbers": "numbers"}},
    "after": {"dependencies": ["broken"]},
}
PIPELINES = {
    "training": ["numbers", "train"],
    "failing": ["numbers", "broken", "after"],
    "stopped": ["numbers", "interrupted"],
    "single": ["numbers"],
}


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, NODES, pipelines=PIPELINES, root=root)
    return root


@pytest.fixture(scope="module")
def kernel(start_kernel, project):
    started = start_kernel(project)
    started.run("%load_ext tauro_nb\n%tauro load dev")
    return started


def test_one_output_holds_the_pipeline_and_its_run_and_ends_as_their_picture(kernel):
    reply = kernel.run("%tauro run training")
    assert reply.kinds == ["display_data"]
    assert "tn-mount" in reply.shown[0]["text/html"]
    final = reply.updated[-1]
    assert set(final) == {"text/html", "text/plain"}
    assert "tn-mount" not in final["text/html"]
    assert "data:image/svg+xml;base64," in final["text/html"]
    assert "<b>three" not in final["text/html"]
    said = final["text/plain"]
    assert said.startswith("training  [FINISHED]")
    assert "INFO numbers  made <b>three</b>" in said
    assert "loss  last 0.2" in said
    assert reply.value is None


def test_the_report_is_still_the_value_and_shows_itself_in_a_later_cell(kernel):
    assert kernel.run("report = %tauro run single\nreport.status.value").value == "'FINISHED'"
    assert kernel.run("report").value.startswith("single  [FINISHED]")
    assert kernel.run("%tauro run single").value is None
    assert kernel.run("_.status.value").value == "'FINISHED'"


@pytest.mark.parametrize(
    ("pipeline", "state", "told"),
    [("failing", "FAILED", "ZeroDivisionError: mine"), ("stopped", "INTERRUPTED", "KeyboardInterrupt")],
)
def test_a_pipeline_that_does_not_finish_leaves_its_picture_and_its_traceback(kernel, pipeline, state, told):
    reply = kernel.run(f"%tauro run {pipeline}")
    assert reply.error[0] == told.partition(":")[0]
    final = reply.updated[-1]
    assert "tn-mount" not in final["text/html"]
    assert final["text/plain"].startswith(f"{pipeline}  [{state}]")
    assert told in final["text/plain"]


def test_in_deterministic_mode_all_is_shown_once(start_kernel, project, kernel):
    fixed = start_kernel(project, TAURO_DETERMINISTIC="1")
    fixed.run("%load_ext tauro_nb\n%tauro load dev")
    reply = fixed.run("%tauro run training")
    assert reply.kinds == ["display_data"]
    assert reply.updated == []
    live = kernel.run("%tauro run training").updated[-1]
    assert reply.shown[0]["text/plain"].count("\n") == live["text/plain"].count("\n")


def test_a_report_that_is_displayed_while_it_is_filled_in_is_a_card(kernel):
    kernel.run(
        "from tauro_nb.events import get_event_emitter\n"
        "asked = get_event_emitter().on_event('PIPELINE_STARTED', lambda e: display(e.subject), inline=True)"
    )
    reply = kernel.run("with asked:\n    report = session.run('training')")
    assert "tn-mount" in reply.shown[0]["text/html"]
    assert reply.updated[-1]["text/plain"].startswith("training  [FINISHED]")


def test_where_there_is_only_html_the_picture_is_drawn_anew_and_stays(start_kernel, project):
    kernel = start_kernel(project, TAURO_DISPLAY="html")
    kernel.run("%load_ext tauro_nb\n%tauro load dev")
    reply = kernel.run("%tauro run training")
    assert reply.kinds == ["display_data"]
    assert "RUNNING" in reply.shown[0]["text/html"]
    assert "tn-mount" not in reply.shown[0]["text/html"]
    assert reply.updated[-1]["text/plain"].startswith("training  [FINISHED]")
    assert "loss  last 0.2" in reply.updated[-1]["text/plain"]


def test_logging_that_is_configured_goes_where_it_went(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run(
        "import logging, sys\nlogging.basicConfig(level='INFO', stream=sys.stdout, force=True)\n%load_ext tauro_nb"
    )
    reply = kernel.run("%tauro run single")
    assert "made <b>three</b>" in reply.stdout
    assert "made <b>three</b>" in reply.updated[-1]["text/plain"]


def test_a_thousand_nodes_are_a_small_picture(start_kernel, make_project_in, tmp_path):
    names = [f"node_{at:04}" for at in range(1_000)]
    nodes = {name: {"function": "steps.after"} for name in names}
    make_project_in(STEPS, nodes, pipelines={"long": names}, root=tmp_path)
    kernel = start_kernel(tmp_path)
    kernel.run("%load_ext tauro_nb")
    reply = kernel.run("%tauro run long")
    final = reply.updated[-1]
    assert "950 more" in final["text/plain"]
    assert len(final["text/html"]) < 60_000
    assert len(reply.updated) < 20
