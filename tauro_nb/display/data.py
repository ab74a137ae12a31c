"""What a view says, before anybody decides how it looks: plain, frozen data without pandas, HTML or widgets.

Each object that can be shown is turned into one `Page`; `html` and `text` write a page, and live forms stand over it.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Cell(msgspec.Struct, frozen=True):
    """One value as it is shown."""

    text: str
    title: str = ""
    """The full value, where `text` is short."""
    kind: str = "text"
    """``text``, ``number``, ``muted``, ``strong``, ``code``, or ``state:`` followed by a state's name."""


class Column(msgspec.Struct, frozen=True):
    """The head of a column."""

    label: str
    numeric: bool = False
    least: int = 0
    """Characters that text gives it at least: where values differ from time to time, the table stays as wide."""
    yields: int = 1
    """Where room is short the column that yields most is left out first, of equals the last; 0: it stays whole."""


class Table(msgspec.Struct, frozen=True):
    """Rows under heads."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    more: int = 0
    """Rows that are not shown."""
    empty: str = ""
    """What to type to fill it, where there are no rows."""


class Facts(msgspec.Struct, frozen=True):
    """Names with values, where what differs from run to run is not the point."""

    items: tuple[tuple[str, Cell], ...]
    title: str = ""
    folded: bool = False
    more: int = 0
    """Items that are not shown."""


class Tiles(msgspec.Struct, frozen=True):
    """Single values: a metric that has one point is a tile, not an empty chart."""

    items: tuple[tuple[str, Cell], ...]
    more: int = 0
    """Values that are not shown."""


class Series(msgspec.Struct, frozen=True):
    """One curve, decimated to what a picture can show; `x` and `y` are equally long, in the order of logging."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    dots: bool = False
    """No line joins the points."""


class Panel(msgspec.Struct, frozen=True):
    """Curves that share their axes."""

    title: str
    series: tuple[Series, ...]
    steps: bool = True
    """Steps are along it; else the title says what is, and ticks need not be whole."""
    square: bool = False
    """Both axes go from 0 to 1."""
    guide: tuple[tuple[float, float], ...] = ()
    """Points of a line to compare the curves with."""


class Matrix(msgspec.Struct, frozen=True):
    """Counts of what was (down) and what was said (across), by the same names."""

    title: str
    names: tuple[str, ...]
    cells: tuple[tuple[float, ...], ...]


class Bars(msgspec.Struct, frozen=True):
    """Values with names, from the top."""

    title: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    deviations: tuple[float, ...] = ()
    """Of each value, or of none."""
    more: int = 0
    """Bars that are not shown."""


Chart = Panel | Matrix | Bars


class Panels(msgspec.Struct, frozen=True):
    """Charts, one beside the other."""

    items: tuple[Chart, ...]


class Vertex(msgspec.Struct, frozen=True):
    """One node of a graph."""

    name: str
    state: str = ""


class Graph(msgspec.Struct, frozen=True):
    """Nodes, and which waits for which."""

    title: str
    nodes: tuple[Vertex, ...]
    """In an order in which none comes before one that it waits for."""
    edges: tuple[tuple[str, str], ...]
    """The one before, the one after."""


class Lines(msgspec.Struct, frozen=True):
    """Text as it stands."""

    text: str
    tone: Literal["plain", "muted", "bad"] = "plain"


Section = Table | Facts | Tiles | Panels | Graph | Lines


class Page(msgspec.Struct, frozen=True):
    """One object, shown."""

    title: str
    state: str = ""
    """The name of a state (``FINISHED``, ``Production``, ``healthy``), shown as a word beside the title."""
    subtitle: tuple[Cell, ...] = ()
    sections: tuple[Section, ...] = ()
    footer: tuple[str, ...] = ()
    """Where this comes from, and the call that brings its live form back."""
