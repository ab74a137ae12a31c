"""``%%tauro define``: let a cell's function stand in for a node, or be one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands import params as parameters
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import verb
from tauro_nb.errors import UsageError


@verb("define")
@click.argument("node", shell_complete=completion.nodes)
@click.option("--run", "at_once", is_flag=True, help="Run the node too; its result is the value of the cell.")
@click.option(
    "--input", "inputs", multiple=True, metavar="PARAMETER=DATASET", help="What fills a parameter; repeatable."
)
@click.option("--output", "outputs", multiple=True, metavar="DATASET", help="What is returned; repeatable.")
@click.option("--after", multiple=True, metavar="NODE", help="Runs after this one.", shell_complete=completion.nodes)
@click.option(
    "--pipeline",
    metavar="PIPELINE",
    help="The pipeline to add it to; a node that no file has goes into `notebook`.",
    shell_complete=completion.pipelines,
)
@click.option("--forget", is_flag=True, help="Take the definition back: the project's files count again.")
@parameters.options
def command(
    desk: Desk,
    *,
    node: str,
    at_once: bool,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    after: tuple[str, ...],
    pipeline: str | None,
    forget: bool,
    params: dict[str, Any],
) -> Any:
    """Let the function of the cell below stand in for NODE; it is the one of this name, or the only one.

    A node that no file has takes datasets that are called as its parameters, and gives one that is called as the node.
    """
    desk.demand_kernel("define", "write the function into a module, and the node into the project's files")
    session = desk.session_anyway()
    if forget:
        session.forget(node)
        now = "again what the project's files say" if node in session.context.nodes else "a node no more"
        return Text(f"✓ {node} is {now}")
    known = session.context.nodes.get(node)
    functions, source = desk.cell_functions()
    function = _meant(node, functions, known.function.rpartition(".")[2] if known is not None else node)
    from tauro_nb.pipeline.definitions import PIPELINE

    session.define(
        node,
        function,
        source=source,
        inputs=dict(_pair(item) for item in inputs),
        outputs=outputs,
        params=params,
        after=after,
        pipeline=pipeline,
    )
    if at_once:
        with desk.watching():
            return session.node(node)
    new = "" if known is not None else f", a new node of the pipeline {pipeline or PIPELINE}"
    return Text(f"✓ {node} is {function.__name__} of this cell{new}\n  next: {desk.cue} node {shlex.quote(node)}")


def _meant(node: str, functions: Mapping[str, Callable[..., Any]], named: str) -> Callable[..., Any]:
    for name in (node, named):
        if name in functions:
            return functions[name]
    if len(functions) == 1:
        return next(iter(functions.values()))
    if not functions:
        raise UsageError("this cell defines no function", fix=f"write `def {named}(...):` below the command")
    raise UsageError(
        f"this cell defines {', '.join(functions)}, and none is called {named!r}",
        fix=f"call the one that stands for the node {named!r}",
    )


def _pair(item: str) -> tuple[str, str]:
    parameter, equals, dataset = item.partition("=")
    if not parameter or (equals and not dataset):
        raise UsageError(f"--input {item}: it is written PARAMETER=DATASET", fix="--input rows=customers")
    return parameter, dataset or parameter
