"""What one node is called with, by the names of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Inputs(dict[str, Any]):
    """The arguments of one node, in the order of its parameters.

    Attributes
    ----------
    node : str
    datasets : mapping of parameter to dataset
        Those that a dataset fills; the others are helpers, parameters and defaults.
    """

    def __init__(self, node: str, values: Mapping[str, Any], datasets: Mapping[str, str]) -> None:
        super().__init__(values)
        self.node = node
        self.datasets = datasets
