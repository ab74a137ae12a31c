"""Runs and registry in live tables, in a real JupyterLab."""

import json
import time

import pytest

pytestmark = pytest.mark.browser

SETUP = """
import math
import tauro_nb
session = tauro_nb.open_store("mlops-" + str(id(object())))
tracker, registry = session.tracker, session.registry
for number in range(8):
    with tracker.start_run(run_name=f"trial {number}") as run:
        run.log_params({"depth": number, "eta": 0.1})
        for step in range(20):
            run.log_metric("loss", math.exp(-step / (number + 2)))
for number in range(3):
    registry.register_model(model={"weights": number}, model_name="churn-predictor", metrics={"f1": number / 10});
"""

SWEEP = """
import math
import tauro_nb
tracker = tauro_nb.open_store("mlops-" + str(id(object()))).tracker
for number in range(12):
    with tracker.start_run(run_name=f"trial {number}") as run:
        run.log_params({"depth": number % 4, "eta": 10.0 ** -number, "kind": "aab"[number % 3], "seed": 7})
        for step in range(20):
            run.log_metric("loss", math.exp(-step / (number + 2)))
        run.log_metric("f1", number / 20)
"""

HOSTILE = r"""
import tauro_nb
bad = ["<img src=x onerror=window.hacked=1>", "</script><script>window.hacked=1</script>", "\"'`&<>{{}}",
       "\u202egpj.exe", "\U0001f600" * 40, "x" * 10_000, "{name!r}"]
session = tauro_nb.open_store("hostile-" + str(id(object())))
tracker, registry = session.tracker, session.registry
for name in bad:
    with tracker.start_run(run_name=name, tags={"note": name}) as run:
        run.log_params({f"p{index}": name for index in range(2)})
        run.log_metric("<b>loss</b>", 1.0); run.log_metric("<b>loss</b>", 2.0)
        registry.register_model({}, "m", name, metrics={"<i>f1</i>": len(name)}, tags={"<u>": name}, run=run)
open_run = tracker.start_run(run_name=bad[0])
open_run.log_params({"<i>key</i>": bad[1]})
open_run.log_metric("<u>x</u>", 1.0); open_run.log_metric("<u>x</u>", 2.0)
"""

KEPT = """
from tauro_nb.display.live.mount import places
print([view._view.looks for view in places._views.values()])
"""
FIGURE = """(kind) => { const plot = document.querySelector('.tn-figure .js-plotly-plot');
    return plot?.querySelector('.main-svg') && plot.data[0].type === kind; }"""
PLOTLY = """() => Object.getOwnPropertySymbols(globalThis)
    .some((symbol) => symbol.description?.startsWith('tauro_nb.plotly') && globalThis[symbol].started === true)"""
MOUNTED = "(count) => document.querySelectorAll('.tn-explorer').length === count"


def part(page, index=0):
    return page.page.locator(".tn-explorer").nth(index)


def texts(page, selector):
    return page.ask("(selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent)", selector)


def test_runs_are_filtered_sorted_and_compared(notebook):
    page = notebook(SETUP, "tracker", width=1300)
    page.run()
    page.wait(MOUNTED, arg=1)
    table = part(page)
    table.locator("thead button", has_text="depth").click()
    assert texts(page, "tbody .tn-first")[:2] == ["trial 7", "trial 6"]
    table.locator("thead button", has_text="depth").click()
    assert texts(page, "tbody .tn-first")[:2] == ["trial 0", "trial 1"]
    table.locator("input[type=search]").fill('"trial 5"')
    assert texts(page, "tbody .tn-first") == ["trial 5"]
    table.locator("input[type=search]").fill("")
    for number in (1, 3):
        table.locator(f"input[aria-label='choose trial {number}']").click()
    command = texts(page, ".tn-command code")[0]
    assert command.startswith("%tauro compare ")
    assert page.ask(PLOTLY) is False  # it comes with the first chart
    assert len(command.split()) == 4
    table.locator("button", has_text="Compare").click()
    page.wait("() => document.querySelector('.tn-detail .js-plotly-plot')?.data?.length === 2")
    assert texts(page, ".tn-detail .tn-key-label") == ["trial 3", "trial 1"]
    assert texts(page, ".tn-detail [aria-label='Parameters that differ'] tbody td") == ["depth", "3", "1"]
    page.shot("runs-compared", ".tn-explorer")


def test_a_comparison_is_looked_at_in_four_ways(notebook):
    page = notebook(SWEEP, "tracker.search_runs().compare()", width=1100)
    page.run()
    page.wait(MOUNTED, arg=1)
    view = part(page)
    ways = view.get_by_role("group", name="view")
    ways.get_by_role("button", name="Curves").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    page.wait(FIGURE, arg="scatter")
    page.shot("compared-scatter", ".tn-explorer")
    view.get_by_label("color").focus()
    view.get_by_label("color").select_option(label="kind (parameter)")
    page.wait("() => document.querySelector('.tn-figure .js-plotly-plot').data.length === 2")
    assert page.ask("() => document.activeElement.getAttribute('aria-label')") == "color"
    ways.get_by_role("button", name="Parallel").click()
    page.wait(FIGURE, arg="parcoords")
    page.shot("compared-parallel", ".tn-explorer")
    ways.get_by_role("button", name="Importance").click()
    page.wait(FIGURE, arg="bar")
    assert texts(page, ".tn-figure figcaption strong") == ["What matters to f1"]
    assert texts(page, ".tn-tabs [aria-pressed=true]") == ["Importance"]
    ways.get_by_role("button", name="Curves").click()
    page.wait("() => document.querySelector('.tn-panel .js-plotly-plot')?.data?.length === 12")
    assert page.ask("() => document.querySelectorAll('.tn-figure').length") == 0


def test_a_filter_of_the_grammar_is_applied_with_enter_and_its_errors_are_told(notebook):
    page = notebook(SWEEP, "tracker", width=1100)
    page.run()
    page.wait(MOUNTED, arg=1)
    search = part(page).locator("input[type=search]")
    search.fill("params.depth = 2 and params.kind = 'a'")
    assert len(texts(page, "tbody .tn-first")) == 12
    search.press("Enter")
    page.wait("() => document.querySelectorAll('tbody .tn-first').length === 2")
    assert texts(page, ".tn-bar .tn-num")[0].startswith("2 of 12")
    search.fill("params.depth = 2 or")
    search.press("Enter")
    page.wait("() => document.querySelector('.tn-note.tn-bad')?.textContent.includes('FilterError')")
    page.shot("filter-error", ".tn-explorer")
    search.fill('"trial 1"')
    page.wait("() => !document.querySelector('.tn-note.tn-bad')")
    assert set(texts(page, "tbody .tn-first .tn-open")) == {"trial 1", "trial 10", "trial 11"}


def test_columns_are_chosen_and_left_to_those_that_differ(notebook):
    page = notebook(SWEEP, "tracker", width=1100)
    page.run()
    page.wait(MOUNTED, arg=1)
    view = part(page)
    heads = "thead th button span:not(.tn-mark)"
    assert "state" in texts(page, heads)
    assert "seed" not in texts(page, heads)
    view.get_by_role("button", name="Columns").click()
    page.page.keyboard.press("Space")  # the first box, that of the state, has the focus
    assert "state" not in texts(page, heads)
    view.get_by_role("group", name="columns").get_by_label("seed").check()
    assert "seed" in texts(page, heads)
    view.get_by_role("switch").check()
    assert "seed" not in texts(page, heads)
    view.get_by_role("group", name="columns").get_by_label("depth").focus()
    page.page.keyboard.press("Escape")
    assert page.ask("() => document.activeElement.textContent") == "Columns"
    shares = page.ask("() => [...document.querySelectorAll('.tn-share')].map((cell) => cell.style.cssText).length")
    assert shares > 12
    page.shot("columns", ".tn-explorer")


def test_an_alias_is_typed_where_it_is_asked_for(notebook):
    page = notebook(SETUP, "registry.models()[0]")
    page.run()
    page.wait(MOUNTED, arg=1)
    view = part(page)
    view.locator("input[aria-label='choose v2']").click()
    view.get_by_role("button", name="Set alias").click()
    question = view.get_by_role("alertdialog")
    assert question.locator(".tn-yes").is_disabled()
    page.page.keyboard.type("champion")
    assert 'registry.set_alias("churn-predictor", 2, alias="champion")' in question.inner_text()
    page.shot("alias", ".tn-explorer")
    page.page.keyboard.press("Enter")
    page.wait("() => document.querySelector('.tn-note.tn-good')?.textContent === 'churn-predictor@champion is v2 now'")
    assert texts(page, ".tn-badge") == ["champion"]
    view.locator("input[aria-label='choose v1']").click()
    view.get_by_role("button", name="Compare").click()
    page.wait("() => document.querySelector('.tn-detail [aria-label=\"What differs in v1 and v2\"]') !== null")
    view.locator(".tn-open", has_text="v3").click()
    page.wait("() => document.querySelector('.tn-lineage strong')?.textContent === 'churn-predictor v3'")
    page.shot("lineage", ".tn-explorer")


def test_promoting_asks_shows_the_call_and_acts(notebook):
    page = notebook(SETUP, "registry", "print(registry.get('churn-predictor', stage='Production').version)")
    page.start_cell(0)
    page.finished()
    page.start_cell(1)
    page.finished()
    page.wait(MOUNTED, arg=1)
    view = part(page)
    view.locator(".tn-open", has_text="churn-predictor").click()
    view.locator("input[aria-label='choose v2']").click()
    view.get_by_role("button", name="Promote").click()
    question = view.get_by_role("alertdialog")
    assert "Promote churn-predictor v2 to Production?" in question.inner_text()
    assert 'registry.promote("churn-predictor", 2)' in question.inner_text()
    page.shot("registry-question", ".tn-explorer")
    question.get_by_role("button", name="Cancel").click()
    page.page.keyboard.press("Enter")  # the focus is back on the button
    question.get_by_role("button", name="Promote").click()
    page.wait("() => document.querySelector('.tn-note.tn-good')?.textContent === 'churn-predictor v2 is in Production'")
    page.start_cell(2)
    page.finished()
    assert page.outputs()[2][0]["text"] == "2\n"
    assert "Production" in texts(page, "[aria-label='churn-predictor'] tbody .tn-state")
    page.shot("registry-promoted", ".tn-explorer")


def test_an_error_of_an_act_is_text_in_the_view(notebook):
    page = notebook(SETUP, "registry.models()[0]", "registry.delete_version('churn-predictor', 1);")
    page.start_cell(0)
    page.finished()
    page.start_cell(1)
    page.finished()
    page.wait(MOUNTED, arg=1)
    page.start_cell(2)
    page.finished()
    view = part(page)
    view.locator("input[aria-label='choose v1']").click()
    view.get_by_role("button", name="Promote").click()
    view.locator(".tn-yes").click()
    page.wait("() => document.querySelector('.tn-note.tn-bad')?.textContent.includes('ModelNotFound')")
    assert all(output["output_type"] != "error" for cell in page.outputs() for output in cell)


def test_a_page_that_is_loaded_again_finds_the_explorers_how_they_were_looked_at_and_their_buttons(notebook):
    page = notebook(SETUP, "display(tracker, registry.models()[0])", KEPT)
    for index in range(2):
        page.start_cell(index)
        page.finished()
    page.wait(MOUNTED, arg=2)
    table = part(page)
    table.locator("thead button", has_text="depth").click()
    table.get_by_role("button", name="Columns").click()
    table.get_by_role("group", name="columns").get_by_label("eta").check()
    for number in (1, 3):
        table.locator(f"input[aria-label='choose trial {number}']").click()
    table.locator("input[type=search]").fill("params.depth < 5")
    table.locator("input[type=search]").press("Enter")
    page.wait("() => document.querySelectorAll('.tn-explorer')[0].querySelectorAll('tbody .tn-first').length === 5")
    page.until(2, lambda text: "params.depth < 5" in text)
    page.save()
    page.load()
    page.wait(MOUNTED, arg=2)
    page.wait("() => document.querySelectorAll('.tn-explorer')[0].querySelectorAll('tbody .tn-first').length === 5")
    runs = ".tn-explorer [aria-label='Runs']"
    assert texts(page, f"{runs} tbody .tn-first")[:2] == ["trial 4", "trial 3"]
    assert "eta" in texts(page, f"{runs} thead button span:not(.tn-mark)")
    assert texts(page, f"{runs} .tn-bar .tn-num") == ["5 of 8, 2 chosen"]
    assert table.locator("input[type=search]").input_value() == "params.depth < 5"
    versions = part(page, 1)
    versions.locator("input[aria-label='choose v3']").click()
    versions.get_by_role("button", name="Promote").click()
    versions.locator(".tn-yes").click()
    page.wait("() => document.querySelector('.tn-note.tn-good') !== null")


def test_ten_thousand_rows_are_there_and_only_those_in_sight_are_drawn(notebook):
    page = notebook(
        """
from tauro_nb.display.live.explorer import Explorer
from tauro_nb.display.live.grid import Grid, GridColumn
class Big(Explorer):
    def main(self):
        columns = (GridColumn(key="name"), *(GridColumn(key=f"m{n}", kind="number") for n in range(8)))
        rows = [(str(n), f"row {n}", *((n * k % 997) / 997 for k in range(8))) for n in range(10_000)]
        return [Grid(id="big", title="Big", columns=columns, rows=rows, name="name", select="many")]
Big(lambda: {"text/html": "still", "text/plain": "still"}).show()
"""
    )
    page.run()
    page.wait("() => document.querySelector('.tn-explorer .tn-num')?.textContent === '10,000'")
    assert page.ask("() => document.querySelectorAll('.tn-table tbody tr').length") < 60
    part(page).locator("input[type=search]").fill('"row 9999"')
    assert texts(page, "tbody .tn-first") == ["row 9999"]
    part(page).locator("input[type=search]").fill("")
    for first in ("row 0", "row 9999"):
        part(page).locator("thead button", has_text="name").click()
        assert texts(page, "tbody .tn-first")[0] == first
    took = page.ask(
        """() => { const frame = document.querySelector('.tn-frame'); const start = performance.now();
        const next = () => new Promise((done) => requestAnimationFrame(done));
        document.querySelector('thead th:nth-child(3) button').click(); frame.scrollTop = 5000 * 26;
        return next().then(next).then(() => performance.now() - start); }"""
    )
    assert took < 2_000
    assert page.ask("() => document.querySelectorAll('.tn-table tbody tr').length") < 60


def test_what_a_person_typed_is_text(notebook):
    page = notebook(HOSTILE, "tracker", "tracker.search_runs().compare()", "display(open_run)", "registry")
    page.run()
    page.wait("() => document.querySelectorAll('.tn-live').length === 4")
    page.wait("() => document.querySelectorAll('.tn-live .main-svg').length >= 2")
    part(page).locator("thead input[type=checkbox]").click()
    part(page).locator("button", has_text="Compare").click()
    page.wait("() => document.querySelector('.tn-detail .main-svg') !== null")
    for way, kind in (("Scatter", "scatter"), ("Parallel", "parcoords")):
        part(page).get_by_role("button", name=way).click()
        page.wait(FIGURE, arg=kind)
    part(page, 2).locator(".tn-open", has_text="v7").click()
    page.wait("() => document.querySelector('.tn-lineage strong')?.textContent === 'm v7'")
    part(page, 2).locator("input[aria-label='choose v7']").click()
    part(page, 2).get_by_role("button", name="Set alias").click()
    page.page.keyboard.type("<img src=x onerror=window.hacked=1>")
    page.page.keyboard.press("Enter")
    page.wait("() => document.querySelectorAll('.tn-explorer')[2].textContent.includes('m@<img src=x onerror')")
    assert page.ask("() => window.hacked") is None
    assert page.ask("() => document.querySelectorAll('.tn-live :is(img, script, b, i, u, iframe)').length") == 0
    assert "<img src=x onerror=window.hacked=1>" in texts(page, ".tn-card .tn-name")
    page.shot("hostile")


def test_reopened_by_a_stranger_a_notebook_shows_the_static_form(notebook):
    page = notebook(SETUP, "tracker", "registry", "run")
    page.run()
    page.wait(MOUNTED, arg=2)
    saved = page.save()
    assert len(json.dumps(saved)) < 200_000
    saved["cells"][0]["source"] += "# changed: the signature of whoever saved it does not hold"
    again = notebook(saved=saved)
    cells = "window.jupyterapp.shell.currentWidget.content.widgets"
    assert again.ask(f"() => {cells}.some((cell) => cell.model.trusted)") is False
    again.wait("() => document.querySelectorAll('.tn-static').length === 2")
    again.wait("() => document.querySelector('img[src^=\"data:image/svg+xml\"]')?.naturalWidth > 0")
    assert again.ask("() => document.querySelector('.tn-live')") is None
    assert again.ask("() => [...document.querySelectorAll('.tn-static')].every((node) => node.offsetHeight > 50)")
    again.shot("reopened")


def test_a_copy_in_the_same_page_stays_static(notebook):
    page = notebook(SETUP, "tracker")
    page.run()
    page.save()
    page.load(many=True)
    page.wait(MOUNTED, arg=1)
    copy = page.path.with_name("copy-of-" + page.path.name)
    copy.write_bytes(page.path.read_bytes())
    page.ask("(path) => window.jupyterapp.commands.execute('docmanager:open', { path })", copy.name)
    page.wait("() => document.querySelectorAll('.tn-static').length === 2")
    page.wait("(name) => window.jupyterapp.shell.currentWidget.title.label === name", arg=copy.name)
    page.page.wait_for_timeout(1_000)  # nothing may happen: there is no condition to wait for
    assert page.ask("() => document.querySelectorAll('.tn-live').length") == 1
    assert page.ask("() => window.jupyterapp.shell.currentWidget.node.querySelector('.tn-static').offsetHeight") > 50


def test_a_restarted_kernel_leaves_the_static_form(notebook):
    page = notebook(SETUP, "tracker")
    page.run()
    page.wait(MOUNTED, arg=1)
    page.ask("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait("() => !document.querySelector('.tn-live') && document.querySelector('.tn-static').offsetHeight > 50")


def test_a_view_lives_as_long_as_its_output(notebook):
    page = notebook(SETUP, "tracker", "from tauro_nb.display.live.mount import places; print(len(places))")

    def lived() -> str:
        page.start_cell(2)
        page.finished()
        return page.outputs()[2][0]["text"]

    page.start_cell(0)
    page.finished()
    for _ in range(3):
        page.ask("() => { for (const old of document.querySelectorAll('.tn-live')) old.classList.add('tn-old'); }")
        page.start_cell(1)
        page.finished()
        page.wait("() => document.querySelector('.tn-live:not(.tn-old)') && !document.querySelector('.tn-old')")
    assert lived() == "1\n"
    page.ask("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait(MOUNTED, arg=0)
    end = time.monotonic() + 20  # it is told half a second later, for the output may only have moved
    while lived() != "0\n":
        assert time.monotonic() < end, "the view outlived its output"


def test_the_keyboard_is_enough(notebook):
    page = notebook(SETUP, "registry.models()[0]")
    page.run()
    page.wait(MOUNTED, arg=1)
    part(page).locator("input[aria-label='choose v3']").focus()
    keyboard = page.page.keyboard
    keyboard.press("ArrowDown")
    keyboard.press("Space")
    assert page.ask("() => document.activeElement.getAttribute('aria-label')") == "choose v2"
    part(page).get_by_role("button", name="Promote").focus()
    keyboard.press("Enter")
    keyboard.press("Enter")
    page.wait("() => document.querySelector('.tn-note.tn-good') !== null")
    keyboard.press("x")  # JupyterLab's key that cuts a cell
    keyboard.press("d")
    keyboard.press("d")
    assert page.ask("() => document.querySelectorAll('.jp-Notebook .jp-Cell').length") == 2
