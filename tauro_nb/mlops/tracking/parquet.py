"""``metrics.parquet``: the points of writers that have finished, for this package and for DuckDB, Spark and pandas.

Columns ``key`` (string), ``step`` (int64), ``value`` (double), ``at`` (timestamp[ns, UTC]) and ``writer`` (string), in
order of logging. The schema's metadata say, of each writer, how many points the file holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tauro_nb.errors import FormatTooNew, KeyMissing
from tauro_nb.mlops.tracking.points import Points, Stream
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

NAME = "metrics.parquet"
FORMAT = 1
_META = b"tauro_nb.metrics"


def stamp(store: Store, prefix: str) -> tuple[int, ...] | None:
    """Return what tells one version of the file from another; None where there is none."""
    folder = store.local_dir(prefix)
    if folder is not None:
        try:
            found = (folder / NAME).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
    try:
        known = store.stat(f"{prefix}/{NAME}")
    except KeyMissing:
        return None
    return known.modified_ns, known.size_bytes


def read(store: Store, prefix: str) -> list[Stream]:
    """Return the points of each writer in the file.

    Raises
    ------
    FileNotFoundError, KeyMissing
        There is no such file.
    FormatTooNew
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = store.local_dir(prefix)
    source = folder / NAME if folder is not None else pa.BufferReader(store.get(f"{prefix}/{NAME}"))
    with pq.ParquetFile(source, read_dictionary=["key", "writer"]) as file:
        about = json.loads(file.schema_arrow.metadata[_META])
        if about["format"] > FORMAT:
            raise FormatTooNew(
                f"{store.location}/{prefix}/{NAME}: format {about['format']}, this version reads up to {FORMAT}",
                fix="upgrade tauro-nb",
            )
        found = file.read()
    writers, writer_ids = _codes(found["writer"])
    keys, key_ids = _codes(found["key"])
    names = dict(enumerate(keys))
    steps, values = _numbers(found["step"].chunks, "<i8"), _numbers(found["value"].chunks, "<f8")
    at_ns = _numbers(found["at"].chunks, "<i8")
    if len(writers) == 1:
        return [Stream(writers[0], names, key_ids, steps, values, at_ns)]
    streams = []
    for number, writer in enumerate(writers):
        rows = np.flatnonzero(writer_ids == number)
        streams.append(Stream(writer, names, key_ids[rows], steps[rows], values[rows], at_ns[rows]))
    return streams


def _codes(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    chunks = column.unify_dictionaries().chunks
    names = chunks[0].dictionary.to_pylist() if chunks else []
    return names, _numbers([chunk.indices for chunk in chunks], "<i4")


def _numbers(chunks: list[pa.Array], kind: str) -> NDArray[Any]:
    """Return what the arrays hold, by their buffers: `to_numpy` would import pandas."""
    import numpy as np

    size = np.dtype(kind).itemsize
    found = [np.frombuffer(each.buffers()[1], kind, len(each), each.offset * size) for each in chunks if len(each)]
    return found[0] if len(found) == 1 else np.concatenate([np.empty(0, kind), *found])


def write(sink: Any, points: Points, writers: Sequence[str], writer_ids: NDArray[np.int32]) -> None:
    """Write the file to `sink`, a path or a file object.

    Parameters
    ----------
    writers : sequence of str
        Names that `writer_ids` count.
    writer_ids : array of int32
        The writer of each point.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts = np.bincount(writer_ids, minlength=len(writers)).tolist()
    metadata = {_META: json.dumps({"format": FORMAT, "writers": dict(zip(writers, counts, strict=True))}).encode()}
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            ("key", text),
            ("step", pa.int64()),
            ("value", pa.float64()),
            ("at", pa.timestamp("ns", tz="UTC")),
            ("writer", text),
        ],
        metadata=metadata,
    )
    columns = [
        _coded(points.key_ids, points.keys),
        _plain(points.steps, pa.int64()),
        _plain(points.values, pa.float64()),
        _plain(points.at_ns, pa.timestamp("ns", tz="UTC")),
        _coded(writer_ids, writers),
    ]
    pq.write_table(
        pa.Table.from_arrays(columns, schema=schema),
        sink,
        compression={"key": "zstd", "writer": "zstd", "step": "none", "value": "none", "at": "none"},
        use_dictionary=["key", "writer"],
        column_encoding={"step": "DELTA_BINARY_PACKED", "at": "DELTA_BINARY_PACKED"},
    )


def _plain(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _coded(ids: NDArray[np.int32], names: Sequence[str]) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(_plain(ids, pa.int32()), _texts(names))


def _texts(names: Sequence[str]) -> pa.Array:
    """Make a string array out of bytes: `pa.array` would import pandas."""
    import numpy as np
    import pyarrow as pa

    coded = [name.encode("utf-8", "replace") for name in names]
    ends = np.cumsum([0, *map(len, coded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(coded), pa.py_buffer(ends), pa.py_buffer(b"".join(coded)))
