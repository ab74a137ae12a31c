"""A table against its declared schema: every problem at once, with the first offending value of each.

Declared columns have to be there, of their type, and without nulls where those are forbidden; they come out in that
type, and nothing is lost on the way. Columns that the schema does not name pass as they are. Rows count from 0, as in
``frame.iloc``. Imports pandas and pyarrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tauro_nb.config.schema import FieldConfig
from tauro_nb.errors import SchemaMismatch, nearest
from tauro_nb.io import coerce, field_types
from tauro_nb.io.dataset import Dataset
from tauro_nb.io.formats import tables
from tauro_nb.io.formats.protocol import Header, Holds

_MAX_PROBLEMS = 20
_MAX_COLUMNS = 20
_MAX_VALUE = 60


def enforce(value: Any, dataset: Dataset) -> pd.DataFrame:
    """Return the table that `dataset`'s reader gave as a frame whose declared columns have their declared types.

    Raises
    ------
    SchemaMismatch
        With everything that is wrong.
    """
    fields, holds = dataset.config.schema or (), dataset.format.holds
    if not isinstance(value, (pa.Table, pd.DataFrame)):
        raise SchemaMismatch(
            f"dataset {dataset.name!r}: {dataset.shown} holds a {type(value).__qualname__}, and a schema needs a table",
            fix=f"remove {dataset.where('schema')}, or write a table",
        )
    if holds == "json" and not len(value) and not value.shape[1]:
        return _no_rows(fields)  # where names stand in the rows, no rows tell no names
    labels = value.column_names if isinstance(value, pa.Table) else list(value.columns)
    found = _Findings(dataset, list(map(str, labels)))
    made = {}
    for item in fields:
        if found.is_there(item):
            place = found.names.index(item.name)
            column = _column(value, place, item, holds, found)
            if column is not None:
                made[labels[place]] = column
    found.raise_any()
    frame = tables.to_pandas(value) if isinstance(value, pa.Table) else value.copy(deep=False)
    for label, column in made.items():
        if label in frame.columns:  # else it is a level of the index, and stays one
            frame[label] = tables.series(column).array
    return frame


def check_header(header: Header, dataset: Dataset) -> None:
    """Check what can be known before any row is read: names, and types where the file has them.

    Raises
    ------
    SchemaMismatch
        With everything that is wrong.
    """
    names = [name for name, _ in header.columns]
    found = _Findings(dataset, names)
    for item in dataset.config.schema or ():
        if not found.is_there(item) or header.arrow is None:
            continue
        kind = header.arrow.field(names.index(item.name)).type
        if coerce.of_typed(item.type, kind) is None:
            found.wrong(item, f"expected {item.type}, the file has {field_types.spoken(kind)}")
    found.raise_any()


@dataclass
class _Findings:
    dataset: Dataset
    names: list[str]
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    mistyped: bool = False
    nulls: bool = False

    def is_there(self, item: FieldConfig) -> bool:
        times = Counter(self.names)[item.name]
        if times == 0:
            close = nearest(item.name, self.names) or ""
            hint = f" ({close})" if close.startswith("did you mean") else ""
            self.problems.append(f"column {item.name!r} is missing{hint}")
            self.missing.append(item.name)
        elif times > 1:
            self.problems.append(f"column {item.name!r} occurs {times} times")
        return times == 1

    def wrong(self, item: FieldConfig, said: str) -> None:
        self.problems.append(f"column {item.name!r}: {said}")
        self.mistyped = True

    def has_nulls(self, item: FieldConfig, count: int, row: int) -> None:
        nulls = "a null" if count == 1 else f"{count} nulls, the first"
        self.problems.append(f"column {item.name!r}: {nulls} in row {row}, and it is not nullable")
        self.nulls = True

    def raise_any(self) -> None:
        if not self.problems:
            return
        dataset = self.dataset
        title = f"dataset {dataset.name!r}: {dataset.shown} breaks its schema ({dataset.where('schema')})"
        lines = self.problems[:_MAX_PROBLEMS]
        if len(self.problems) > _MAX_PROBLEMS:
            lines.append(f"and {len(self.problems) - _MAX_PROBLEMS} more problems")
        message = f"{title}: {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{title}:", *lines])
        raise SchemaMismatch(message, fix=self._fix(), problems=self.problems)

    def _fix(self) -> str:
        where, acts = self.dataset.where("schema"), []
        if self.missing:
            acts.append(f"remove {_listed(map(repr, self.missing), 8)} from the schema in {where}, or add the column")
        if self.mistyped:
            acts.append(f"correct the types in {where}, or the data")
        if self.nulls:
            acts.append(f"fill the nulls, or remove `nullable: false` in {where}")
        if self.missing:
            acts.append(f"the file has: {_listed(map(_clipped, self.names), _MAX_COLUMNS)}")
        return "; ".join(acts) or f"give each column of {self.dataset.shown} a name of its own"


def _column(value: Any, place: int, item: FieldConfig, holds: Holds, found: _Findings) -> Any:
    """Return one column in its declared type, None if it is of that already; note what is wrong with it."""
    if holds == "json":
        column = [None if _is_nan(one) else one for one in value.iloc[:, place].tolist()]
        convert, kind = coerce.of_json(item.type), "JSON"
        gone = pa.array([one is None for one in column], pa.bool_())
    else:
        try:
            column = value.column(place) if isinstance(value, pa.Table) else _as_arrow(value.iloc[:, place])
        except coerce.MISFIT as error:
            found.wrong(item, f"expected {item.type}, found values of several types ({_clipped(str(error))})")
            return None
        convert = (coerce.of_text if holds == "text" else coerce.of_typed)(item.type, column.type)
        kind = field_types.spoken(column.type)
        gone = pc.is_null(column, nan_is_null=True)
    first_null = pc.index(gone, pa.scalar(True)).as_py()
    if first_null >= 0 and not item.nullable:
        found.has_nulls(item, pc.sum(gone).as_py(), first_null)
    if convert is None:
        first = pc.index(gone, pa.scalar(False)).as_py()
        example = f"; {_said(column[first])} in row {first}" if first >= 0 else ""
        found.wrong(item, f"expected {item.type}, found {kind}{example}")
        return None
    try:
        made = convert(column)
    except coerce.MISFIT:
        row = coerce.first_misfit(column, convert)
        found.wrong(item, f"expected {item.type}, found {_said(column[row])} in row {row}")
        return None
    return None if made is column and holds != "json" else made


def _as_arrow(column: pd.Series[Any]) -> pa.ChunkedArray:
    made = pa.array(column, from_pandas=True)
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])


def _no_rows(fields: Sequence[FieldConfig]) -> pd.DataFrame:
    columns = {item.name: tables.series(pa.chunked_array([], field_types.arrow_type(item.type))) for item in fields}
    return pd.DataFrame(columns)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN alone is not equal to itself


def _said(value: Any) -> str:
    return _clipped(repr(value.as_py() if isinstance(value, pa.Scalar) else value))


def _clipped(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _listed(names: Iterable[str], limit: int) -> str:
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
