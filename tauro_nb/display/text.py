"""A page as plain text: what a shell, a log and a text-only front end show."""

from __future__ import annotations

from collections.abc import Sequence

from tauro_nb.display import graph
from tauro_nb.display.charts import course
from tauro_nb.display.data import (
    Bars,
    Cell,
    Chart,
    Column,
    Facts,
    Graph,
    Lines,
    Matrix,
    Page,
    Panel,
    Panels,
    Section,
    Series,
    Table,
    Tiles,
)
from tauro_nb.display.format import short_number
from tauro_nb.display.widths import cut, plain, width

WIDEST = 40
"""Columns that one cell of a table takes at most."""

WIDEST_LAST = 200
"""The same for the last cell of a row, which pushes nothing aside."""

NARROWEST = 12
"""Columns below which no text is cut to make room."""


def render(page: Page, *, room: float | None = None) -> str:
    """Return the page as lines.

    Parameters
    ----------
    room : float, optional
        Columns of the terminal: tables are made to fit, first by cutting texts, then by leaving columns out; infinity
        cuts nothing. None: it is not known where this is read, and cells take `WIDEST` columns at most.
    """
    head = page.title + (f"  [{page.state}]" if page.state else "")
    parts = [plain(head)]
    subtitle = " · ".join(cell.text for cell in page.subtitle if cell.text)
    if subtitle:
        parts.append("  " + plain(subtitle))
    parts += [lines for section in page.sections if (lines := _section(section, room))]
    parts += ["  " + plain(line) for line in page.footer]
    return "\n".join(parts)


def _section(section: Section, room: float | None) -> str:
    match section:
        case Table():
            return _table(section, room)
        case Facts():
            return _named(section.title, [(name, cell.text) for name, cell in section.items], section.more)
        case Tiles():
            return _named("", [(name, cell.text) for name, cell in section.items], section.more)
        case Panels():
            return "\n".join(_chart(chart, room) for chart in section.items)
        case Graph():
            return _table(graph.table(section), room)
        case Lines():
            return "\n".join("  " + plain(line) for line in section.text.splitlines())


def _chart(chart: Chart, room: float | None) -> str:
    match chart:
        case Panel():
            told = course if chart.steps else _extent
            return _named(chart.title, [(series.name, told(series)) for series in chart.series])
        case Matrix():
            heads = (Column("actual \\ predicted", yields=0), *(Column(name, numeric=True) for name in chart.names))
            rows = tuple(
                (Cell(name), *(Cell(short_number(count), kind="number") for count in row))
                for name, row in zip(chart.names, chart.cells, strict=True)
            )
            return _table(Table(heads, rows, title=chart.title), room)
        case Bars():
            items = [(name, short_number(value)) for name, value in zip(chart.names, chart.values, strict=True)]
            return _named(chart.title, items, chart.more)


def _table(table: Table, room: float | None) -> str:
    if not table.rows:
        return "  " + plain(table.empty)
    cells = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    shown = list(zip(table.columns, cells, strict=True))
    if room is None:
        caps = [float(WIDEST)] * (len(shown) - 1) + [float(WIDEST_LAST)]
        gone: list[str] = []
    else:
        caps, kept = _fitting(shown, room)
        gone = [column.label for i, (column, _) in enumerate(shown) if i not in kept]
        shown = [shown[i] for i in kept]
    columns = [_column(column, held, widest) for (column, held), widest in zip(shown, caps, strict=True)]
    lines = [f"  {plain(table.title)}"] if table.title else []
    lines += ["  " + "  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    if table.more:
        lines.append(f"  {table.more:,} more")
    if gone and room is not None:
        lines.append(cut(plain(f"  no room for {', '.join(gone)}"), room))
    return "\n".join(lines)


def _fitting(columns: Sequence[tuple[Column, Sequence[Cell]]], room: float) -> tuple[list[float], list[int]]:
    """Return how wide each column may be, and which are kept: the first, those that never yield, and what else fits."""
    natural = [float(_natural(column, cells)) for column, cells in columns]
    least = [_least(*each, wide) for each, wide in zip(columns, natural, strict=True)]
    kept = list(range(len(columns)))
    while True:
        free = room - 2 * len(kept)
        cap = max((natural[i] for i in kept), default=0.0)
        while cap > NARROWEST and sum(min(natural[i], max(least[i], cap)) for i in kept) > free:
            cap -= 1
        may_go = [i for i in kept[1:] if columns[i][0].yields]
        if not may_go or sum(min(natural[i], max(least[i], cap)) for i in kept) <= free:
            return [max(least[i], cap) for i in kept], kept
        kept.remove(max(may_go, key=lambda i: (columns[i][0].yields, i)))


def _natural(column: Column, cells: Sequence[Cell]) -> int:
    return max(column.least, width(plain(column.label)), *(width(plain(cell.text)) for cell in cells))


def _least(column: Column, cells: Sequence[Cell], natural: float) -> float:
    """Return the columns that a column needs: numbers are never cut."""
    if not column.yields:
        return natural
    numbers = (width(cell.text) for cell in cells if cell.kind == "number")
    return max(column.least, *numbers, min(natural, NARROWEST))


def _column(column: Column, cells: Sequence[Cell], widest: float) -> list[str]:
    texts = [cut(plain(column.label), widest), *(cut(plain(cell.text), widest) for cell in cells)]
    wide = max(column.least, *(width(text) for text in texts))
    if column.numeric:
        return [" " * (wide - width(text)) + text for text in texts]
    return [text + " " * (wide - width(text)) for text in texts]


def _named(title: str, items: Sequence[tuple[str, str]], more: int = 0) -> str:
    if not items:
        return ""
    names = [plain(name) for name, _ in items]
    wide = min(max(map(width, names)), WIDEST)
    lines = [f"  {plain(title)}"] if title else []
    for name, (_, value) in zip(names, items, strict=True):
        lines.append(f"  {name}{' ' * (wide - width(name))}  {plain(value)}".rstrip())
    if more:
        lines.append(f"  {more:,} more")
    return "\n".join(lines)


def _extent(series: Series) -> str:
    finite = [y for y in series.y if y == y]  # noqa: PLR0124 - NaN is not itself
    between = f", {short_number(min(finite))} to {short_number(max(finite))}" if finite else ""
    return f"{len(series.y):,} points{between}"
