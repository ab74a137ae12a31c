"""The datasets of a project by name: loading, checking, saving, and the values that nodes hand over in memory.

It is the one way from a name in ``nodes.yaml`` to a value and back. It refuses formats, modes and options that it
does not know, paths that climb, and files whose format runs code where that is not allowed. pandas and pyarrow are
imported with the first dataset that needs them.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from tauro_nb.config.context import Context
from tauro_nb.config.schema import DatasetConfig
from tauro_nb.errors import (
    DatasetExists,
    TauroError,
    UnknownName,
    UsageError,
)
from tauro_nb.faces import Shown
from tauro_nb.io import boundary, checking, description, fingerprint, spark
from tauro_nb.io.dataset import Dataset, Role
from tauro_nb.io.description import Description
from tauro_nb.io.fingerprint import Fingerprint
from tauro_nb.io.lending import is_frame, lent
from tauro_nb.io.replace import replacing


class Catalog(Shown):
    """The datasets of a project; safe to share between threads.

    A name is looked up among the project's inputs, then its outputs (what another node has written), then in memory.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._memory: dict[str, Any] = {}
        self._fingerprints: dict[str, Fingerprint] = {}
        self._appending = threading.Lock()

    def over(self, context: Context) -> Catalog:
        """Return a catalog of what another context declares that shares this one's values in memory."""
        other = Catalog(context)
        other._memory, other._fingerprints = self._memory, self._fingerprints
        other._appending = self._appending
        return other

    @property
    def names(self) -> list[str]:
        """All names: inputs, outputs, memory; each in the order in which it was declared."""
        return list(dict.fromkeys([*self.context.inputs, *self.context.outputs, *self._memory]))

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        title = f"Catalog of {self.context.root} [{self.context.environment}]"
        lines = [_line(name, self._declared(name, ("input", "output"))) for name in self.names[:20]]
        if len(self.names) > 20:
            lines.append(f"and {len(self.names) - 20} more")
        return "\n  ".join([f"{title}, {len(self.names)} datasets:", *lines]) if lines else f"{title}, no datasets"

    def config(self, name: str, role: Role | None = None) -> DatasetConfig:
        """Return the entry of a dataset, as an input or an output; without a role, of whichever there is.

        Raises
        ------
        UnknownName
            No file declares it.
        """
        return self._find(name, (role,) if role else ("input", "output")).config

    def load(self, name: str, engine: str = "pandas") -> Any:
        """Return a dataset's value: a pandas DataFrame, save where the format holds something else.

        Parameters
        ----------
        engine : {"pandas", "spark"}
            ``spark`` gives a Spark DataFrame.

        Raises
        ------
        UnknownName
            There is no such dataset, format or option.
        DatasetMissing, DatasetUnreadable
            Its file is not there, or is not what its format says.
        SchemaMismatch
            It breaks its schema; with every problem found.
        MissingDependency
            `engine` is ``spark``, and that is not installed.
        """
        if engine not in ("pandas", "spark"):
            raise UnknownName.among("engine", engine, ("pandas", "spark"))
        if engine == "spark":
            spark.demand(name)
        dataset = self._declared(name, ("input", "output"))
        value = self._remembered(name) if dataset is None else self._read(dataset)
        return spark.from_pandas(name, value) if engine == "spark" else value

    def save(self, name: str, value: Any) -> bool:
        """Write `value` to an output; a write that fails leaves the old file whole.

        Returns
        -------
        bool
            False if the mode is ``ignore`` and the file was there.

        Raises
        ------
        UnknownName
            There is no such output, format, mode or option.
        DatasetExists
            The mode is ``error``, and the file is there.
        DatasetUnwritable
            The format cannot hold the value, or the file cannot be written.
        """
        if name not in self.context.outputs and name in self.context.inputs:
            raise UsageError(
                f"{self.context.where('inputs', name)}: {name!r} is an input and is never written",
                fix="declare it in the output file too",
            )
        dataset = self._find(name, ("output",))
        dataset.refuse_code("write")
        options = dataset.options("write")
        value, mode, path = spark.to_pandas(value), dataset.write_mode, dataset.path
        if path.is_dir():
            raise checking.a_folder(dataset)
        if mode == "append":
            with self._appending, boundary.writing(dataset), replacing(path) as new:
                if path.exists():
                    dataset.format.append(value, path, new, options)
                else:
                    dataset.format.write(value, new, options)
            return True
        if mode == "ignore" and path.exists():
            return False
        if mode == "error" and path.exists():
            raise checking.already_there(dataset)
        try:
            with boundary.writing(dataset), replacing(path, exclusive=mode != "overwrite") as new:
                dataset.format.write(value, new, options)
        except DatasetExists as error:
            if mode == "ignore":
                return False
            raise checking.already_there(dataset) from error
        return True

    def exists(self, name: str) -> bool:
        """Whether `load` would find something: a file, or a value in memory."""
        dataset = self._declared(name, ("input", "output"))
        return self.is_memory(name) if dataset is None else dataset.is_there

    def put_memory(self, name: str, value: Any) -> None:
        """Keep a value under a name that no file declares, for the nodes that follow.

        Raises
        ------
        UsageError
            A file declares it.
        """
        dataset = self._declared(name, ("input", "output"))
        if dataset is not None:
            raise UsageError(f"{dataset.where()}: {name!r} has a file", fix="save it, or keep it under another name")
        self._memory[name] = value

    def is_memory(self, name: str) -> bool:
        """Whether the name stands for a value in memory."""
        return self._declared(name, ("input", "output")) is None and name in self._memory

    def describe(self, name: str, role: Role | None = None) -> Description:
        """Return what can be said of a dataset without loading it; what is wrong with it is in `Description.problem`.

        Raises
        ------
        UnknownName
            There is no such dataset.
        """
        if self.is_memory(name):
            value = self._memory[name]
            columns = getattr(value, "dtypes", None) if is_frame(value) else None
            named = None if columns is None else tuple((str(column), str(kind)) for column, kind in columns.items())
            kind = type(value).__qualname__
            return Description(name=name, role="memory", format=kind, rows=self.rows(value), columns=named)
        return description.of_file(self._find(name, (role,) if role else ("input", "output")))

    def check(self, name: str, role: Role = "input") -> list[TauroError]:
        """Return what is wrong with a dataset that can be known without loading it.

        As an input (which an output is for the nodes that follow): path, format, options, the file itself, and the
        schema against the file's header. As an output: path, format, options, mode, and whether its folder can be
        written.
        """
        try:
            if role == "input" and self.is_memory(name):
                return []
            dataset = self._find(name, ("input", "output") if role == "input" else ("output",))
        except UnknownName as error:
            return [error]
        return checking.input_problems(dataset) if role == "input" else checking.output_problems(dataset)

    def fingerprint(self, name: str) -> Fingerprint | None:
        """Return the identity of what was loaded last under this name; None if nothing was, or nothing from a file."""
        return self._fingerprints.get(name)

    @staticmethod
    def rows(value: Any) -> int | None:
        """Return the number of rows or items of a table, series or list; None of anything else."""
        if isinstance(value, list):
            return len(value)
        pandas, arrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")
        if pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series)):
            return len(value)
        if arrow is not None and isinstance(value, arrow.Table):
            return int(value.num_rows)
        return None

    def _declared(self, name: str, roles: tuple[Role, ...]) -> Dataset | None:
        for role in roles:
            entries = self.context.inputs if role == "input" else self.context.outputs
            if name in entries:
                return Dataset(self.context, name, role, entries[name])
        return None

    def _find(self, name: str, roles: tuple[Role, ...]) -> Dataset:
        dataset = self._declared(name, roles)
        if dataset is None:
            inputs = self.context.inputs if "input" in roles else ()
            outputs = self.context.outputs if "output" in roles else ()
            raise UnknownName.among(roles[0] if len(roles) == 1 else "dataset", name, {*inputs, *outputs})
        return dataset

    def _remembered(self, name: str) -> Any:
        if name not in self._memory:
            raise UnknownName.among("dataset", name, self.names)
        return lent(self._memory[name])

    def _read(self, dataset: Dataset) -> Any:
        dataset.refuse_code("read")
        options, path = dataset.options("read"), dataset.path
        with boundary.reading(dataset):
            taken = fingerprint.take(path, known=self._fingerprints.get(dataset.name))
            value = dataset.format.read(path, options, dataset.config.schema or ())
            arrow = sys.modules.get("pyarrow")
            if not dataset.config.schema and arrow is not None and isinstance(value, arrow.Table):
                from tauro_nb.io.formats import tables

                value = tables.to_pandas(value)
        if dataset.config.schema:
            from tauro_nb.io import schema_check

            value = schema_check.enforce(value, dataset)
        self._fingerprints[dataset.name] = taken
        fingerprint.hash_soon(taken)
        return value


def _line(name: str, dataset: Dataset | None) -> str:
    if dataset is None:
        return f"{name}  memory"
    there = "" if dataset.is_there else "  (no file yet)" if dataset.role == "output" else "  (missing)"
    return f"{name}  {dataset.role}  {dataset.config.format}  {dataset.config.path}{there}"
