"""One node, ready to run: how its inputs are loaded, its function called, and what it returned is kept.

Everything that can be decided before the first node starts has been decided when a `Step` is made; what is left is on
the hot path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tauro_nb.config.schema import NodeConfig
from tauro_nb.errors import PipelineError, nearest
from tauro_nb.io.catalog import Catalog
from tauro_nb.io.lending import lent
from tauro_nb.mlops.scope import Scope
from tauro_nb.pipeline.report import NodeReport


class Step:
    """A node of one execution.

    Parameters
    ----------
    fixed : mapping of parameter to value
        Parameters and those helpers that are the same throughout.
    run_parameters : iterable of str
        Parameters that get the run which the executor starts for the node.
    data : iterable of (parameter, dataset)
    positional : iterable of str
        Parameters that have to be passed by position, in order.
    where : callable
        Gives file and key of the node's outputs, for errors.
    """

    __slots__ = (
        "call",
        "config",
        "data",
        "fixed",
        "name",
        "position",
        "positional",
        "report",
        "run_parameters",
        "scope",
        "where",
    )

    def __init__(
        self,
        name: str,
        position: int,
        config: NodeConfig,
        call: Callable[..., Any],
        *,
        fixed: Mapping[str, Any],
        run_parameters: Iterable[str],
        data: Iterable[tuple[str, str]],
        positional: Iterable[str],
        report: NodeReport,
        scope: Scope,
        where: Callable[[], str],
    ) -> None:
        self.name = name
        self.position = position
        """Counts from 1."""
        self.config = config
        self.call = call
        self.fixed = dict(fixed)
        self.run_parameters = tuple(run_parameters)
        self.data = tuple(data)
        self.positional = tuple(positional)
        self.report = report
        self.scope = scope
        self.where = where

    def load(self, memory: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
        """Return the arguments by parameter; a dataset that is handed over in memory is not read from its file."""
        values = self.fixed.copy()
        rows_in = self.report.rows_in
        for parameter, dataset in self.data:
            value = lent(memory[dataset]) if dataset in memory else catalog.load(dataset, self.config.engine)
            values[parameter] = value
            rows = catalog.rows(value)
            if rows is not None:
                rows_in[dataset] = rows
        return values

    def run(self, values: dict[str, Any]) -> Any:
        """Call the function."""
        if self.positional:
            first = [values.pop(name) for name in self.positional]
            return self.call(*first, **values)
        return self.call(**values)

    def parts(self, value: Any) -> list[tuple[str, Any]]:
        """Return what goes into each dataset.

        Raises
        ------
        PipelineError
            The function returned another kind of thing than its ``outputs`` say.
        """
        outputs = self.config.outputs
        if outputs is None:
            return []
        if isinstance(outputs, str):
            return [(outputs, value)]
        if isinstance(outputs, Mapping):
            return self._by_key(outputs, value)
        if len(outputs) == 1:
            return [(outputs[0], value)]
        if not isinstance(value, tuple | list):
            raise PipelineError(
                f"{self.where()}: {self.config.function} returned {_spoken(value)}, and its outputs are a list of "
                f"{len(outputs)}",
                fix=f"return a tuple of {len(outputs)} values, or name one output",
            )
        if len(value) != len(outputs):
            raise PipelineError(
                f"{self.where()}: {self.config.function} returned {len(value)} values, and its outputs are a list of "
                f"{len(outputs)}: {', '.join(outputs)}",
                fix="return one value for each output",
            )
        return list(zip(outputs, value, strict=True))

    def _by_key(self, outputs: Mapping[str, str], value: Any) -> list[tuple[str, Any]]:
        if not isinstance(value, Mapping):
            raise PipelineError(
                f"{self.where()}: {self.config.function} returned {_spoken(value)}, and its outputs are a mapping",
                fix=f"return a dict with the keys {', '.join(map(repr, outputs))}, or name one output",
            )
        for key in outputs:
            if key not in value:
                raise PipelineError(
                    f"{self.where()}: {self.config.function} returned a dict without the key {key!r}",
                    fix=nearest(key, map(str, value)) or "return it, or take it out of outputs",
                )
        return [(dataset, value[key]) for key, dataset in outputs.items()]


def _spoken(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
