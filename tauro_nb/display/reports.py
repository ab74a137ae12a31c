"""How reports look: of a pipeline, a node, a validation, and of the checks of health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Section, Table
from tauro_nb.mlops.monitoring.findings import CheckResult, HealthReport
from tauro_nb.pipeline.report import NodeReport, NodeStatus, PipelineReport
from tauro_nb.pipeline.validation import ValidationReport

MOST_NODES = 50
MOST_PROBLEMS = 20
MOST_PARAMS = 8
LONGEST_FIGURE = 200
MOST_RUNS = 3
"""Runs that are named beside their node."""

_NODES = (
    Column("node"),
    Column("state"),
    Column("time", numeric=True, least=fmt.TIME_WIDTH),
    Column("rows in", numeric=True),
    Column("rows out", numeric=True),
    Column("runs"),
)


def pipeline_page(report: PipelineReport, *, log: Sequence[str] = ()) -> Page:
    """Return the nodes of an execution, in the order in which they ran; below them the newest lines of its log."""
    nodes = list(report.nodes.values())
    shown = nodes[:MOST_NODES] + [node for node in nodes[MOST_NODES:] if node.status is NodeStatus.FAILED][:MOST_NODES]
    table = Table(_NODES, tuple(map(_node_row, shown)), more=len(nodes) - len(shown), empty="no nodes")
    params = list(report.params.items())
    return Page(
        title=fmt.name(report.pipeline),
        state=report.status.value,
        subtitle=(
            fmt.text(report.environment),
            fmt.moment(report.started_at_ns),
            Cell(fmt.duration(report.duration_s)),
            *(Cell(f"{fmt.name(key)}={fmt.value(value).text}") for key, value in params[:MOST_PARAMS]),
            Cell(f"{len(params) - MOST_PARAMS:,} more parameters" if len(params) > MOST_PARAMS else ""),
        ),
        sections=(table, *failure_of(report.error), *log_of(log)),
    )


def node_page(report: NodeReport) -> Page:
    """Return one node of an execution."""
    return Page(
        title=fmt.name(report.name),
        state=report.status.value,
        sections=(Table(_NODES, (_node_row(report),)), *failure_of(report.error)),
    )


def validation_page(report: ValidationReport) -> Page:
    """Return the problems that were found, each with its mend."""
    title = fmt.name(report.pipeline)
    if report.ok:
        return Page(title=title, state="valid")
    problems = report.problems
    sections: list[Section] = [
        Lines(fmt.excerpt(f"{problem.message}\n  fix: {problem.fix}" if problem.fix else problem.message), tone="bad")
        for problem in problems[:MOST_PROBLEMS]
    ]
    if len(problems) > MOST_PROBLEMS:
        sections.append(Lines(f"{len(problems) - MOST_PROBLEMS:,} more", tone="muted"))
    return Page(title=title, state=fmt.plural(len(problems), "problem"), sections=tuple(sections))


def health_page(report: HealthReport) -> Page:
    """Return the checks, each with its figure, and below them what to do."""
    checks = report.checks[: fmt.MOST_ITEMS]
    rows = tuple(
        (
            _name(check),
            Cell(check.status.value, kind=f"state:{check.status.value}"),
            Cell(fmt.excerpt(check.figure)[:LONGEST_FIGURE]),
        )
        for check in checks
    )
    columns = (Column("check"), Column("state"), Column("figure"))
    empty = "no checks are registered: monitor.register_storage_check()"
    return Page(
        title="Health",
        state=report.status.value,
        sections=(
            Table(columns, rows, more=len(report.checks) - len(rows), empty=empty),
            *(Lines(fmt.excerpt(f"{fmt.name(check.name)}: {check.fix}"), tone="bad") for check in checks if check.fix),
        ),
    )


def _name(check: CheckResult) -> Cell:
    """Return the check's name, without the place where the figure tells it."""
    kind, _, place = check.name.partition(" ")
    if kind == "storage" and place and place in check.figure:
        return Cell(kind, title=check.name[: fmt.LONGEST_TITLE], kind="strong")
    return fmt.text(check.name, kind="strong")


def _node_row(node: NodeReport) -> tuple[Cell, ...]:
    runs = ", ".join(node.run_ids[:MOST_RUNS])
    if len(node.run_ids) > MOST_RUNS:
        runs += f" and {len(node.run_ids) - MOST_RUNS:,} more"
    return (
        fmt.text(node.name, kind="strong"),
        Cell(node.status.value, kind=f"state:{node.status.value}"),
        Cell(fmt.duration(node.duration_s), kind="number"),
        _rows(node.rows_in),
        _rows(node.rows_out),
        Cell(runs, kind="muted"),
    )


def _rows(counts: Mapping[str, int]) -> Cell:
    if not counts:
        return Cell("")
    detail = ", ".join(f"{name}: {count:,}" for name, count in counts.items())[: fmt.LONGEST_TITLE]
    return Cell(f"{sum(counts.values()):,}", title=detail if len(counts) > 1 else "", kind="number")


def log_of(lines: Sequence[str]) -> list[Section]:
    """Return the newest lines of a log, folded."""
    if not lines:
        return []
    items = [line.partition(": ") for line in lines[-fmt.MOST_ITEMS :]]
    title = f"Log, {fmt.plural(len(lines), 'line')}"
    return [fmt.facts(((who, Cell(said)) for who, _, said in items), title=title, folded=True)]


def failure_of(error: BaseException | None) -> list[Section]:
    """Return an error with its notes; nothing where there is none."""
    if error is None:
        return []
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    return [Lines(fmt.excerpt("\n".join((told(error), *notes))), tone="bad")]


def told(error: BaseException) -> str:
    """Return an error's class and text."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - the error is the user's, and so is what its text does
        said = "(an error that cannot be printed)"
    return f"{type(error).__name__}: {said}"
