"""The card of a run in a real JupyterLab: it grows while the cell runs, and freezes into its picture."""

import pytest

pytestmark = pytest.mark.browser

SETUP = """
import math, pathlib, time
import tauro_nb
tracker = tauro_nb.open_store("mlops").tracker
"""

TRAIN = """
run = tracker.start_run(run_name="digits")
run.log_params({"eta0": 0.01, "epochs": 150})
display(run)
for step in range(150):
    run.log_metrics({"train/loss": math.exp(-step / 50), "val/loss": 1.1 * math.exp(-step / 50)}, step=step)
    time.sleep(0.02)
"""

ENDLESS = (
    TRAIN.replace("range(150)", "range(2_000)")
    + """    if pathlib.Path("enough").exists():
        break
"""
)

POINTS = """() => { const plot = document.querySelector('.tn-live .js-plotly-plot');
    return plot?.data ? plot.data.reduce((sum, line) => sum + line.x.length, 0) : 0; }"""
SAMPLE = (
    f"""() => {{ window.samples = []; setInterval(() => window.samples.push([({POINTS})(), window.ran]), 100); }}"""
)
LIVE = "() => document.querySelector('.tn-live .js-plotly-plot .main-svg') !== null"
FROZEN = (
    "() => !document.querySelector('.tn-live') && document.querySelector('img[src^=\"data:image/svg+xml\"]') !== null"
)
LOOKED = """() => { const { xaxis, yaxis } = document.querySelector('.js-plotly-plot').layout;
    return [xaxis.range, yaxis.type]; }"""
KEPT = """
from tauro_nb.display.live.mount import places
print([view._view.looks for view in places._views.values()])
"""
COMMS = """
from comm import get_comm_manager
print(len(get_comm_manager().comms))
"""


@pytest.fixture
def enough(lab):
    """Create this file to let the cell `ENDLESS` end before its 40 seconds."""
    path = lab.root / "enough"
    path.unlink(missing_ok=True)
    yield path
    path.touch()


def test_the_card_grows_while_the_cell_runs(notebook, enough):
    page = notebook(SETUP, ENDLESS)
    page.ask(SAMPLE)
    page.start()
    page.wait("() => new Set(window.samples.filter(([, ran]) => !ran).map(([points]) => points)).size >= 5", 60)
    page.shot("card-running")
    enough.touch()
    page.finished()


def test_the_card_freezes_into_its_picture_before_the_cell_ends(notebook):
    page = notebook(SETUP, TRAIN + 'run.end(); print("over")')
    page.run()
    page.wait(FROZEN)
    card, over = page.outputs()[1]
    assert over["text"] == "over\n"
    assert "tn-mount" not in card["data"]["text/html"]
    assert "FINISHED" in card["data"]["text/plain"]
    assert set(card["data"]) == {"text/html", "text/plain"}
    assert "widgets" not in page.save()["metadata"]
    page.shot("card-frozen")


def test_a_run_that_fails_leaves_its_picture_and_its_traceback(notebook):
    page = notebook(
        SETUP,
        "with tracker.start_run(run_name='bad') as run:\n    display(run)\n    run.log_metric('loss', 1)\n    1 / 0",
    )
    page.run()
    page.wait("() => !document.querySelector('.tn-live')")
    card, error = page.outputs()[1]
    assert "FAILED" in card["data"]["text/plain"]
    assert error["ename"] == "ZeroDivisionError"


def test_what_a_card_opened_is_closed_with_it(notebook, enough):
    page = notebook(SETUP, ENDLESS + "run.end()", COMMS)
    page.start_cell(0)
    page.finished()
    for _ in range(2):
        enough.unlink(missing_ok=True)
        page.start_cell(1)
        page.wait(LIVE)
        enough.touch()
        page.finished()
        page.until(
            2, lambda text: text == "2\n"
        )  # the code of the views, and plotly.js; a young card stays for seconds


def test_cards_that_are_over_at_once_leave_no_error_in_the_console(notebook):
    page = notebook(
        SETUP,
        "for number in range(12):\n    with tracker.start_run(run_name='short') as run:\n        display(run)\n"
        "        run.log_metric('loss', 1.0)\n        time.sleep(0.1)",
        COMMS,
    )
    page.start_cell(0)
    page.finished()
    page.start_cell(1)
    page.finished()
    page.until(2, lambda text: text in ("1\n", "2\n"))
    assert sum("FINISHED" in output["data"]["text/plain"] for output in page.outputs()[1]) == 12


def test_the_users_toggles_survive_new_points(notebook, enough):
    page = notebook(SETUP, ENDLESS)
    page.start()
    page.wait(LIVE)
    page.page.locator(".tn-live .tn-toggle").first.click()
    page.page.locator(".tn-live .tn-key").first.click()
    page.wait("() => document.querySelector('.js-plotly-plot').layout.yaxis.type === 'log'")
    before = page.ask(POINTS)
    page.wait(f"() => ({POINTS})() > {before} + 20")
    assert page.ask("() => document.querySelector('.js-plotly-plot').layout.yaxis.type") == "log"
    assert page.ask("() => document.querySelector('.js-plotly-plot').data.length") == 1
    enough.touch()
    page.finished()


def test_a_page_that_is_loaded_again_finds_the_card_and_how_it_was_looked_at(notebook):
    page = notebook(
        SETUP,
        "run = tracker.start_run(run_name='long'); run.set_notes('<b>mine</b>')\ndisplay(run)\n"
        "for step in range(50):\n    run.log_metric('loss', 1 / (1 + step))",
        KEPT,
    )
    page.start_cell(0)
    page.finished()
    page.start_cell(1)
    page.finished()
    page.wait(LIVE)
    page.page.locator(".tn-live .tn-toggle").click()
    page.page.get_by_label("smoothing").fill("0.5")
    plot = page.page.locator(".tn-live .nsewdrag").bounding_box()
    mouse, height = page.page.mouse, plot["y"] + plot["height"] / 2
    mouse.move(plot["x"] + plot["width"] * 0.4, height)
    mouse.down()
    mouse.move(plot["x"] + plot["width"] * 0.8, height, steps=5)
    mouse.up()
    page.wait("() => document.querySelector('.js-plotly-plot').layout.xaxis.range[0] > 15")
    zoomed = page.ask(LOOKED)
    page.until(2, lambda text: "'zoom': {" in text)
    page.save()
    page.load()
    page.wait(f"() => ({POINTS})() === 100")  # the line and the smoothed one
    assert page.ask(LOOKED) == zoomed
    assert page.page.get_by_label("smoothing").input_value() == "0.5"
    assert page.ask("() => document.querySelector('.tn-card .tn-text').textContent") == "<b>mine</b>"
    page.page.locator(".tn-live .nsewdrag").dblclick()
    page.wait("() => document.querySelector('.js-plotly-plot').layout.xaxis.range[0] < 5")


def test_a_page_that_is_loaded_while_the_cell_runs_shows_in_the_end_how_it_ended(notebook, enough):
    page = notebook(SETUP, ENDLESS + "run.end()")
    page.start_cell(0)
    page.finished()
    page.start_cell(1)
    page.wait(LIVE)
    page.save()
    page.page.reload()
    page.wait("() => document.querySelector('.tn-static')?.textContent.includes('RUNNING')", 90)
    enough.touch()
    page.wait("() => document.querySelector('.jp-OutputArea-output')?.textContent.includes('FINISHED')", 60)
    (card,) = page.outputs()[1]
    assert "tn-mount" not in card["data"]["text/html"]
    assert "FINISHED" in card["data"]["text/plain"]
    assert "FINISHED" in "".join(page.save()["cells"][1]["outputs"][0]["data"]["text/plain"])
    page.console = [text for text in page.console if "Comm not found" not in text]  # of what came before the end


def test_values_that_are_not_finite_are_seen(notebook):
    page = notebook(
        SETUP,
        "run = tracker.start_run(run_name='diverges')\ndisplay(run)\n"
        "for value in (1.0, 2.0, float('nan'), float('inf'), 3.0):\n    run.log_metric('loss', value)",
    )
    page.run()
    page.wait(LIVE)
    page.wait("() => document.querySelector('.js-plotly-plot').data.length === 2")
    assert page.ask("() => document.querySelector('.js-plotly-plot').data[1].text") == ["NaN", "∞"]
    assert page.ask("() => [...document.querySelector('.js-plotly-plot').data[1].x]") == [2, 3]


def test_a_view_that_cannot_be_made_is_a_warning_and_no_more(notebook, enough):
    page = notebook(
        SETUP,
        "from tauro_nb.display.live import view\n"
        "def broken():\n    enough.touch()\n    raise RuntimeError('no widgets today')\n"
        "enough = pathlib.Path('enough')\nview.ensure_code = broken\n" + ENDLESS + "run.end()\nprint('trained')",
    )
    page.run()
    outputs = page.outputs()[1]
    said = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert said.count("no widgets today") == 1
    assert "trained" in said
    assert [output["data"]["text/plain"].count("FINISHED") for output in outputs if "data" in output] == [1]


def test_a_metric_with_one_point_is_a_tile(notebook):
    page = notebook(
        SETUP, "run = tracker.start_run(run_name='once')\ndisplay(run)\nrun.log_metric('accuracy', 0.96041)"
    )
    page.run()
    page.wait("() => document.querySelector('.tn-tiles .tn-num')?.textContent === '0.9604'")
    assert page.ask("() => document.querySelectorAll('.tn-plot').length") == 0
    assert page.ask("() => document.querySelector('.tn-tiles .tn-num').title") == "0.96041"


def test_where_there_is_only_html_the_picture_is_drawn_anew(notebook, enough):
    page = notebook("%env TAURO_DISPLAY=html\n" + SETUP, ENDLESS + "run.end()")
    page.start()
    page.wait("() => document.querySelector('img[src^=\"data:image/svg+xml\"]') !== null")
    first = page.ask("() => document.querySelector('img').src")
    page.wait("(first) => document.querySelector('img').src !== first", arg=first)
    enough.touch()
    page.finished()
    assert page.ask("() => document.querySelectorAll('.tn-mount').length") == 0
    assert "FINISHED" in page.outputs()[1][0]["data"]["text/plain"]
