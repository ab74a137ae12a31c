"""JSON of the records: NaN and the infinities are kept, as the strings "NaN", "Infinity" and "-Infinity".

What lies in a store and is no such record is a `StoreError` that names it, whoever reads it.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from tauro_nb.confidential import ConfidentialText, hidden_within
from tauro_nb.errors import StoreError
from tauro_nb.kinds import known
from tauro_nb.store.protocol import Store

T = TypeVar("T")

_TOUCHED = (float, dict, list, tuple)
"""What is spelled, and what can hold it; to ask each text and number too would take longer than to write them."""

_encoder = msgspec.json.Encoder()


def encode(record: Any) -> bytes:
    """Return `record` (a struct, or plain JSON values) as JSON, without the secrets that are known."""
    return _encoder.encode(hidden_within(_spelled(msgspec.to_builtins(record, enc_hook=_written))))


def read(store: Store, key: str, kind: type[T]) -> T:
    """Return the record of this kind that is kept under `key`.

    Raises
    ------
    KeyMissing
    StoreError
        What is there is no such record.
    """
    return decode(store.get(key), kind, store=store, key=key)


def decode(data: bytes, kind: type[T], *, store: Store, key: str) -> T:
    """Return the record of this kind that was read from `key`; unknown fields are ignored: newer writers can be read.

    Raises
    ------
    StoreError
        The bytes are no JSON, or not of this kind.
    """
    try:
        return msgspec.json.decode(data, type=known(kind), strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{store.location}: {key}: not what such a file should be: {error}",
            fix="restore that file from a copy",
        ) from error


def number(value: float) -> float | str:
    """Return a number as JSON can say it."""
    return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")


def _written(value: Any) -> str:
    """Return what stands in a record for a value that is no JSON."""
    if isinstance(value, ConfidentialText):
        return value.written
    raise TypeError(f"Encoding objects of type {type(value).__qualname__} is unsupported")


def _spelled(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {key: _spelled(item) if isinstance(item, _TOUCHED) else item for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled(item) if isinstance(item, _TOUCHED) else item for item in value]
    return value
