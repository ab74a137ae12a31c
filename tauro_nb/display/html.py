"""A page as script-free HTML that survives a sanitizer: inline styles, no colours but the states' dots, no ids.

Text takes its colour from the notebook's theme; what is less important is paler by opacity, so it reads in dark and in
light. Tables and emphasis are of those tags that strict sanitizers leave (nbconvert's has ``table tr td strong`` and no
``th``), and white space parts cells where nothing but text is left. Everything that came from a person is escaped here
and nowhere else.
"""

from __future__ import annotations

from html import escape
from typing import Any

from tauro_nb.confidential import hidden
from tauro_nb.display import charts
from tauro_nb.display import graph as pictures
from tauro_nb.display.data import Cell, Chart, Facts, Graph, Lines, Page, Panels, Section, Table, Tiles
from tauro_nb.display.palette import GREY, STATES

_FAINT = "opacity:.65"
_RULE = "border-bottom:1px solid rgba(127,127,127,.25)"
_BARE = "border:none;background:none"
_NUMBER = "text-align:right;white-space:nowrap"
_TEXT = "text-align:left"
_LONGEST_UNBROKEN = 28
_GRID = f"border-collapse:collapse;margin:4px 0;{_BARE}"


def render(page: Page) -> str:
    """Return the page as an HTML fragment."""
    parts = [
        '<div class="tn-page" style="font-size:13px;line-height:1.5;max-width:100%">',
        f'<div style="margin:4px 0"><strong style="font-size:14px">{escape(page.title)}</strong>',
    ]
    if page.state:
        parts.append(f'<span style="margin-left:10px">{_state(page.state)}</span>')
    parts.append("</div>")
    if page.subtitle:
        parts.append(f'<div style="{_FAINT}">{" · ".join(_span(cell) for cell in page.subtitle if cell.text)}</div>')
    parts += [_section(section) for section in page.sections]
    if page.footer:
        lines = "".join(f"<div>{escape(line)}</div>" for line in page.footer)
        parts.append(f'<div style="{_FAINT};font-size:11px;margin-top:8px">{lines}</div>')
    parts.append("</div>")
    return hidden("".join(parts))


def _section(section: Section) -> str:
    match section:
        case Table():
            return _table(section)
        case Facts():
            return _facts(section)
        case Tiles():
            return _tiles(section)
        case Panels():
            return _panels(section)
        case Graph():
            return _graph(section)
        case Lines():
            return _lines(section)


def _table(table: Table) -> str:
    if not table.rows:
        return f'<div style="margin:6px 0;{_FAINT}">{escape(table.empty)}</div>'
    heads = " ".join(
        f'<td style="{_NUMBER if column.numeric else _TEXT};padding:3px 10px 3px 0;{_RULE}">'
        f"<strong>{escape(column.label)}</strong></td>"
        for column in table.columns
    )
    rows = "\n".join(
        f'<tr style="{_BARE}">'
        + " ".join(
            f'<td style="{_NUMBER if column.numeric else _TEXT};padding:2px 10px 2px 0;vertical-align:top'
            f'{_unbroken(cell)}"{_title(cell)}>{_inner(cell)}</td>'
            for column, cell in zip(table.columns, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    return (
        f'{_heading(table.title)}<div style="overflow-x:auto"><table style="{_GRID}">'
        f'<tr style="{_BARE}">{heads}</tr>\n{rows}</table></div>{_more(table.more)}'
    )


def _unbroken(cell: Cell) -> str:
    """Keep a state, a time, an id or a short name on one line; the table scrolls where it is too wide."""
    return ";white-space:nowrap" if len(cell.text) <= _LONGEST_UNBROKEN else ""


def _facts(facts: Facts) -> str:
    if not facts.items:
        return ""
    rows = "\n".join(
        f'<tr style="{_BARE}"><td style="{_TEXT};padding:1px 14px 1px 0;{_FAINT};vertical-align:top">'
        f"{escape(name)}</td> "
        f'<td style="{_TEXT};padding:1px 0"{_title(cell)}>{_inner(cell)}</td></tr>'
        for name, cell in facts.items
    )
    body = f'<table style="{_GRID}">{rows}</table>{_more(facts.more)}'
    if facts.folded:
        return (
            f'<details style="margin:4px 0"><summary style="{_FAINT}">{escape(facts.title)}</summary>{body}</details>'
        )
    return _heading(facts.title) + body


def _tiles(tiles: Tiles) -> str:
    boxes = "".join(
        '<div style="display:inline-block;vertical-align:top;margin:4px 24px 4px 0">'
        f'<div style="{_FAINT};font-size:11px">{escape(name)}</div>'
        f'<div style="font-size:16px"{_title(cell)}>{escape(cell.text)}</div></div>'
        for name, cell in tiles.items
    )
    return f"<div>{boxes}{_more(tiles.more)}</div>" if boxes else ""


def _panels(panels: Panels) -> str:
    images = "".join(map(_image, panels.items))
    return f"<div>{images}</div>" if images else ""


def image(chart: Chart) -> dict[str, Any]:
    """Return the attributes of a chart's ``<img>``."""
    width, height = charts.size(chart)
    told = charts.describe(chart)
    return {"alt": told, "title": told, "src": charts.image(chart), "width": width, "height": height}


def _image(chart: Chart) -> str:
    told = " ".join(f'{name}="{escape(str(value))}"' for name, value in image(chart).items())
    return f'<img {told} style="display:inline-block;max-width:100%;margin:2px 8px 2px 0">'


def _graph(graph: Graph) -> str:
    if not graph.nodes:
        return ""
    return (
        f'<div style="overflow-x:auto;margin:6px 0"><img alt="{escape(pictures.describe(graph))}" '
        f'src="{pictures.image(graph)}" style="max-width:none"></div>'
    )


def _lines(lines: Lines) -> str:
    tone = {"plain": "", "muted": _FAINT, "bad": f"border-left:3px solid {STATES['FAILED']};padding-left:8px"}[
        lines.tone
    ]
    return f'<div style="white-space:pre-wrap;margin:4px 0;{tone}">{escape(lines.text)}</div>'


def _more(count: int) -> str:
    return f'<div style="{_FAINT}">{count:,} more</div>' if count else ""


def _heading(title: str) -> str:
    return f'<div style="margin-top:8px"><strong>{escape(title)}</strong></div>' if title else ""


def _title(cell: Cell) -> str:
    return f' title="{escape(cell.title)}"' if cell.title else ""


def _span(cell: Cell) -> str:
    return f"<span{_title(cell)}>{_inner(cell)}</span>"


def _inner(cell: Cell) -> str:
    if cell.kind.startswith("state:"):
        return _state(cell.kind.removeprefix("state:")) if cell.text else ""
    shown = escape(cell.text)
    match cell.kind:
        case "muted":
            return f'<span style="{_FAINT}">{shown}</span>'
        case "strong":
            return f"<strong>{shown}</strong>"
        case "code":
            return f"<code>{shown}</code>"
        case _:
            return shown


def _state(state: str) -> str:
    return f'<span style="color:{STATES.get(state, GREY)}">●</span> {escape(state)}'
