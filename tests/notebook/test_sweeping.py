"""`%tauro sweep` as a front end sees it: one output, a value, a job; and what ends it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

STEPS = """
    import logging, pathlib, time
    from tauro_nb import Run

    def train(run: Run, logger: logging.Logger, depth: int = 1, kind: str = "x"):
        logger.info("at %s", depth)
        if depth == 13:
            raise ZeroDivisionError("mine")
        run.log_metric("f1", 1 / depth)
        if depth == 77:
            pathlib.Path("held").touch()
            for _ in range(100_000):
                run.log_metric("f1", 0)
                time.sleep(0.001)
"""


@pytest.fixture(scope="module")
def kernel(start_kernel, make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in(STEPS, {"train": {"params": {"depth": 1}}}, root=root)
    started = start_kernel(root)
    started.run("import pathlib\n%load_ext tauro_nb\n%tauro load dev")
    return started


def test_one_output_has_all_trials_and_is_not_shown_twice(kernel):
    reply = kernel.run("%tauro sweep p -p depth=1,13,2 -p kind='\"a,b\"',c --maximize metrics.f1")
    assert (reply.kinds, reply.stdout, reply.value) == (["display_data"], "", None)
    assert "tn-mount" in reply.shown[0]["text/html"]
    final = reply.updated[-1]
    assert "tn-mount" not in final["text/html"]
    lines = final["text/plain"].splitlines()
    assert lines[0] == "sweep p  [FINISHED]"
    assert "6 trials: 4 finished, 2 failed · maximize metrics.f1 · best 1, trial 1" in lines[1]
    assert lines[3].split()[:5] == ["1", "FINISHED", "1", "a,b", "1"]
    assert lines[3].endswith("best")
    assert lines[5].endswith("ZeroDivisionError: mine")
    assert "INFO train  at 13" in final["text/plain"]
    assert kernel.run("_.best.params").value == "{'depth': 1, 'kind': 'a,b'}"
    assert kernel.run("session.last_sweep").value.startswith("sweep p  [FINISHED]")


def test_a_dict_of_the_notebook_names_what_is_tried(kernel):
    kernel.run("wide = {'depth': range(1, 4), 'kind': ['y']}")
    reply = kernel.run("x = %tauro sweep p -p @wide --sampler random --trials 2 --seed 1\nx.trials.shape, len(x.runs)")
    assert reply.value == "((2, 7), 2)"


def test_words_of_a_sweep_are_completed(kernel):
    assert kernel.complete("x = %tauro sweep p --sampler ")["matches"] == ["grid", "optuna", "random"]
    assert "metrics.f1" in kernel.complete("%tauro sweep p --maximize m")["matches"]
    assert kernel.complete("%tauro sweep p -p d")["matches"] == ["depth="]


def test_a_failure_of_all_trials_is_the_users_own(kernel):
    reply = kernel.run("%tauro sweep p -p depth=13")
    assert (reply.status, reply.error[0]) == ("error", "ZeroDivisionError")
    assert "steps.py" in reply.error[2]
    assert "sweep.py" not in reply.error[2]
    assert reply.updated[-1]["text/plain"].startswith("sweep p  [FAILED]")


def test_a_sweep_beside_is_a_job_that_stops(kernel):
    kernel.run("job = %tauro sweep p -p depth=2,77,3 --maximize metrics.f1 --bg")
    kernel.until("pathlib.Path('held').exists()")
    assert "in train of trial 2" in kernel.run("%tauro jobs").value
    kernel.run("%tauro stop")
    assert kernel.run("job.wait(60), job.status, job.report.best.number").value == "(True, 'INTERRUPTED', 1)"
    assert kernel.run("len(session.tracker.search_runs(\"status = 'RUNNING'\"))").value == "0"


def test_the_stop_button_ends_the_sweep_and_what_finished_is_there(kernel):
    held = 'print("held", flush=True)'
    kernel.run(f"import steps\nsteps.pathlib.Path.touch = lambda path: {held}")
    sent = kernel.client.execute("%tauro sweep p -p depth=2,77,3 --maximize metrics.f1")
    kernel.await_output(sent, "held")
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert (reply.status, reply.error[0]) == ("error", "KeyboardInterrupt")
    assert reply.updated[-1]["text/plain"].startswith("sweep p  [INTERRUPTED]")
    assert (
        kernel.run("[trial.status.value for trial in session.last_sweep.begun]").value == "['FINISHED', 'INTERRUPTED']"
    )
    assert kernel.run("session.last_sweep.run.status.value").value == "'INTERRUPTED'"
