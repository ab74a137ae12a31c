"""What an MLflow server has of a store, and what it has not."""

from __future__ import annotations

from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Section, Table
from tauro_nb.mlops.mlflow.report import MirrorReport

MOST_ROWS = 20

_HEADS = (
    Column("", yields=3),
    Column("name", yields=0),
    Column("there", yields=1),
    Column("details", yields=2),
    Column("id", yields=4),
)


def mirror_page(report: MirrorReport, most: int = MOST_ROWS) -> Page:
    """Return which runs and models are not there as they are here, and why."""
    rows = tuple(
        (
            Cell(each.kind, kind="muted"),
            fmt.text(each.name, kind="strong"),
            Cell(each.what),
            fmt.text("; ".join(each.details)),
            Cell(each.id if each.kind == "run" else "", kind="muted"),
        )
        for each in report.found[:most]
    )
    empty = "all is there as it is here" if report.asked else "all that is here was acknowledged"
    sections: list[Section] = [
        fmt.facts([("server", fmt.place(report.target))]),
        Table(_HEADS, rows, more=len(report.found) - len(rows), empty=empty),
    ]
    if report.trouble:
        sections.append(Lines(fmt.excerpt(report.trouble), tone="bad"))
    return Page(
        title=f"MLflow: {report.title.lower()}",
        subtitle=(Cell(f"{len(report.found):,} of {report.looked_at:,} runs and models"),),
        sections=tuple(sections),
    )
