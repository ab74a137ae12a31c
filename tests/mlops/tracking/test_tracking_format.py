"""The page on the run format, held to the records."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tauro_nb.mlops.tracking import records
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "run-format.md"


@pytest.mark.parametrize(
    "kind",
    [
        records.Experiment,
        records.RunRecord,
        records.RunError,
        records.Owner,
        records.Beat,
        records.Source,
        records.Manifest,
        records.FileRecord,
    ],
)
def test_every_field_stands_on_the_page(kind: type[msgspec.Struct]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in kind.__struct_fields__ if f"`{name}`" not in page] == []


def test_the_files_of_a_run_are_as_the_page_says(tracker: ExperimentTracker, store: Store) -> None:
    with tracker.start_run("a", experiment="größe") as run:
        run.log_param("lr", 0.1)
        run.log_metric("loss", float("nan"))
        run.log_table({"a": [1]}, "t")
    assert run.source is not None
    experiment = json.loads(store.get("experiments/gr%C3%B6%C3%9Fe/experiment.json"))
    assert experiment == {"name": "größe", "created_at_ns": run.started_at_ns, "format": 1}
    record = json.loads(store.get(keys.run_record("größe", run.run_id)))
    assert list(record) == list(records.RunRecord.__struct_fields__)
    assert (record["status"], record["params"], record["metrics"]) == ("FINISHED", {"lr": 0.1}, {"loss": "NaN"})
    assert record["format"] == 1
    manifest = json.loads(store.get(keys.manifest("größe", run.run_id)))
    assert [(file["path"], len(file["sha256"])) for file in manifest["files"]] == [("t.parquet", 64)]
    with tracker.resume_run(run.run_id):
        assert keys.manifest("größe", run.run_id).rpartition("/")[2] not in [
            entry.name for entry in store.list(keys.run("größe", run.run_id))
        ]
