"""Which nodes have to run for others to find their inputs, and what an execution that did not finish still has to do.

What is there is reused: files, and what nodes of this process have handed over in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tauro_nb.config.context import Context
from tauro_nb.errors import UnknownName, UsageError
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


def plan_of(working: Services, context: Context, name: str, last: PipelineReport | None) -> Plan:
    """Return one node with those before it that make what is not there.

    It is taken out of the pipeline that was run `last`, if it is in that; else out of the first that has it; else it
    stands alone. What nobody in that pipeline makes is looked for in the others.

    Raises
    ------
    UnknownName
        There is no such node.
    """
    if name not in context.nodes:
        raise UnknownName.among("node", name, context.nodes)
    names = [] if last is None else [last.pipeline]
    having = (
        pipeline
        for pipeline in (*names, *context.pipelines)
        if pipeline in context.pipelines and name in context.pipelines[pipeline].nodes
    )
    found = next(having, None)
    whole = order(name, [name], context.nodes) if found is None else plan(context, found)
    return with_what_they_need(working, context, _with_makers(context, whole, name), [name])


def _with_makers(context: Context, whole: Plan, name: str) -> Plan:
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


def to_go_on(last: PipelineReport | None, run: PipelineReport | None) -> PipelineReport:
    """Return the report that a retry goes on from: the last one, unless it is of a node alone.

    Whoever tries a node of a pipeline that failed wants the pipeline to go on, and not the node.

    Parameters
    ----------
    last : PipelineReport or None
        Of whatever was executed last.
    run : PipelineReport or None
        Of the pipeline that was run last.

    Raises
    ------
    UsageError
        Nothing was executed.
    """
    if last is None:
        raise UsageError("nothing has been run in this session: there is nothing to retry", fix="run a pipeline")
    found = [last] if run is None else [run, last] if run.pipeline == last.pipeline else [last, run]
    return next((report for report in found if report.error is not None), last)


def resumption(
    working: Services, context: Context, report: PipelineReport, anew: Mapping[str, Any]
) -> tuple[Plan, dict[str, Any]]:
    """Return what is left to do of an execution, and the parameters that its caller gave, under those given `anew`.

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
    given = {
        f"{name}.{key}": value
        for name, node in report.nodes.items()
        if name in chosen
        for key, value in node.given.items()
        if key not in anew
    }
    return chosen, {**given, **anew}
