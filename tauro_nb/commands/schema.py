"""``tauro schema``: print the schema of a file, to paste into input.yaml."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tauro_nb.errors import UnknownName

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = {
    ".arrow": "feather",
    ".csv": "csv",
    ".feather": "feather",
    ".json": "json",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
}


@click.command("schema")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(path: Path) -> str:
    """Print the dataset of the file PATH, with its columns and types, as YAML."""
    import yaml

    name = _FORMATS.get(path.suffix.lower())
    if name is None:
        raise UnknownName.among("format for the ending", path.suffix, _FORMATS, where=str(path))
    fields = [_field(str(column), values) for column, values in _load(path, name).items()]
    dataset = {path.stem: {"path": path.as_posix(), "format": name, "schema": fields}}
    return str(yaml.safe_dump(dataset, sort_keys=False, allow_unicode=True)).rstrip()


def _load(path: Path, name: str) -> pd.DataFrame:
    from tauro_nb.config.loader import Context
    from tauro_nb.config.schema import DatasetConfig
    from tauro_nb.io.catalog import Catalog

    absolute = path.absolute()
    dataset = DatasetConfig(path=absolute.name, format=name)
    context = dataclasses.replace(Context.bare(absolute.parent, "."), inputs={"file": dataset})
    frame: pd.DataFrame = Catalog(context).load("file")
    return frame


def _field(name: str, values: pd.Series[Any]) -> dict[str, Any]:
    import pyarrow as pa

    from tauro_nb.io.field_types import family

    field: dict[str, Any] = {"name": name, "type": family(pa.Array.from_pandas(values).type)}
    return field if values.isna().any() else {**field, "nullable": False}
