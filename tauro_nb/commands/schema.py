"""``tauro schema``: print the schema of a file, to paste into input.yaml."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("schema")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(path: Path) -> str:
    """Print the columns and types of the file PATH as YAML."""
    from tauro_nb.io.schema_check import describe_file

    return describe_file(path)
