from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from tauro_nb.errors import ArtifactCorrupt, ArtifactMissing, ModelNotSerializable, StoreError, UnsafePath, UsageError
from tauro_nb.mlops.tracking.records import FileRecord
from tauro_nb.mlops.tracking.run import Run
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.local import LocalStore
from tauro_nb.store.protocol import Store


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "plots" / "deep").mkdir(parents=True)
    (folder / "notes.txt").write_bytes(b"hello")
    (folder / "plots" / "a.svg").write_bytes(b"<svg/>")
    (folder / "plots" / "deep" / "b.svg").write_bytes(b"<svg></svg>")
    monkeypatch.chdir(folder)
    return folder


def test_the_manifest_tells_every_file_when_the_run_has_ended(
    tracker: ExperimentTracker, store: Store, files: Path
) -> None:
    with tracker.start_run(experiment="churn") as run:
        assert run.log_artifact("notes.txt") == "notes.txt"
        assert run.log_artifact(files / "notes.txt", "docs/en") == "docs/en/notes.txt"
        assert run.log_artifact("plots", artifact_path="all") == "all/plots"
        assert run.log_artifacts("plots", "flat") == "flat"
        assert "manifest.json" not in [each.name for each in store.list(keys.run("churn", run.run_id))]
    manifest = json.loads(store.get(keys.manifest("churn", run.run_id)))
    told = {each["path"]: (each["size_bytes"], each["sha256"]) for each in manifest["files"]}
    svg, deep, text = (6, sha256(b"<svg/>")), (11, sha256(b"<svg></svg>")), (5, sha256(b"hello"))
    assert told == {
        "all/plots/a.svg": svg,
        "all/plots/deep/b.svg": deep,
        "docs/en/notes.txt": text,
        "flat/a.svg": svg,
        "flat/deep/b.svg": deep,
        "notes.txt": text,
    }
    assert store.get(keys.artifact("churn", run.run_id, "docs/en/notes.txt")) == b"hello"


def test_a_manifest_that_is_none_is_named(tracker: ExperimentTracker, store: Store) -> None:
    with tracker.start_run(experiment="churn") as run:
        pass
    store.put(keys.manifest("churn", run.run_id), b"torn")
    with pytest.raises(StoreError, match=r"manifest\.json"):
        run.artifacts()


def test_artifacts_are_listed_while_the_run_goes_on(
    tracker: ExperimentTracker, again: ExperimentTracker, files: Path
) -> None:
    run = tracker.start_run()
    run.log_artifact("notes.txt")
    assert run.artifacts() == [FileRecord(path="notes.txt", size_bytes=5, sha256=sha256(b"hello"))]
    assert again.get_run(run.run_id).artifacts() == [FileRecord(path="notes.txt", size_bytes=5)]
    run.end()
    assert again.get_run(run.run_id).artifacts() == run.artifacts()


def test_logging_a_path_again_replaces_the_file(tracker: ExperimentTracker, files: Path) -> None:
    with tracker.start_run() as run:
        run.log_artifact("notes.txt")
        Path("notes.txt").write_bytes(b"other")
        run.log_artifact("notes.txt")
    assert [each.sha256 for each in run.artifacts()] == [sha256(b"other")]


def test_a_manifest_covers_what_another_process_logged(
    tracker: ExperimentTracker, again: ExperimentTracker, files: Path
) -> None:
    run = tracker.start_run()
    other = again.resume_run(run.run_id)
    other.log_artifact("notes.txt")
    other.end()
    assert run.status == "RUNNING"
    run.end()
    assert run.artifacts() == [FileRecord(path="notes.txt", size_bytes=5, sha256=sha256(b"hello"))]


def test_a_file_that_another_process_replaced_is_told_as_it_is(
    tracker: ExperimentTracker, again: ExperimentTracker, files: Path
) -> None:
    run = tracker.start_run()
    run.log_artifact("notes.txt")
    Path("notes.txt").write_bytes(b"other")
    again.resume_run(run.run_id).log_artifact("notes.txt")
    run.end()
    assert run.artifacts() == [FileRecord(path="notes.txt", size_bytes=5, sha256=sha256(b"other"))]


def test_a_run_of_which_somebody_has_removed_a_file_can_be_resumed(
    tracker: ExperimentTracker, store: Store, files: Path
) -> None:
    with tracker.start_run() as run:
        run.log_artifact("notes.txt")
        run.log_artifacts("plots")
    store.delete(keys.artifact("default", run.run_id, "notes.txt"))
    tracker.resume_run(run.run_id).end()
    assert [each.path for each in tracker.get_run(run.run_id).artifacts()] == ["a.svg", "deep/b.svg"]


@pytest.mark.parametrize("source", ["missing.txt", "plots/missing", "notes.txt/x"])
def test_a_missing_source_is_named(tracker: ExperimentTracker, files: Path, source: str) -> None:
    with pytest.raises(ArtifactMissing, match=source) as caught:
        tracker.start_run().log_artifact(source)
    assert isinstance(caught.value, FileNotFoundError)
    assert str(files) in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize(
    ("name", "error"), [("pipe", ArtifactMissing), ("gone", ArtifactMissing), ("z\\z", UnsafePath)]
)
def test_of_a_folder_with_something_that_cannot_be_kept_nothing_is_kept(
    tracker: ExperimentTracker, files: Path, name: str, error: type[Exception]
) -> None:
    place = files / "plots" / name
    if name == "pipe":
        os.mkfifo(place)
    elif name == "gone":
        place.symlink_to("nowhere")
    else:
        place.touch()
    with tracker.start_run() as run, pytest.raises(error, match=r"pipe|link to nothing|character"):
        run.log_artifacts("plots")
    assert run.artifacts() == []


def test_links_in_a_folder_are_kept_as_what_they_lead_to(tracker: ExperimentTracker, files: Path) -> None:
    elsewhere = files.parent / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep" / "far.txt").write_text("far", encoding="utf-8")
    folder = files / "linked"
    folder.mkdir()
    (folder / "one").symlink_to(elsewhere)
    (folder / "two").symlink_to(elsewhere / "deep")
    (folder / "file.txt").symlink_to(elsewhere / "deep" / "far.txt")
    with tracker.start_run() as run:
        run.log_artifacts("linked")
        assert [file.path for file in run.artifacts()] == ["file.txt", "one/deep/far.txt", "two/far.txt"]
        for around in (elsewhere, folder):
            up = elsewhere / "deep" / "up"
            up.unlink(missing_ok=True)
            up.symlink_to(around)
            with pytest.raises(ArtifactMissing, match="around it"):
                run.log_artifacts("linked", "again")
    assert len(run.artifacts()) == 3


def test_the_contents_of_a_file_are_no_folder(tracker: ExperimentTracker, files: Path) -> None:
    with pytest.raises(ArtifactMissing, match="no such folder"):
        tracker.start_run().log_artifacts("notes.txt")


@pytest.mark.parametrize(
    ("source", "inside"),
    [("../work/notes.txt", None), ("notes.txt", "../x"), ("notes.txt", "/x"), ("notes.txt", "a/../b")],
)
def test_paths_that_leave_their_folder_are_refused(
    tracker: ExperimentTracker, files: Path, source: str, inside: str | None
) -> None:
    run = tracker.start_run()
    with pytest.raises(UnsafePath) as caught:
        run.log_artifact(source, inside)
    assert caught.value.fix
    assert run.artifacts() == []


def test_a_model_is_kept_inside_the_run_and_comes_back(
    tracker: ExperimentTracker, again: ExperimentTracker, store: Store
) -> None:
    model = {"weights": [1.0, 2.0]}
    with tracker.start_run() as run:
        logged = run.log_model(model, artifact_path="./models/churn_model.pkl")
    assert logged.path == "models/churn_model.pkl"
    assert [each.path for each in run.artifacts()] == ["models/churn_model.pkl"]
    read = again.get_run(run.run_id)
    assert read.load_model() == model
    assert read.load_model("./models/churn_model.pkl") == model
    with pytest.raises(ArtifactMissing, match=r"models/other\.pkl") as caught:
        read.load_model("models/other.pkl")
    assert "models/churn_model.pkl" in str(caught.value.fix)


def test_a_file_is_kept_as_model_in_the_same_way(tracker: ExperimentTracker, files: Path) -> None:
    with tracker.start_run() as run:
        run.log_model(files / "notes.txt", "models/notes.txt")
    assert [each.path for each in run.artifacts()] == ["models/notes.txt"]
    assert run.load_model("models/notes.txt").read_bytes() == b"hello"


@pytest.mark.parametrize("path", ["/models/x.pkl", "../x.pkl", "models/../../x.pkl", ""])
def test_a_models_path_outside_the_run_is_refused(tracker: ExperimentTracker, path: str) -> None:
    run = tracker.start_run()
    with pytest.raises(UnsafePath) as caught:
        run.log_model({}, path)
    assert caught.value.fix
    assert run.artifacts() == []


def test_a_model_that_cannot_be_pickled_fails_the_run_which_keeps_its_metrics(
    tracker: ExperimentTracker, again: ExperimentTracker
) -> None:
    def train(run: Run) -> None:
        with run:
            run.log_metric("accuracy", 0.9)
            run.log_model({"lock": threading.Lock()}, "models/x.pkl")

    run = tracker.start_run()
    with pytest.raises(ModelNotSerializable):
        train(run)
    read = again.get_run(run.run_id)
    assert read.status == "FAILED"
    assert read.error is not None
    assert read.error.type == "ModelNotSerializable"
    assert read.metrics == {"accuracy": 0.9}
    assert read.artifacts() == []
    assert read.record.models == {}


def test_a_model_that_was_tampered_with_is_not_opened(local_store: LocalStore) -> None:
    with ExperimentTracker(local_store).start_run() as run:
        run.log_model({"a": 1}, "x.pkl")
    (local_store.root / keys.artifact("default", run.run_id, "x.pkl")).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ArtifactCorrupt, match=r"x\.pkl"):
        run.load_model()


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        {"a": [1, 2], "b": ["x", "y"]},
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        pa.table({"a": [1, 2], "b": ["x", "y"]}),
    ],
)
def test_a_table_is_kept_as_parquet(tracker: ExperimentTracker, store: Store, tmp_path: Path, table: Any) -> None:
    with tracker.start_run() as run:
        assert run.log_table(table, "tables/predictions") == "tables/predictions.parquet"
    target = tmp_path / "read.parquet"
    store.get_file(keys.artifact("default", run.run_id, "tables/predictions.parquet"), target)
    assert pd.read_parquet(target).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_a_series_is_a_table_of_one_column(tracker: ExperimentTracker, store: Store, tmp_path: Path) -> None:
    with tracker.start_run() as run:
        run.log_table(pd.Series([1, 2], name="a"), "named")
        run.log_table(pd.Series([1, 2]), "unnamed")
    for name, column in (("named", "a"), ("unnamed", "value")):
        store.get_file(keys.artifact("default", run.run_id, f"{name}.parquet"), tmp_path / name)
        assert pd.read_parquet(tmp_path / name).to_dict("list") == {column: [1, 2]}


@pytest.mark.parametrize(
    ("table", "path"), [({"a": [1]}, "t.csv"), (7, "t"), ("text", "t"), ({"a": [1, "x"]}, "t"), ({"a": [1j]}, "t")]
)
def test_what_is_no_table_is_refused(tracker: ExperimentTracker, table: Any, path: str) -> None:
    run = tracker.start_run()
    with pytest.raises(UsageError) as caught:
        run.log_table(table, path)
    assert caught.value.fix
    assert run.artifacts() == []


def test_a_matplotlib_figure_is_kept_in_the_format_of_its_ending(tracker: ExperimentTracker, store: Store) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2])
    with tracker.start_run() as run:
        assert run.log_figure(figure, "plots/roc") == "plots/roc.png"
        assert run.log_figure(axes, "plots/roc.svg") == "plots/roc.svg"
        with pytest.raises(UsageError, match="xyz"):
            run.log_figure(figure, "plots/roc.xyz")
    assert store.get(keys.artifact("default", run.run_id, "plots/roc.png")).startswith(b"\x89PNG")
    assert b"<svg" in store.get(keys.artifact("default", run.run_id, "plots/roc.svg"))


def test_a_plotly_figure_is_kept_as_its_data(tracker: ExperimentTracker, store: Store) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(y=[1, 2]))
    with tracker.start_run() as run:
        assert run.log_figure(figure, "roc") == "roc.json"
        run.log_figure(figure, "roc.html")
    assert json.loads(store.get(keys.artifact("default", run.run_id, "roc.json")))["data"][0]["type"] == "scatter"
    page = store.get(keys.artifact("default", run.run_id, "roc.html"))
    assert b"<html" in page
    assert b"cdn." not in page[:2000]


def test_what_is_no_figure_is_refused(tracker: ExperimentTracker) -> None:
    with pytest.raises(UsageError, match="no figure"):
        tracker.start_run().log_figure({"not": "a figure"}, "x.png")


@pytest.mark.parametrize("path", ["", ".", "../roc.png"])
def test_a_figure_or_table_needs_a_name_inside_the_run(tracker: ExperimentTracker, path: str) -> None:
    from matplotlib.figure import Figure

    with tracker.start_run() as run:
        with pytest.raises(UnsafePath):
            run.log_figure(Figure(), path)
        with pytest.raises(UnsafePath):
            run.log_table({"a": [1]}, path)
    assert run.artifacts() == []


def test_a_model_that_cannot_be_loaded_leaves_no_copy_behind(
    tracker: ExperimentTracker, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracker.start_run(experiment="churn") as run:
        run.log_model([1, 2], "model.pkl")
    key = keys.artifact("churn", run.run_id, "model.pkl")
    store.put(key, store.get(key) + b"\0")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with pytest.raises(ArtifactCorrupt):
        run.load_model()
    assert list((tmp_path / "temporary").iterdir()) == []
