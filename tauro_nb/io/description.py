"""What can be said of a dataset without loading it: for the views, and for people."""

from __future__ import annotations

from typing import Literal

import msgspec

from tauro_nb.errors import TauroError
from tauro_nb.io import boundary
from tauro_nb.io.dataset import Dataset


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset as it stands."""

    name: str
    role: Literal["input", "output", "memory"]
    format: str
    """The format's name; of a dataset in memory, its type."""
    path: str = ""
    """Relative to the project's root if it lies in it; of a dataset in memory, empty."""
    exists: bool = True
    size_bytes: int | None = None
    modified_ns: int | None = None
    """UTC, nanoseconds since the epoch."""
    rows: int | None = None
    """None where only reading the whole would tell."""
    columns: tuple[tuple[str, str | None], ...] | None = None
    """Name and type, which is None where the file has none; None where only reading the whole would tell."""
    write_mode: str | None = None
    description: str = ""
    problem: str | None = None
    """Why its header cannot be read, its path or format not be used."""


def of_file(dataset: Dataset) -> Description:
    """Describe a declared dataset from its file's header; reads no rows, and tells what is wrong, never raises it."""
    config = dataset.config
    known = Description(
        name=dataset.name,
        role=dataset.role,
        format=config.format,
        path=config.path,
        exists=False,
        write_mode=config.write_mode,
        description=config.description,
    )
    try:
        path = dataset.path
        known = msgspec.structs.replace(known, path=dataset.shown)
        with boundary.reading(dataset):
            stat = path.stat()
        size = None if path.is_dir() else stat.st_size
        known = msgspec.structs.replace(known, exists=True, size_bytes=size, modified_ns=stat.st_mtime_ns)
        with boundary.reading(dataset):
            header = dataset.format.header(path, dataset.options("read"))
    except TauroError as error:
        return msgspec.structs.replace(known, problem=error.message)
    if header is None:
        return known
    return msgspec.structs.replace(known, rows=header.rows, columns=header.columns)
