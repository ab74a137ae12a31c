"""Nodes that a notebook defines: functions that stand in for those of the project's files, and nodes of their own.

What is defined is laid over a context, which is frozen; nothing is written. A node that no file has takes what its
function asks for: each parameter that has no default and is no helper is a dataset of the same name, and what it
returns is the dataset that is called as the node.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.config.origins import Layer
from tauro_nb.config.schema import NodeConfig, PipelineConfig
from tauro_nb.errors import UnknownName
from tauro_nb.pipeline.injection import signature_of

PIPELINE = "notebook"
"""The pipeline of nodes that no file has, unless another is named."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One node as the notebook has it; what is empty is as the files have it."""

    node: str
    function: Callable[..., Any]
    source: str | None = None
    """The text of the cell that defined it."""
    inputs: Mapping[str, str] = {}
    outputs: tuple[str, ...] = ()
    params: Mapping[str, Any] = {}
    after: tuple[str, ...] = ()
    pipeline: str | None = None
    """The pipeline to add it to."""

    def config(self, known: NodeConfig | None) -> NodeConfig:
        """Return the node's entry, over the one that the files have."""
        path = f"__main__.{getattr(self.function, '__qualname__', self.node)}"
        if known is None:
            asked = [
                one.name
                for one in signature_of(self.function).parameters.values()
                if one.required and one.helper is None and one.name not in self.params
            ]
            known = NodeConfig(function=path, inputs={name: name for name in asked}, outputs=self.node)
        own = known.inputs if isinstance(known.inputs, Mapping) else {}
        outputs = self.outputs[0] if len(self.outputs) == 1 else self.outputs
        return msgspec.structs.replace(
            known,
            function=path,
            inputs={**own, **self.inputs} if self.inputs else known.inputs,
            outputs=outputs or known.outputs,
            params={**known.params, **self.params},
            dependencies=tuple(dict.fromkeys([*known.dependencies, *self.after])),
        )


def source_of(function: Callable[..., Any]) -> str | None:
    """Return the text of a function, or None where it is not to be found."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return None


def overlaid(context: Context, definitions: Mapping[str, Definition]) -> Context:
    """Return `context` with the nodes that are defined in place of its own, or beside them.

    Raises
    ------
    UnknownName
        A definition comes after a node that there is not.
    """
    if not definitions:
        return context
    nodes = {**context.nodes, **{name: one.config(context.nodes.get(name)) for name, one in definitions.items()}}
    pipelines = dict(context.pipelines)
    for name, one in definitions.items():
        for before in one.after:
            if before not in nodes:
                raise UnknownName.among("node", before, nodes)
        into = one.pipeline or (None if name in context.nodes else PIPELINE)
        if into is not None:
            old = pipelines.get(into, PipelineConfig(nodes=()))
            pipelines[into] = msgspec.structs.replace(old, nodes=tuple(dict.fromkeys([*old.nodes, name])))
    told = {name: msgspec.structs.asdict(nodes[name]) for name in definitions}
    layers = {
        **context.origins.layers,
        "nodes": (*context.origins.layers.get("nodes", ()), Layer("the notebook", told)),
    }
    origins = msgspec.structs.replace(context.origins, layers=layers)
    return msgspec.structs.replace(context, nodes=nodes, pipelines=pipelines, origins=origins)
