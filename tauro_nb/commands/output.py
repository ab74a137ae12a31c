"""How the verbs that find something give it: ``--columns``, ``--json`` and ``--csv``, the same at each of them.

A verb returns its object. These options make a listing of it, and of the listing a table (which a shell prints and a
kernel gives as a DataFrame) or a document (which is text in both).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from tauro_nb.commands import completion
from tauro_nb.commands.desk import Desk
from tauro_nb.errors import UsageError
from tauro_nb.faces import Shown

if TYPE_CHECKING:
    from tauro_nb.commands.listing import Listing

Command = Callable[..., Any]


def options(listed: str) -> Callable[[Command], Command]:
    """Give a verb the three options.

    Parameters
    ----------
    listed : str
        The function of `tauro_nb.commands.listed` that makes a listing of what the verb returns.
    """

    def give(command: Command) -> Command:
        @functools.wraps(command)
        def formed(desk: Desk, *args: Any, columns: tuple[str, ...], as_json: bool, as_csv: bool, **named: Any) -> Any:
            if as_json and as_csv:
                raise UsageError("--json and --csv exclude one another", fix="give one of them")
            value = command(desk, *args, **named)
            if not (columns or as_json or as_csv) and (isinstance(value, Shown) or desk.in_kernel):
                return value
            return _formed(desk, _listing(listed, desk, value), columns, as_json=as_json, as_csv=as_csv)

        picked = click.option(
            "--columns",
            multiple=True,
            metavar="NAMES",
            help=_COLUMNS,
            shell_complete=completion.columns(listed),
        )
        return picked(_json(_csv(formed)))

    return give


_COLUMNS = "Only these columns, parted by commas; * stands for anything, as in metrics.*; repeatable."
_json = click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
_csv = click.option("--csv", "as_csv", is_flag=True, help="As CSV with a header.")


def _listing(listed: str, desk: Desk, value: Any) -> Listing:
    from tauro_nb.commands import listed as kinds

    listing: Listing = getattr(kinds, listed)(desk, value)
    return listing


def _formed(desk: Desk, listing: Listing, columns: tuple[str, ...], *, as_json: bool, as_csv: bool) -> Any:
    from tauro_nb.commands.document import csv_text, json_text

    if columns:
        listing = listing.pick(columns)
    if as_json:
        return json_text(listing)
    return csv_text(listing) if as_csv else desk.table(listing)
