"""A plotly figure on its way to a page that has plotly.js: as JSON, its numbers packed."""

from __future__ import annotations

import base64
import math
from html import unescape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import plotly.graph_objects as go

FINEST = 1e-4
"""Share of a column's range that single precision may be off, before the numbers travel in double."""


TITLE_PX = 50
"""Room above a figure for its title, which the page writes itself, so that it breaks where the page is narrow."""


def block(id_: str, figure: go.Figure) -> dict[str, Any]:
    """Return the figure as a block; its title and what stands beneath that travel as texts."""
    told = _plain(figure.to_plotly_json())
    layout = told["layout"]
    title = layout.pop("title")
    above = layout.get("margin", {}).get("t") or layout["template"]["layout"]["margin"]["t"]
    layout["margin"] = {**layout.get("margin", {}), "t": max(24, above - TITLE_PX)}
    layout["height"] -= above - layout["margin"]["t"]
    return {
        "kind": "figure",
        "id": id_,
        "title": unescape(title["text"]),
        "note": unescape(title.get("subtitle", {}).get("text", "")),
        "data": told["data"],
        "layout": layout,
    }


def _plain(item: Any) -> Any:
    """Return what JSON can carry: numbers of an array as the base64 that plotly.js reads, NaN alone as null."""
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items()}
    if isinstance(item, np.ndarray):
        return _packed(item) if item.dtype.kind in "fiu" else [_plain(value) for value in item.tolist()]
    if isinstance(item, (list, tuple)):
        return [_plain(value) for value in item]
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item


def _packed(numbers: NDArray[Any]) -> dict[str, str]:
    double = numbers.astype("<f8")
    with np.errstate(over="ignore", invalid="ignore"):
        single = double.astype("<f4")
        off = np.abs(single - double)
        present = np.isfinite(double)
        close = not present.any() or float(off[present].max()) <= FINEST * float(np.ptp(double[present]))
    sent = single if close else double
    return {"dtype": sent.dtype.str.lstrip("<"), "bdata": base64.b64encode(sent.tobytes()).decode()}
