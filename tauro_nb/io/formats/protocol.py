"""What a dataset format has to do; the seam at which other packages add theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from tauro_nb.config.schema import FieldConfig

Holds = Literal["typed", "text", "json"]


class Header(NamedTuple):
    """What a file says of its table before its rows are read."""

    columns: tuple[tuple[str, str | None], ...]
    """Name and type; the type is None where the file has none. A name that occurs twice stands here twice."""
    rows: int | None = None
    """None where only reading the whole would tell."""
    arrow: Any = None
    """The ``pyarrow.Schema``, where the file has types."""


class OptionNames(NamedTuple):
    """The options that a format knows."""

    read: frozenset[str]
    write: frozenset[str]


@runtime_checkable
class Format(Protocol):
    """How values become files and files values; stateless, safe to share between threads.

    A method raises whatever its library raises, or `ValueError` or `TypeError` with a plain sentence: the catalog
    turns all of it into `DatasetUnreadable` or `DatasetUnwritable` and adds dataset, file and key. It never sees
    unknown options, and never the path that a reader could see: writing goes to a temporary file, which the catalog
    puts in place.
    """

    name: str
    holds: Holds
    """What a declared column is after `read`: of the file's own type; text still to be parsed; or JSON's own values."""
    runs_code: bool
    """Whether reading a file runs code out of it; such a format needs ``allow_pickle: true``."""
    appends: bool
    """Whether `append` works."""

    def option_names(self) -> OptionNames:
        """Return the options for `read` and `write`."""
        ...

    def read(self, path: Path, options: Mapping[str, Any], fields: Sequence[FieldConfig]) -> Any:
        """Return a table (``pyarrow.Table`` or ``pandas.DataFrame``) or another value.

        `fields` is the declared schema, empty if there is none: a format without types leaves those columns unparsed
        (see `holds`), so that nothing is lost before the schema is enforced. The schema itself is not this method's
        matter.
        """
        ...

    def write(self, value: Any, path: Path, options: Mapping[str, Any]) -> None:
        """Write `value` to the new file `path`, or raise if it cannot be held without loss."""
        ...

    def append(self, value: Any, old: Path, path: Path, options: Mapping[str, Any]) -> None:
        """Write to the new file `path` what `old` holds, followed by `value`; the columns have to agree."""
        ...

    def header(self, path: Path, options: Mapping[str, Any]) -> Header | None:
        """Return what can be told without reading the whole; None if nothing can."""
        ...
