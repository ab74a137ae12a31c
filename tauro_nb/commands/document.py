"""A listing as text for other programs: one JSON document, or CSV.

Numbers are written in full. NaN and the infinities are ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``; times are UTC, in
ISO 8601, to the microsecond. Values of CSV stand as they are: a text that begins like a spreadsheet's formula is not
changed, for what reads it back would find another text.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import msgspec

from tauro_nb.commands.listing import Listing
from tauro_nb.commands.text import Text
from tauro_nb.mlops import encoding


class Document(Text):
    """What a program reads: in a shell it stands on standard output alone, in UTF-8 whatever the terminal has."""

    ok: bool = True
    """Whether what it tells of is as it should be."""

    @classmethod
    def of(cls, text: str, *, ok: bool) -> Document:
        """Return the text as a document."""
        document = cls(text)
        document.ok = ok
        return document


def json_text(listing: Listing) -> Document:
    """Write a listing as one JSON document, indented, without an end of line."""
    data = msgspec.json.format(encoding.encode(_spelled(listing.document())), indent=2)
    return Document.of(data.decode(), ok=listing.ok)


def csv_text(listing: Listing) -> Document:
    """Write a listing as CSV (RFC 4180) with a header.

    What is missing is empty, truths are ``true`` and ``false``, lists and mappings are JSON.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    heads, rows = listing.table()
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return Document.of(lines.getvalue(), ok=listing.ok)


def moment(at_ns: int | None) -> datetime | None:
    """Return a time of the records, to the microsecond."""
    if at_ns is None:
        return None
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest_ns // 1_000)


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return encoding.number(value)
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return encoding.encode(_spelled(value)).decode()


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value]
    return value


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
