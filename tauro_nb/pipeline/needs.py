"""Which nodes have to run for others to find their inputs, and what an execution that did not finish still has to do.

What is there is reused: files, and what nodes of this process have handed over in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tauro_nb.config.context import Context
from tauro_nb.errors import UsageError
from tauro_nb.pipeline.graph import Plan, order, plan, read, written
from tauro_nb.pipeline.report import NodeStatus, PipelineReport
from tauro_nb.wiring import Services


def with_what_they_need(working: Services, context: Context, whole: Plan, names: Iterable[str]) -> Plan:
    """Return the part of `whole` that has `names`, and the nodes before them that make what is not there."""
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        wanted.add(name)
        for dataset in read(context.nodes[name]):
            writers = [writer for writer in whole.writers.get(dataset, ()) if writer not in wanted]
            if writers and not _is_there(working, context, dataset, whole.writers[dataset]):
                todo.extend(writers)
    return whole.keep(wanted)


def with_makers(context: Context, whole: Plan, name: str) -> Plan:
    """Return `whole` with those nodes of other pipelines that make what `name` reads and nobody in it makes."""
    makers: dict[str, str] = {}
    for maker, config in context.nodes.items():
        for dataset in written(config):
            makers.setdefault(dataset, maker)
    names = dict.fromkeys(whole.nodes)
    todo, seen = [name], {name}
    while todo:
        for dataset in read(context.nodes[todo.pop()]):
            alone = (makers[dataset],) if dataset in makers else ()
            for maker in whole.writers.get(dataset, alone):
                if maker not in seen:
                    names[maker] = None
                    seen.add(maker)
                    todo.append(maker)
    return whole if len(names) == len(whole.nodes) else order(whole.pipeline, list(names), context.nodes)


def _is_there(working: Services, context: Context, dataset: str, writers: Iterable[str]) -> bool:
    if dataset in context.inputs or dataset in context.outputs:
        return working.catalog.exists(dataset)
    return working.has_in_memory(dataset, tuple(writers))


def resumption(working: Services, context: Context, report: PipelineReport) -> tuple[Plan, dict[str, Any]]:
    """Return what is left to do of an execution, and the parameters that its caller gave, by node.

    Raises
    ------
    UsageError
        It finished, or the project no longer has any of the nodes that did not.
    """
    left = [name for name, node in report.nodes.items() if node.status is not NodeStatus.FINISHED]
    if not left:
        raise UsageError(
            f"pipeline {report.pipeline!r} finished: there is nothing to retry", fix="run it anew, or a part of it"
        )
    whole = plan(context, report.pipeline) if report.pipeline in context.pipelines else report.plan
    known = [name for name in left if name in whole and name in context.nodes]
    if not known:
        raise UsageError(
            f"pipeline {report.pipeline!r} no longer has what did not finish: {', '.join(left)}", fix="run it anew"
        )
    chosen = with_what_they_need(working, context, whole, known)
    return chosen, flat({name: node.given for name, node in report.nodes.items() if name in chosen})


def flat(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return parameters by node as ``node.key``."""
    return {f"{name}.{key}": value for name, share in given.items() for key, value in share.items()}
