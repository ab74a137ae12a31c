"""Data held against a signature: names, order and types of a table, shape and type of an array.

What loses nothing is converted: whole numbers into any type that holds them all, whole numbers and floats into a float
of any width (rounded to its precision), text and numbers into the categories that they are, times into another unit. A
float is never made a whole number, nor text a number. Columns that the signature does not name are left out, those that
it names are put in its order. Everything that does not fit is told at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tauro_nb.errors import SchemaMismatch
from tauro_nb.mlops.registry.signature import Column, Signature, as_frame, is_array, is_records, is_table

if TYPE_CHECKING:
    import pandas as pd

_MOST_TOLD = 20


def conformed(data: Any, signature: Signature, *, where: str) -> Any:
    """Return the data as the model was registered to take them.

    Parameters
    ----------
    data : DataFrame, array, list of mappings, mapping of lists or of arrays, list of rows
    where : str
        The version, for the message.

    Raises
    ------
    SchemaMismatch
        They do not fit; `problems` has all that is wrong.
    UsageError
        Records that are no table.
    """
    if signature.kind == "table":
        return _table(data, signature.columns, where)
    if signature.kind == "array":
        return _array(data, signature.columns[0], where)
    if signature.kind == "arrays":
        return _arrays(data, signature.columns, where)
    return data


def _table(data: Any, columns: tuple[Column, ...], where: str) -> pd.DataFrame:
    frame = _frame(data, columns, where)
    found: dict[str, list[Any]] = {}
    for label in frame.columns:
        found.setdefault(str(label), []).append(label)
    problems = [f"column {each.name!r} is missing" for each in columns if each.name not in found]
    problems += [f"column {each.name!r} is there twice" for each in columns if len(found.get(each.name, ())) > 1]
    if problems:
        raise _mismatch(where, problems, fix=f"it takes the columns {', '.join(each.name for each in columns)}")
    labels = [found[column.name][0] for column in columns]
    fitted = frame[labels] if labels != list(frame.columns) else frame.copy(deep=False)
    parsed = not is_table(data)
    for label, column in zip(labels, columns, strict=True):
        values = frame[label]
        try:
            made = _fitted(values, column, parsed=parsed)
        except (ValueError, TypeError, OverflowError) as error:
            problems.append(f"column {column.name!r}: {error}")
        else:
            if made is not values:
                fitted[label] = made
    if problems:
        raise _mismatch(where, problems, fix="convert these columns, or register the model with such an input_example")
    return fitted


def _frame(data: Any, columns: tuple[Column, ...], where: str) -> pd.DataFrame:
    """Return a table of whatever has one in it; a column of an array takes the name at its place."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return data
    if hasattr(data, "to_pandas"):
        table: pd.DataFrame = data.to_pandas()
        return table
    if is_records(data) or (isinstance(data, Mapping) and data and all(map(is_array, data.values()))):
        return as_frame(data)
    rows = _as_array(data)
    if rows is None or rows.ndim != 2 or rows.shape[1] != len(columns):
        told = f"a {type(data).__name__}" + (f" of shape {tuple(rows.shape)}" if rows is not None else "")
        raise _mismatch(
            where,
            [f"{told} is no table of {len(columns)} columns"],
            fix=f"pass a DataFrame or a list of dicts with {', '.join(each.name for each in columns)}",
        )
    return pd.DataFrame(rows, columns=[each.name for each in columns])


def _array(data: Any, column: Column, where: str) -> Any:
    rows = _as_array(data.to_numpy() if is_table(data) else data)
    if rows is None:
        raise _mismatch(where, [f"a {type(data).__name__} is no array"], fix="pass an array or a list of rows")
    wanted = column.shape
    if rows.ndim != len(wanted) or any(size not in (None, own) for size, own in zip(wanted, rows.shape, strict=True)):
        told = ", ".join("any" if each is None else str(each) for each in wanted)
        raise _mismatch(where, [f"an array of shape {tuple(rows.shape)}, where ({told}) is expected"], fix="reshape it")
    if str(rows.dtype) == column.dtype:
        return rows
    import pandas as pd

    try:
        fitted = _fitted(pd.Series(rows.ravel()), column, parsed=not is_array(data))
    except (ValueError, TypeError, OverflowError) as error:
        raise _mismatch(where, [str(error)], fix=f"pass an array of {column.dtype}") from error
    return fitted.to_numpy().reshape(rows.shape)


def _arrays(data: Any, columns: tuple[Column, ...], where: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise _mismatch(where, [f"a {type(data).__name__} is no mapping of arrays"], fix="pass {name: array}")
    missing = [f"array {each.name!r} is missing" for each in columns if each.name not in data]
    if missing:
        raise _mismatch(where, missing, fix=f"it takes {', '.join(each.name for each in columns)}")
    return {each.name: _array(data[each.name], each, f"{where}: array {each.name!r}") for each in columns}


def _as_array(data: Any) -> Any:
    """Return an array of numbers or of objects; None if it is no regular array."""
    import numpy as np

    if not is_array(data) and not isinstance(data, (list, tuple)):
        return None
    try:
        return np.asarray(data)
    except ValueError:
        return None


def _fitted(values: pd.Series, column: Column, *, parsed: bool) -> pd.Series:
    """Return one column in the type of the signature; `parsed`: JSON's own values, in which times are text."""
    import pandas as pd

    if column.dtype == str(values.dtype) != "category":
        return values
    try:
        wanted = pd.api.types.pandas_dtype(column.dtype)
    except TypeError:  # of another library's tables: only it knows
        return values
    if column.dtype == "category":
        return _categorised(values, column)
    if wanted.name == "object":
        return values
    if values.dtype.name == "object":
        values = values.infer_objects()
    missing = int(values.isna().sum())
    if missing and not (wanted.kind in "fmMOU" or pd.api.types.is_extension_array_dtype(wanted)):
        raise TypeError(f"{missing:,} missing values ({values.dtype}), where {column.dtype} is expected")
    if missing == len(values) and missing and values.dtype.kind in "fO" and wanted.kind != "U":
        return pd.Series([None] * missing, index=values.index, dtype=wanted)
    return _converted(values, wanted, parsed=parsed)


def _converted(values: pd.Series, wanted: Any, *, parsed: bool) -> pd.Series:
    found = values.dtype
    if _is_text(wanted):
        if found.name == "category":
            return values.astype(values.cat.categories.dtype)
        if _holds_text(values):
            return values
    elif wanted.kind in "iu" and found.kind in "iu":
        return _whole(values, wanted)
    elif wanted.kind == "f" and found.kind in "iuf":
        return _float(values, wanted)
    elif wanted.kind == "M":
        return _moments(values, wanted, parsed=parsed)
    elif wanted.kind == found.kind and wanted.kind in "bm":
        return values.astype(wanted)
    raise TypeError(f"{found}, where {wanted} is expected")


def _categorised(values: pd.Series, column: Column) -> pd.Series:
    import pandas as pd

    if column.categories is None:
        return values.astype("category")
    known = pd.CategoricalDtype(list(column.categories))
    strange = values[values.notna() & ~values.isin(column.categories)]
    if len(strange):
        raise ValueError(f"{strange.iloc[0]!r} is none of the {len(column.categories)} categories")
    return values.astype(known)


def _whole(values: pd.Series, wanted: Any) -> pd.Series:
    fitted = values.astype(wanted)
    changed = (fitted.astype(object) != values.astype(object)) & values.notna()
    if changed.any():
        raise OverflowError(f"{values[changed].iloc[0]} does not fit {wanted}")
    return fitted


def _float(values: pd.Series, wanted: Any) -> pd.Series:
    import numpy as np
    import pandas as pd

    plain = pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), index=values.index, name=values.name)
    with np.errstate(over="ignore"):
        fitted = plain.astype(wanted)
    grown = np.isinf(fitted.to_numpy(dtype="float64", na_value=np.nan)) & ~np.isinf(plain.to_numpy())
    if grown.any():
        raise OverflowError(f"{plain[grown].iloc[0]} does not fit {wanted}")
    return fitted


def _moments(values: pd.Series, wanted: Any, *, parsed: bool) -> pd.Series:
    import pandas as pd

    aware = getattr(wanted, "tz", None) is not None
    if parsed and _holds_text(values):
        values = pd.to_datetime(values, utc=aware, format="ISO8601")
    if values.dtype.kind != "M":
        raise TypeError(f"{values.dtype}, where {wanted} is expected")
    if aware != (getattr(values.dtype, "tz", None) is not None):
        raise TypeError(f"{values.dtype} {'has no' if aware else 'has a'} time zone; {wanted} is expected")
    return values.astype(wanted)


def _is_text(dtype: Any) -> bool:
    import pandas as pd

    return isinstance(dtype, pd.StringDtype) or dtype.kind == "U"  # what "str" is to pandas before 3


def _holds_text(values: pd.Series) -> bool:
    import pandas as pd

    return _is_text(values.dtype) or pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}


def _mismatch(where: str, problems: list[str], *, fix: str) -> SchemaMismatch:
    if len(problems) == 1:
        return SchemaMismatch(f"{where}: {problems[0]}", fix=fix, problems=problems)
    shown = problems[:_MOST_TOLD]
    more = [f"and {len(problems) - len(shown)} more: `problems` of this error has them all"]
    told = "\n".join(f"  {each}" for each in (shown + more if len(problems) > len(shown) else shown))
    return SchemaMismatch(f"{where}: the data do not fit its signature\n{told}", fix=fix, problems=problems)
