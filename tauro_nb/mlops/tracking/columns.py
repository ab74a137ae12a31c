"""Records as columns: what a filter, an order or a table looks at, without one object a run.

A value that many runs share is kept once, and each run has its number; so a condition is asked once a value. What few
runs have takes room for those few. Here is nothing of files, and nothing of what a condition means.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.mlops.tracking.records import RunRecord

Rows = NDArray[np.int32]
Name = tuple[str, str]
"""Section (``run``, ``params``, ``tags`` or ``metrics``) and name of a column."""

_TEXTS = ("run_id", "name", "experiment", "status", "parent_id")
_TIMES = ("started_at_ns", "ended_at_ns", "deleted_at_ns")
_SHARED = ("owner", "source")
"""Kept beside the record, because the runs of a process have them in common."""


class Column:
    """What the runs of a block have under one name.

    Parameters
    ----------
    rows : array, optional
        The runs that have something, ascending; None: all.
    data : array
        Of each of those a number, or the place of its value in `values`.
    packed : memoryview or list of bytes, optional
        The values in msgpack, as one list or each for itself; None where `data` are the values.
    """

    def __init__(self, rows: Rows | None, data: NDArray[Any], packed: memoryview | list[bytes] | None = None) -> None:
        self.rows = rows
        self.data = data
        self.packed = packed

    @cached_property
    def values(self) -> list[Any]:
        """Each once, in no particular order."""
        if self.packed is None:
            return []
        values: list[Any] = _decode(joined(self.packed) if isinstance(self.packed, list) else self.packed)
        return values

    @property
    def pieces(self) -> list[bytes]:
        """The values in msgpack, each for itself."""
        if self.packed is None or isinstance(self.packed, list):
            return self.packed or []
        return [bytes(each) for each in msgspec.msgpack.decode(self.packed, type=list[msgspec.Raw])]

    def spread(self, count: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the data of all `count` runs of the block, and which of them have any."""
        if self.rows is None:
            return self.data, np.ones(count, np.bool_)
        data, has = np.zeros(count, self.data.dtype), np.zeros(count, np.bool_)
        data[self.rows] = self.data
        has[self.rows] = True
        return data, has

    def codes(self, count: int) -> Rows:
        """Return of all `count` runs the place of the value in `values`; -1 where a run has none."""
        data, has = self.spread(count)
        return np.where(has, data, np.int32(-1))


class Block:
    """Some runs, whose records are made when they are asked for.

    Parameters
    ----------
    columns : dict
    count : int
    record : callable
        Gives the record in a row.
    """

    def __init__(self, columns: dict[Name, Column], count: int, record: Callable[[int], RunRecord]) -> None:
        self.columns = columns
        self.count = count
        self.record = record

    @classmethod
    def of(cls, records: Sequence[RunRecord]) -> Block:
        """Return a block of records, each in the row of its place."""
        return cls(gathered(records), len(records), records.__getitem__)


def gathered(records: Iterable[RunRecord]) -> dict[Name, Column]:
    """Return the columns of records."""
    texts: dict[Name, _Gathered] = {}
    numbers: dict[Name, tuple[list[int], list[float]]] = {}
    count = 0
    for row, record in enumerate(records):
        count += 1
        for name in (*_TEXTS, *_SHARED):
            _add(texts, ("run", name), row, getattr(record, name))
        if record.notes:
            _add(texts, ("run", "notes"), row, record.notes)
        for name in _TIMES:
            at_ns = getattr(record, name)
            if at_ns is not None:
                _add_number(numbers, ("run", name), row, min(max(at_ns, _INT64.min), _INT64.max))
        for key, value in record.params.items():
            _add(texts, ("params", key), row, value)
        for key, tag in record.tags.items():
            _add(texts, ("tags", key), row, tag)
        for key, number in record.metrics.items():
            _add_number(numbers, ("metrics", key), row, number)
    columns = {place: each.column(count) for place, each in texts.items()}
    for place, (rows, data) in numbers.items():
        kind = np.int64 if place[0] == "run" else np.float64
        columns[place] = Column(some(rows, count), np.array(data, kind))
    return columns


def some(rows: Sequence[int] | Rows, count: int) -> Rows | None:
    """Return the rows that have something as a `Column` has them."""
    return None if len(rows) == count else np.asarray(rows, np.int32)


def joined(pieces: list[bytes]) -> bytes:
    """Return values in msgpack as one list of them."""
    return b"\xdd" + len(pieces).to_bytes(4, "big") + b"".join(pieces)


class _Gathered:
    """A column of values in the making."""

    __slots__ = ("codes", "data", "rows")

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.data: list[int] = []
        self.codes: dict[bytes, int] = {}

    def column(self, count: int) -> Column:
        return Column(some(self.rows, count), np.array(self.data, np.int32), list(self.codes))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ext_hook=lambda _, data: json.loads(bytes(data))).decode
_INT64 = np.iinfo(np.int64)


def _packed(value: Any) -> bytes:
    """Return a value in msgpack; what has a number too large for that as JSON in it."""
    try:
        return _encode(value)
    except OverflowError:
        return _encode(msgspec.msgpack.Ext(1, json.dumps(msgspec.to_builtins(value)).encode()))


def _add(columns: dict[Name, _Gathered], name: Name, row: int, value: Any) -> None:
    if value is None and name[0] == "run":
        return
    column = columns.get(name)
    if column is None:
        column = columns[name] = _Gathered()
    column.rows.append(row)
    column.data.append(column.codes.setdefault(_packed(value), len(column.codes)))


def _add_number(columns: dict[Name, tuple[list[int], list[float]]], name: Name, row: int, value: float) -> None:
    column = columns.get(name)
    if column is None:
        column = columns[name] = ([], [])
    column[0].append(row)
    column[1].append(value)
