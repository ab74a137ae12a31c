"""A pipeline's graph, with where each node stood when it last ran."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tauro_nb.faces import Shown, answer
from tauro_nb.pipeline.graph import Plan
from tauro_nb.pipeline.report import NodeStatus


class Dag(Shown, msgspec.Struct, frozen=True):
    """A picture of a plan; a table where there are no pictures."""

    plan: Plan
    states: Mapping[str, NodeStatus] = {}
    """Of the nodes that have run here."""

    @property
    def svg(self) -> str:
        """The picture, as an SVG document."""
        drawn: str = answer("svg", self)
        return drawn

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, and return its path."""
        written = Path(path)
        written.write_text(self.svg, encoding="utf-8")
        return written

    def __repr__(self) -> str:
        return f"<Dag of {self.plan.pipeline!r}, {len(self.plan.nodes)} nodes>"
