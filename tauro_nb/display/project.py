"""How a project looks: its session, context, catalog and plan."""

from __future__ import annotations

from tauro_nb.config.loader import Context
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Facts, Page, Table
from tauro_nb.io.catalog import Catalog
from tauro_nb.pipeline.graph import Plan
from tauro_nb.session import Session

MOST_ROWS = 50


def session_page(session: Session) -> Page:
    """Return where one stands: project, environment, store, pipelines."""
    context = session.context
    return Page(
        title=context.root.name or str(context.root),
        state=context.environment,
        subtitle=(Cell(f"root {context.root}"),),
        sections=(_pipelines(context), Facts((("store", fmt.text(session.tracker.store.location)),))),
    )


def context_page(context: Context) -> Page:
    """Return what a project holds in this environment."""
    nodes = tuple(
        (Cell(name, kind="strong"), fmt.text(node.function), fmt.text(node.description, kind="muted"))
        for name, node in list(context.nodes.items())[:MOST_ROWS]
    )
    heads = (Column("node"), Column("function"), Column(""))
    more = max(0, len(context.nodes) - MOST_ROWS)
    return Page(
        title=context.root.name or str(context.root),
        state=context.environment,
        subtitle=(Cell(f"root {context.root}"),),
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
    rows = tuple(_dataset(catalog, name) for name in names[:MOST_ROWS])
    more = max(0, len(names) - MOST_ROWS)
    return Page(
        title="Catalog",
        subtitle=(Cell(fmt.plural(len(names), "dataset")),),
        sections=(Table(heads, rows, more=more, empty="no datasets yet: add one to config/base/input.yaml"),),
    )


def plan_page(plan: Plan) -> Page:
    """Return the nodes in the order in which they run, each with what it waits for."""
    heads = (Column("node"), Column("after"))
    rows = tuple(
        (Cell(name, kind="strong"), fmt.text(", ".join(sorted(plan.predecessors[name])), kind="muted"))
        for name in list(plan.nodes)[:MOST_ROWS]
    )
    more = max(0, len(plan.nodes) - MOST_ROWS)
    return Page(title=plan.pipeline, sections=(Table(heads, rows, more=more, empty="no nodes"),))


def _pipelines(context: Context) -> Table:
    rows = tuple(
        (
            Cell(name, kind="strong"),
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


def _dataset(catalog: Catalog, name: str) -> tuple[Cell, ...]:
    found = catalog.describe(name)
    return (
        Cell(name, kind="strong"),
        Cell(found.format),
        fmt.number(found.rows) if found.rows is not None else Cell(""),
        Cell(fmt.size(found.size_bytes), kind="number") if found.size_bytes is not None else Cell(""),
        fmt.text(found.path, kind="muted") if found.exists else fmt.text(f"{found.path} (missing)", kind="muted"),
    )
