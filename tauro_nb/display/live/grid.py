"""A live table as plain records: what travels to the page, in pages that no message limit minds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from tauro_nb.display.live.feed import spelled

PAGE_BYTES = 120_000
"""JSON of the rows that travel in one message."""

FIRST_BYTES = 32_000
"""The same of those that come with the table itself, beside whatever else a view opens with."""

MOST_ROWS = 10_000

Kind = Literal["text", "muted", "code", "number", "change", "time", "duration", "state", "badges"]
"""``change``: a number with its sign; ``time``: seconds since the epoch; ``duration``: seconds; ``badges``: a list of
texts, each in a frame of its own.
"""


class GridColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column; its values come as they are, and are written by the page, so that it can sort them."""

    key: str
    label: str = ""
    kind: Kind = "text"
    hidden: bool = False
    """Not shown, but there for the commands of actions."""
    folded: bool = False
    """Not shown, and not sent, until it is chosen from the list of columns."""
    bar: bool = False
    """Whether a bar under each number tells where it is between the least and the greatest."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A button over a table, and the command that does the same.

    `command` and `confirm` are templates over the facts of the table and the columns of the chosen rows: ``{name!r}``
    is written as Python writes a text or number, ``{name}`` bare; several rows are joined by spaces; numbers that are
    written ``{name,}`` ascend, with commas.
    """

    do: str
    label: str
    command: str
    confirm: str = ""
    """The question before it acts; empty: it acts at once."""
    least: int = 1
    """Rows that must be chosen; 0: it is about the table as a whole."""
    most: int = 0
    """Rows that may be chosen; 0: any number."""
    danger: bool = False
    """The question's first answer is no."""
    asks: str = ""
    """What must be typed first, in a word; it stands in the templates under this name."""
    looks: bool = False
    """It only shows something below: the table itself is not read anew."""


class Questions:
    """Whether actions ask before they act, in this kernel; one that must be told something asks for that anyway."""

    def __init__(self) -> None:
        self.are_asked = True

    def precede(self, action: Action) -> bool:
        """Tell whether one is asked before this."""
        return bool(action.confirm and (self.are_asked or action.asks))


questions = Questions()
"""This kernel's."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """A table, whole."""

    id: str
    title: str
    columns: tuple[GridColumn, ...]
    rows: Sequence[Sequence[Any]]
    """Each begins with its key, a text, and goes on with a value for each column."""
    name: str = ""
    """The column that names a row."""
    mark: str = ""
    """The column whose text stands, paler, behind a row's name."""
    base: str = ""
    """The key of the row against which the numbers with bars tell their change."""
    facts: Mapping[str, Any] = {}
    """What the templates of actions may name beside columns."""
    select: Literal["none", "one", "many"] = "none"
    open: bool = False
    """Whether a row's name opens it."""
    actions: tuple[Action, ...] = ()
    filters: bool = False
    """Whether the search box takes the filter grammar beside words."""
    adjusts: bool = False
    """Whether columns can be chosen, or left to those that differ."""
    hint: str = ""
    """What to do here, while nothing is chosen."""
    empty: str = ""
    """What to type to fill it."""


class Pages:
    """One edition of a table on its way to the page."""

    def __init__(self, grid: Grid, edition: int) -> None:
        self.grid = grid
        self.edition = edition
        self.keys = {str(row[0]) for row in grid.rows}
        rows = grid.rows[:MOST_ROWS]
        sent = [0, *(at for at, column in enumerate(grid.columns, 1) if not column.folded)]
        self._rows = [[_plain(row[at]) for at in sent] for row in rows]
        self._folded = {
            column.key: [row[at] for row in rows] for at, column in enumerate(grid.columns, 1) if column.folded
        }
        places = {at: place for place, at in enumerate(sent)}
        late = itertools.count(len(sent))
        self._places = [places[at] if at in places else next(late) for at in range(1, len(grid.columns) + 1)]
        """Of each column, where the page keeps its values in a row: those that come late stand behind the others."""

    def first(self) -> dict[str, Any]:
        """Return the table with its first page of rows."""
        grid = self.grid
        numeric = ("number", "change", "time", "duration")
        return {
            "kind": "grid",
            "id": grid.id,
            "edition": self.edition,
            "title": grid.title,
            "columns": [
                {
                    **msgspec.to_builtins(column),
                    "label": column.label or column.key,
                    "numeric": column.kind in numeric,
                    "at": place,
                }
                for column, place in zip(grid.columns, self._places, strict=True)
            ],
            "rows": self.page(0, FIRST_BYTES),
            "total": len(self._rows),
            "name": grid.name,
            "mark": grid.mark,
            "base": grid.base,
            "facts": {name: _plain(value) for name, value in grid.facts.items()},
            "select": grid.select,
            "open": grid.open,
            "actions": [
                {**msgspec.to_builtins(action), "confirm": action.confirm if questions.precede(action) else ""}
                for action in grid.actions
            ],
            "filters": grid.filters,
            "adjusts": grid.adjusts,
            "hint": grid.hint,
            "empty": grid.empty,
        }

    def page(self, start: int, most_bytes: int = PAGE_BYTES) -> list[list[Any]]:
        """Return rows from `start` on, as many as fit into one message."""
        return _fitting(self._rows[start:], most_bytes)

    def column(self, key: str, start: int) -> list[Any]:
        """Return the values of a folded column from row `start` on, as many as fit into one message.

        Raises
        ------
        KeyError
        """
        return _fitting(map(_plain, self._folded[key][start:]), PAGE_BYTES)


def _fitting(items: Iterable[Any], most_bytes: int) -> list[Any]:
    taken: list[Any] = []
    size = 0
    for item in items:
        size += len(json.dumps(item)) + 1
        if taken and size > most_bytes:
            break
        taken.append(item)
    return taken


def _plain(value: Any) -> Any:
    """Return a value as JSON: numbers as they are, lists of texts, and any other thing as its (short) text."""
    if value is None or isinstance(value, (bool, int)):
        return value if not isinstance(value, bool) else str(value)
    if isinstance(value, float):
        return spelled(value)
    if isinstance(value, (list, tuple)):
        return [short(item) for item in value]
    return short(value)


def short(value: object, most: int = 200) -> str:
    """Return the text of a value, cut after `most` characters."""
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
