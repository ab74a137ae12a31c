"""Reads a project's files into a `Context`; the one place where the environment is looked at."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tauro_nb.confidential import keep
from tauro_nb.config.checking import build, is_name, settle_own
from tauro_nb.config.context import Context
from tauro_nb.config.credentials import Credentials
from tauro_nb.config.descriptor import FILE_KEYS, ConfigPaths
from tauro_nb.config.files import beside, exists, read
from tauro_nb.config.neighbours import neighbour
from tauro_nb.config.origins import Layer, Origins
from tauro_nb.config.problems import Problem, found, shown_path
from tauro_nb.config.schema import (
    DatasetConfig,
    ExecutionSettings,
    MlopsSettings,
    NodeConfig,
    NotebookSettings,
    PipelineConfig,
    Settings,
)
from tauro_nb.config.secrets import SecretReader, Secrets
from tauro_nb.config.section import Section
from tauro_nb.config.wrappers import unwrapped
from tauro_nb.errors import ConfigError, UsageError, nearest

__all__ = ["Context", "ContextLoader"]

T = TypeVar("T", bound=msgspec.Struct)

SECTIONS = dict(zip(("settings", "pipelines", "nodes", "inputs", "outputs"), FILE_KEYS, strict=True))
"""The key of a descriptor that names the files of each section."""

_OVERRIDES = {
    "TAURO_MLOPS_BACKEND": ("mlops", "backend_type"),
    "TAURO_MLOPS_CATALOG": ("mlops", "databricks", "catalog"),
    "TAURO_MLOPS_SCHEMA": ("mlops", "databricks", "schema"),
}

_BLOCKS: dict[str, type[msgspec.Struct]] = {
    "mlops": MlopsSettings,
    "execution": ExecutionSettings,
    "notebook": NotebookSettings,
}


class ContextLoader:
    """Loads projects.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Where ``${VAR}`` and the overriding variables are looked up; `os.environ`, as it is at loading, if not given.
    secrets : callable, optional
        Takes scope and key of ``${secrets:scope/key}`` and gives the secret; the Databricks workspace, if not given.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, secrets: SecretReader | None = None) -> None:
        self._environ = environ
        self._secrets = secrets

    def load_from_paths(self, paths: Mapping[str, Any], env: str) -> Context:
        """Read, merge, fill in and check the files of one environment.

        Parameters
        ----------
        paths : ConfigPaths, or mapping of str to path or list of paths
            A plain mapping has the descriptor's keys (``global_settings_path`` ...); its paths are relative to the
            working directory, which is then the root. Of several files a later one is merged into the earlier.
        env : str
            The environment's name.

        Raises
        ------
        ConfigError
            Everything that is wrong with the files, at once.
        """
        environ = os.environ if self._environ is None else self._environ
        problems: list[Problem] = []
        files = paths if isinstance(paths, ConfigPaths) else _named(paths, env, problems)
        if files.environment != env:
            raise UsageError(
                f"these are the files of the environment {files.environment!r}, not of {env!r}",
                fix=f"load them as {files.environment!r}, or ask get_env_config({env!r}) for its own",
            )
        origins = Origins(_layers(files, environ, problems))
        credentials = Credentials(environ.get("DATABRICKS_HOST") or None, environ.get("DATABRICKS_TOKEN") or None)
        keep(credentials.token)
        secrets = Secrets(self._secrets, credentials)
        sections = {name: Section.filled(name, origins, environ, secrets, problems) for name in origins.layers}
        settings = _settings(sections.get("settings"))
        pipelines = _entries(PipelineConfig, sections.get("pipelines"))
        nodes = _entries(NodeConfig, sections.get("nodes"))
        inputs = _entries(DatasetConfig, sections.get("inputs"))
        outputs = _entries(DatasetConfig, sections.get("outputs"))
        for name, datasets in (("inputs", inputs), ("outputs", outputs)):
            if name in sections:
                _check_columns(datasets, sections[name])
        if problems:
            raise ConfigError.of(problems)
        return Context(
            root=files.root,
            environment=env,
            settings=settings,
            pipelines=pipelines,
            nodes=nodes,
            inputs=inputs,
            outputs=outputs,
            descriptor=files.descriptor,
            credentials=credentials,
            origins=origins,
        )


def _named(paths: Mapping[str, Any], env: str, problems: list[Problem]) -> ConfigPaths:
    root = Path.cwd()
    files: dict[str, tuple[Path, ...]] = {}
    for key, value in paths.items():
        if key not in FILE_KEYS:
            problems.append((f"{found(key)}: unknown key of the mapping of paths", nearest(str(key), FILE_KEYS)))
            continue
        each = tuple(value) if isinstance(value, list | tuple) else (value,)
        if all(isinstance(path, str | os.PathLike) for path in each):
            files[key] = tuple(beside(root, path) for path in each)
        else:
            expected = "expected a path or a list of paths"
            problems.append((f"{key}: found {found(value)}, {expected}", "give the file's path"))
    return ConfigPaths(files, root=root, environment=env)


def _layers(files: ConfigPaths, environ: Mapping[str, str], problems: list[Problem]) -> dict[str, tuple[Layer, ...]]:
    """Return the layers of each section all of whose files could be read."""
    layers: dict[str, tuple[Layer, ...]] = {}
    for name, key in SECTIONS.items():
        read_in = [_layer(name, path, files.root, problems) for path in files.get(key, ())]
        if None not in read_in:
            layers[name] = tuple(layer for layer in read_in if layer is not None)
    overrides = _overrides(environ)
    if "settings" in layers:
        layers["settings"] += overrides
    elif overrides and not files.get(SECTIONS["settings"]):
        layers["settings"] = overrides
    return layers


def _layer(name: str, path: Path, root: Path, problems: list[Problem]) -> Layer | None:
    label = shown_path(path, root)
    if not exists(path):
        near = neighbour(path, root)
        fix = f"{shown_path(near, root)} exists: give that path" if near else "create it, or give another path"
        problems.append((f"{label}: no such file", fix))
        return None
    content = read(path, label, problems)
    entries = None if content is None else unwrapped(name, content, label, problems)
    return None if entries is None else Layer(label, entries)


def _overrides(environ: Mapping[str, str]) -> tuple[Layer, ...]:
    layers = []
    for variable, keys in _OVERRIDES.items():
        if environ.get(variable):
            tree: Any = environ[variable].replace("${", "$${")  # what a variable says is taken as it is
            for key in reversed(keys):
                tree = {key: tree}
            layers.append(Layer(f"environment variable {variable}", tree, is_file=False))
    return tuple(layers)


def _entries(kind: type[T], section: Section | None) -> dict[str, T]:
    if section is None:
        return {}
    named = {name: content for name, content in section.content.items() if is_name(name, section, ())}
    built = {name: build(kind, content, section, (name,)) for name, content in named.items()}
    return {name: entry for name, entry in built.items() if entry is not None}


def _settings(section: Section | None) -> Settings:
    if section is None:
        return Settings()
    blocks: dict[str, Any] = {}
    own = {}
    for key, content in settle_own(section.content, section, _BLOCKS).items():
        if key in _BLOCKS:
            block = build(_BLOCKS[key], {} if content is None else content, section, (key,))
            if block is not None:
                blocks[key] = block
        elif is_name(key, section, ()):
            own[key] = content
            _check_own(key, content, section)
    settings = Settings(**blocks, own=own)
    _check_backend(settings.mlops, section)
    return settings


def _check_own(key: str, content: Any, section: Section) -> None:
    """Refuse a block that is plainly one of ours with a slip in its name."""
    for block in difflib.get_close_matches(key, _BLOCKS, n=1, cutoff=0.75):
        if isinstance(content, dict) and set(content) & set(_BLOCKS[block].__struct_fields__):
            section.wrong((key,), "unknown block", f"did you mean {block!r}?")


def _check_columns(datasets: Mapping[str, DatasetConfig], section: Section) -> None:
    for name, dataset in datasets.items():
        columns: set[str] = set()
        for index, field in enumerate(dataset.schema or ()):
            if field.name in columns:
                section.wrong((name, "schema", index), f"the column {field.name!r} stands here twice", "name it once")
            columns.add(field.name)


def _check_backend(mlops: MlopsSettings, section: Section) -> None:
    if mlops.backend_type != "databricks":
        return
    for key in ("catalog", "schema"):
        if not getattr(mlops.databricks, key):
            section.wrong(
                ("mlops", "databricks", key),
                "missing, and backend_type is databricks",
                f"write mlops.databricks.{key}, or set the environment variable TAURO_MLOPS_{key.upper()}",
            )
