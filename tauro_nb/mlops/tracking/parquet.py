"""``metrics.parquet``: the points of writers that have finished, for this package and for DuckDB, Spark and pandas.

Columns ``key`` (string), ``step`` (int64), ``value`` (double), ``at`` (timestamp[ns, UTC]) and ``writer`` (string), in
order of logging. The file's metadata say, of each writer, how many points the file holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tauro_nb.errors import FormatTooNew, KeyMissing
from tauro_nb.mlops.tracking.points import EARLIEST, Points, Stream, due
from tauro_nb.store.protocol import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

NAME = "metrics.parquet"
FORMAT = 1
GROUP = 128 * 1024
"""Rows of a group, which is what writing and reading hold in memory; the last group may have fewer."""
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


def read(store: Store, prefix: str, known: Mapping[str, int] | None = None) -> Iterator[list[Stream]]:
    """Yield the points of each writer in the file, group of rows by group of rows.

    Parameters
    ----------
    known : mapping, optional
        Of each writer, how many of its points to leave out. A file that has no others is not read.

    Raises
    ------
    FileNotFoundError, KeyMissing
        There is no such file.
    FormatTooNew
    """
    with _opened(store, prefix) as (file, counts):
        left_out = dict(known or {})
        if all(count <= left_out.get(writer, 0) for writer, count in counts.items()):
            return
        come_to: dict[str, int] = {}
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, use_threads=False)  # threads keep the memory of several groups
            yield [_beyond(left_out, each) for each in _streams(group, come_to)]


def writers(store: Store, prefix: str) -> frozenset[str]:
    """Return the writers whose points are in the file, all of them; nobody where there is no file."""
    if stamp(store, prefix) is None:
        return frozenset()
    with _opened(store, prefix) as (_, counts):
        return frozenset(counts)


@contextlib.contextmanager
def _opened(store: Store, prefix: str) -> Iterator[tuple[Any, dict[str, int]]]:
    """Open the file, and give it with the number of points of each writer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = store.local_dir(prefix)
    source = folder / NAME if folder is not None else pa.BufferReader(store.get(f"{prefix}/{NAME}"))
    with pq.ParquetFile(source, read_dictionary=["key", "writer"]) as file:
        about = msgspec.json.decode(file.metadata.metadata[_META])
        if about["format"] > FORMAT:
            raise FormatTooNew(
                f"{store.location}/{prefix}/{NAME}: format {about['format']}, this version reads up to {FORMAT}",
                fix="upgrade tauro-nb",
            )
        yield file, about["writers"]


def _streams(table: pa.Table, come_to: dict[str, int]) -> Iterator[Stream]:
    """Yield the points of each writer; `come_to` says and learns when its latest is due."""
    import numpy as np

    writers, writer_ids = _codes(table["writer"])
    keys, key_ids = _codes(table["key"])
    names = dict(enumerate(keys))
    numbers = [_numbers(table[name].chunks, kind) for name, kind in (("step", "<i8"), ("value", "<f8"), ("at", "<i8"))]
    for number, writer in enumerate(writers):
        ids, (steps, values, at_ns) = key_ids, numbers
        if len(writers) > 1:
            rows = np.flatnonzero(writer_ids == number)
            ids, steps, values, at_ns = key_ids[rows], steps[rows], values[rows], at_ns[rows]
        if len(steps):
            due_ns = due(at_ns, come_to.get(writer, EARLIEST))
            come_to[writer] = int(due_ns[-1])
            yield Stream(writer, names, ids, steps, values, at_ns, due_ns)


def _beyond(left_out: dict[str, int], stream: Stream) -> Stream:
    """Leave out as many of the points as `left_out` says, and count them off."""
    count = min(left_out.get(stream.writer, 0), len(stream))
    if not count:
        return stream
    left_out[stream.writer] -= count
    return stream.taken(slice(count, None))


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


class Writer:
    """Writes the file to `sink`, a path or a file object, in groups of `GROUP` rows; a context manager."""

    def __init__(self, sink: Any) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        text = pa.dictionary(pa.int32(), pa.string())
        at = pa.timestamp("ns", tz="UTC")
        self._schema = pa.schema(
            {"key": text, "step": pa.int64(), "value": pa.float64(), "at": at, "writer": text}.items()
        )
        self._waiting: list[pa.RecordBatch] = []
        self._counts: dict[str, int] = {}
        self._file = pq.ParquetWriter(
            sink,
            self._schema,
            compression={"key": "zstd", "writer": "zstd", "step": "none", "value": "none", "at": "none"},
            use_dictionary=["key", "writer"],
            column_encoding={"step": "DELTA_BINARY_PACKED", "at": "DELTA_BINARY_PACKED"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._write()
            about = {"format": FORMAT, "writers": self._counts}
            self._file.add_key_value_metadata({_META: msgspec.json.encode(about)})
        self._file.close()

    def add(self, points: Points, writers: Sequence[str], writer_ids: NDArray[np.int32]) -> None:
        """Add some points, in the order in which they shall stand.

        Parameters
        ----------
        writers : sequence of str
            Names that `writer_ids` count.
        writer_ids : array of int32
            The writer of each point.
        """
        import numpy as np
        import pyarrow as pa

        for writer, count in zip(writers, np.bincount(writer_ids, minlength=len(writers)).tolist(), strict=True):
            self._counts[writer] = self._counts.get(writer, 0) + count
        columns = [
            coded(points.key_ids, points.keys),
            _plain(points.steps, pa.int64()),
            _plain(points.values, pa.float64()),
            _plain(points.at_ns, pa.timestamp("ns", tz="UTC")),
            coded(writer_ids, writers),
        ]
        self._waiting.append(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        if sum(map(len, self._waiting)) >= GROUP:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema).unify_dictionaries()
            self._file.write_table(table, row_group_size=len(table))
            self._waiting = []


def _plain(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def coded(ids: NDArray[np.int32], names: Sequence[str]) -> pa.DictionaryArray:
    """Return the names that `ids` count, as Arrow has them."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(_plain(ids, pa.int32()), _texts(names))


def _texts(names: Sequence[str]) -> pa.Array:
    """Make a string array out of bytes: `pa.array` would import pandas."""
    import numpy as np
    import pyarrow as pa

    coded = [name.encode("utf-8", "replace") for name in names]
    ends = np.cumsum([0, *map(len, coded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(coded), pa.py_buffer(ends), pa.py_buffer(b"".join(coded)))
