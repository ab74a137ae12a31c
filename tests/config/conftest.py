from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.config.context import Context
from tauro_nb.config.descriptor import FILE_KEYS, AppConfigManager
from tauro_nb.config.loader import SECTIONS, ContextLoader
from tauro_nb.errors import ConfigError


class Project:
    """A folder with a descriptor; each environment names the files that were written for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env_config: dict[str, dict[str, str]] = {"base": {}, "dev": {}}

    def write(self, environment: str, section: str, text: str, suffix: str = "yaml") -> Path:
        path = self.root / "config" / environment / f"{section}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        named = self.env_config.setdefault(environment, {})
        named[SECTIONS[section]] = path.relative_to(self.root).as_posix()
        return path

    def describe(self, **content: Any) -> Path:
        path = self.root / "settings_json.json"
        path.write_text(json.dumps({"base_path": ".", "env_config": self.env_config, **content}), encoding="utf-8")
        return path

    def load(self, environment: str = "dev", environ: Mapping[str, str] | None = None) -> Context:
        paths = AppConfigManager(self.describe()).get_env_config(environment)
        return ContextLoader(environ or {}).load_from_paths(paths, environment)

    def problems(self, environment: str = "dev", environ: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
        with pytest.raises(ConfigError) as caught:
            self.load(environment, environ)
        return [(message, fix or "") for message, fix in caught.value.problems]

    def problem(self, environment: str = "dev", environ: Mapping[str, str] | None = None) -> tuple[str, str]:
        (only,) = self.problems(environment, environ)
        return only


@pytest.fixture
def project(tmp_path: Path) -> Project:
    assert set(SECTIONS.values()) == set(FILE_KEYS)
    return Project(tmp_path)
