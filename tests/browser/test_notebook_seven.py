"""Cards and explorers in Notebook 7."""

import pytest

pytest.importorskip("notebook", reason="Notebook 7 is not installed")
pytestmark = pytest.mark.browser

SETUP = """
import math, pathlib, time
import tauro_nb
session = tauro_nb.open_store("notebook-seven")
tracker, registry = session.tracker, session.registry
for number in range(3):
    with tracker.start_run(run_name=f"trial {number}") as run:
        run.log_param("depth", number)
        registry.register_model(model={"weights": number}, model_name="churn", metrics={"f1": number / 10});
"""
TRAIN = """
with tracker.start_run(run_name="digits") as run:
    display(run)
    for step in range(2_000):
        run.log_metric("loss", math.exp(-step / 50))
        time.sleep(0.02)
        if pathlib.Path("seven").exists():
            break
"""
POINTS = "() => document.querySelector('.tn-card .js-plotly-plot')?.data?.[0].x.length ?? 0"


@pytest.fixture(scope="module")
def lab(start_lab):
    """A server of its own: what JupyterLab has kept of its file browser, Notebook 7 cannot open, and says so."""
    return start_lab()


def test_cards_grow_and_freeze_and_explorers_act(notebook, lab):
    enough = lab.root / "seven"
    enough.unlink(missing_ok=True)
    page = notebook(SETUP, "display(tracker, registry.model('churn'))", TRAIN, app="notebooks", height=2400)
    page.start()
    try:
        page.wait(f"() => ({POINTS})() > 10", 90)
        first = page.ask(POINTS)
        page.wait(f"() => ({POINTS})() > {first} + 10")
        assert page.ask("() => window.ran") is False
        page.shot("notebook-seven")
    finally:
        enough.touch()
    page.finished()
    page.wait("() => !document.querySelector('.tn-card') && document.querySelectorAll('.tn-explorer').length === 2")
    assert "FINISHED" in page.outputs()[2][0]["data"]["text/plain"]
    page.save()
    page.load()
    page.wait("() => document.querySelectorAll('.tn-explorer').length === 2")
    model = page.page.locator(".tn-explorer").nth(1)
    model.locator("input[aria-label='choose v2']").click()
    model.get_by_role("button", name="Promote").click()
    model.locator(".tn-yes").click()
    page.wait("() => document.querySelector('.tn-note.tn-good')?.textContent === 'churn v2 is in Production'")
