"""The page docs/reference/configuration.md: its examples run, and its tables say what the schema says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from tauro_nb.config.descriptor import FILE_KEYS
from tauro_nb.config.schema import DatasetConfig, NodeConfig, PipelineConfig, Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def rows() -> dict[str, str]:
    found = re.findall(r"^\| `([^`|]+)` \| ([^|]*) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {key: default.strip() for key, default in found}


def declared(kind: type, prefix: str) -> dict[str, object]:
    keys: dict[str, object] = {}
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        key = prefix + field.encode_name
        kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        structs = [each for each in kinds if isinstance(each, inspect.StructType)]
        lists = [each.item_type for each in kinds if isinstance(each, inspect.VarTupleType)]
        columns = [each for each in lists if isinstance(each, inspect.StructType)]
        if not structs:
            made = field.default_factory is not msgspec.NODEFAULT
            keys[key] = field.default_factory() if made else field.default
        for inner in structs:
            keys |= declared(inner.cls, f"{key}.")
        for inner in columns:
            keys |= declared(inner.cls, f"{key}[].")
    return keys


def schema() -> dict[str, object]:
    keys = declared(Settings, "") | declared(PipelineConfig, "<pipeline>.") | declared(NodeConfig, "<node>.")
    del keys["own"]
    return keys | declared(DatasetConfig, "<dataset>.")


def test_every_key_of_the_schema_stands_on_the_page_and_no_other() -> None:
    on_page = {key for key in rows() if key.split(".")[0] in {"mlops", "execution", "notebook"} or key.startswith("<")}
    assert on_page == set(schema())


def test_the_defaults_on_the_page_are_those_of_the_schema() -> None:
    told = rows()
    for key, default in schema().items():
        if default is msgspec.NODEFAULT:
            assert told[key].startswith("required"), key
        elif isinstance(default, bool):
            assert told[key] == f"`{str(default).lower()}`", key
        elif default:
            assert told[key] == f"`{default}`", key
        elif default == 0 and isinstance(default, int):
            assert told[key] == "`0`", key
        else:
            assert told[key] in {"none", "empty"} or told[key].startswith("required for"), key


def test_the_descriptors_keys_stand_on_the_page() -> None:
    assert {f"env_config.<env>.{key}" for key in FILE_KEYS} | {"base_path", "env_config"} <= set(rows())


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (descriptor,) = re.findall(r"```json\n(.*?)```", text, flags=re.DOTALL)
    (tmp_path / "settings_json.json").write_text(descriptor, encoding="utf-8")
    for name, content in re.findall(r"^`([^`\n]+)`:\n\n```yaml\n(.*?)```", text, flags=re.DOTALL | re.MULTILINE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for variable in ("STORE", "TREES", "TAURO_MLOPS_BACKEND", "TAURO_MLOPS_CATALOG", "TAURO_MLOPS_SCHEMA"):
        monkeypatch.delenv(variable, raising=False)
    test = doctest.DocTestParser().get_doctest(text, {}, "configuration.md", str(PAGE), 0)
    assert len(test.examples) > 10
    outcome: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=outcome.append)
    assert not outcome, "".join(outcome)
