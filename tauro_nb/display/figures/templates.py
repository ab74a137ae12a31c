"""The project's own look for plotly, for light and dark pages: ``tauro`` and ``tauro_dark``.

Transparent, so that a figure belongs to the page it stands on. The light ink is a grey that can still be read on a dark
page, because neither the kernel nor a saved notebook knows where it will be opened. The default template is not
touched.
"""

from __future__ import annotations

from typing import Any

from tauro_nb.display.palette import GREY, SERIES

LIGHT, DARK = "tauro", "tauro_dark"

RAMP = ((0.0, SERIES[0]), (0.5, "#8f8f8f"), (1.0, SERIES[1]))
"""From low to high, in colours that stand out on white and on black, and rise in lightness for those who see no hue."""

_BUTTONS_LEFT_OUT = ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"]
"""The first would send the data to a company's server."""

_CLEAR = "rgba(0,0,0,0)"


def template(dark: bool | None = None) -> str:
    """Return the name of the template to use, registered; dark, unless said, where plotly's default template is."""
    import plotly.graph_objects as go
    import plotly.io as pio

    for name, ink, ground in ((LIGHT, "#666666", "#ffffff"), (DARK, "#c4c4c4", "#1f1f1f")):
        if name not in pio.templates:
            pio.templates[name] = go.layout.Template(layout=_layout(ink, ground))
    if dark is None:
        dark = "dark" in (pio.templates.default or "")
    return DARK if dark else LIGHT


def _layout(ink: str, ground: str) -> dict[str, Any]:
    grid = "rgba(127,127,127,0.22)"
    font = {"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 12, "color": ink}
    axis = {
        "gridcolor": grid,
        "linecolor": grid,
        "zeroline": False,
        "automargin": True,
        "ticklabelstandoff": 4,
        "exponentformat": "e",
        "title": {"font": {"size": 12}, "standoff": 6},
    }
    return {
        "font": font,
        "title": {"font": {"size": 14, "weight": 600}, "x": 0, "xref": "paper", "xanchor": "left"},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "colorway": SERIES,
        "colorscale": {"sequential": RAMP, "sequentialminus": RAMP},
        "coloraxis": {"colorbar": {"outlinewidth": 0, "thickness": 10, "ticks": ""}},
        "margin": {"l": 56, "r": 16, "t": 64, "b": 40},
        "xaxis": {**axis, "showgrid": False},
        "yaxis": axis,
        "hoverlabel": {"bgcolor": ground, "bordercolor": GREY, "font": font, "align": "left"},
        "legend": {"bgcolor": _CLEAR, "itemwidth": 30},
        "modebar": {"bgcolor": _CLEAR, "color": GREY, "activecolor": ink, "remove": _BUTTONS_LEFT_OUT},
    }
