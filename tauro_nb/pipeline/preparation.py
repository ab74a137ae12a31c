"""All that is done before the first node starts: functions imported, parameters filled, datasets found.

Nothing is run or read here but the import of the user's modules and the headers of files. Everything that is wrong is
collected, so that a person mends it all at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.errors import (
    ConfigError,
    FunctionNotFound,
    MissingDependency,
    PipelineError,
    TauroError,
    UnknownName,
)
from tauro_nb.io import spark
from tauro_nb.pipeline.binding import Binding, bind, distribute
from tauro_nb.pipeline.deadline import is_possible
from tauro_nb.pipeline.graph import Plan, written
from tauro_nb.pipeline.injection import Helper, Signature, signature_of
from tauro_nb.pipeline.modules import ProjectModules
from tauro_nb.wiring import Services


class Prepared(msgspec.Struct, frozen=True):
    """One node that can be called."""

    function: Callable[..., Any]
    binding: Binding
    given: Mapping[str, Any]
    """What the caller gave for this node."""


class Preparation(msgspec.Struct, frozen=True):
    """The nodes of a plan, and what keeps them from running."""

    nodes: dict[str, Prepared]
    """Those whose function could be imported."""
    problems: list[BaseException]
    """An error that is none of this package is what the user's module raised when it was imported."""


def prepare(
    working: Services,
    context: Context,
    plan: Plan,
    modules: ProjectModules,
    params: Mapping[str, Any],
    *,
    threaded: bool,
    in_main: bool = True,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Preparation:
    """Make the nodes of `plan` callable, and find what is wrong with them.

    Parameters
    ----------
    threaded : bool
        They are to run in threads.
    in_main : bool
        They are to run in the thread that this is, and not in one beside it.
    functions : mapping of node to callable, optional
        Those of all nodes, where they were found before. Default: they are imported.
    """
    broken: list[BaseException] = []
    found_before, functions = functions, dict(functions or {})
    signatures: dict[str, Signature] = {}
    for name in plan.nodes:
        try:
            if found_before is None:
                functions[name] = _function(working, context, name, modules)
            signatures[name] = _signature(context, name, functions[name])
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may raise anything; it is told below
            broken.append(error)
    found: list[TauroError] = []
    shares = {} if broken else distribute(params, signatures, context, found)
    nodes: dict[str, Prepared] = {}
    for name, signature in signatures.items():
        given = shares.get(name, {})
        binding = bind(context, name, signature, given, found)
        nodes[name] = Prepared(functions[name], binding, given)
        found += _without_spark(context, name, signature, binding)
    found += _deadline_problems(context, plan, threaded=threaded, in_main=in_main)
    found += _dataset_problems(working, context, plan)
    return Preparation(nodes, [*broken, *found])


def _function(working: Services, context: Context, name: str, modules: ProjectModules) -> Callable[..., Any]:
    where = context.where("nodes", name, "function")
    if name in working.defined:
        function = working.defined[name].function
    else:
        function = modules.function(context.nodes[name].function, where=where)
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        raise PipelineError(
            f"{where}: {context.nodes[name].function} is `async def`, and a node is a plain function",
            fix="write `def`, and `asyncio.run(...)` inside it",
        )
    return function


def _signature(context: Context, name: str, function: Callable[..., Any]) -> Signature:
    try:
        return signature_of(function)
    except (TypeError, ValueError) as error:
        raise FunctionNotFound(
            f"{context.where('nodes', name, 'function')}: {context.nodes[name].function} does not tell its parameters "
            f"({error})",
            fix="wrap it in a function of your own",
        ) from error


def _without_spark(context: Context, name: str, signature: Signature, binding: Binding) -> Iterable[TauroError]:
    asking = [
        parameter
        for parameter, helper in binding.helpers
        if helper is Helper.SPARK and not signature.parameters[parameter].nullable
    ]
    engine = context.nodes[name].engine
    if not (asking or engine == "spark") or spark.is_installed():
        return
    for parameter in asking:
        yield MissingDependency(
            f"{context.where('nodes', name)}: the parameter {parameter!r} is hinted with SparkSession, which needs "
            "the package 'pyspark'",
            fix="pip install pyspark, or hint it with `SparkSession | None`",
        )
    if engine == "spark":
        for _, dataset in binding.data[:1]:
            try:
                spark.demand(dataset)
            except MissingDependency as error:
                yield error


def _deadline_problems(context: Context, plan: Plan, *, threaded: bool, in_main: bool) -> Iterable[TauroError]:
    for name in plan.nodes:
        if context.nodes[name].timeout_s is None:
            continue
        where = context.where("nodes", name, "timeout_s")
        if threaded:
            yield PipelineError(
                f"{where}: a thread cannot be stopped, and nodes run in threads",
                fix="write execution.executor: inline, or take timeout_s away",
            )
        elif not (in_main and is_possible()):
            yield PipelineError(
                f"{where}: a time-out is kept in the main thread, and this is another, or a system without timers",
                fix="run the pipeline in the main thread, or take timeout_s away",
            )


def _dataset_problems(working: Services, context: Context, plan: Plan) -> Iterable[TauroError]:
    """Yield what is wrong with each dataset that the nodes of `plan` read and write, once."""
    seen: set[str] = set()
    for name in plan.nodes:
        for key, dataset in _inputs(context, name):
            if dataset not in seen:
                seen.add(dataset)
                yield from _input_problems(working, context, plan, dataset, ("nodes", name, "inputs", key))
        for dataset in written(context.nodes[name]):
            if dataset in context.outputs:
                yield from working.catalog.check(dataset, "output")


def _inputs(context: Context, name: str) -> Iterable[tuple[str | int, str]]:
    inputs = context.nodes[name].inputs
    return inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs)


def _input_problems(
    working: Services, context: Context, plan: Plan, dataset: str, address: tuple[Any, ...]
) -> Iterable[TauroError]:
    writers = plan.writers.get(dataset, ())
    if any(writer in plan for writer in writers):
        if dataset in context.inputs and dataset in context.outputs:
            yield from _two_files(context, dataset)
    elif dataset in context.inputs or dataset in context.outputs:
        yield from working.catalog.check(dataset)
    elif working.has_in_memory(dataset, writers):
        return
    elif writers:
        yield PipelineError(
            f"{context.where(*address)}: {dataset!r} is handed over in memory by {writers[0]!r}, which does not run "
            "here and has not run before",
            fix=f"begin with it (--from {writers[0]}, from_node={writers[0]!r}), or declare {dataset!r} in the output "
            "file",
        )
    else:
        known = {*context.inputs, *context.outputs, *plan.writers}
        yield UnknownName.among("dataset", dataset, known, where=context.where(*address))


def _two_files(context: Context, dataset: str) -> Iterable[TauroError]:
    """A dataset that is written to one file and read from another."""
    read_from, written_to = context.inputs[dataset], context.outputs[dataset]
    if (context.root / read_from.path, read_from.format) != (context.root / written_to.path, written_to.format):
        yield ConfigError(
            f"{context.where('outputs', dataset, 'path')}: {dataset!r} is written to {written_to.path} "
            f"({written_to.format}), and read from {read_from.path} ({read_from.format})",
            fix="give both the same path and format, or take it out of the input file",
        )
