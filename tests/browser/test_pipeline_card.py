"""The card of a pipeline in a real JupyterLab: it follows the nodes, holds the card of the run, and freezes."""

import pytest

pytestmark = pytest.mark.browser

STEPS = """
    import logging, pathlib, time
    import pandas as pd
    from tauro_nb import Run

    def load(logger: logging.Logger):
        logger.warning("<img src=x onerror=alert(1)>")
        return pd.DataFrame({"n": range(1200)})

    def train(numbers: pd.DataFrame, run: Run):
        for step in range(2_000):
            run.log_metric("loss", 1 / (step + 1), step=step)
            time.sleep(0.02)
            if pathlib.Path("enough").exists():
                break
        return numbers.head(100)

    def report(scored: pd.DataFrame):
        return len(scored)

    def broken():
        for _ in range(2_000):
            if pathlib.Path("enough").exists():
                break
            time.sleep(0.02)
        raise ZeroDivisionError("<b>mine</b>")

    def tiny():
        time.sleep(0.005)
"""
MANY = [f"tiny_{at:03}" for at in range(300)]
NODES = {
    "load": {"outputs": "numbers"},
    "train": {"inputs": {"numbers": "numbers"}, "outputs": "scored"},
    "report": {"inputs": {"scored": "scored"}},
    "broken": {},
    "late": {"function": "steps.tiny", "dependencies": ["broken"]},
    **{name: {"function": "steps.tiny"} for name in MANY},
}
PIPELINES = {"churn": ["load", "train", "report"], "bad": ["broken", "late"], "many": MANY}

STATES = """() => Object.fromEntries([...document.querySelectorAll('.tn-nodes tbody tr')]
    .map((row) => [row.cells[0].textContent, row.cells[1].textContent]))"""
FROZEN = "() => window.ran && !document.querySelector('.tn-live')"


@pytest.fixture
def project(lab, make_project_in):
    """A project beside the notebook; this file lets `train` and `broken` end before their 40 seconds."""
    folder = lab.root / "project"
    folder.mkdir(exist_ok=True)
    make_project_in(STEPS, NODES, pipelines=PIPELINES, root=folder)
    enough = folder / "enough"
    enough.unlink(missing_ok=True)
    yield enough
    enough.touch()


def test_the_card_follows_the_nodes_and_holds_the_card_of_the_run(notebook, project):
    page = notebook("%cd -q project\n%load_ext tauro_nb", "report = %tauro run churn")
    page.start()
    page.wait(f"() => ({STATES})().train === 'RUNNING'")
    assert page.ask(STATES) == {"load": "FINISHED", "train": "RUNNING", "report": "PENDING"}
    page.wait("() => document.querySelector('.tn-live .js-plotly-plot .main-svg') !== null")
    page.wait("() => document.querySelectorAll('.tn-nodes tbody tr')[1].cells[2].textContent.endsWith(' s')")
    assert page.ask("() => document.querySelectorAll('.tn-live').length") == 2
    assert page.ask("() => [...document.querySelectorAll('.tn-nodes tbody tr')[0].cells].at(-1).textContent") == "1,200"
    log = page.page.locator(".tn-log")
    log.locator("summary").click()
    assert log.locator("pre").inner_text() == "WARNING load: <img src=x onerror=alert(1)>"
    page.shot("pipeline-running")
    page.ask("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.wait("() => document.body.dataset.jpThemeLight === 'false'")
    page.shot("pipeline-running-dark")
    project.touch()
    page.finished()
    page.wait(FROZEN)
    (output,) = page.outputs()[1]
    assert "tn-mount" not in output["data"]["text/html"]
    assert output["data"]["text/plain"].startswith("churn  [FINISHED]")
    assert "loss  last" in output["data"]["text/plain"]
    assert "widgets" not in page.save()["metadata"]
    page.shot("pipeline-frozen-dark")
    page.ask("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")
    page.wait("() => document.body.dataset.jpThemeLight === 'true'")


def test_a_pipeline_that_fails_leaves_its_picture(notebook, project):
    page = notebook("%cd -q project\n%load_ext tauro_nb", "%tauro run bad")
    page.start()
    page.wait(f"() => ({STATES})().broken === 'RUNNING'")
    project.touch()
    page.finished()
    page.wait(FROZEN)
    card, error = page.outputs()[1]
    assert card["data"]["text/plain"].startswith("bad  [FAILED]")
    assert error["ename"] == "ZeroDivisionError"
    page.shot("pipeline-failed")


def test_of_many_nodes_the_one_that_runs_is_in_sight(notebook, project):
    page = notebook("%cd -q project\n%load_ext tauro_nb", "%tauro run many")
    page.start()
    page.wait("() => document.querySelector('.tn-nodes')?.scrollTop > 500")
    assert page.ask("() => document.querySelectorAll('.tn-nodes tbody tr').length") == 300
    assert page.ask("() => document.querySelector('.tn-nodes').clientHeight") < 300
    page.shot("pipeline-many")
    page.finished()
    page.wait(FROZEN)
    assert "250 more" in page.outputs()[1][0]["data"]["text/plain"]
