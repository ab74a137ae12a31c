"""How reports look: of a pipeline, a node, a validation, and of the checks of health."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Section, Table
from tauro_nb.mlops.monitoring.findings import HealthReport
from tauro_nb.pipeline.report import NodeReport, PipelineReport
from tauro_nb.pipeline.validation import ValidationReport

_NODES = (
    Column("node"),
    Column("state"),
    Column("time", numeric=True),
    Column("rows in", numeric=True),
    Column("rows out", numeric=True),
    Column("runs"),
)


def pipeline_page(report: PipelineReport) -> Page:
    """Return the nodes of an execution, in the order in which they ran."""
    sections: list[Section] = [Table(_NODES, tuple(_node_row(node) for node in report.nodes.values()))]
    if report.error is not None:
        sections.append(Lines(_error(report.error), tone="bad"))
    return Page(
        title=report.pipeline,
        state=report.status.value,
        subtitle=(
            Cell(report.environment),
            fmt.moment(report.started_at_ns),
            Cell(fmt.duration(report.duration_s)),
            *(Cell(f"{key}={fmt.value(value).text}") for key, value in report.params.items()),
        ),
        sections=tuple(sections),
    )


def node_page(report: NodeReport) -> Page:
    """Return one node of an execution."""
    sections: list[Section] = [Table(_NODES, (_node_row(report),))]
    if report.error is not None:
        sections.append(Lines(_error(report.error), tone="bad"))
    return Page(title=report.name, state=report.status.value, sections=tuple(sections))


def validation_page(report: ValidationReport) -> Page:
    """Return the problems that were found, each with its mend."""
    if report.ok:
        return Page(title=report.pipeline, state="valid")
    count = fmt.plural(len(report.problems), "problem")
    lines = [line for message, fix in report.problems for line in (message, *([f"  fix: {fix}"] if fix else []))]
    return Page(title=report.pipeline, state=count, sections=(Lines("\n".join(lines), tone="bad"),))


def health_page(report: HealthReport) -> Page:
    """Return the checks, each with its figure and what to do."""
    rows = tuple(
        (
            Cell(check.name, kind="strong"),
            Cell(check.status.value, kind=f"state:{check.status.value}"),
            fmt.text(check.figure),
            fmt.text(check.fix or "", kind="muted"),
        )
        for check in report.checks
    )
    columns = (Column("check"), Column("state"), Column("figure"), Column("fix"))
    empty = "no checks are registered: monitor.register_storage_check()"
    return Page(title="Health", state=report.status.value, sections=(Table(columns, rows, empty=empty),))


def _node_row(node: NodeReport) -> tuple[Cell, ...]:
    return (
        Cell(node.name, kind="strong"),
        Cell(node.status.value, kind=f"state:{node.status.value}"),
        Cell(fmt.duration(node.duration_s), kind="number"),
        _rows(node.rows_in),
        _rows(node.rows_out),
        Cell(", ".join(node.run_ids), kind="muted"),
    )


def _rows(counts: Mapping[str, int]) -> Cell:
    if not counts:
        return Cell("")
    detail = ", ".join(f"{name}: {count:,}" for name, count in counts.items())
    return Cell(f"{sum(counts.values()):,}", title=detail if len(counts) > 1 else "", kind="number")


def _error(error: BaseException) -> str:
    notes: list[Any] = getattr(error, "__notes__", [])
    return "\n".join((f"{type(error).__name__}: {error}", *map(str, notes)))
