"""Dataset formats: what is known, and how one is found by its name.

A built-in format's module, and with it pandas or pyarrow, is imported when the format is first asked for. A name that
is not built in is looked up among the entry points of group ``tauro_nb.formats``, each of which names a class (called
without arguments) or an object that is a `Format`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tauro_nb.errors import DataError, UnknownName
from tauro_nb.io.formats.protocol import Format, Header, OptionNames

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

__all__ = ["ENTRY_POINTS", "Format", "Header", "OptionNames", "find", "names"]

ENTRY_POINTS = "tauro_nb.formats"

_BUILT_IN = {
    "csv": "tauro_nb.io.formats.delimited:Csv",
    "feather": "tauro_nb.io.formats.columnar:Feather",
    "json": "tauro_nb.io.formats.json_text:Json",
    "jsonl": "tauro_nb.io.formats.json_text:JsonLines",
    "parquet": "tauro_nb.io.formats.columnar:Parquet",
    "pickle": "tauro_nb.io.formats.pickled:Pickle",
}

_found: dict[str, Format] = {}


def names() -> list[str]:
    """Return the names of all formats, those of other packages included, without importing any."""
    return sorted({*_BUILT_IN, *(point.name for point in _offered())})


def find(name: str, *, where: str = "") -> Format:
    """Return the format of this name.

    Parameters
    ----------
    where : str
        File and key that name it, for the message.

    Raises
    ------
    UnknownName
        There is none; no format is ever assumed.
    DataError
        Another package offers it, but it cannot be imported or is no `Format`.
    """
    if name not in _found:
        _found[name] = _built_in(name) if name in _BUILT_IN else _third_party(name, where)
    return _found[name]


def _built_in(name: str) -> Format:
    module, _, attribute = _BUILT_IN[name].partition(":")
    made: Format = getattr(importlib.import_module(module), attribute)()
    return made


def _third_party(name: str, where: str) -> Format:
    points = [point for point in _offered() if point.name == name]
    if not points:
        raise UnknownName.among("dataset format", name, names(), where=where)
    point = points[0]
    try:
        offered = point.load()
        made = offered() if isinstance(offered, type) else offered
    except Exception as error:
        raise DataError(
            f"the dataset format {name!r}{_origin(point)} cannot be loaded: {type(error).__name__}: {error}",
            fix="update that package or remove it",
        ) from error
    if not isinstance(made, Format):
        raise DataError(
            f"the dataset format {name!r}{_origin(point)} is no tauro_nb.io.formats.Format",
            fix="tell its author: tauro_nb.testing.format_contract says what a format has to do",
        )
    return made


def _offered() -> EntryPoints:
    import importlib.metadata  # takes as long as all of this package's own modules

    return importlib.metadata.entry_points(group=ENTRY_POINTS)


def _origin(point: EntryPoint) -> str:
    return f" of package {point.dist.name!r}" if point.dist else ""
