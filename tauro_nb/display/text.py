"""A page as plain text: what a shell, a log and a text-only front end show."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from tauro_nb.display.data import Cell, Column, Facts, Lines, Page, Panels, Section, Series, Table, Tiles
from tauro_nb.display.format import short_number

WIDEST = 40
"""Columns that one cell of a table takes at most."""

WIDEST_LAST = 200
"""The same for the last cell of a row, which pushes nothing aside."""


def render(page: Page) -> str:
    """Return the page as lines."""
    head = page.title + (f"  [{page.state}]" if page.state else "")
    parts = [_plain(head)]
    subtitle = " · ".join(cell.text for cell in page.subtitle if cell.text)
    if subtitle:
        parts.append("  " + _plain(subtitle))
    parts += [lines for section in page.sections if (lines := _section(section))]
    parts += ["  " + _plain(line) for line in page.footer]
    return "\n".join(parts)


def _section(section: Section) -> str:
    match section:
        case Table():
            return _table(section)
        case Facts():
            return _named(section.title, [(name, cell.text) for name, cell in section.items], section.more)
        case Tiles():
            return _named("", [(name, cell.text) for name, cell in section.items], section.more)
        case Panels():
            return "\n".join(
                _named(panel.title, [(s.name, _summary(s)) for s in panel.series]) for panel in section.items
            )
        case Lines():
            return "\n".join("  " + _plain(line) for line in section.text.splitlines())


def _table(table: Table) -> str:
    if not table.rows:
        return "  " + _plain(table.empty)
    last = len(table.columns) - 1
    columns = [
        _column(column, [row[i] for row in table.rows], WIDEST if i < last else WIDEST_LAST)
        for i, column in enumerate(table.columns)
    ]
    lines = [f"  {_plain(table.title)}"] if table.title else []
    lines += ["  " + "  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    if table.more:
        lines.append(f"  {table.more:,} more")
    return "\n".join(lines)


def _column(column: Column, cells: Sequence[Cell], widest: int) -> list[str]:
    texts = [_cut(column.label, widest), *(_cut(cell.text, widest) for cell in cells)]
    width = max(column.least, *(_width(text) for text in texts))
    if column.numeric:
        return [" " * (width - _width(text)) + text for text in texts]
    return [text + " " * (width - _width(text)) for text in texts]


def _named(title: str, items: Sequence[tuple[str, str]], more: int = 0) -> str:
    if not items:
        return ""
    names = [_plain(name) for name, _ in items]
    width = min(max(map(_width, names)), WIDEST)
    lines = [f"  {_plain(title)}"] if title else []
    for name, (_, value) in zip(names, items, strict=True):
        lines.append(f"  {name}{' ' * (width - _width(name))}  {_plain(value)}".rstrip())
    if more:
        lines.append(f"  {more:,} more")
    return "\n".join(lines)


def _summary(series: Series) -> str:
    finite = [y for y in series.y if y == y]  # noqa: PLR0124 - NaN is not itself
    if not finite:
        return f"last {short_number(series.y[-1])}" if series.y else ""
    low, high = short_number(min(finite)), short_number(max(finite))
    return f"last {short_number(series.y[-1])}  min {low}  max {high}  at step {short_number(int(series.x[-1]))}"


def _cut(text: str, widest: int) -> str:
    text = _plain(text)
    return text if len(text) <= widest else text[: widest - 1] + "…"


def _plain(text: str) -> str:
    """Take out what would move the cursor or hide text."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _width(text: str) -> int:
    """Count the columns that a terminal gives to the text."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
