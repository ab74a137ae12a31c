"""The file in which an experiment's ended runs stand as columns, beside what tells whether a run is still the same.

::

    magic, length of the head, its CRC     16 bytes
    head      msgpack: what the file is and where its columns are, with their CRC
    columns   arrays of numbers, and values in msgpack: all that filters, orders and tables look at
    records   msgpack, one after the other, without owner and source; column ``file.offset`` says where

Everything is little-endian. A file that is anything else is `None` to its reader, and made anew: it is derived, and
nobody migrates it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import weakref
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.kinds import known
from tauro_nb.mlops.tracking.changes import Mark
from tauro_nb.mlops.tracking.columns import Block, Column, Name, Rows, gathered, joined, some
from tauro_nb.mlops.tracking.records import Owner, RunError, RunRecord, Source

_MAGIC = b"tauroix1"
_LEAD = struct.Struct("<8sII")
_SIGNATURE = zlib.crc32(
    repr([each.__struct_fields__ for each in (RunRecord, RunError, Owner, Source)]).encode(),
    2,  # rises with the layout
)
_ALIGN = 8
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)

Piece = Callable[[int, int], bytes]
Stamp = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, and inode of a ``run.json``."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What the runs' folder was like when the snapshot was made."""

    boot: str
    """The machine's start: what was noted before a power cut may be lost."""
    folder: tuple[int, int]
    """Times of modification and of change of the folder of runs; zeros where it was still changing."""
    mark: Mark | None
    """How far the changes are in here; None where nobody notes any."""
    others: tuple[str, ...]
    """Folders whose run is not in here: it goes on, or has no record, or was just being changed."""


class _Place(msgspec.Struct, frozen=True, array_like=True):
    section: str
    name: str
    kind: str
    data: tuple[int, int]
    rows: tuple[int, int] | None
    packed: tuple[int, int] | None


class _Head(msgspec.Struct, frozen=True, array_like=True):
    signature: int
    seen: Seen
    count: int
    columns: tuple[_Place, ...]
    size: int
    check: int
    """CRC of the columns, which have `size` bytes."""
    records: int
    """Size of the records in bytes."""


class Entry(msgspec.Struct, frozen=True):
    """A run that comes into a snapshot."""

    folder: str
    stamp: Stamp
    record: RunRecord
    blob: bytes

    @classmethod
    def of(cls, folder: str, stamp: Stamp, record: RunRecord) -> Entry | None:
        """Return the entry; None where a number in the record is too large for msgpack."""
        with contextlib.suppress(OverflowError):
            bare = msgspec.structs.replace(record, owner=None, source=None)
            return cls(folder, stamp, record, msgspec.msgpack.encode(bare))
        return None


class Snapshot:
    """An experiment's ended runs, newest first; safe to share between threads.

    What conditions look at is in memory. The records stay in the file, which remains readable when it is replaced.

    Parameters
    ----------
    seen : Seen
    columns : dict
    count : int
    piece : callable
        Gives so many bytes of the records from a place on.
    instead : callable
        Gives the record of a folder where the one in the file was overwritten.
    """

    def __init__(
        self, seen: Seen, columns: dict[Name, Column], count: int, piece: Piece, instead: Callable[[str], RunRecord]
    ) -> None:
        self.seen = seen
        self.block = Block(columns, count, self._record)
        self._piece = piece
        self._instead = instead
        self._shared: dict[tuple[str, int], Any] = {}

    @cached_property
    def folders(self) -> list[str]:
        """Of each run, the name of its folder."""
        column = self.block.columns.get(_FOLDER)
        return [] if column is None else [column.values[code] for code in column.data.tolist()]

    @cached_property
    def places(self) -> dict[str, int]:
        """The row of each run, by its folder."""
        return {name: row for row, name in enumerate(self.folders)}

    def stamps(self) -> list[Stamp]:
        """Return of each run what its file was like."""
        if not self.block.count:
            return []
        return list(zip(*(self._file(name).tolist() for name in ("mtime", "size", "inode")), strict=True))

    def stamp(self, row: int) -> Stamp:
        """Return what the file of one run was like."""
        mtime, size, inode = (int(self._file(name)[row]) for name in ("mtime", "size", "inode"))
        return mtime, size, inode

    def _file(self, name: str) -> NDArray[np.int64]:
        data: NDArray[np.int64] = self.block.columns["file", name].data
        return data

    def blobs(self) -> list[memoryview]:
        """Return all records as they stand in the file."""
        if not self.block.count:
            return []
        offsets, lengths = self._file("offset").tolist(), self._file("length").tolist()
        data = memoryview(self._piece(0, offsets[-1] + lengths[-1]))
        return [data[offset : offset + length] for offset, length in zip(offsets, lengths, strict=True)]

    def _record(self, row: int) -> RunRecord:
        offset, length, check = (int(self._file(name)[row]) for name in ("offset", "length", "check"))
        blob = self._piece(offset, length)
        if zlib.crc32(blob) != check:
            return self._instead(self.folders[row])
        return msgspec.structs.replace(
            msgspec.msgpack.decode(blob, type=known(RunRecord)),
            owner=self._in_common("owner", row, Owner),
            source=self._in_common("source", row, Source),
        )

    def _in_common(self, name: str, row: int, kind: type[Any]) -> Any:
        column = self.block.columns.get(("run", name))
        if column is None:
            return None
        at = row if column.rows is None else int(np.searchsorted(column.rows, row))
        if column.rows is not None and (at == len(column.rows) or column.rows[at] != row):
            return None
        key = (name, int(column.data[at]))
        if key not in self._shared:
            self._shared[key] = msgspec.convert(column.values[key[1]], known(kind))
        return self._shared[key]


_FOLDER: Name = ("file", "folder")


def made(seen: Seen, before: Snapshot | None, kept: Rows, entries: Sequence[Entry]) -> bytes:
    """Return the file of the runs in the rows `kept` of an earlier snapshot, and of these entries."""
    count = len(kept) + len(entries)
    fresh = {**gathered(each.record for each in entries), **_of_files(entries)}
    columns: dict[Name, _Parts] = {}
    base: dict[Name, Column]
    base, there = ({}, 0) if before is None else (before.block.columns, before.block.count)
    for name in base.keys() | fresh.keys():
        columns[name] = _chained(base.get(name), there, kept, fresh.get(name), len(entries))
    order = _newest_first(columns, count)
    old = [] if before is None else before.blobs()
    blobs = [*(old[row] for row in kept.tolist()), *(each.blob for each in entries)]
    placed = {name: _taken(*parts, order, count) for name, parts in columns.items() if parts[1].any()}
    lengths = np.array([len(blobs[row]) for row in order.tolist()], np.int64)
    placed["file", "length"] = Column(None, lengths)
    placed["file", "offset"] = Column(None, np.cumsum(lengths) - lengths)
    return _file(seen, count, placed, [blobs[row] for row in order.tolist()])


def opened(path: Path, instead: Callable[[str], RunRecord]) -> Snapshot | None:
    """Return the snapshot in a file; None where there is none, or it is not one of this version, or damaged."""
    try:
        fd = os.open(path, _READ)
    except OSError:
        return None
    found = os.fstat(fd)
    held = _Held(fd)
    try:
        return _read(held.piece, found.st_size, instead) if stat.S_ISREG(found.st_mode) else None
    except OSError:
        return None


class _Held:
    """A file that stays open as long as somebody may read on in it; a copy where an open file cannot be replaced."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._copy = None
        if hasattr(os, "pread"):
            weakref.finalize(self, os.close, fd)
        else:
            with os.fdopen(fd, "rb") as file:
                self._copy = file.read()

    def piece(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset) if self._copy is None else self._copy[offset : offset + length]


def _of_files(entries: Sequence[Entry]) -> dict[Name, Column]:
    stamps = np.array([each.stamp for each in entries], np.int64).reshape(len(entries), 3)
    checks = np.array([zlib.crc32(each.blob) for each in entries], np.int64)
    names = [msgspec.msgpack.encode(each.folder) for each in entries]
    return {
        _FOLDER: Column(None, np.arange(len(entries), dtype=np.int32), names),
        ("file", "mtime"): Column(None, stamps[:, 0]),
        ("file", "size"): Column(None, stamps[:, 1]),
        ("file", "inode"): Column(None, stamps[:, 2]),
        ("file", "check"): Column(None, checks),
    }


_Parts = tuple[NDArray[Any], NDArray[np.bool_], list[bytes] | None]


def _chained(one: Column | None, count: int, kept: Rows, other: Column | None, more: int) -> _Parts:
    """Return the data of one column's rows `kept` and then all of another's, which of them have any, and the values."""
    either = one if one is not None else other
    if either is None:
        raise AssertionError("a column comes from one of the two")
    empty = Column(np.empty(0, np.int32), np.empty(0, either.data.dtype))
    head, head_has = (one or empty).spread(count)
    tail, tail_has = (other or empty).spread(more)
    pieces = None if either.packed is None else (one or empty).pieces
    if pieces is not None and other is not None:
        places = {piece: at for at, piece in enumerate(pieces)}
        moved = [places.setdefault(piece, len(places)) for piece in other.pieces]
        pieces = list(places)
        tail = np.array(moved, np.int32)[tail] if moved else tail
    return np.concatenate([head[kept], tail]), np.concatenate([head_has[kept], tail_has]), pieces


def _taken(data: NDArray[Any], has: NDArray[np.bool_], pieces: list[bytes] | None, order: Rows, count: int) -> Column:
    """Return the column in this order, without the values that nobody has any more."""
    rows = np.flatnonzero(has[order]).astype(np.int32)
    chosen = data[order][rows]
    if pieces is None:
        return Column(some(rows, count), chosen)
    used, codes = np.unique(chosen, return_inverse=True)
    return Column(some(rows, count), codes.astype(np.int32), [pieces[code] for code in used.tolist()])


def _newest_first(columns: dict[Name, _Parts], count: int) -> Rows:
    if not count:
        return np.empty(0, np.int32)
    codes, _, pieces = columns["run", "run_id"]
    ids = np.array(msgspec.msgpack.decode(joined(pieces or [])))[codes]
    return np.lexsort((ids, columns["run", "started_at_ns"][0]))[::-1].astype(np.int32)


def _file(seen: Seen, count: int, columns: dict[Name, Column], blobs: Sequence[bytes | memoryview]) -> bytes:
    parts: list[bytes] = []
    size = 0

    def put(data: bytes) -> tuple[int, int]:
        nonlocal size
        place = (size, len(data))
        padding = -len(data) % _ALIGN
        parts.extend((data, bytes(padding)))
        size += len(data) + padding
        return place

    places = []
    for (section, name), column in sorted(columns.items()):
        data = column.data.astype(column.data.dtype.newbyteorder("<"))
        rows = None if column.rows is None else put(column.rows.astype("<i4").tobytes())
        values = None if column.packed is None else put(joined(column.pieces))
        places.append(_Place(section, name, data.dtype.str, put(data.tobytes()), rows, values))
    body = b"".join(parts)
    records = sum(map(len, blobs))
    head = msgspec.msgpack.encode(_Head(_SIGNATURE, seen, count, tuple(places), size, zlib.crc32(body), records))
    return b"".join((_LEAD.pack(_MAGIC, len(head), zlib.crc32(head)), head, body, *blobs))


def _read(piece: Piece, size: int, instead: Callable[[str], RunRecord]) -> Snapshot | None:
    lead = piece(0, _LEAD.size)
    if len(lead) != _LEAD.size:
        return None
    magic, length, check = _LEAD.unpack(lead)
    text = piece(_LEAD.size, length) if magic == _MAGIC else b""
    if len(text) != length or zlib.crc32(text) != check:
        return None
    try:
        head = msgspec.msgpack.decode(text, type=known(_Head))
    except msgspec.DecodeError:
        return None
    begin = _LEAD.size + length
    body = piece(begin, head.size)
    begin += head.size
    if head.signature != _SIGNATURE or size != begin + head.records or zlib.crc32(body) != head.check:
        return None
    columns = {(each.section, each.name): _column(body, each) for each in head.columns}
    return Snapshot(head.seen, columns, head.count, lambda offset, size: piece(begin + offset, size), instead)


def _column(body: bytes, place: _Place) -> Column:
    def array(part: tuple[int, int], kind: str) -> NDArray[Any]:
        dtype = np.dtype(kind)
        return np.frombuffer(body, dtype, part[1] // dtype.itemsize, part[0])

    rows = None if place.rows is None else array(place.rows, "<i4")
    packed = None if place.packed is None else memoryview(body)[place.packed[0] : sum(place.packed)]
    return Column(rows, array(place.data, place.kind), packed)
