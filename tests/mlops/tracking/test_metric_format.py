"""Logs that an earlier version wrote are read for ever: the files in `tests/assets` are never made again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import open_local

ASSETS = Path(__file__).parents[2] / "assets"


@pytest.mark.parametrize("version", ["metric_format_1"])
@pytest.mark.parametrize("form", ["log", "table", "pieces"])
def test_a_log_of_an_earlier_version_is_read_and_compacted(tmp_path, version, form):
    """`log`: one writer closed, one killed; `table`: compacted, then resumed; `pieces`: as in an object store."""
    expected = json.loads((ASSETS / version / "expected.json").read_text(encoding="utf-8"))[form]
    shutil.copytree(ASSETS / version / form, tmp_path / form)
    store = open_local(tmp_path)
    for _ in range(2):
        points = MetricLog.reader(store, form).read()
        columns = {
            "keys": [points.keys[number] for number in points.key_ids],
            "steps": points.steps.tolist(),
            "values": [repr(value) for value in points.values.tolist()],
            "at_ns": points.at_ns.tolist(),
        }
        assert len(points) == expected["points"]
        assert [column[0] for column in columns.values()] == expected["first"]
        assert [column[-1] for column in columns.values()] == expected["last"]
        assert hashlib.sha256(json.dumps(columns).encode()).hexdigest() == expected["sha256"]
        MetricLog.compact(store, form)
    assert [path.name for path in (tmp_path / form).iterdir()] == ["metrics.parquet"]
