"""Replaces the values that a notebook gives its parameters, and nothing else: lines stay where they are.

Parameters are the names that the cell with the tag ``parameters`` assigns, as papermill has it; where no cell has that
tag, the names that the notebook assigns at the top level of any cell, each where that is done first. A name that is not
among them is an error: a test that sets nothing must not pass.
"""

from __future__ import annotations

import ast
import io
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tauro_nb.errors import UnknownName, UsageError

TAG = "parameters"


def replaced(sources: Sequence[str], tags: Sequence[Sequence[str]], values: Mapping[str, Any]) -> list[str]:
    """Return the sources of a notebook's code cells with `values` in the place of those that they assign.

    Parameters
    ----------
    tags : sequence of sequences of str
        Those of each cell.
    values : mapping of name to value
        Plain values: None, truth values, numbers, texts, bytes, and lists, tuples, sets and dicts of them; paths become
        texts.

    Raises
    ------
    UnknownName
        No cell assigns the name.
    UsageError
        A value is not plain.
    """
    written = {name: literal(name, value) for name, value in values.items()}
    tagged = [index for index, each in enumerate(tags) if TAG in each]
    places: dict[str, tuple[int, ast.expr]] = {}
    for index in tagged or range(len(sources)):
        for name, place in _assigned(sources[index]).items():
            places.setdefault(name, (index, place))
    for name in written:
        if name not in places:
            where = f"the cell with the tag {TAG!r}" if tagged else "the notebook"
            raise UnknownName.among("parameter", name, places, where=where)
    done = list(sources)
    # from the end on, so that what stands before keeps its place
    for name in sorted(written, key=lambda one: (places[one][1].lineno, places[one][1].col_offset), reverse=True):
        index, place = places[name]
        done[index] = _with(done[index], place, written[name])
    return done


def literal(name: str, value: Any) -> str:
    """Return a plain value as Python writes it.

    Raises
    ------
    UsageError
        It is none.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    text = _written(value)
    if text is None:
        raise UsageError(
            f"the parameter {name!r} is a {type(value).__name__}, and what a notebook is given is written into it",
            fix="give a number, a text, or a list or dict of them; larger things in a file, whose path is given",
        )
    return text


def _written(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or type(value) in (bool, int, float, complex, str, bytes):
        return repr(value)
    if type(value) is dict:
        pairs = [(_written(key), _written(inner)) for key, inner in value.items()]
        return None if any(None in pair for pair in pairs) else f"{{{', '.join(f'{k}: {v}' for k, v in pairs)}}}"
    if type(value) in (list, tuple, set, frozenset):
        items = [_written(inner) for inner in value]
        if None in items:
            return None
        listed = f"[{', '.join(map(str, items))}]"
        return listed if type(value) is list else f"{type(value).__name__}({listed})"
    return None


def _assigned(source: str) -> dict[str, ast.expr]:
    """Return, for each name that a cell assigns first at its top level, the expression that it is given."""
    from IPython.core.inputtransformer2 import TransformerManager

    plain = TransformerManager().transform_cell(source)
    try:
        tree = ast.parse(plain)
    except SyntaxError:
        return {}
    own, shown = _lines(f"{source}\n"), _lines(plain)
    found: dict[str, ast.expr] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target: ast.expr = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            continue
        lines = slice(statement.lineno - 1, statement.end_lineno)
        if isinstance(target, ast.Name) and statement.value is not None and own[lines] == shown[lines]:
            found.setdefault(target.id, statement.value)
    return found


def _with(source: str, place: ast.expr, text: str) -> str:
    """Return `source` with `text` in the place of an expression, on as many lines as that stood on."""
    lines = _lines(source)
    first, last = place.lineno - 1, (place.end_lineno or place.lineno) - 1
    before = lines[first].encode()[: place.col_offset].decode()
    after = lines[last].encode()[place.end_col_offset :].decode()
    padding = "\n" * (last - first)
    value = f"({text}{padding})" if padding else text
    return "".join([*lines[:first], before, value, after, *lines[last + 1 :]])


def _lines(source: str) -> list[str]:
    """Return the lines as Python counts them, with their ends: `str.splitlines` takes a form feed for an end, too."""
    return io.StringIO(source, newline="").readlines()
