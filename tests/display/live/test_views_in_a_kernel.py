"""Live views as a kernel sends them, without the page that draws them."""

import re

import pytest

SETUP = """
import tauro_nb
session = tauro_nb.open_store("mlops")
tracker, registry = session.tracker, session.registry
"""

RUNS = """
for number in range(3):
    with tracker.start_run(run_name=f"trial {number}") as run:
        run.log_param("depth", number)
        for value in (3.0, 2.0, float("nan")):
            run.log_metric("loss", value)
"""

MODEL = 'registry.register_model(model={}, model_name="churn", metrics={"f1": 0.9});'


@pytest.fixture(scope="module")
def kernel(start_front):
    front = start_front()
    front.run(SETUP + RUNS + 2 * (MODEL + "\n"))
    return front


@pytest.fixture
def front(kernel):
    yield kernel
    kernel.leave()


@pytest.fixture
def registry_view(front):
    front.run("registry.models()[0]", cell_id="registry")
    return front.model("explorer")


def ask(front, view, **request):
    """Ask a view for something and return what it tells."""
    number = len(front.told) + 1
    front.send(view, request=number, **request)
    front.until(lambda: any(message.get("done") == number for message in front.told))
    return front.models[view]["note"]


def block(state, name, part="main"):
    """Return the block of this id, as a page holds it."""
    return next(each for each in state[part] if each["id"] == name)


def html(outputs):
    return next(output["data"]["text/html"] for output in outputs if "data" in output)


def test_a_card_opens_small_tells_news_and_closes_after_its_picture(front):
    front.run("run = tracker.start_run(run_name='live')\nrun.log_metric('loss', 1.0)\ndisplay(run)", cell_id="card")
    key, state = front.model("card")
    assert front.sizes[key] < 60_000
    assert state["head"]["status"] == "RUNNING"
    assert [line["key"] for line in state["points"]["lines"]] == ["loss"]
    front.told.clear()
    front.run("run.log_metric('loss', 0.5)")
    news = front.until(lambda: [message for message in front.told if message.get("points")])
    assert news[0]["points"][0]["last"] == 0.5
    assert sum(len(part) for part in news[0]["buffers"]) == 24
    front.acts.clear()
    front.run("run.end()")
    front.until(lambda: key not in front.models)
    assert front.acts == ["update_display_data", "comm_close"]


def test_a_page_that_misses_points_is_told_all_of_them(front):
    front.run("run = tracker.start_run()\nfor n in range(5): run.log_metric('loss', n)\ndisplay(run)", cell_id="again")
    key, _ = front.model("card")
    front.told.clear()
    front.send(key, do="resend")
    news = front.until(lambda: [message for message in front.told if message.get("points")])
    assert news[0]["points"][0]["offset"] == 0
    assert len(news[0]["buffers"][0]) == 5 * 8
    front.run("run.end()")
    front.until(lambda: key not in front.models)


def test_the_code_travels_once_a_kernel(front):
    front.run("display(tracker, registry)", cell_id="once")
    front.until(lambda: len(front.views("explorer")) == 2)
    assert sum("modules" in state for state in front.models.values()) == 1
    assert sum("library" in state for state in front.models.values()) <= 1


def test_an_act_is_done_and_told(front, registry_view):
    key, state = registry_view
    assert block(state, "versions")["actions"][0]["confirm"] == "Promote {model} v{number} to Production?"
    note = ask(front, key, do="promote", grid="versions", keys=["2"], confirmed=True)
    assert note == {"tone": "good", "text": "churn v2 is in Production", "grid": "versions"}
    assert front.run("print(registry.get('churn', stage='Production').version)")[0]["text"] == "2\n"
    stages = {row[1]: row[2] for row in block(front.models[key], "versions")["rows"]}
    assert stages["v2"] == "Production"


def test_an_act_that_asks_first_does_nothing_without_an_answer(front, registry_view):
    key, _ = registry_view
    note = ask(front, key, do="archive", grid="versions", keys=["1"])
    assert note["tone"] == "bad"
    assert "asks first" in note["text"]
    assert front.run("print(registry.get('churn', 1).stage)")[0]["text"] == "None\n"


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "promote", "grid": "versions", "keys": ["99"], "confirmed": True},
        {"do": "promote", "grid": "nowhere", "keys": ["1"], "confirmed": True},
        {"do": "no such thing", "grid": "versions", "keys": ["1"]},
        {"do": "open", "grid": "versions", "keys": []},
    ],
)
def test_what_makes_no_sense_is_told_in_the_view(front, registry_view, request_):
    key, _ = registry_view
    assert ask(front, key, **request_)["tone"] == "bad"


def test_a_view_whose_place_is_gone_is_closed(front, registry_view):
    key, _ = registry_view
    front.send(key, do="gone")
    front.until(lambda: key not in front.models)


def test_running_a_cell_again_closes_what_it_opened(front):
    first = front.run("tracker", cell_id="rerun")
    key, _ = front.model("explorer")
    second = front.run("tracker", cell_id="rerun")
    front.until(lambda: key not in front.models and front.views("explorer"))
    assert re.findall(r"tn-id-\w+", html(first)) == re.findall(r"tn-id-\w+", html(second))


def test_the_same_cell_twice_has_two_places(front):
    names = {re.search(r"tn-id-\w+", html(front.run("tracker", cell_id=name)))[0] for name in ("one", "other")}
    names |= {re.search(r"tn-id-\w+", html(front.run("display(tracker)", cell_id="third")))[0]}
    assert len(names) == 3
    front.until(lambda: len(front.views("explorer")) == 3)


def test_many_rows_travel_in_pages_and_a_folded_column_when_it_is_asked_for(front):
    front.run(
        """
from tauro_nb.display.live.explorer import Explorer
from tauro_nb.display.live.grid import Grid, GridColumn
class Big(Explorer):
    def main(self):
        rows = [(str(n), f"row {n}", "y" * 200, float("nan"), "x" * 1_000) for n in range(3_000)]
        columns = (
            GridColumn(key="name"),
            GridColumn(key="more", folded=True),
            GridColumn(key="value", kind="number"),
            GridColumn(key="text"),
        )
        return [Grid(id="big", title="Big", columns=columns, rows=rows)]
Big(lambda: {"text/html": "", "text/plain": ""}).show()
""",
        cell_id="big",
    )
    key, state = front.model("explorer")
    assert front.sizes[key] < 200_000
    grid = state["main"][0]
    rows = grid["rows"]
    assert grid["total"] == 3_000
    assert rows[0][2] == "NaN"
    assert len(rows[0][3]) == 200
    while len(rows) < 3_000:
        front.told.clear()
        front.send(key, do="rows", grid="big", edition=grid["edition"], **{"from": len(rows)})
        rows += front.until(lambda: front.told)[0]["rows"]
    assert [row[0] for row in rows] == [str(number) for number in range(3_000)]
    assert {column["key"]: column["at"] for column in grid["columns"]} == {"name": 1, "value": 2, "text": 3, "more": 4}
    assert {len(row) for row in rows} == {4}
    values = []
    while len(values) < 3_000:
        front.told.clear()
        front.send(key, do="column", grid="big", edition=grid["edition"], column="more", **{"from": len(values)})
        values += front.until(lambda: front.told)[0]["values"]
    assert values == ["y" * 200] * 3_000


def test_a_view_that_fails_is_one_warning_and_the_training_goes_on(front):
    outputs = front.run(
        "import time\nfrom tauro_nb.display.live.feed import Feed\nwhole, Feed.poll = Feed.poll, lambda self: 1 / 0\n"
        "run = tracker.start_run()\ndisplay(run)\ntime.sleep(1)\nprint('trained')",
        cell_id="broken",
    )
    said = "".join(output.get("text", "") for output in outputs)
    assert said.count("ZeroDivisionError") == 1
    assert "trained" in said
    front.run("Feed.poll = whole\nrun.end()")


def test_the_output_of_an_explorer_is_the_same_where_everything_must_be(front, start_front):
    same = start_front(TAURO_DETERMINISTIC="1")
    same.run(SETUP + "tracker = tauro_nb.open_store('empty').tracker")
    front.run("empty = tauro_nb.open_store('empty').tracker")
    live, still = front.run("(empty)"), same.run("empty = tracker;") or same.run("(empty)")
    place = re.compile(r"<div class=\"tn-mount tn-id-\w+\">")
    assert place.findall(html(live)) == place.findall(html(still))
    assert not same.models


def test_the_html_tier_has_no_places_and_no_models(start_front):
    front = start_front(TAURO_DISPLAY="html")
    front.run(SETUP)
    outputs = front.run("tracker")
    assert "tn-mount" not in html(outputs)
    assert not front.models


@pytest.mark.slow
def test_two_hundred_cards_leave_as_many_models_as_before(front):
    front.run("run = tracker.start_run()\ndisplay(run)\nrun.log_metric('a', 1)", cell_id="warm")
    front.model("card")
    front.run("run.end()")
    front.until(lambda: not front.views("card"))
    before = set(front.models)
    front.run(
        "from tauro_nb.display.live.mount import places\nimport time\n"
        "for number in range(200):\n"
        "    run = tracker.start_run()\n    display(run)\n    run.log_metrics({'a': 1.0})\n    run.end()\n"
        "print(len(places))",
        cell_id="many",
    )
    front.until(lambda: set(front.models) == before)
