"""How a listing looks in a shell: its columns under the names by which they were asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tauro_nb.commands.listing import Listing
from tauro_nb.display import format as fmt
from tauro_nb.display.data import Cell, Column, Page, Table
from tauro_nb.display.widths import width

MOST_ROWS = 20

_WHOLE = ("run_id", "status", "version")


def listing_page(listing: Listing, *, most: int = MOST_ROWS) -> Page:
    """Return the first rows of a listing; a column that is empty is shown where somebody named it."""
    heads, rows = listing.table()
    shown = rows[:most]
    columns = [
        (head, values)
        for head, *values in zip(heads, *shown, strict=True)
        if listing.picked or not shown or any(value is not None for value in values)
    ]
    table = Table(
        tuple(_column(head, values) for head, values in columns),
        tuple(zip(*([_cell(value) for value in values] for _, values in columns), strict=True)),
        more=len(rows) - len(shown),
        empty="nothing here",
    )
    return Page(title=fmt.name(listing.title), subtitle=(Cell(fmt.plural(len(rows), "row")),), sections=(table,))


def _column(head: str, values: list[Any]) -> Column:
    """Return the head, uncut: it is what one types to ask for the column."""
    label = fmt.name(head)
    least = max(width(label), fmt.MOMENT_WIDTH if any(isinstance(value, datetime) for value in values) else 0)
    return Column(label, numeric=_numeric(values), least=least, yields=0 if head in _WHOLE else 1)


def _cell(value: Any) -> Cell:
    if value is None or (isinstance(value, list | tuple | dict) and not value):
        return Cell("")
    if isinstance(value, datetime):
        return fmt.moment(round(value.timestamp() * 1e9))
    return fmt.value(value)


def _numeric(values: list[Any]) -> bool:
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in there)
