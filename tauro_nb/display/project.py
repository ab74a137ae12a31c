"""How a project looks: its session, context, catalog and plan."""

from __future__ import annotations

from tauro_nb.commands.bind import Bound
from tauro_nb.config.context import Context
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Facts, Graph, Lines, Page, Table, Vertex
from tauro_nb.display.graph import draw
from tauro_nb.io.catalog import Catalog
from tauro_nb.io.description import Description
from tauro_nb.pipeline.dag import Dag
from tauro_nb.pipeline.graph import Plan
from tauro_nb.session import Session

MOST_ROWS = 50


def session_page(session: Session) -> Page:
    """Return where one stands: project, environment, store, pipelines."""
    context = session.context
    return Page(
        title="Session",
        state=context.environment,
        subtitle=(fmt.place(f"root {context.root}"),),
        sections=(_pipelines(context), Facts((("store", fmt.place(session.tracker.store.location)),))),
    )


def context_page(context: Context) -> Page:
    """Return what a project holds in this environment."""
    nodes = tuple(
        (fmt.text(name, kind="strong"), fmt.text(node.function), fmt.text(node.description, kind="muted"))
        for name, node in list(context.nodes.items())[:MOST_ROWS]
    )
    heads = (Column("node"), Column("function"), Column(""))
    more = max(0, len(context.nodes) - MOST_ROWS)
    return Page(
        title="Context",
        state=context.environment,
        subtitle=(fmt.place(f"root {context.root}"),),
        sections=(
            _pipelines(context),
            Table(heads, nodes, more=more, empty="no nodes yet: add one to config/base/nodes.yaml"),
        ),
    )


def catalog_page(catalog: Catalog) -> Page:
    """Return the datasets, each with its format, size and place."""
    heads = (
        Column("dataset"),
        Column("format"),
        Column("rows", numeric=True),
        Column("size", numeric=True),
        Column("path"),
    )
    names = list(catalog.names)
    found = [catalog.describe(name) for name in names[:MOST_ROWS]]
    rows = tuple(map(_dataset, found))
    wrong = "\n".join(f"{each.name}: {each.problem}" for each in found if each.problem and _is_due(each))
    more = max(0, len(names) - MOST_ROWS)
    return Page(
        title="Catalog",
        subtitle=(Cell(fmt.plural(len(names), "dataset")),),
        sections=(
            Table(heads, rows, more=more, empty="no datasets yet: add one to config/base/input.yaml"),
            *([Lines(fmt.excerpt(wrong), tone="bad")] if wrong else []),
        ),
    )


def plan_page(plan: Plan) -> Page:
    """Return the graph of a plan."""
    return dag_page(Dag(plan))


def dag_page(dag: Dag) -> Page:
    """Return the graph of a plan, with where each node stands."""
    return Page(title=fmt.name(dag.plan.pipeline), sections=(_graph(dag),))


def dag_svg(dag: Dag) -> str:
    """Return the picture of a plan."""
    return draw(_graph(dag))


def _graph(dag: Dag) -> Graph:
    nodes = tuple(Vertex(name, dag.states[name].value if name in dag.states else "") for name in dag.plan.nodes)
    edges = tuple(dict.fromkeys((edge.before, edge.after) for edge in dag.plan.edges))
    return Graph(fmt.name(dag.plan.pipeline), nodes, edges)


def bound_page(bound: Bound) -> Page:
    """Return the variables that a node's inputs were bound to."""
    heads = (Column("variable"), Column("type"), Column("size", numeric=True), Column("dataset"))
    rows = tuple(
        (
            fmt.text(one.name, kind="strong"),
            fmt.text(one.kind),
            fmt.text(one.size),
            fmt.text(one.dataset or "", kind="muted"),
        )
        for one in bound.variables
    )
    return Page(
        title=fmt.name(bound.node),
        state="bound",
        sections=(Table(heads, rows, empty="this node takes nothing"),),
    )


def _pipelines(context: Context) -> Table:
    rows = tuple(
        (
            fmt.text(name, kind="strong"),
            Cell(str(len(pipeline.nodes)), kind="number"),
            fmt.text(pipeline.description, kind="muted"),
        )
        for name, pipeline in list(context.pipelines.items())[:MOST_ROWS]
    )
    more = max(0, len(context.pipelines) - MOST_ROWS)
    empty = (
        "no pipelines: this session was opened on a store alone" if context.descriptor is None else "no pipelines yet"
    )
    return Table((Column("pipeline"), Column("nodes", numeric=True), Column("")), rows, more=more, empty=empty)


def _is_due(found: Description) -> bool:
    """Whether a dataset ought to be readable: what a node has yet to write need not be there."""
    return found.exists or found.role == "input"


def _dataset(found: Description) -> tuple[Cell, ...]:
    place = found.path
    if not found.exists:
        place += " (missing)" if _is_due(found) else " (not written yet)"
    return (
        fmt.text(found.name, kind="strong"),
        fmt.text(found.format),
        fmt.number(found.rows) if found.rows is not None else Cell(""),
        Cell(fmt.size(found.size_bytes), kind="number") if found.size_bytes is not None else Cell(""),
        fmt.text(place, kind="muted"),
    )
