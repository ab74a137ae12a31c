"""JSON of the records: NaN and the infinities are kept, as the strings "NaN", "Infinity" and "-Infinity"."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode(record: Any) -> bytes:
    """Return `record` (a struct, or plain JSON values) as JSON."""
    return _encoder.encode(_spelled(msgspec.to_builtins(record)))


def decode(data: bytes, kind: type[T]) -> T:
    """Read a record of this `kind`; unknown fields are ignored, so that newer writers can be read.

    Raises
    ------
    msgspec.DecodeError
        The bytes are no JSON, or not of this kind.
    """
    return msgspec.json.decode(data, type=kind, strict=False)


def _spelled(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return value
