"""The bytes of a metric log: slots of 32 bytes, each with its own checksum, in the order of logging.

Owns the layout and its verification. A log is an array of slots of four kinds:

``HEAD``   the first slot: magic, version, when the writer began
``KEY``    16 bytes of the UTF-8 name of a key and the number that its points bear; stands before the first of them
point      step, value, time, number of the key
``SEAL``   the CRC of all slots of one block, so that a reader verifies thousands of slots at once

A slot of zeros is room that was reserved and not used yet. A slot whose CRC is not that of its bytes was being written
when its process died, or was damaged since: readers skip it and go on.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tauro_nb.errors import FormatTooNew

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
SIZE = 32
BODY = 28
"""Bytes of a slot that its CRC covers; the CRC itself is the rest."""

POINT = struct.Struct("<qdqI")
"""Body of a point: step, value, at_ns, number of its key."""
_SLOT = struct.Struct("<28sI")
_HEAD = struct.Struct("<8sIIqI")
_KEY = struct.Struct("<IHH16sI")
_MAGIC = b"tauromet"
_TEXT = 16

HEAD, KEY, SEAL = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
RESERVED = 0xFFFFFF00
"""Numbers of keys are below this."""
KEY_BYTES = 0xFFFF
"""The longest key, in UTF-8."""

put = _SLOT.pack_into
crc32 = zlib.crc32


def slot(body: bytes) -> bytes:
    """Return the slot with this body; a CRC of 0 is stored as 1, so that only unused room has a 0 there."""
    return _SLOT.pack(body, crc32(body) or 1)


def head(at_ns: int) -> bytes:
    """Return the body of the slot that opens a log."""
    return _HEAD.pack(_MAGIC, FORMAT, 0, at_ns, HEAD)


def key_parts(number: int, key: str) -> list[bytes]:
    """Return the bodies of the slots that say which key has this number."""
    text = key.encode("utf-8", "surrogatepass")
    count = max(1, -(-len(text) // _TEXT))
    return [_KEY.pack(number, part, len(text), text[part * _TEXT : (part + 1) * _TEXT], KEY) for part in range(count)]


def seal(count: int, crc: int, *, closed: bool) -> bytes:
    """Return the body of the slot that vouches for the `count` slots before it; `closed` says that nothing follows."""
    return POINT.pack(count, float(closed), crc, SEAL)


class Scan:
    """What stands in a stretch of a log.

    Parameters
    ----------
    begun : mapping, optional
        Number to bytes, of the names whose end was not written yet where the stretch before this one ended.
    more : bool
        Another stretch follows: look only at what the seals of this one vouch for, and leave the rest to the next.

    Attributes
    ----------
    key_ids, steps, values, at_ns : array
        The valid points, in order of logging.
    keys : dict
        Number to name, of the keys whose declaration ends in this stretch.
    begun : dict
        As above, for the next stretch.
    size : int
        Slots that were looked at.
    used : int
        Those of them that a later reader need not read again.
    damaged : int
        Slots before `used` that hold nothing valid.
    closed : bool
        The writer closed the log; nothing follows.
    """

    def __init__(
        self, data: bytes, *, where: str = "metric log", begun: Mapping[int, bytes] | None = None, more: bool = False
    ) -> None:
        import numpy as np

        slots = np.frombuffer(data, _dtype(), len(data) // SIZE)
        valid, self.closed = _verified(data, slots, more=more)
        self.size = len(valid)
        slots = slots[: self.size]
        kinds = slots["key"]
        last = np.flatnonzero(valid)[-1:]
        self.used = int(last[0]) + 1 if len(last) else 0
        self.damaged = int(self.used - np.count_nonzero(valid[: self.used]))
        special = kinds >= RESERVED
        if self.size and valid[0] and kinds[0] == HEAD:
            _check_format(data, where)
        self.keys, self.begun = _keys(data, np.flatnonzero(special & (kinds == KEY) & valid), begun or {})
        wanted = valid & ~special
        self.key_ids = kinds[wanted]
        self.steps = slots["step"][wanted]
        self.values = slots["value"][wanted]
        self.at_ns = slots["at_ns"][wanted]


def _dtype() -> np.dtype[np.void]:
    import numpy as np

    return np.dtype([("step", "<i8"), ("value", "<f8"), ("at_ns", "<i8"), ("key", "<u4"), ("crc", "<u4")])


def _check_format(data: bytes, where: str) -> None:
    magic, version, _, _, _ = _HEAD.unpack_from(data, 0)
    if magic == _MAGIC and version > FORMAT:
        raise FormatTooNew(
            f"{where}: metric log of format {version}, this version reads up to {FORMAT}", fix="upgrade tauro-nb"
        )


def _verified(data: bytes, slots: NDArray[np.void], *, more: bool) -> tuple[NDArray[np.bool_], bool]:
    """Tell which slots are whole: by the seal of their block, or else each by its own CRC.

    Returns
    -------
    valid : array of bool
        Of each slot; if `more`, of those up to the last seal.
    closed : bool
    """
    import numpy as np

    view = memoryview(data)
    written = slots["crc"] != 0
    valid = np.zeros(len(slots), bool)
    closed = False
    sealed = 0
    for index in np.flatnonzero(slots["key"] == SEAL).tolist():
        body, crc = _SLOT.unpack_from(data, index * SIZE)
        if (crc32(body) or 1) != crc:
            continue
        valid[index] = True
        sealed = index + 1
        count, last, checksum, _ = POINT.unpack(body)
        closed = last == 1.0
        start = index - count
        if 0 <= start < index and crc32(view[start * SIZE : index * SIZE]) == checksum:
            valid[start:index] = written[start:index]
    if more and sealed:
        slots, valid, written = slots[:sealed], valid[:sealed], written[:sealed]
    rest = np.flatnonzero(written & ~valid)
    if len(rest):
        valid[rest] = _checksums(slots[rest]) == slots["crc"][rest]
    return valid, closed


def _checksums(slots: NDArray[np.void]) -> NDArray[np.uint32]:
    """Return what the CRC of each slot should be."""
    import numpy as np

    if len(slots) < 4096:
        raw = slots.tobytes()
        found = [crc32(raw[at : at + BODY]) or 1 for at in range(0, len(raw), SIZE)]
        return np.array(found, np.uint32)
    zero, tables = _tables()
    result = np.empty(len(slots), np.uint32)
    columns = slots.view(np.uint8).reshape(len(slots), SIZE)
    for start in range(0, len(slots), 8192):
        part = np.ascontiguousarray(columns[start : start + 8192].T)
        crc = np.full(part.shape[1], zero, np.uint32)
        for table, column in zip(tables, part, strict=False):
            crc ^= table[column]
        result[start : start + 8192] = crc
    return np.maximum(result, 1)


@functools.cache
def _tables() -> tuple[int, list[NDArray[np.uint32]]]:
    """Return the CRC of zeros, and what each value of each byte adds to it: a CRC is linear in its bits."""
    import numpy as np

    zero = crc32(bytes(BODY))
    tables = []
    for place in range(BODY):
        before, after = bytes(place), bytes(BODY - 1 - place)
        added = [crc32(before + bytes((value,)) + after) ^ zero for value in range(256)]
        tables.append(np.array(added, np.uint32))
    return zero, tables


def _keys(data: bytes, places: NDArray[np.intp], begun: Mapping[int, bytes]) -> tuple[dict[int, str], dict[int, bytes]]:
    """Return the keys whose declarations end at these places, and what there is of those that do not end here."""
    keys: dict[int, str] = {}
    texts = dict(begun)
    for place in places.tolist():
        number, part, size, text, _ = _KEY.unpack_from(data, place * SIZE)
        name = texts.pop(number, b"") if part else b""
        if len(name) != part * _TEXT:
            continue
        name += text
        if len(name) >= size:
            keys[number] = name[:size].decode("utf-8", "surrogatepass")
        else:
            texts[number] = name
    return keys, texts
