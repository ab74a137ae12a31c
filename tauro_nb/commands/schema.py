"""``tauro schema``: print the schema of a file, to paste into input.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tauro_nb.commands.desk import Desk
from tauro_nb.commands.file import ExistingFile
from tauro_nb.commands.text import Text
from tauro_nb.commands.verb import verb
from tauro_nb.errors import DatasetUnreadable, DescriptorNotFound, UsageError

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = {
    ".arrow": "feather",
    ".csv": "csv",
    ".feather": "feather",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@verb("schema")
@click.argument("path", type=ExistingFile())
def command(desk: Desk, path: Path) -> Text:
    """Print the dataset of the file PATH, with its columns and types, as YAML."""
    import yaml

    name = _FORMATS.get(path.suffix.lower())
    if name is None:
        raise UsageError(
            f"{path}: no format is known by the ending {path.suffix!r}", fix=f"endings are {', '.join(_FORMATS)}"
        )
    fields = [_field(path, str(column), values) for column, values in _load(path, name).items()]
    dataset = {path.stem: {"path": _as_written(path, desk), "format": name, "schema": fields}}
    return Text(yaml.safe_dump(dataset, sort_keys=False, allow_unicode=True).rstrip())


def _as_written(path: Path, desk: Desk) -> str:
    """Return the path as a project's file has it: relative to the root; in full where the file is elsewhere."""
    from tauro_nb.config.descriptor import AppConfigManager

    absolute = path.resolve()
    try:
        root = AppConfigManager(desk.project).root
    except DescriptorNotFound:
        root = Path.cwd()
    root = root.resolve()
    return (absolute.relative_to(root) if absolute.is_relative_to(root) else absolute).as_posix()


def _load(path: Path, name: str) -> pd.DataFrame:
    import pandas as pd

    from tauro_nb.config.context import Context
    from tauro_nb.config.schema import DatasetConfig
    from tauro_nb.io.catalog import Catalog

    absolute = path.absolute()
    dataset = DatasetConfig(path=absolute.name, format=name)
    context = msgspec.structs.replace(Context.bare(absolute.parent, "."), inputs={"file": dataset})
    loaded = Catalog(context).load("file")
    if not isinstance(loaded, pd.DataFrame):
        raise DatasetUnreadable(f"{path}: it holds a {type(loaded).__name__}, not a table", fix="give a table's file")
    return loaded


def _field(path: Path, name: str, values: pd.Series[Any]) -> dict[str, Any]:
    import pyarrow as pa

    from tauro_nb.io.field_types import family

    try:
        kind = family(pa.Array.from_pandas(values).type)
    except pa.ArrowException as error:
        raise DatasetUnreadable(
            f"{path}: the column {name!r} has values of several types: {error}", fix="give its values one type"
        ) from error
    field: dict[str, Any] = {"name": name, "type": kind}
    return field if values.isna().any() else {**field, "nullable": False}
