"""Figures and tables as the bytes of a file: what the object can do decides, its package is not imported here."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from tauro_nb.errors import UsageError
from tauro_nb.store.paths import PathValidator


def figure_file(figure: Any, path: str) -> tuple[str, bytes]:
    """Return path and bytes of a figure of matplotlib or plotly, in the format that the path's ending says.

    Without an ending it is ``.png`` for matplotlib and ``.json`` for plotly, which shows it again as it was.

    Raises
    ------
    UnsafePath
        The path is empty, or leads out of the run.
    UsageError
        It is no such figure, or cannot be written in that format.
    """
    path = PathValidator.inside(path)
    suffix = PurePosixPath(path).suffix.lower()
    if hasattr(figure, "to_plotly_json"):
        return (path if suffix else f"{path}.json"), _plotly(figure, path, suffix or ".json")
    draw = getattr(figure, "savefig", None) or getattr(getattr(figure, "figure", None), "savefig", None)
    if draw is None:
        raise UsageError(
            f"{path}: a {type(figure).__name__} is no figure of matplotlib or plotly",
            fix="save it to a file, and log that with log_artifact",
        )
    buffer = io.BytesIO()
    try:
        draw(buffer, format=suffix[1:] or "png", bbox_inches="tight")
    except ValueError as error:
        raise UsageError(f"{path}: {error}", fix="end the name in .png, .svg or .pdf") from error
    return (path if suffix else f"{path}.png"), buffer.getvalue()


def table_file(table: Any, path: str) -> tuple[str, bytes]:
    """Return path and Parquet bytes of a table: a DataFrame, a list of rows as dicts, or a dict of columns.

    Raises
    ------
    UnsafePath
        The path is empty, or leads out of the run.
    UsageError
        It is no table, Parquet cannot hold it, or the path ends otherwise than in ``.parquet``.
    """
    path = PathValidator.inside(path)
    suffix = PurePosixPath(path).suffix
    if suffix.lower() not in ("", ".parquet"):
        raise UsageError(
            f"{path}: a table is kept as Parquet, not as {suffix!r}", fix=f"name it {path.removesuffix(suffix)}.parquet"
        )
    path = path if suffix else f"{path}.parquet"
    try:
        return path, _parquet(table)
    except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
        raise UsageError(
            f"{path}: this {type(table).__name__} cannot be kept as Parquet: {error}",
            fix="pass a DataFrame, a list of dicts or a dict of columns, each column with values of one type",
        ) from error


def _plotly(figure: Any, path: str, suffix: str) -> bytes:
    if suffix == ".json":
        text: str = figure.to_json()
        return text.encode("utf-8")
    if suffix == ".html":
        page: str = figure.to_html(include_plotlyjs=True)
        return page.encode("utf-8")
    try:
        image: bytes = figure.to_image(format=suffix[1:])
    except (ValueError, RuntimeError, ImportError) as error:
        raise UsageError(
            f"{path}: plotly cannot write {suffix!r} here: {error}", fix="end the name in .json or .html"
        ) from error
    return image


def _parquet(table: Any) -> bytes:
    buffer = io.BytesIO()
    if hasattr(table, "write_parquet"):  # polars
        table.write_parquet(buffer)
    elif hasattr(table, "to_parquet"):  # pandas
        table.to_parquet(buffer)
    elif hasattr(table, "to_frame"):  # a Series
        table.to_frame(name="value" if table.name is None else table.name).to_parquet(buffer)
    elif hasattr(table, "to_pandas"):  # pyarrow
        table.to_pandas().to_parquet(buffer)
    elif isinstance(table, (Mapping, Sequence)) and not isinstance(table, (str, bytes)):
        import pandas as pd

        pd.DataFrame(table).to_parquet(buffer)
    else:
        raise TypeError("it is no table")
    return buffer.getvalue()
