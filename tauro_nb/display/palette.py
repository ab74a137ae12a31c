"""The colours of series: the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), told apart by all readers.

Its black and its yellow are left out, for they vanish on a dark or a white page. After six series the line is dashed.
"""

from __future__ import annotations

SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
DASHES = ("", "6 3", "2 2")

STATES = {
    "RUNNING": "#56b4e9",
    "FINISHED": "#009e73",
    "FAILED": "#d55e00",
    "INTERRUPTED": "#e69f00",
    "Production": "#009e73",
    "Staging": "#e69f00",
    "healthy": "#009e73",
    "degraded": "#e69f00",
    "unhealthy": "#d55e00",
}
"""The dot before a state's word; a state that is not here has a grey one. The word always stands beside it."""

GREY = "#7f7f7f"


def series_colour(index: int) -> str:
    """Return the colour of the series with this index, counted from 0."""
    return SERIES[index % len(SERIES)]


def series_dash(index: int) -> str:
    """Return the SVG dash pattern of the series with this index; empty for a solid line."""
    return DASHES[index // len(SERIES) % len(DASHES)]
