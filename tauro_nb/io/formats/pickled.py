"""Pickle: any Python object. Reading one runs what its writer put into it: the catalog opens it only where allowed."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tauro_nb.config.schema import FieldConfig
from tauro_nb.io.formats.protocol import Header, Holds, OptionNames


class Pickle:
    """Python's own serialisation, protocol 5."""

    name = "pickle"
    holds: Holds = "typed"
    runs_code = True
    appends = False

    def option_names(self) -> OptionNames:
        """Return none."""
        return OptionNames(frozenset(), frozenset())

    def read(self, path: Path, _options: Mapping[str, Any], _fields: Sequence[FieldConfig]) -> Any:
        """Return the object, which may be anything."""
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - the catalog has asked for allow_pickle

    def write(self, value: Any, path: Path, _options: Mapping[str, Any]) -> None:
        """Write any object that can be pickled."""
        with path.open("wb") as file:
            pickle.dump(value, file, protocol=5)

    def append(self, _value: Any, _old: Path, _path: Path, _options: Mapping[str, Any]) -> None:
        """Refuse: one pickle is one object."""
        raise ValueError("a pickle holds one object and cannot be appended to")

    def header(self, _path: Path, _options: Mapping[str, Any]) -> Header | None:
        """Tell nothing: that would mean opening it."""
        return None
