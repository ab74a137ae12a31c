"""What the live comparison and the registry's live tables send to the page, and what they make of its answers."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

SETUP = """
import math
import tauro_nb
session = tauro_nb.open_store("mlops")
tracker, registry = session.tracker, session.registry
for number in range(14):
    with tracker.start_run(run_name=f"trial {number % 7}") as run:
        run.log_params({"depth": number % 5, "eta": 10.0 ** -(number % 4), "kind": "ab"[number % 2], "seed": 7})
        for step in range(40):
            run.log_metric("loss", math.exp(-step / (number + 2)))
        run.log_metric("f1", number / 20)
    if number < 4:
        registry.register_model(model={}, model_name="churn", metrics={"f1": number / 10}, run=run);
"""

WIDE = """
with_many = tauro_nb.open_store("wide").tracker
for number in range(300):
    with with_many.start_run(run_name="a name that is long enough to be cut somewhere") as run:
        run.log_params({f"parameter {k} of a long name": number * k for k in range(60)})
        run.log_metrics({f"metric {k} of a long name": number / (k + 1) for k in range(60)})
        if number < 30:
            for step in range(150):
                run.log_metrics({f"curve {k}": step / (number + 1) for k in range(4)})
"""


@pytest.fixture(scope="module")
def kernel(start_front):
    front = start_front()
    front.run(SETUP)
    return front


@pytest.fixture
def front(kernel):
    yield kernel
    kernel.leave()


@pytest.fixture
def comparison(front):
    front.run("tracker.search_runs().compare()", cell_id="comparison")
    return front.model("explorer")[0]


@pytest.fixture
def model_view(front):
    front.run("registry.model('churn')", cell_id="model")
    return front.model("explorer")[0]


def ask(front, view, **request):
    """Ask a view for something and return what it tells."""
    number = len(front.told) + 1
    front.send(view, request=number, **request)
    front.until(lambda: any(message.get("done") == number for message in front.told))
    return front.models[view]["note"]


def turn(front, view, name, option):
    """Choose an option by its text, as a person does."""
    item = choices(front, view)[name]
    value = str(item["options"].index(option))
    assert ask(front, view, do="turn", block="looks", name=name, value=value)["text"] == ""


def block(front, view, name, part="main"):
    return next((each for each in front.models[view][part] if each["id"] == name), None)


def choices(front, view):
    return {item["name"]: item for item in block(front, view, "looks")["items"]}


def numbers(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def size(front, view, part):
    """Bytes of a part of a view, its binary columns counted as they are."""
    return len(json.dumps(front.models[view][part], default=lambda raw: "x" * len(raw)))


def test_any_two_columns_are_set_against_each_other(front, comparison):
    turn(front, comparison, "view", "Scatter")
    turn(front, comparison, "x", "eta (parameter)")
    turn(front, comparison, "y", "loss")
    turn(front, comparison, "color", "kind (parameter)")
    picture = block(front, comparison, "picture")
    assert picture["title"] == "loss by eta"
    assert picture["layout"]["xaxis"]["type"] == "log"
    assert [trace["name"] for trace in picture["data"]] == ["a", "b"]
    assert sorted(set(numbers(picture["data"][0]["x"]).round(4).tolist())) == [0.01, 1.0]
    assert {name: item["value"] for name, item in choices(front, comparison).items() if name != "view"} == {
        "x": 3,
        "y": 1,
        "color": 5,
    }


@pytest.mark.slow
def test_parallel_coordinates_and_importance_are_of_the_metric_that_is_chosen(front, comparison):
    turn(front, comparison, "view", "Parallel")
    turn(front, comparison, "metric", "loss")
    axes = [axis["label"] for axis in block(front, comparison, "picture")["data"][0]["dimensions"]]
    assert axes == ["depth", "eta", "kind", "loss"]
    turn(front, comparison, "view", "Importance")
    picture = block(front, comparison, "picture")
    assert picture["title"] == "What matters to loss"
    assert "14 runs" in picture["note"]


def test_a_picture_that_cannot_be_drawn_says_why_and_leaves_the_choice(front):
    front.run("tracker.search_runs('params.depth = 1').compare()", cell_id="few")
    view = front.model("explorer")[0]
    turn(front, view, "view", "Importance")
    assert "at least 10 runs" in block(front, view, "picture")["text"]
    turn(front, view, "view", "Curves")
    assert block(front, view, "picture")["kind"] == "curves"


def test_axes_are_of_the_runs_that_have_the_metric(front):
    front.run(
        "some = tauro_nb.open_store('some').tracker\n"
        "for number in range(3):\n"
        "    with some.start_run() as run:\n"
        "        run.log_params({'depth': number} if number else {'other': 1})\n"
        "        run.log_metrics({'f1': number} if number else {'loss': 1})"
    )
    front.run("some.search_runs().compare()", cell_id="some")
    view = front.model("explorer")[0]
    turn(front, view, "view", "Parallel")
    picture = block(front, view, "picture")
    assert [axis["label"] for axis in picture["data"][0]["dimensions"]] == ["depth", "f1"]
    assert "without 1" in picture["note"]


def test_a_choice_that_was_not_offered_is_told(front, comparison):
    note = ask(front, comparison, do="turn", block="looks", name="view", value="9")
    assert "no such choice" in note["text"]
    assert block(front, comparison, "picture")["kind"] == "curves"


def test_the_table_is_not_read_again_for_a_comparison(front):
    front.run("tracker", cell_id="table")
    view = front.model("explorer")[0]
    before = block(front, view, "runs")
    keys = [row[0] for row in before["rows"][:2]]
    ask(front, view, do="compare", grid="runs", keys=keys)
    assert block(front, view, "metrics", "detail")["columns"][-1]["key"] == "change"
    assert block(front, view, "runs")["edition"] == before["edition"]


def test_names_that_repeat_are_marked_with_the_end_of_their_ids(front):
    front.run("tracker.search_runs()", cell_id="marks")
    grid = block(front, front.model("explorer")[0], "runs")
    at = next(column["at"] for column in grid["columns"] if column["key"] == "mark")
    assert all(row[0].endswith(row[at]) for row in grid["rows"])
    assert len({row[at] for row in grid["rows"]}) == 14


def test_a_filter_is_read_as_search_runs_reads_it(front):
    front.run("tracker", cell_id="filter")
    view = front.model("explorer")[0]
    front.told.clear()
    assert ask(front, view, do="filter", grid="runs", text="params.depth = 1 and metrics.f1 > 0.2")["text"] == ""
    kept = next(message for message in front.told if "filter" in message)
    rows = block(front, view, "runs")["rows"]
    found = front.run("print([r.run_id for r in tracker.search_runs('params.depth = 1 and metrics.f1 > 0.2')])")
    assert str([row[0] for row, keep in zip(rows, bytes(kept["buffers"][0]), strict=True) if keep]) == (
        found[0]["text"].strip()
    )
    note = ask(front, view, do="filter", grid="runs", text="metrics.f1 >")
    assert note["tone"] == "bad"
    assert "FilterError" in note["text"]


@pytest.mark.slow
def test_a_view_of_very_many_columns_and_points_stays_small(front):
    front.run(WIDE)
    front.run("with_many", cell_id="wide")
    view = front.model("explorer")[0]
    assert front.sizes[view] < 60_000
    rows = list(block(front, view, "runs")["rows"])
    while len(rows) < 300:
        front.told.clear()
        grid = block(front, view, "runs")
        front.send(view, do="rows", grid="runs", edition=grid["edition"], **{"from": len(rows)})
        rows += front.until(lambda: front.told)[0]["rows"]
    ask(front, view, do="compare", grid="runs", keys=[row[0] for row in rows])
    looks = block(front, view, "looks", "detail")["items"][0]
    for at in range(len(looks["options"])):
        ask(front, view, do="turn", block="looks", name="view", value=str(at))
        picture = block(front, view, "picture", "detail")
        assert len(json.dumps(picture, default=lambda raw: "x" * len(raw))) < 60_000
        assert size(front, view, "main") + size(front, view, "detail") < 200_000


def test_a_model_shows_how_its_metrics_went_and_its_change_against_production(front, model_view):
    ask(front, model_view, do="promote", grid="versions", keys=["2"], confirmed=True)
    grid = block(front, model_view, "versions")
    assert grid["base"] == "2"
    (course,) = block(front, model_view, "courses")["items"]
    assert course == {"label": "f1", "versions": [1, 2, 3, 4], "values": [0.0, 0.1, 0.2, 0.3], "marked": 1}


def test_production_is_rolled_back_as_the_page_saw_it(front, model_view):
    assert ask(front, model_view, do="promote", grid="versions", keys=["2"], confirmed=True)["tone"] == "good"
    assert ask(front, model_view, do="promote", grid="versions", keys=["3"], confirmed=True)["tone"] == "good"
    assert block(front, model_view, "versions")["facts"] == {"model": "churn", "production": 3, "before": 2}
    front.run("registry.promote('churn', 4);")  # somebody else, since this page was drawn
    note = ask(front, model_view, do="rollback", grid="versions", keys=[], confirmed=True)
    assert "StaleExpectation" in note["text"]
    ask(front, model_view, do="refresh")
    note = ask(front, model_view, do="rollback", grid="versions", keys=[], confirmed=True)
    assert note["text"] == "churn v3 is back in Production"


def test_an_alias_is_set_to_what_was_typed(front, model_view):
    note = ask(front, model_view, do="alias", grid="versions", keys=["1"], confirmed=True, answer="champion")
    assert note["text"] == "churn@champion is v1 now"
    assert front.run("print(registry.get('churn@champion').version)")[0]["text"] == "1\n"
    note = ask(front, model_view, do="alias", grid="versions", keys=["1"], confirmed=True, answer="no/such alias")
    assert note["tone"] == "bad"


def test_versions_are_compared_in_their_order(front, model_view):
    ask(front, model_view, do="compare", grid="versions", keys=["3", "1"])
    grid = block(front, model_view, "compared", "detail")
    assert grid["title"] == "What differs in v1 and v3"
    rows = {row[0]: row[1:] for row in grid["rows"]}
    assert rows["metrics f1"] == ["f1", "metrics", 0.0, 0.2, 0.2]
    assert rows["params depth"][2:] == [0, 2, 2]


def test_a_version_leads_back_to_its_run(front, model_view):
    ask(front, model_view, do="open", grid="versions", keys=["3"])
    lineage = block(front, model_view, "lineage", "detail")
    assert [step["what"] for step in lineage["steps"]] == ["data", "run", "version"]
    assert lineage["steps"][1]["items"][0]["name"] == "trial 2"
    assert lineage["command"] == "registry.load_model('churn', 3)"


def test_a_refresh_shows_what_another_process_did(front, model_view):
    folder = front.run("import os; print(os.getcwd())")[0]["text"].strip()
    act = "import tauro_nb; tauro_nb.open_store('mlops').registry.set_alias('churn', 4, alias='elsewhere')"
    subprocess.run([sys.executable, "-c", act], cwd=folder, check=True)
    ask(front, model_view, do="refresh")
    aliases = {row[0]: row[3] for row in block(front, model_view, "versions")["rows"]}
    assert "elsewhere" in aliases["4"]
