"""The page on the storage format says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tauro_nb.store import LocalStore, keys

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "storage-format.md").read_text("utf-8")
NAMES = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", PAGE.partition("| name | folder |")[2], re.MULTILINE)
LAYOUT = re.findall(r"^    (\S+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("name", "folder"), NAMES)
def test_a_name_has_the_folder_that_the_page_says(name: str, folder: str) -> None:
    assert keys.segment(name) == folder


def test_the_layout_is_that_of_the_keys() -> None:
    made = [
        keys.FORMAT,
        keys.experiment_record("E"),
        keys.run_record("E", "R"),
        keys.run_change("E", "R", 1),
        keys.beat("E", "R"),
        keys.metrics("E", "R") + "/...",
        keys.artifacts("E", "R") + "/...",
        keys.manifest("E", "R"),
        keys.run_copy("E", "R", "S"),
        keys.run_import("E", "R"),
        keys.change_mark("E", "R"),
        keys.model_record("M"),
        keys.model_version("M", 1),
        keys.model_event("M", 1),
        keys.model_import("M", 1),
        keys.model_artifacts("M", 1) + "/...",
        keys.model_upload("M", "N") + "/...",
        f"{keys.LOGS}/...",
        f"{keys.INDEX}/...",
    ]
    spelled = {"<experiment>": "E", "<run_id>": "R", "<store>": "S"}
    spelled |= {"<model>": "M", "<n>": "1", "<seq>": "1", "<nonce>": "N"}
    assert [re.sub(r"<\w+>", lambda found: spelled[found[0]], key) for key in LAYOUT] == made


def test_the_number_is_the_one_that_is_written(tmp_path: Path) -> None:
    LocalStore(tmp_path).put("a", b"")
    assert (tmp_path / "format.json").read_text("utf-8") == '{"format": 1}'
    assert '`format.json` is `{"format": 1}`' in PAGE
