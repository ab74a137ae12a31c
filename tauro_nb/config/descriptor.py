"""The descriptor: which files make up each environment of a project, and where the project's root is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.config.checking import build
from tauro_nb.config.files import beside, exists, read
from tauro_nb.config.neighbours import neighbour
from tauro_nb.config.origins import Layer, Origins
from tauro_nb.config.problems import Problem, bounded, shown_path
from tauro_nb.config.schema import Text
from tauro_nb.config.section import Section
from tauro_nb.errors import ConfigError, DescriptorNotFound, UnknownName

DESCRIPTOR_NAME = "settings_json.json"


class EnvironmentFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files that one environment names; a file that it does not name comes from ``base``."""

    global_settings_path: Text | None = None
    pipelines_config_path: Text | None = None
    nodes_config_path: Text | None = None
    input_config_path: Text | None = None
    output_config_path: Text | None = None


FILE_KEYS: tuple[str, ...] = EnvironmentFiles.__struct_fields__


class _Descriptor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    env_config: dict[str, EnvironmentFiles]
    base_path: Text = "."


@dataclass(frozen=True, eq=False, repr=False)
class ConfigPaths(Mapping[str, tuple[Path, ...]]):
    """The files of one environment: under each of `FILE_KEYS` base's file, then the environment's own."""

    files: Mapping[str, tuple[Path, ...]]
    root: Path
    """What paths in configuration are relative to."""
    environment: str
    descriptor: Path | None = None

    def __getitem__(self, key: str) -> tuple[Path, ...]:
        return self.files[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"ConfigPaths({self.environment!r}, root={str(self.root)!r}, {sum(map(len, self.files.values()))} files)"


class AppConfigManager:
    """A project's descriptor.

    Parameters
    ----------
    descriptor : path, optional
        The descriptor (JSON or YAML), or the folder that holds one. Without it ``settings_json.json`` is searched in
        `start` and the folders above.
    start : path, optional
        Where to begin the search; the working directory if not given.

    Attributes
    ----------
    descriptor : Path
        Absolute.
    root : Path
        ``base_path``, relative to the descriptor's own folder.
    environments : tuple of str
        In the order of the descriptor.

    Raises
    ------
    DescriptorNotFound
    ConfigError
        The descriptor cannot be read, or says what it may not.
    """

    def __init__(self, descriptor: str | Path | None = None, *, start: str | Path | None = None) -> None:
        self.descriptor = _given(Path(descriptor)) if descriptor is not None else _search(Path(start or "."))
        content = _read(self.descriptor)
        root = beside(self.descriptor.parent, content.base_path)
        if not (exists(root) and root.is_dir()):
            raise ConfigError(
                f"{self.descriptor.name}: base_path: no folder {bounded(str(root), 300)}",
                fix=f"write it relative to {self.descriptor.parent}, the descriptor's own folder",
            )
        self.root = root.resolve()
        self._environments = content.env_config
        self.environments = tuple(content.env_config)

    def __repr__(self) -> str:
        return f"AppConfigManager({str(self.descriptor)!r})"

    def get_env_config(self, env: str) -> ConfigPaths:
        """Return the files of the environment `env`.

        Raises
        ------
        UnknownName
            The descriptor has no such environment.
        ConfigError
            Files that the descriptor names are not there: all of them, each with one that is near, if any.
        """
        if env not in self._environments:
            raise UnknownName.among("environment", env, self.environments, where=self.descriptor.name)
        named = {
            (key, layer): beside(self.root, getattr(self._environments[layer], key))
            for key in FILE_KEYS
            for layer in dict.fromkeys(("base", env))
            if layer in self._environments and getattr(self._environments[layer], key) is not None
        }
        missing = {at: path for at, path in named.items() if not exists(path)}
        problems = [self._missing(key, layer, path) for (key, layer), path in missing.items()]
        if problems:
            raise ConfigError.of(problems)
        files = {key: tuple(path for (at, _), path in named.items() if at == key) for key in FILE_KEYS}
        return ConfigPaths(files, root=self.root, environment=env, descriptor=self.descriptor)

    def _missing(self, key: str, layer: str, path: Path) -> Problem:
        what = f"{self.descriptor.name}: env_config.{layer}.{key}: no file {shown_path(path, self.root)}"
        near = neighbour(path, self.root, layer=layer, taken=self._named())
        if near is not None:
            shown = shown_path(near, self.root)
            return what, f"{shown} exists: write that path in {self.descriptor.name}, or move the file"
        alone = ": base's then counts alone" if layer != "base" and "base" in self._environments else ""
        return what, f"create it, or remove the key{alone}"

    def _named(self) -> set[Path]:
        """Return all that the descriptor names, for whichever environment."""
        texts = (getattr(files, key) for files in self._environments.values() for key in FILE_KEYS)
        return {beside(self.root, text) for text in texts if text is not None}


def _given(path: Path) -> Path:
    path = beside(Path.cwd(), path)
    if exists(path) and path.is_dir():
        path = path / DESCRIPTOR_NAME
    if not (exists(path) and path.is_file()):
        near = neighbour(path, path.parent)
        raise DescriptorNotFound(
            f"no descriptor at {bounded(str(path), 300)}",
            fix=f"{near} exists: give that path" if near else "give the path of a settings_json.json",
        )
    return path


def _search(start: Path) -> Path:
    start = beside(Path.cwd(), start)
    for folder in (start, *start.parents):
        if exists(folder / DESCRIPTOR_NAME):
            return folder / DESCRIPTOR_NAME
    raise DescriptorNotFound(
        f"no {DESCRIPTOR_NAME} in {start} or above it",
        fix="go to the project's folder, give the descriptor's path, or make a project with: tauro init NAME",
    )


def _read(path: Path) -> _Descriptor:
    problems: list[Problem] = []
    content: Any = read(path, path.name, problems)
    built = None
    if content is not None:
        section = Section("descriptor", Origins({"descriptor": (Layer(path.name, content),)}), problems, raw=content)
        built = build(_Descriptor, content, section, ())
    if built is None:
        raise ConfigError.of(problems)
    return built
