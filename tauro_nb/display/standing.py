"""How it looks where one stands: project, environment, store, what ran last, what to type next."""

from __future__ import annotations

from collections.abc import Iterable

from tauro_nb.commands.standing import Standing
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Lines, Page, Section, Table

MOST_NAMES = 6
MOST_PROBLEMS = 20


def standing_page(standing: Standing) -> Page:
    """Return where one stands, and what to type next."""
    report = standing.report
    held = [
        ("project", fmt.place(str(standing.project)) if standing.project else Cell("none here or above", kind="muted")),
        ("store", fmt.place(standing.store) if standing.store else None),
        ("pipelines", _names(standing.pipelines)),
        ("defined here", _names(standing.defined)),
        ("last run", fmt.text(report.pipeline) if report else None),
        ("ended", Cell(report.status.value, kind=f"state:{report.status.value}") if report else None),
        (
            "failed at",
            _names(name for name, node in report.nodes.items() if node.error is not None) if report else None,
        ),
    ]
    sections: list[Section] = [fmt.facts((name, cell) for name, cell in held if cell is not None)]
    if standing.trouble:
        told = [
            line
            for message, fix in standing.trouble[:MOST_PROBLEMS]
            for line in (message, f"  fix: {fix}" if fix else "")
            if line
        ]
        sections.append(Lines(fmt.excerpt("\n".join(told)), tone="bad"))
    commands = tuple(
        (fmt.text(command, kind="code"), fmt.text(aim, kind="muted")) for command, aim in standing.following
    )
    sections.append(Table((Column("next"), Column("")), commands))
    return Page(title="tauro", state=standing.environment or "", sections=tuple(sections))


def _names(names: Iterable[str]) -> Cell | None:
    held = list(names)
    if not held:
        return None
    more = f" and {len(held) - MOST_NAMES:,} more" if len(held) > MOST_NAMES else ""
    return fmt.text(", ".join(held[:MOST_NAMES]) + more)
