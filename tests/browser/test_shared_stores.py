"""Several at work on one store: another kernel, a background job, and somebody at the buttons."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.browser

SETUP = """
import pathlib, threading, time
import tauro_nb
session = tauro_nb.open_store("shared-store")
tracker, registry = session.tracker, session.registry
for number in range(3):
    registry.register_model(model={"weights": number}, model_name="churn", metrics={"f1": number / 10});
print(registry.store.location)
"""
OTHER = """
import pathlib, sys, time
import tauro_nb
session = tauro_nb.open_store(sys.argv[1])
session.registry.promote("churn", 1)
with session.tracker.start_run(run_name="elsewhere") as run:
    print(run.run_id, flush=True)
    for step in range(4_000):
        run.log_metric("loss", 1 / (1 + step))
        time.sleep(0.02)
        if pathlib.Path(sys.argv[1], "..", "shared-enough").exists():
            break
"""
JOB = """
def train():
    with tracker.start_run(run_name="beside") as run:
        for step in range(4_000):
            run.log_metric("loss", 1 / (1 + step))
            time.sleep(0.02)
            if pathlib.Path("shared-enough").exists():
                break
beside = threading.Thread(target=train)
beside.start()
while not tracker.search_runs("status = 'RUNNING' and run_name = 'beside'"):
    time.sleep(0.05)
display(tracker.search_runs("run_name = 'beside'")[0], tracker.search_runs("run_name = 'elsewhere'")[0], registry)
"""
POINTS = """() => [...document.querySelectorAll('.tn-card .js-plotly-plot')]
    .map((plot) => plot.data?.[0]?.x.length ?? 0)"""
STAGES = """() => [...document.querySelectorAll(".tn-explorer [aria-label='churn'] tbody tr")]
    .map((row) => row.querySelector('.tn-state')?.textContent ?? '')"""


def test_what_others_do_is_seen_and_buttons_act_while_a_job_goes_on(notebook, lab):
    enough = lab.root / "shared-enough"
    enough.unlink(missing_ok=True)
    page = notebook(SETUP, JOB, height=2600)
    page.start_cell(0)
    page.finished()
    store = page.outputs()[0][-1]["text"].strip()
    other = subprocess.Popen([sys.executable, "-c", OTHER, store], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline()
        page.start_cell(1)
        page.finished()
        page.wait(f"() => ({POINTS})().filter((points) => points > 5).length === 2", 60)
        before = page.ask(POINTS)
        page.wait(f"(before) => ({POINTS})().every((points, i) => points > before[i])", arg=before)
        page.wait(f"() => ({STAGES})().length === 3")
        view = page.page.locator(".tn-explorer")
        assert page.ask(STAGES) == ["", "", "Production"]
        view.locator("input[aria-label='choose v3']").click()
        view.get_by_role("button", name="Promote").click()
        view.locator(".tn-yes").click()
        page.wait(f"() => ({STAGES})()[0] === 'Production'")
        promote = "import tauro_nb, sys; tauro_nb.open_store(sys.argv[1]).registry.promote('churn', 2)"
        subprocess.run([sys.executable, "-c", promote, store], check=True)
        view.get_by_role("button", name="Refresh").click()
        page.wait(f"() => ({STAGES})()[1] === 'Production'")
        page.shot("shared")
    finally:
        enough.touch()
        other.wait(30)
    page.wait("() => !document.querySelector('.tn-card')")
    shown = [output["data"]["text/plain"] for output in page.outputs()[1]][:2]
    assert all("FINISHED" in text for text in shown), shown
