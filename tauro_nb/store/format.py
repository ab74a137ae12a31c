"""The number of a store's format: what is written, and what is refused."""

from __future__ import annotations

import msgspec

from tauro_nb.errors import FormatTooNew, StoreError
from tauro_nb.store import keys

FORMAT_RECORD = f'{{"format": {keys.FORMAT_NUMBER}}}'.encode()
"""What `format.json` holds in a store of today."""


class _Format(msgspec.Struct):
    format: int


_decode = msgspec.json.Decoder(_Format).decode  # made here: msgspec is not to learn a type in two threads at once


def refuse_newer(record: bytes, where: str) -> None:
    """Accept the content of a `format.json` found at `where`, or say what is wrong with it.

    Raises
    ------
    FormatTooNew
        A later version of this package wrote the store.
    StoreError
        This is no such record.
    """
    try:
        found = _decode(record).format
    except msgspec.DecodeError as error:
        raise StoreError(
            f"{where} is not what this package writes ({error})",
            fix=f"if this is a store, restore the file: {FORMAT_RECORD.decode()}; if not, choose another folder",
        ) from error
    if found > keys.FORMAT_NUMBER:
        raise FormatTooNew(
            f"{where} says format {found}; this version of tauro-nb reads formats up to {keys.FORMAT_NUMBER}",
            fix="pip install --upgrade tauro-nb",
        )
