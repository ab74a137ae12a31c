"""What a verb found, as rows under named columns: the one thing that ``--columns`` picks from and JSON and CSV are of.

Columns are named as in `RunTable.frame`: ``run_name``, ``params.rate``, ``metrics.f1``, ``tags.team``. A row is a
mapping that leaves out what it has no value for. How an object becomes a listing stands in `listed`, how one is written
in `document`; how it looks is the display's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from tauro_nb.errors import UnknownName, UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

SECTIONS = ("params", "metrics", "tags")
"""Columns that begin with one of these and a dot belong together."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Listing:
    """Rows of one kind, and the columns that are shown of them."""

    title: str
    columns: tuple[str, ...]
    """In order; those of a table."""
    rows: tuple[Row, ...]
    more: tuple[str, ...] = ()
    """Columns that are there for the asking."""
    sections: tuple[str, ...] = ()
    """Those of `SECTIONS` that a document has in any case."""
    elsewhere: Callable[[], Collection[str] | None] = tuple
    """Gives the columns of what was not found here, where a name is not among these; None: nothing is there at all."""
    ok: bool = True
    """Whether what is listed is as it should be."""
    picked: bool = False
    """Whether a person named the columns."""

    @property
    def n_rows(self) -> int:
        """How many rows `table` gives."""
        return len(self.rows)

    def pick(self, words: Iterable[str]) -> Self:
        """Return the listing with the columns that `words` name, in their order, each once.

        Parameters
        ----------
        words : iterable of str
            Names or patterns with ``*``, such as ``metrics.*``; several in one word are parted by commas.

        Raises
        ------
        UnknownName
            A name is not among the columns, nor elsewhere.
        UsageError
            No column is named.
        """
        known = dict.fromkeys((*self.columns, *self.more))
        named = _parted(words, known)
        if not named:
            raise UsageError("--columns names no column", fix=nearest("", known))
        columns = tuple(dict.fromkeys(column for word in named for column in self._meant(word, known)))
        sections = tuple(section for section in SECTIONS if any(word.startswith(f"{section}.") for word in named))
        return replace(self, columns=columns, more=(), sections=sections, picked=True)

    def table(self) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Return the heads, and a tuple of values for each row; None where a row has none."""
        return self.columns, [tuple(map(row.get, self.columns)) for row in self.rows]

    def document(self) -> Any:
        """Return the rows as plain mappings, with ``params``, ``metrics`` and ``tags`` as mappings of their own."""
        return [self.nested(row, self.columns) for row in self.rows]

    def nested(self, row: Row, columns: Iterable[str]) -> dict[str, Any]:
        """Return one row as a plain mapping: of a section what the row has, of the rest None where there is nothing."""
        own: dict[str, Any] = {}
        sections: dict[str, dict[str, Any]] = {section: {} for section in self.sections}
        for column in columns:
            section, dot, name = column.partition(".")
            if not (dot and section in SECTIONS):
                own[column] = row.get(column)
            elif column in row:
                sections.setdefault(section, {})[name] = row[column]
        return own | sections

    @property
    def frame(self) -> pd.DataFrame:
        """The table as a DataFrame; times are UTC."""
        import pandas as pd

        heads, rows = self.table()
        values = zip(*rows, strict=True) if rows else ((),) * len(heads)
        return pd.DataFrame({head: _series(head, list(held)) for head, held in zip(heads, values, strict=True)})

    def _meant(self, word: str, known: Collection[str]) -> list[str]:
        if word in known:
            return [word]
        found = [column for column in known if _fits(column, word)] if "*" in word else []
        if found:
            return found
        others = self.elsewhere()
        section, dot, _ = word.partition(".")
        in_section = bool(dot) and section in SECTIONS
        if word in [f"{name}.*" for name in SECTIONS] or (others is None and in_section):
            return [] if "*" in word else [word]
        everything = dict.fromkeys((*known, *(others or ())))
        if any(_fits(column, word) for column in everything):
            return [] if "*" in word else [word]
        raise UnknownName(f"no column named {word!r}", fix=_near(word, list(everything)))


def _parted(words: Iterable[str], known: Collection[str]) -> list[str]:
    """Part words at commas, except where a column is called so."""
    parts = [part for word in words for part in ((word,) if word in known else word.split(","))]
    return [part.strip() for part in parts if part.strip()]


def _fits(column: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), column, re.DOTALL) is not None


def _near(word: str, known: Sequence[str]) -> str | None:
    """Return which column may be meant; that its section was left out is the likeliest mistake."""
    bare = word.rpartition(".")[2]
    sections = [column for column in known if column.partition(".")[2] in (word, bare)]
    return f"did you mean {sections[0]!r}?" if sections else nearest(word, known)


def _series(head: str, values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    if any(isinstance(value, datetime) for value in values):
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype("datetime64[ns, UTC]")
    if head.startswith("metrics."):
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype=object).infer_objects()
