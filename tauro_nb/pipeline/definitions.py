"""Nodes that a notebook defines: functions that stand in for those of the project's files, and nodes of their own.

What is defined is laid over a context, which is frozen; nothing is written. A node that no file has takes what its
function asks for: each parameter that has no default and is no helper is a dataset of the same name, and what it
returns is the dataset that is called as the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.config.origins import Layer
from tauro_nb.config.schema import NodeConfig, PipelineConfig
from tauro_nb.errors import UnknownName
from tauro_nb.pipeline.injection import signature_of

PIPELINE = "notebook"
"""The pipeline of nodes that no file has, unless another is named."""


class Definition(msgspec.Struct, frozen=True):
    """One node as the notebook has it."""

    node: str
    function: Callable[..., Any]
    source: str | None
    """The text of the cell that defined it."""
    config: NodeConfig
    pipeline: str | None
    """The pipeline that it was added to; None where those of the files have it."""


def define(
    context: Context,
    node: str,
    function: Callable[..., Any],
    *,
    source: str | None,
    inputs: Mapping[str, str],
    outputs: Sequence[str],
    params: Mapping[str, Any],
    after: Sequence[str],
    pipeline: str | None,
) -> Definition:
    """Return the definition of `node`; what is not given is as the context has it.

    Raises
    ------
    UnknownName
        `after` names a node that there is not.
    """
    for name in after:
        if name not in context.nodes:
            raise UnknownName.among("node", name, context.nodes)
    known = context.nodes.get(node)
    path = f"__main__.{getattr(function, '__qualname__', node)}"
    if known is None:
        asked = [
            one.name
            for one in signature_of(function).parameters.values()
            if one.required and one.helper is None and one.name not in params
        ]
        known = NodeConfig(function=path, inputs={name: name for name in asked}, outputs=node)
        pipeline = pipeline or PIPELINE
    own = known.inputs if isinstance(known.inputs, Mapping) else {}
    config = msgspec.structs.replace(
        known,
        function=path,
        inputs={**own, **inputs} if inputs else known.inputs,
        outputs=known.outputs if not outputs else outputs[0] if len(outputs) == 1 else tuple(outputs),
        params={**known.params, **params},
        dependencies=tuple(dict.fromkeys([*known.dependencies, *after])),
    )
    return Definition(node, function, source, config, pipeline)


def overlaid(context: Context, definitions: Mapping[str, Definition]) -> Context:
    """Return `context` with the nodes that are defined in place of its own, or beside them."""
    if not definitions:
        return context
    pipelines = dict(context.pipelines)
    for one in definitions.values():
        if one.pipeline is not None:
            old = pipelines.get(one.pipeline, PipelineConfig(nodes=()))
            nodes = tuple(dict.fromkeys([*old.nodes, one.node]))
            pipelines[one.pipeline] = msgspec.structs.replace(old, nodes=nodes)
    told = {name: msgspec.to_builtins(one.config) for name, one in definitions.items()}
    layers = {
        **context.origins.layers,
        "nodes": (*context.origins.layers.get("nodes", ()), Layer("the notebook", told)),
    }
    return msgspec.structs.replace(
        context,
        nodes={**context.nodes, **{name: one.config for name, one in definitions.items()}},
        pipelines=pipelines,
        origins=msgspec.structs.replace(context.origins, layers=layers),
    )
