"""How many columns of a terminal a text takes, and how to make it take fewer; without what would move the cursor.

As terminals count (https://www.unicode.org/reports/tr11/): East Asian letters and emoji are two columns wide, marks
none; what a joiner adds to an emoji, and its skin tone, take none either.
"""

from __future__ import annotations

import unicodedata

from tauro_nb.confidential import hidden

_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_AS_EMOJI = "\N{VARIATION SELECTOR-16}"
_SKIN = range(0x1F3FB, 0x1F400)


def plain(text: str) -> str:
    """Take out what would move the cursor, change colours or hide text, and secrets."""
    text = hidden(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else "\N{REPLACEMENT CHARACTER}" for c in text)


def width(text: str) -> int:
    """Count the columns that a terminal gives to the text."""
    return len(text) if text.isascii() else sum(_widths(text))


def cut(text: str, widest: float) -> str:
    """Return the text in at most `widest` columns, with an ellipsis where something is left out."""
    if width(text) <= widest:
        return text
    room, kept = widest - 1, 0
    for taken in _widths(text):
        room -= taken
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip(_JOINERS) + "…"


def _widths(text: str) -> list[int]:
    widths: list[int] = []
    before, last = "", 0
    for c in text:
        if c == _AS_EMOJI:
            wide = 1 if last == 1 else 0
        elif before == _JOINERS[0] or (last == 2 and ord(c) in _SKIN):
            wide = 0
        else:
            wide = _alone(c)
        widths.append(wide)
        before, last = c, wide
    return widths


def _alone(c: str) -> int:
    if c in _JOINERS or unicodedata.category(c) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in "WF" else 1
