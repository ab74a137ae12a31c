"""How values are written: four significant digits with the full value behind them, sizes, times."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from numbers import Integral, Real
from typing import Any

from tauro_nb.display.data import Cell, Facts, Tiles

LONGEST = 80
"""Characters of a text that a cell shows; the rest is in its title."""

LONGEST_TITLE = 2_000

MOST_LINES = 40
"""Lines of a text that stands by itself, such as an error."""

MOST_ITEMS = 60
"""Parameters, tags, files or single values of one object that a static form shows."""

TIME_WIDTH = len("59 min 59 s")
"""Characters of the widest duration below a day."""

MOMENT_WIDTH = len("2026-11-24 09:40")
"""Characters of a time."""


def number(value: float) -> Cell:
    """Write a number with four significant digits, or an integer in full up to nine digits."""
    full = repr(float(value)) if _is_float(value) else str(int(value))
    short = short_number(value)
    return Cell(short, title="" if short == full else full, kind="number")


def short_number(value: float) -> str:
    """Write a number as a cell shows it: ``0.9604``, ``12,346``, ``1.2e-07``, ``NaN``, ``5,000``."""
    if not _is_float(value) and abs(int(value)) < 10**9:
        return f"{int(value):,}"
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        return f"{value:.4g}"
    if size >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def value(item: Any) -> Cell:
    """Write any value of a parameter or tag: numbers as numbers, texts bare, the rest as JSON."""
    if isinstance(item, bool) or item is None:
        return Cell(json.dumps(item))
    if isinstance(item, Integral):
        return number(int(item))
    if isinstance(item, Real):
        return number(float(item))
    if isinstance(item, str):
        return text(item)
    return text(json.dumps(item, ensure_ascii=False, default=str))


def text(item: str, *, kind: str = "text") -> Cell:
    """Write a text, cut where it is long; the title then has (most of) it."""
    flat = " ".join(item.split()) if any(c in item for c in "\n\r\t") else item
    if len(flat) <= LONGEST:
        return Cell(flat, title="" if flat == item else item[:LONGEST_TITLE], kind=kind)
    return Cell(flat[: LONGEST - 1] + "…", title=item[:LONGEST_TITLE], kind=kind)


def place(item: str) -> Cell:
    """Write a place on this machine, whole: cut or not, it would look another way in another folder."""
    return Cell(item[:LONGEST_TITLE])


def name(item: str) -> str:
    """Write a name that a person gave, cut where it is long."""
    return text(item).text


def facts(held: Iterable[tuple[str, Cell]], *, title: str = "", folded: bool = False) -> Facts:
    """Return names with values; of very many the first."""
    items = list(held)
    shown = tuple((name(key), cell) for key, cell in items[:MOST_ITEMS])
    return Facts(shown, title=title, folded=folded, more=len(items) - len(shown))


def tiles(held: Iterable[tuple[str, Cell]]) -> Tiles:
    """Return single values; of very many the first."""
    items = list(held)
    shown = tuple((name(key), cell) for key, cell in items[:MOST_ITEMS])
    return Tiles(shown, more=len(items) - len(shown))


def excerpt(item: str) -> str:
    """Return a text of several lines; of a long one the beginning and the end, where errors tell most."""
    lines = [line if len(line) <= 1_000 else f"{line[:999]}…" for line in item.splitlines()]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines[half:-half] = [f"… {len(lines) - 2 * half:,} more lines …"]
    return "\n".join(lines)


def moment(at_ns: int | None) -> Cell:
    """Write a time to the minute, in UTC; the title has it to the microsecond."""
    if at_ns is None:
        return Cell("", kind="muted")
    at = datetime.fromtimestamp(at_ns / 1e9, tz=UTC)
    return Cell(at.strftime("%Y-%m-%d %H:%M"), title=at.isoformat(), kind="muted")


def duration(seconds: float | None) -> str:
    """Write a duration: ``12 ms``, ``3.4 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 d 4 h``.

    Parameters
    ----------
    seconds : float or None
        None, for what has not ended, gives an empty text.
    """
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, small, small_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // small} {small_unit}"
    return f"{whole} s"


def size(count: float) -> str:
    """Write a number of bytes: ``512 B``, ``1.4 kB``, ``2.1 MB`` (powers of 1,000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1_000
    return f"{count:.1f} TB"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 run``, ``5,000 runs``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _is_float(number: object) -> bool:
    """Whether a number is no whole number by its type; NumPy's scalars count."""
    return not isinstance(number, Integral)
