"""What a sweep is after: a metric of its trials, or a number that a node returned, high or low."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tauro_nb.errors import InvalidMetric, UnknownName, UsageError
from tauro_nb.mlops.tracking import values

METRICS, RESULTS = "metrics.", "results."


class Objective(msgspec.Struct, frozen=True):
    """What is to be high or low: the last value of a metric, or a number that a node returned."""

    name: str
    """``metrics.f1``, or ``f1``; ``results.NODE``, or ``results.NODE.KEY`` where the node returned a mapping."""
    maximize: bool = True

    @property
    def metric(self) -> str:
        """The metric of a trial's run that holds it."""
        return self.name.removeprefix(METRICS)

    @property
    def node(self) -> str | None:
        """The node whose returned value it is; None where it is a metric."""
        return self.name.removeprefix(RESULTS).partition(".")[0] if self.name.startswith(RESULTS) else None

    def check(self, nodes: Sequence[str]) -> None:
        """Refuse a name that can be no objective of these nodes.

        Raises
        ------
        UnknownName
            There is no such node.
        InvalidMetric
            No metric is called so.
        """
        if self.node is not None and self.node not in nodes:
            raise UnknownName.among("node", self.node, nodes)
        values.metric_key(self.metric)

    def of(self, metrics: Mapping[str, float], results: Mapping[str, Any]) -> float:
        """Return its value in one trial.

        Raises
        ------
        UnknownName
            There is no such metric or key.
        UsageError
            What the node returned is no number.
        """
        if self.node is None:
            if self.metric not in metrics:
                raise _no_metric(self.metric, metrics)
            return metrics[self.metric]
        value = results[self.node]
        key = self.name.removeprefix(f"{RESULTS}{self.node}").removeprefix(".")
        if key:
            known = [str(name) for name in value] if isinstance(value, Mapping) else []
            if key not in known:
                raise UnknownName.among("key", key, known, where=f"what the node {self.node!r} returned")
            value = value[key]
        try:
            return values.metric_value(self.name, value)
        except InvalidMetric as error:
            fix = f"return a number, or a dict of numbers and name one: {RESULTS}{self.node}.KEY"
            raise UsageError(f"{self.name}: {error.message}", fix=fix) from None

    def beats(self, value: float | None, other: float | None) -> bool:
        """Tell whether one value is better than another; None and NaN are worse than any."""
        if value is None or math.isnan(value):
            return False
        if other is None or math.isnan(other):
            return True
        return value > other if self.maximize else value < other

    def __str__(self) -> str:
        return f"{'maximize' if self.maximize else 'minimize'} {self.name}"


def _no_metric(name: str, metrics: Mapping[str, float]) -> UnknownName:
    if not metrics:
        return UnknownName(
            f"no metric named {name!r}: the pipeline logged none",
            fix=f"log it in a node, run.log_metric({name!r}, ...), or name what one returns: {RESULTS}NODE",
        )
    return UnknownName.among("metric", name, metrics)
