"""Pages of what takes room and of what was deleted; and how a run shows its notes and what the machine did."""

from __future__ import annotations

import pytest

from tauro_nb import faces
from tauro_nb.display.data import Lines, Panels, Table, Tiles
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

HOSTILE = "</div><script>alert(1)</script>"


@pytest.fixture
def tracker(tmp_path):
    yield ExperimentTracker(LocalStore(tmp_path / "store"))
    background.wait()


def finished(tracker, name, **options):
    with tracker.start_run(name, **options) as run:
        run.log_metric("loss", 0.5)
        run.log_artifact(__file__)
    run.source  # noqa: B018 - wait until nobody writes any more
    return run


def show(subject):
    page, bundle = faces.answer("page", subject), subject._repr_mimebundle_()
    assert "<script" not in bundle["text/html"]
    return page, bundle["text/html"], bundle["text/plain"]


def tables(page):
    return {
        section.title: [[cell.text for cell in row] for row in section.rows]
        for section in page.sections
        if isinstance(section, Table)
    }


def test_usage_shows_the_parts_the_experiments_and_the_largest_runs(tracker):
    finished(tracker, "kept")
    gone = finished(tracker, HOSTILE, experiment=HOSTILE)
    tracker.delete_run(gone.run_id)
    page, source, plain = show(tracker.usage())
    assert page.title == "Room"
    assert [row[0] for row in tables(page)["Experiments"]] == [HOSTILE, "default"]
    assert {row[0]: row[6] for row in tables(page)["The largest runs"]} == {"kept": "", HOSTILE: "deleted"}
    assert "&lt;script&gt;" in source
    assert "experiments" in plain


def test_usage_of_very_many_runs_is_bounded(tracker):
    for number in range(30):
        tracker.start_run(f"run-{number}", experiment=f"e-{number}").end()
    background.wait()
    page, _, plain = show(tracker.usage())
    assert [section.more for section in page.sections if isinstance(section, Table)] == [10, 10]
    assert "10 more" in plain


def test_gc_shows_what_it_would_remove_and_how_to_do_it(tracker):
    run = finished(tracker, "old")
    tracker.delete_run(run.run_id)
    page, _, plain = show(tracker.gc(0))
    assert tables(page)[""][0][0] == "old"
    assert "1 run would be removed" in plain
    assert "tracker.gc(0, dry_run=False)" in plain
    page, _, plain = show(tracker.gc(0, dry_run=False))
    assert "1 run removed" in plain
    assert "dry_run" not in plain
    assert "no run was deleted 30 days ago" in show(tracker.gc())[2]


def test_gc_names_the_versions_that_keep_a_run(tracker):
    run = finished(tracker, "source")
    ModelRegistry(tracker.store).register_model(model={"a": 1}, model_name="churn", run=run)
    tracker.delete_run(run.run_id)
    page, _, plain = show(tracker.gc(0, dry_run=False))
    assert tables(page)["Kept: registered versions lead back to them"][0][-1] == "churn v1"
    assert "0 runs removed" in plain


def test_a_run_shows_its_notes_as_text_and_that_it_was_deleted(tracker):
    run = finished(tracker, "noted")
    run.set_notes(f"# Why\n{HOSTILE}\x1b[2J" + "line\n" * 500)
    tracker.delete_run(run.run_id)
    page, source, plain = show(tracker.get_run(run.run_id))
    (notes,) = [section for section in page.sections if isinstance(section, Lines)]
    assert notes.text.startswith("# Why\n")
    assert len(notes.text.splitlines()) < 50
    assert "&lt;script&gt;" in source
    assert "deleted" in [cell.text for cell in page.subtitle]
    assert all(each.isprintable() or each == "\n" for each in plain)


def test_what_the_machine_did_comes_last_and_by_its_unit(tracker):
    with tracker.start_run("sampled") as run:
        run.log_metrics({"zeta": 1.0, "system/gpu0_percent": 1.0})
        for step in range(3):
            run.log_metrics({"system/cpu_percent": step, "system/memory_percent": step, "val/loss": step})
            run.log_metrics({"system/process_memory_mb": step, "system/disk_read_mb_s": step})
    page, _, _ = show(run)
    (panels,) = [section for section in page.sections if isinstance(section, Panels)]
    assert [panel.title for panel in panels.items] == ["loss", "system, %", "system, MB/s", "system, MB"]
    assert [series.name for series in panels.items[1].series] == ["system/cpu_percent", "system/memory_percent"]
    (tiles,) = [section for section in page.sections if isinstance(section, Tiles)]
    assert [name for name, _ in tiles.items] == ["zeta", "system/gpu0_percent"]
    table = faces.answer("page", tracker.search_runs()).sections[0]
    assert [column.label for column in table.columns][4:6] == ["val/loss", "zeta"]
