"""The page docs/reference/datasets.md: its examples run, and its tables name what there is."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

import tauro_nb
from tauro_nb.config.schema import FIELD_TYPES
from tauro_nb.io import formats
from tauro_nb.io.dataset import WRITE_MODES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"


def first_cells(heading: str) -> list[str]:
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`|]+)` \|", section, flags=re.MULTILINE)


def test_the_tables_name_all_formats_types_and_modes() -> None:
    assert sorted(first_cells("Formats")) == formats.names()
    assert first_cells("Schemas") == list(FIELD_TYPES)
    assert first_cells("Write modes") == list(WRITE_MODES)


def test_the_table_of_formats_tells_which_can_be_appended_to() -> None:
    text = PAGE.read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", text.split("## Schemas")[0], flags=re.MULTILINE))
    assert {name: said != "no" for name, said in told.items()} == {
        name: formats.find(name).appends for name in formats.names()
    }


def test_the_examples_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text(encoding="utf-8")
    entry = re.search(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert entry is not None
    base = tmp_path / "config" / "base"
    base.mkdir(parents=True)
    (tmp_path / "data").mkdir()
    kinds = ("global_settings", "pipelines", "nodes", "input", "output")
    for kind in kinds:
        (base / f"{kind}.yaml").write_text(entry[1] if kind == "input" else "{}\n", encoding="utf-8")
    keys = (
        "global_settings_path",
        "pipelines_config_path",
        "nodes_config_path",
        "input_config_path",
        "output_config_path",
    )
    files = {key: f"config/base/{kind}.yaml" for key, kind in zip(keys, kinds, strict=True)}
    descriptor = {"base_path": ".", "env_config": {"base": files, "dev": {}}}
    (tmp_path / "settings_json.json").write_text(json.dumps(descriptor), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    test = doctest.DocTestParser().get_doctest(page, {"tauro_nb": tauro_nb}, PAGE.name, str(PAGE), 0)
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert results.attempted > 5
    assert results.failed == 0
