"""A file that is named in a command and has to be there."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click


class ExistingFile(click.Path):
    """The path of a file; of one that is not there, the error names one like it in its folder."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = _near(Path(value))
            if near is None:
                raise
            told = f"{error.message.rstrip('.')}; did you mean {str(near)!r}?"
            raise click.BadParameter(told, ctx, param) from error


def _near(path: Path) -> Path | None:
    try:
        there = [each.name for each in path.parent.iterdir() if each.is_file()]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, there, n=1)
    return path.with_name(close[0]) if close and path.name != close[0] else None
