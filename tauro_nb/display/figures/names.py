"""What a user typed, as plotly is to read it: as text."""

from __future__ import annotations

from tauro_nb.display import format as fmt

LONGEST = 40

_MEANT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"})
"""plotly reads tags (also links), TeX between dollars, and ``%{...}`` in templates; it turns these references back."""


def plain(text: str, longest: int = LONGEST) -> str:
    """Return `text` on one line, cut where it is long, without what steers a terminal or the direction of writing."""
    return bare(text, longest).translate(_MEANT)


def bare(text: str, longest: int = LONGEST) -> str:
    """Return the same for the places where plotly reads no tags: the ticks of parallel coordinates."""
    flat = fmt.text(text).text
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in flat)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
