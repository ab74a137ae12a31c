from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from tauro_nb.config.descriptor import AppConfigManager
from tauro_nb.errors import ConfigError, DescriptorNotFound, UnknownName

TUTORIAL = {
    "base_path": ".",
    "env_config": {
        "base": {
            "global_settings_path": "config/global_settings.yaml",
            "pipelines_config_path": "config/pipelines.yaml",
            "nodes_config_path": "config/nodes.yaml",
            "input_config_path": "config/input.yaml",
            "output_config_path": "config/output.yaml",
        },
        "dev": {
            "global_settings_path": "config/dev/global_settings.yaml",
            "input_config_path": "config/dev/input.yaml",
            "output_config_path": "config/dev/output.yaml",
        },
    },
}


def descriptor(folder: Path, content: object, name: str = "settings_json.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")


def test_descriptor_is_found_upwards_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = descriptor(tmp_path, {"env_config": {"dev": {}}})
    (tmp_path / "notebooks" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks" / "deep")
    found = AppConfigManager()
    assert (found.descriptor, found.root, found.environments) == (path, tmp_path, ("dev",))


def test_the_nearest_descriptor_above_start_counts(tmp_path: Path) -> None:
    descriptor(tmp_path, {"env_config": {"outer": {}}})
    descriptor(tmp_path / "inner", {"env_config": {"inner": {}}})
    (tmp_path / "inner" / "notebooks").mkdir()
    assert AppConfigManager(start=tmp_path / "inner" / "notebooks").environments == ("inner",)


def test_base_path_is_relative_to_the_descriptors_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = descriptor(tmp_path / "conf", {"base_path": "..", "env_config": {"dev": {}}})
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert AppConfigManager(os.path.relpath(path)).root == tmp_path


def test_a_folder_stands_for_the_descriptor_in_it(tmp_path: Path) -> None:
    path = descriptor(tmp_path, {"env_config": {"dev": {}}})
    assert AppConfigManager(tmp_path).descriptor == path


def test_a_descriptor_may_be_yaml(tmp_path: Path) -> None:
    path = descriptor(tmp_path, "env_config:\n  dev: {}\n  prod: {}\n", "project.yaml")
    assert AppConfigManager(path).environments == ("dev", "prod")


def test_no_descriptor_anywhere_is_said_with_the_folder_searched(tmp_path: Path) -> None:
    with pytest.raises(DescriptorNotFound) as caught:
        AppConfigManager(start=tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "tauro init" in (caught.value.fix or "")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_descriptor_that_is_not_there_names_the_one_that_is(tmp_path: Path) -> None:
    descriptor(tmp_path, {"env_config": {"dev": {}}})
    with pytest.raises(DescriptorNotFound) as caught:
        AppConfigManager(tmp_path / "setings_json.json")
    assert "settings_json.json exists" in (caught.value.fix or "")


def test_unknown_environment_asks_did_you_mean(tmp_path: Path) -> None:
    manager = AppConfigManager(descriptor(tmp_path, {"env_config": {"base": {}, "dev": {}, "prod": {}}}))
    with pytest.raises(UnknownName) as caught:
        manager.get_env_config("pord")
    assert str(caught.value) == "settings_json.json: no environment named 'pord'"
    assert caught.value.fix == "did you mean 'prod'?"


def test_the_tutorials_descriptor_over_its_own_file_names_is_told_where_they_are(tmp_path: Path) -> None:
    names = ("global_settings", "pipelines", "nodes", "inputs")
    touch(tmp_path, *(f"config/base/{name}.yaml" for name in names))
    touch(tmp_path, "config/dev/global_settings.yaml")
    manager = AppConfigManager(descriptor(tmp_path, TUTORIAL))
    with pytest.raises(ConfigError) as caught:
        manager.get_env_config("dev")
    problems = dict(caught.value.problems)
    assert len(problems) == 7
    key = "settings_json.json: env_config.base."
    fix = problems[f"{key}global_settings_path: no file config/global_settings.yaml"] or ""
    assert fix.startswith("config/base/global_settings.yaml exists")
    assert (problems[f"{key}input_config_path: no file config/input.yaml"] or "").startswith("config/base/inputs.yaml")
    assert "create it" in (problems[f"{key}output_config_path: no file config/output.yaml"] or "")


def test_a_missing_file_of_an_environment_may_be_left_to_base(tmp_path: Path) -> None:
    touch(tmp_path, "config/base/input.yaml")
    env_config = {
        "base": {"input_config_path": "config/base/input.yaml"},
        "dev": {"input_config_path": "config/dev/input.yaml"},
    }
    with pytest.raises(ConfigError) as caught:
        AppConfigManager(descriptor(tmp_path, {"env_config": env_config})).get_env_config("dev")
    message = "settings_json.json: env_config.dev.input_config_path: no file config/dev/input.yaml"
    assert caught.value.problems == ((message, "create it, or remove the key: base's then counts alone"),)


def test_a_file_of_another_suffix_counts_as_near(tmp_path: Path) -> None:
    touch(tmp_path, "config/nodes.yml")
    named = {"env_config": {"dev": {"nodes_config_path": "config/nodes.yaml"}}}
    with pytest.raises(ConfigError, match=r"no file config/nodes\.yaml") as caught:
        AppConfigManager(descriptor(tmp_path, named)).get_env_config("dev")
    assert "config/nodes.yml exists" in (caught.value.fix or "")


def test_paths_come_base_first_then_the_environments_own(tmp_path: Path) -> None:
    touch(tmp_path, "a/nodes.yaml", "b/nodes.yaml", "a/pipelines.yaml")
    content = {
        "env_config": {
            "dev": {"nodes_config_path": "b/nodes.yaml"},
            "base": {"nodes_config_path": "a/nodes.yaml", "pipelines_config_path": "a/pipelines.yaml"},
        }
    }
    path = descriptor(tmp_path, content)
    paths = AppConfigManager(path).get_env_config("dev")
    assert paths["nodes_config_path"] == (tmp_path / "a/nodes.yaml", tmp_path / "b/nodes.yaml")
    assert paths["pipelines_config_path"] == (tmp_path / "a/pipelines.yaml",)
    assert paths["input_config_path"] == ()
    assert (paths.root, paths.environment, paths.descriptor) == (tmp_path, "dev", path)
    assert len(paths) == 5
    with pytest.raises(AttributeError):
        paths.root = tmp_path  # type: ignore[misc]


def test_base_alone_can_be_loaded(tmp_path: Path) -> None:
    touch(tmp_path, "nodes.yaml")
    manager = AppConfigManager(descriptor(tmp_path, {"env_config": {"base": {"nodes_config_path": "nodes.yaml"}}}))
    assert manager.get_env_config("base")["nodes_config_path"] == (tmp_path / "nodes.yaml",)


def test_everything_wrong_with_a_descriptor_is_told_at_once(tmp_path: Path) -> None:
    content = {
        "base_pth": ".",
        "env_config": {"base": {"nodes_config_pth": "x"}, "dev": {"global_settings_path": 3}, "prod": None},
    }
    with pytest.raises(ConfigError) as caught:
        AppConfigManager(descriptor(tmp_path, content))
    assert list(caught.value.problems) == [
        ("settings_json.json: base_pth: unknown key", "did you mean 'base_path'?"),
        ("settings_json.json: env_config.base.nodes_config_pth: unknown key", "did you mean 'nodes_config_path'?"),
        (
            "settings_json.json: env_config.dev.global_settings_path: found 3 (a whole number), expected text",
            "put it in quotes",
        ),
        ("settings_json.json: env_config.prod: found nothing, expected a mapping", "write a mapping"),
    ]
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"env_config": }', "line 1, column 16"),
        ("[]", "found a list, expected a mapping"),
        ("", "env_config: missing"),
        ('{"env_config": {"dev": {}}, "base_path": "nowhere"}', "base_path: no folder"),
        ('{"env_config": {"dev": {}}, "base_path": "a\\u0000b"}', "base_path: no folder"),
    ],
)
def test_a_broken_descriptor_is_an_error_that_says_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        AppConfigManager(descriptor(tmp_path, text))
    assert str(caught.value).startswith("settings_json.json: ")
    assert told in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["x" * 5000, "a\u0000b", "~nobody-of-this-name/x.yaml"])
def test_names_that_no_file_can_have_are_files_that_are_missing(tmp_path: Path, name: str) -> None:
    path = descriptor(tmp_path, {"env_config": {"dev": {"nodes_config_path": name}}})
    with pytest.raises(ConfigError, match="no file") as caught:
        AppConfigManager(path).get_env_config("dev")
    assert len(str(caught.value)) < 500
    with pytest.raises(DescriptorNotFound):
        AppConfigManager(name)
