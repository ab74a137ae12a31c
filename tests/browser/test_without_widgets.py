"""A JupyterLab whose environment has neither ipywidgets nor anywidget: every view is its static form."""

import pytest

pytestmark = pytest.mark.browser

SETUP = """
import math
import tauro_nb
session = tauro_nb.open_store("without-widgets")
tracker, registry = session.tracker, session.registry
for number in range(3):
    with tracker.start_run(run_name=f"trial {number}") as run:
        run.log_param("depth", number)
        registry.register_model(model={"weights": number}, model_name="churn", metrics={"f1": number / 10});
"""
TRAIN = """
with tracker.start_run(run_name="digits") as run:
    display(run)
    for step in range(20):
        run.log_metric("loss", math.exp(-step / 50))
"""
LABS_OWN = ("Exception opening new comm", "Object 'jupyter.widget' not found in registry")
"""What JupyterLab says of any widget that nobody there can show."""


@pytest.fixture(scope="module")
def lab(start_lab):
    return start_lab("@jupyter-widgets/jupyterlab-manager", "anywidget", "catboost-widget")  # the last needs the first


def test_every_view_is_its_static_form_and_one_of_them_says_what_is_missing(notebook):
    page = notebook(SETUP, TRAIN, "tracker", "registry")
    page.run()
    page.wait("() => document.querySelectorAll('.tn-static').length === 2")
    page.wait("() => document.querySelector('img[src^=\"data:image/svg+xml\"]')?.naturalWidth > 0")
    page.shot("without-widgets")
    assert page.ask("() => document.querySelector('.tn-live')") is None
    assert page.ask("() => [...document.querySelectorAll('.tn-static')].every((node) => node.offsetHeight > 50)")
    assert page.ask("() => [...document.querySelectorAll('.tn-hint')].map((node) => node.offsetHeight > 0)") == [True]
    assert "FINISHED" in page.outputs()[1][0]["data"]["text/plain"]
    page.console = [text for text in page.console if not any(part in text for part in LABS_OWN)]
