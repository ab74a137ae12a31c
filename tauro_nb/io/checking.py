"""What is wrong with a dataset that can be known before a pipeline runs, loading and writing nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from tauro_nb.errors import DatasetExists, DatasetUnwritable, TauroError
from tauro_nb.io import boundary
from tauro_nb.io.dataset import Dataset


def input_problems(dataset: Dataset) -> list[TauroError]:
    """Return what would stop it from being loaded, as far as path, format, options and the file's header tell."""
    return _problems(lambda: dataset.refuse_code("read"), lambda: _check_file(dataset))


def output_problems(dataset: Dataset) -> list[TauroError]:
    """Return what would stop it from being written, as far as path, format, options, mode and folder tell."""
    return _problems(
        lambda: dataset.refuse_code("write"),
        lambda: dataset.options("write"),
        lambda: dataset.write_mode,
        lambda: _check_place(dataset),
    )


def already_there(dataset: Dataset) -> DatasetExists:
    """Build the error for a file that its mode forbids to replace."""
    return DatasetExists(
        f"dataset {dataset.name!r}: {dataset.shown} is there already, and {dataset.where('write_mode')} is 'error'",
        fix="remove the file, or use the mode 'overwrite', 'append' or 'ignore'",
    )


def a_folder(dataset: Dataset) -> DatasetUnwritable:
    """Build the error for a folder where a file is to be written."""
    return DatasetUnwritable(
        f"dataset {dataset.name!r}: {dataset.shown} is a folder ({dataset.where('path')})", fix="give a file's path"
    )


def _problems(*checks: Callable[[], Any]) -> list[TauroError]:
    found: dict[str, TauroError] = {}
    for check in checks:
        try:
            check()
        except TauroError as error:
            found.setdefault(error.message, error)
    return list(found.values())


def _check_file(dataset: Dataset) -> None:
    options, path = dataset.options("read"), dataset.path
    with boundary.reading(dataset):
        path.stat()
        header = dataset.format.header(path, options)
    if header is not None and dataset.config.schema and dataset.format.holds != "json":  # whose rows name their columns
        from tauro_nb.io import schema_check

        schema_check.check_header(header, dataset)


def _check_place(dataset: Dataset) -> None:
    path = dataset.path
    if path.is_dir():
        raise a_folder(dataset)
    if dataset.config.write_mode == "error" and path.exists():
        raise already_there(dataset)
    with boundary.writing(dataset):
        nearest = next(parent for parent in path.parents if parent.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(nearest))
        if not os.access(nearest, os.W_OK):
            raise PermissionError(errno.EACCES, "permission denied", str(nearest))
