"""The files of a project that does what a notebook defined: functions in a module, nodes and pipelines beside it."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import msgspec

from tauro_nb.commands.module_text import module_of
from tauro_nb.config.schema import NodeConfig
from tauro_nb.errors import UsageError

if TYPE_CHECKING:
    from tauro_nb.session import Session

MODULE = "pipelines/notebook.py"

_SECTIONS = {
    "global_settings_path": "config/base/global_settings.yaml",
    "pipelines_config_path": "config/base/pipelines.yaml",
    "nodes_config_path": "config/base/nodes.yaml",
    "input_config_path": "config/base/input.yaml",
    "output_config_path": "config/base/output.yaml",
}


def files_of(session: Session) -> dict[str, bytes]:
    """Return the files by path.

    Raises
    ------
    UsageError
        The session has a project, or defines nothing, or a function uses what has no text; all of that is told.
    """
    if session.context.descriptor is not None:
        raise UsageError(
            f"this session has the project {session.context.descriptor.parent}, which has its files",
            fix="put the functions into its modules; session.defined[NODE].source has the text of each cell",
        )
    if not session.defined:
        raise UsageError("nothing is defined in this session", fix="%%tauro define NODE, and a function under it")
    cells = {name: one.function for name, one in session.defined.items() if one.function.__module__ == "__main__"}
    module = module_of(cells.values())
    if module.problems:
        raise UsageError(
            f"what was defined cannot stand alone: {'; '.join(module.problems)}",
            fix="make it inside the function, or give it as an input",
        )
    dotted = MODULE.removesuffix(".py").replace("/", ".")
    nodes = {
        name: _node(
            session.context.nodes[name],
            f"{dotted if name in cells else one.function.__module__}.{one.function.__qualname__}",
        )
        for name, one in session.defined.items()
    }
    pipelines = {name: msgspec.to_builtins(one) for name, one in session.context.pipelines.items()}
    environments = {"base": _SECTIONS, "dev": {}}
    return {
        "settings_json.json": json.dumps({"base_path": ".", "env_config": environments}, indent=2).encode() + b"\n",
        ".gitignore": b"mlops_data*/\n__pycache__/\n.ipynb_checkpoints/\n",
        MODULE: str(module).encode(),
        _SECTIONS["global_settings_path"]: _yaml({"mlops": {"storage_path": "./mlops_data"}}),
        _SECTIONS["pipelines_config_path"]: _yaml(
            {"pipelines": {n: {"nodes": p["nodes"]} for n, p in pipelines.items()}}
        ),
        _SECTIONS["nodes_config_path"]: _yaml({"nodes": nodes}),
        _SECTIONS["input_config_path"]: b"# datasets that are read: tauro schema FILE prints one\n",
        _SECTIONS["output_config_path"]: b"# datasets that are written; others are handed over in memory\n",
    }


def _node(config: NodeConfig, function: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = msgspec.to_builtins(config, builtin_types=(dt.date, dt.datetime))
    except TypeError as error:
        raise UsageError(
            f"the params of {function} cannot be written: {error}", fix="give it plain values, or make them inside"
        ) from error
    usual = msgspec.to_builtins(NodeConfig(function=function))
    return {
        "function": function,
        **{key: value for key, value in told.items() if value != usual[key] and key != "function"},
    }


def _yaml(content: dict[str, Any]) -> bytes:
    import yaml

    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text.encode()
