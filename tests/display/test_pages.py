"""Pages of real objects: what they say, and that they stay small, whatever is in them."""

from __future__ import annotations

import itertools
import math
import shutil
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from tauro_nb import faces
from tauro_nb.display import html, text
from tauro_nb.display.data import Facts, Lines, Panels, Table, Tiles
from tauro_nb.errors import RunNotFound
from tauro_nb.events import EventEmitter
from tauro_nb.mlops import encoding
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.monitoring.health import Finding, HealthMonitor, HealthStatus
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.session import open_session, open_store
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</div><script>alert(1)</script>",
    "\"'`&<>",
    "a\nb\x1b[2J\u202e",
    "名前" * 40,
]

SECOND = 1_000_000_000
LARGEST_HTML = 1_500_000
LARGEST_TEXT = 100_000


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return LocalStore(tmp_path / "store") if request.param == "local" else MemoryStore()


@pytest.fixture
def tracker(store):
    numbers = itertools.count(1)
    yield ExperimentTracker(
        store,
        clock=itertools.count(1_795_500_170 * SECOND, SECOND).__next__,
        ids=lambda: f"{next(numbers):08x}",
        emitter=EventEmitter(),
        collector=MetricsCollector(),
    )
    background.wait()


@pytest.fixture
def registry(store):
    clock = itertools.count(1_795_500_170 * SECOND, SECOND).__next__
    return ModelRegistry(store, clock=clock, emitter=EventEmitter(), collector=MetricsCollector())


class Checked(HTMLParser):
    """Collects tags and attributes, and whether every tag is closed."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.open = set(), set(), []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def show(subject):
    """Return an object's page and its two forms, each of which is looked at as every page should be."""
    page = faces.answer("page", subject)
    bundle = subject._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    source, plain = bundle["text/html"], bundle["text/plain"]
    assert (source, plain) == (html.render(page), text.render(page))
    found = Checked(source)
    assert not found.open
    assert not found.tags & {"script", "style", "link", "iframe", "object", "form"}
    assert found.attributes <= {"class", "style", "title", "src", "alt", "width", "height"}
    assert len(source) < LARGEST_HTML
    assert len(plain) < LARGEST_TEXT
    assert all(c.isprintable() or c == "\n" for c in plain)
    return page, source, plain


def sections(page, kind):
    return [section for section in page.sections if isinstance(section, kind)]


def table(page, title=""):
    (found,) = [section for section in sections(page, Table) if section.title == title]
    return found


def column(table, label):
    at = [column.label for column in table.columns].index(label)
    return [row[at].text for row in table.rows]


# -- a run


def test_a_run_without_points_has_neither_tiles_nor_charts(tracker):
    with tracker.start_run("empty") as run:
        pass
    page, _, plain = show(run)
    assert (page.title, page.state) == ("empty", "FINISHED")
    assert sections(page, Tiles)[0].items == ()
    assert sections(page, Panels)[0].items == ()
    assert plain.splitlines()[0] == "empty  [FINISHED]"
    assert f'tracker.get_run("{run.run_id}")' in plain


def test_a_metric_with_one_point_is_a_tile_and_with_more_a_chart(tracker):
    with tracker.start_run("both") as run:
        run.log_metric("accuracy", 0.96041234)
        run.log_metric("true_positives", 105)
        for step in range(3):
            run.log_metrics({"train/loss": 1 / (step + 1), "val/loss": 2 / (step + 1)}, step=step)
    page, _, plain = show(run)
    assert [(name, cell.text) for name, cell in sections(page, Tiles)[0].items] == [
        ("accuracy", "0.9604"),
        ("true_positives", "105"),
    ]
    (panel,) = sections(page, Panels)[0].items
    assert panel.title == "loss"
    assert [(each.name, each.x) for each in panel.series] == [
        ("train/loss", (0.0, 1.0, 2.0)),
        ("val/loss", (0.0, 1.0, 2.0)),
    ]
    assert "train/loss  last 0.3333  min 0.3333  max 1  at step 2" in plain


def test_a_run_that_goes_on_shows_what_it_has_so_far(tracker):
    run = tracker.start_run("going on")
    run.log_metric("loss", 1.0)
    page, _, _ = show(run)
    assert page.state == "RUNNING"
    assert [name for name, _ in sections(page, Tiles)[0].items] == ["loss"]
    run.log_metric("loss", 0.5)
    page, _, _ = show(run)
    assert [panel.title for panel in sections(page, Panels)[0].items] == ["loss"]
    run.end()


def test_what_is_not_finite_is_told(tracker):
    with tracker.start_run("diverged") as run:
        run.log_metrics({"one": math.nan, "two": math.inf})
        for value in (1.0, math.nan, math.inf, math.nan):
            run.log_metric("loss", value)
        for _ in range(2):
            run.log_metric("never", math.nan)
    page, _, plain = show(run)
    assert [cell.text for _, cell in sections(page, Tiles)[0].items] == ["NaN", "∞"]
    assert "  loss  last NaN  min 1  max ∞  at step 3\n" in plain
    assert "  never  last NaN\n" in plain


def fail(tracker, error, name="failed", **start):
    """Return a run that `error` ended."""

    def body():
        with tracker.start_run(name, **start) as run:
            runs.append(run)
            raise error

    runs = []
    with pytest.raises(type(error)):
        body()
    return runs[0]


def test_a_failed_run_says_why(tracker):
    run = fail(tracker, ZeroDivisionError("of <b>mine</b>\nsecond line"))
    page, source, plain = show(run)
    assert page.state == "FAILED"
    assert "ZeroDivisionError: of &lt;b&gt;mine&lt;/b&gt;\nsecond line" in source
    assert "  ZeroDivisionError: of <b>mine</b>\n  second line" in plain


def test_an_error_that_says_nothing_is_its_name_alone(tracker):
    (lines,) = sections(show(fail(tracker, KeyboardInterrupt()))[0], Lines)
    assert lines.text == "KeyboardInterrupt"


def test_an_error_of_any_length_stays_readable(tracker):
    run = fail(tracker, ValueError("begin\n" + "x" * 100_000 + "\nline" * 10_000 + "\nend"))
    page, _, _ = show(run)
    (lines,) = sections(page, Lines)
    assert len(lines.text) < 5_000
    assert lines.text.startswith("ValueError: begin\n")
    assert lines.text.endswith("\nend")
    assert "more lines" in lines.text


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_person_typed_is_shown_as_text(tracker, name):
    key = "".join(c for c in name if c.isprintable())[:200]
    with tracker.start_run(name, experiment=name, tags={name: name}) as run:
        run.log_params({key: name, "list": [name, {name: name}]})
        run.log_metric(key, 0.5)
        for step in (1, 2):
            run.log_metrics({f"{key}/x": step}, step=step)
    failed = fail(tracker, RuntimeError(name), name)
    for subject in (run, failed, tracker, tracker.search_runs(), tracker.search_runs().compare()):
        page, source, plain = show(subject)
        assert "<script" not in source
        assert "<img src=x" not in source
        assert "\x1b" not in plain
        assert page.title


def test_a_child_names_the_run_that_it_is_a_part_of(tracker):
    with tracker.start_run("parent") as parent, tracker.start_run("child", parent=parent) as child:
        pass
    assert f"part of {parent.run_id}" in show(child)[2]
    assert "part of" not in show(parent)[2]
    assert column(table(show(tracker)[0]), "run") == ["child", "parent"]


def test_a_run_with_very_much_in_it_is_bounded(tracker):
    with tracker.start_run("n" * 5_000, experiment="e" * 5_000, tags={f"t{i}": "v" * 5_000 for i in range(500)}) as run:
        run.log_params({f"{i:03}{'p' * 240}": "v" * 5_000 for i in range(500)})
        run.log_metrics({f"tile{i:03}": i for i in range(500)})
        for step in range(20):
            run.log_metrics({f"layer{i}/norm": step * i for i in range(300)} | {f"q{i:02}": step for i in range(40)})
    page, _, plain = show(run)
    assert sections(page, Tiles)[0].more == 440
    assert [each.more for each in sections(page, Facts) if each.items] == [440, 440]
    panels = sections(page, Panels)[0].items
    assert len(panels) == 12
    assert panels[0].title == "norm (24 of 300)"
    assert len(panels[0].series) == 24
    assert "440 more" in plain


def test_a_long_curve_is_thinned_and_keeps_its_peak(tracker):
    values = np.zeros(50_000)
    values[31_337] = 9.0
    with tracker.start_run("long") as run:
        for value in values.tolist():
            run.log_metric("loss", value)
    page, source, plain = show(run)
    (series,) = sections(page, Panels)[0].items[0].series
    assert len(series.x) < 1_500
    assert 9.0 in series.y
    assert len(source) < 60_000
    assert "last 0  min 0  max 9  at step 49,999" in plain


def test_the_same_run_gives_the_same_bytes(tracker):
    with tracker.start_run("same") as run:
        for step in range(100):
            run.log_metric("loss", math.sin(step))
    assert show(run)[1:] == show(tracker.get_run(run.run_id))[1:]


def test_no_picture_holds_an_id_or_a_time(tracker):
    def pictures():
        for _ in range(2):
            with tracker.start_run("same") as run:
                for step in range(10):
                    run.log_metric("loss", step)
        runs = tracker.search_runs(max_results=2)
        return [sections(show(each)[0], Panels) for each in (runs[0], runs.compare())]

    assert pictures() == pictures()


def test_a_deleted_run_is_told_to_be_gone(tmp_path):
    store = LocalStore(tmp_path / "store")
    tracker = ExperimentTracker(store, emitter=EventEmitter(), collector=MetricsCollector())
    with tracker.start_run("gone", experiment="e") as run:
        run.log_metric("loss", 1.0)
    background.wait()
    found = tracker.get_run(run.run_id)
    shutil.rmtree(tmp_path / "store" / keys.runs("e") / run.run_id)
    for each in (run, found):
        with pytest.raises(RunNotFound, match=f"{run.run_id} is no longer there") as told:
            each._repr_mimebundle_()
        assert "search_runs" in told.value.fix


# -- tables of runs


def test_an_empty_tracker_says_what_to_type(tracker):
    for subject in (tracker, tracker.search_runs(), tracker.search_runs().compare()):
        _, source, plain = show(subject)
        for form in (source, plain):
            assert "no runs here: (%)tauro run PIPELINE" in form
            assert "0 runs" in form


def test_a_table_shows_what_differs_and_what_most_runs_have(tracker):
    for rate in (0.1, 0.2):
        with tracker.start_run("train") as run:
            run.log_params({"rate": rate, "seed": 7})
            run.log_metrics({"accuracy": 0.9 + rate / 10, "zeta": 1})
    with tracker.start_run("other", experiment="second") as run:
        run.log_metric("accuracy", 0.5)
    page, _, plain = show(tracker)
    found = table(page)
    assert "3 runs in 2 experiments" in plain
    assert column(found, "run") == ["other", "train", "train"]
    assert column(found, "accuracy") == ["0.5", "0.92", "0.91"]
    assert column(found, "zeta") == ["", "1", "1"]
    assert column(found, "rate") == ["", "0.2", "0.1"]
    assert "seed" in [each.label for each in found.columns]
    both = show(tracker.search_runs("params.seed = 7"))[0]
    assert "seed" not in [each.label for each in table(both).columns]


def test_a_table_is_as_wide_however_long_the_runs_took(tmp_path):
    widths = set()
    for step in (1_000_000, SECOND, 100 * SECOND, 7_000 * SECOND, 90_000 * SECOND):
        clock = itertools.count(1_795_500_170 * SECOND, step).__next__
        tracker = ExperimentTracker(MemoryStore(), clock=clock, emitter=EventEmitter(), collector=MetricsCollector())
        with tracker.start_run("train"):
            pass
        widths |= {len(line) for line in show(tracker)[2].splitlines()[2:4]}
    assert len(widths) == 2  # heads and rows


def many(tracker, count):
    """Keep `count` runs, made from a real one, as if they had been run before."""
    with tracker.start_run("train", experiment="many") as run:
        run.log_params({f"p{i}": i for i in range(20)})
        run.log_metrics({f"m{i}": i / 7 for i in range(20)})
    background.wait()
    record = run.record
    folder = tracker.store.local_dir(keys.runs("many"))
    for number in range(count - 1):
        run_id = f"20200101-000000-{number:08x}"
        other = msgspec.structs.replace(
            record, run_id=run_id, started_at_ns=number, ended_at_ns=number + 1, params={"seed": number}
        )
        if folder is None:
            tracker.store.create(keys.run_record("many", run_id), encoding.encode(other))
        else:  # 10,000 files, each of them synced to the disk, take minutes
            path = folder / run_id / keys.run_record("many", run_id).rpartition("/")[2]
            path.parent.mkdir()
            path.write_bytes(encoding.encode(other))


@pytest.mark.slow
@pytest.mark.timeout(120)  # a table that reads all points takes longer
def test_ten_thousand_runs_are_shown_quickly_and_bounded(tracker):
    many(tracker, 10_000)
    found = tracker.search_runs()
    for subject in (tracker, found, found.compare()):
        page, source, plain = show(subject)
        assert len(source) < 200_000
        assert len(plain) < 20_000
        assert "10,000 runs" in plain
    assert table(show(tracker)[0]).more == 9_980
    assert "the first 12 are compared" in plain
    assert len(page.footer) == 12 + 2  # the runs, their store, the call


# -- comparisons


def test_runs_of_one_name_are_told_apart_by_what_differs(tracker):
    for rate in (0.1, 0.2):
        with tracker.start_run("train") as run:
            run.log_params({"rate": rate, "seed": 7})
            for step in range(3):
                run.log_metric("loss", rate * step)
            run.log_metric("accuracy", rate)
    page, _, plain = show(tracker.search_runs().compare())
    heads = ["", "rate=0.2", "rate=0.1"]
    assert [each.label for each in table(page, "Parameters that differ").columns] == heads
    assert [[cell.text for cell in row] for row in table(page, "Metrics").rows] == [
        ["accuracy", "0.2", "0.1"],
        ["loss", "0.4", "0.2"],
    ]
    (panel,) = sections(page, Panels)[0].items
    assert [each.name for each in panel.series] == heads[1:]
    assert [(name, cell.text) for name, cell in sections(page, Facts)[0].items] == [("seed", "7")]
    assert all(run.run_id in plain for run in tracker.search_runs())


def test_runs_that_differ_in_nothing_are_numbered(tracker):
    for _ in range(3):
        with tracker.start_run("train"):
            pass
    _, _, plain = show(tracker.search_runs().compare())
    assert [f"train #{n}: 20261124" in plain for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert "no parameter differs" in plain


def test_names_that_are_cut_stay_apart(tracker):
    for end in ("a", "b"):
        with tracker.start_run("n" * 500 + end) as run:
            for step in range(2):
                run.log_metric("loss", step)
    page, _, _ = show(tracker.search_runs().compare())
    (panel,) = sections(page, Panels)[0].items
    assert len({each.name for each in panel.series}) == 2


def test_a_comparison_of_runs_with_very_much_in_them_is_bounded(tracker):
    for number in range(3):
        with tracker.start_run("n" * 2_000) as run:
            run.log_params({f"{i:03}{'p' * 200}": f"{number}" * 2_000 for i in range(300)})
            for step in range(3):
                run.log_metrics({f"{i:03}{'m' * 200}": step for i in range(300)}, step=step)
    page, _, plain = show(tracker.search_runs().compare())
    assert table(page, "Parameters that differ").more == 240
    assert table(page, "Metrics").more == 240
    assert len(sections(page, Panels)[0].items) == 12
    assert "240 more" in plain


# -- the registry


def register(registry, *accuracies, name="churn", **more):
    for accuracy in accuracies:
        version = registry.register_model({"a": 1}, name, metrics={"accuracy": accuracy, **more})
    return version


def test_an_empty_registry_says_what_to_type(registry):
    _, source, plain = show(registry)
    for form in (source, plain):
        assert "no models yet: registry.register_model(model, " in form
        assert "0 models" in form


def test_versions_stand_with_their_change_against_production(registry):
    register(registry, 0.90, 0.92, 0.88)
    registry.promote("churn", 1)
    registry.promote("churn", 3, stage="Staging")
    registry.set_alias("churn", 2, alias="champion")
    page, source, _ = show(registry)
    versions = table(page, "churn")
    assert column(versions, "version") == ["v3", "v2", "v1"]
    assert column(versions, "accuracy") == ["0.88 (-0.02)", "0.92 (+0.02)", "0.9"]
    assert column(versions, "stage") == ["Staging", "", "Production"]
    assert column(versions, "aliases") == ["", "champion", ""]
    models = table(page)
    assert [cell.text for cell in models.rows[0][:4]] == ["churn", "v3", "v1", "3"]
    assert "●</span> Production" in source
    assert column(show(registry.model("churn"))[0].sections[0], "version") == ["v3", "v2", "v1"]


def test_what_is_not_finite_has_no_change(registry):
    register(registry, 0.90, math.nan, math.inf)
    registry.promote("churn", 1)
    versions = table(show(registry)[0], "churn")
    assert column(versions, "accuracy") == ["∞ (+inf)", "NaN", "0.9"]
    registry.promote("churn", 3)
    assert column(table(show(registry)[0], "churn"), "accuracy") == ["∞", "NaN", "0.9 (-inf)"]


def test_the_version_in_production_is_shown_however_old_it_is(registry):
    register(registry, *(0.5 for _ in range(15)))
    registry.promote("churn", 2)
    versions = table(show(registry)[0], "churn")
    assert column(versions, "version") == [f"v{n}" for n in range(15, 5, -1)] + ["v2"]
    assert versions.more == 4


def test_a_version_shows_where_it_came_from(registry, tracker):
    with tracker.start_run("train") as run:
        version = registry.register_model(
            {"a": 1}, "churn", "the <b>first</b>", metrics={"accuracy": 0.9}, tags={"k": "v"}, run=run
        )
    page, source, plain = show(version)
    assert page.title == "churn v1"
    assert run.run_id in plain
    assert "the &lt;b&gt;first&lt;/b&gt;" in source
    assert "registry.load_model('churn', 1)" in plain
    assert "(runs code when loaded)" in plain
    assert show(registry.promote("churn", 1))[0].state == "Production"


def test_a_version_with_very_much_in_it_is_bounded(registry):
    version = registry.register_model(
        {"a": 1},
        "churn",
        "d" * 10_000,
        metrics={f"m{i:03}": i for i in range(500)},
        tags={f"t{i}": "v" * 5_000 for i in range(500)},
    )
    for number in range(30):
        registry.set_alias("churn", 1, alias=f"{number}{'a' * 60}")
    page, _, _ = show(registry.get("churn"))
    assert sections(page, Tiles)[0].more == 440
    show(registry)
    show(version)


def test_many_models_are_counted(registry):
    for number in range(25):
        register(registry, 0.5, name=f"model{number:02}")
    page, _, plain = show(registry)
    assert "25 models" in plain
    assert table(page).more == 5


# -- pipelines, catalog, health

STEPS = """
    import pandas as pd
    from tauro_nb import Run

    def numbers():
        return pd.DataFrame({"n": [1, 2, 3]})

    def train(numbers: pd.DataFrame, run: Run, rate: float = 0.5):
        return rate

    def broken(numbers):
        raise ZeroDivisionError("mine <b>" + "x" * 50_000)

    def after(broken):
        return 1

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def odd():
        raise Odd
"""
NODES = {
    "numbers": {"outputs": "numbers"},
    "train": {"inputs": {"numbers": "numbers"}},
    "broken": {"inputs": {"numbers": "numbers"}, "outputs": "broken"},
    "after": {"inputs": {"broken": "broken"}},
    "odd": {},
}
PIPELINES = {
    "training": ["numbers", "train"],
    "failing": ["numbers", "broken", "after"],
    "odd": ["odd"],
}


@pytest.fixture
def session(make_project, tmp_path):
    datasets = {"numbers": {"path": "data/numbers.parquet", "format": "parquet"}}
    inputs = {"customers": {"path": "data/customers.csv", "format": "csv"}}
    make_project(STEPS, NODES, pipelines=PIPELINES, outputs=datasets, inputs=inputs)
    opened = open_session(tmp_path)
    yield opened
    opened.close()


def test_a_report_tells_each_nodes_state_rows_and_runs(session):
    report = session.run("training", params={"rate": 0.25})
    page, _, plain = show(report)
    assert (page.title, page.state) == ("training", "FINISHED")
    assert column(table(page), "state") == ["FINISHED", "FINISHED"]
    assert column(table(page), "rows out") == ["3", ""]
    assert column(table(page), "rows in") == ["", "3"]
    assert report.run_ids[0] in plain
    assert "rate=0.25" in plain
    assert show(report.nodes["train"])[0].title == "train"


def test_a_report_of_a_failed_pipeline_tells_the_error_and_what_was_skipped(session):
    with pytest.raises(ZeroDivisionError):
        session.run("failing")
    page, source, plain = show(session.last_report)
    assert page.state == "FAILED"
    assert column(table(page), "state") == ["FINISHED", "FAILED", "SKIPPED"]
    (lines,) = sections(page, Lines)
    assert lines.text.startswith("ZeroDivisionError: mine <b>xxx")
    assert "node 'broken'" in lines.text
    assert "mine &lt;b&gt;" in source
    assert show(session.last_report.nodes["broken"])[0].sections[1] == lines
    assert len(plain) < 5_000


def test_an_error_that_cannot_be_printed_is_told_all_the_same(session):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its text is what cannot be had
        session.run("odd")
    assert type(caught.value).__name__ == "Odd"
    assert "Odd: (an error that cannot be printed)" in show(session.last_report)[2]


def test_a_report_of_very_many_nodes_shows_the_first_and_the_one_that_failed(make_project, tmp_path):
    nodes = {f"n{i:03}": {"function": "steps.one"} for i in range(120)} | {"zero": {"function": "steps.zero"}}
    make_project("def one():\n    return 1\ndef zero():\n    return 1 / 0\n", nodes)
    opened = open_session(tmp_path)
    with pytest.raises(ZeroDivisionError):
        opened.run("p")
    page, _, plain = show(opened.last_report)
    assert column(table(page), "node")[-1] == "zero"
    assert len(table(page).rows) == 51
    assert table(page).more == 70
    assert "70 more" in plain
    show(opened.context)
    show(opened.validate("p").plan)
    opened.close()


def test_a_validation_is_valid_or_lists_its_problems_with_their_mends(make_project, tmp_path):
    make_project("def f(x):\n    return x\n", {f"n{i:02}": {"function": "steps.f"} for i in range(30)})
    opened = open_session(tmp_path)
    page, _, plain = show(opened.validate("p"))
    assert page.state == "30 problems"
    assert plain.count("  fix: ") == 20
    assert "10 more" in plain
    opened.close()


def test_a_valid_pipeline_is_said_to_be(session):
    assert show(session.validate("training"))[2] == "training  [valid]"


def test_a_session_tells_where_one_stands(session, tmp_path):
    _, _, plain = show(session)
    assert str(tmp_path) in plain
    assert "training" in plain
    assert "failing" in plain


def test_a_session_on_a_store_alone_has_no_pipelines(tmp_path):
    opened = open_store(tmp_path / "data")
    assert "opened on a store alone" in show(opened)[2]
    show(opened.context)
    assert "no datasets yet" in show(opened.catalog)[2]
    opened.close()


def test_a_catalog_tells_what_is_missing_what_is_not_written_yet_and_what_is_broken(session, tmp_path):
    page, _, plain = show(session.catalog)
    assert "data/customers.csv (missing)" in plain
    assert "data/numbers.parquet (not written yet)" in plain
    assert "customers: " in sections(page, Lines)[0].text
    session.run("training")
    page, _, _ = show(session.catalog)
    assert column(table(page), "rows") == ["", "3"]
    (tmp_path / "data" / "numbers.parquet").write_bytes(b"nonsense")
    page, _, _ = show(session.catalog)
    assert "numbers: " in sections(page, Lines)[0].text


def test_a_value_that_is_handed_over_in_memory_is_in_the_catalog(session):
    session.catalog.put_memory("<handed>", [1, 2])
    page, source, _ = show(session.catalog)
    assert column(table(page), "rows")[-1] == "2"
    assert "&lt;handed&gt;" in source


def test_health_tells_figures_and_below_them_what_to_do(tmp_path):
    monitor = HealthMonitor()
    assert "register_storage_check()" in show(monitor.check_all())[2]
    monitor.register_storage_check(tmp_path)
    monitor.register_check("server", lambda: Finding(HealthStatus.DEGRADED, "late by <3> s", "hurry"))
    page, source, plain = show(monitor.check_all())
    assert page.state == "degraded"
    assert column(table(page), "check") == ["storage", "server"]
    assert str(tmp_path) in plain
    assert "late by &lt;3&gt; s" in source
    assert "  server: hurry" in plain


def test_health_of_very_many_checks_is_bounded():
    monitor = HealthMonitor()
    for number in range(100):
        monitor.register_check(
            f"{number}{'n' * 999}", lambda: Finding(HealthStatus.UNHEALTHY, "f" * 9_000, "x" * 9_000)
        )
    assert table(show(monitor.check_all())[0]).more == 40
