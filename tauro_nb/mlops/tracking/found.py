"""Chosen runs in an order, as rows of blocks: what is known of them comes as columns, a record only when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tauro_nb.mlops.tracking.columns import Block, Name, Rows
from tauro_nb.mlops.tracking.records import RunRecord


class Values(msgspec.Struct, frozen=True, eq=False):
    """Of each run a value."""

    codes: Rows
    """Place of it in `values`; -1 where a run has none."""
    values: list[Any]
    """Some may be there twice, or be nobody's; None is none."""


class Numbers(msgspec.Struct, frozen=True, eq=False):
    """Of each run a number."""

    data: NDArray[Any]
    has: NDArray[np.bool_]
    """Whether the run has one."""


class Found:
    """Runs, each a row of a block.

    Parameters
    ----------
    blocks : sequence of Block
    places : array of shape (n, 2)
        Of each run, the place of its block and its row there.
    """

    def __init__(self, blocks: Sequence[Block], places: NDArray[np.int32]) -> None:
        self.blocks = tuple(blocks)
        self.places = places

    @classmethod
    def all(cls, blocks: Sequence[tuple[Block, Rows]]) -> Found:
        """Return these rows of these blocks."""
        places = [np.stack([np.full(len(rows), at, np.int32), rows], axis=1) for at, (_, rows) in enumerate(blocks)]
        return cls([block for block, _ in blocks], np.concatenate([np.empty((0, 2), np.int32), *places]))

    @classmethod
    def of(cls, records: Sequence[RunRecord]) -> Found:
        """Return these records in this order."""
        return cls.all([(Block.of(records), np.arange(len(records), dtype=np.int32))])

    def __len__(self) -> int:
        return len(self.places)

    def take(self, which: slice | NDArray[Any]) -> Found:
        """Return some of these, by a slice, a mask or their places."""
        return Found(self.blocks, self.places[which])

    def record(self, at: int) -> RunRecord:
        """Return one record."""
        block, row = map(int, self.places[at])
        return self.blocks[block].record(row)

    def changed(self, records: dict[int, RunRecord]) -> Found:
        """Return these, with other records in some places."""
        places = self.places.copy()
        for row, at in enumerate(records):
            places[at] = len(self.blocks), row
        return Found([*self.blocks, Block.of(list(records.values()))], places)

    def names(self, section: str) -> list[str]:
        """Return, sorted, the names under which at least one of these runs has something."""
        found = {name for block in self.blocks for part, name in block.columns if part == section}
        return sorted(name for name in found if self._has((section, name)).any())

    def numbers(self, name: Name) -> Numbers:
        """Return a column of numbers."""
        kind = np.int64 if name[0] == "run" else np.float64
        data, has = np.zeros(len(self), kind), np.zeros(len(self), np.bool_)
        for at, block, rows in self._parts():
            if name in block.columns:
                there, given = block.columns[name].spread(block.count)
                data[at], has[at] = there[rows], given[rows]
        return Numbers(data, has)

    def values(self, name: Name) -> Values:
        """Return a column of any other values."""
        codes, values = np.full(len(self), -1, np.int32), list[Any]()
        for at, block, rows in self._parts():
            if name in block.columns:
                column = block.columns[name]
                there = column.codes(block.count)[rows]
                codes[at] = np.where(there < 0, there, there + len(values))
                values += column.values
        return Values(codes, values)

    def _has(self, name: Name) -> NDArray[np.bool_]:
        has = np.zeros(len(self), np.bool_)
        for at, block, rows in self._parts():
            if name in block.columns:
                has[at] = block.columns[name].spread(block.count)[1][rows]
        return has

    def _parts(self) -> list[tuple[Any, Block, Rows]]:
        """Return of each block that matters: where its runs stand here, the block, and their rows there."""
        if len(self.blocks) == 1:
            return [(slice(None), self.blocks[0], self.places[:, 1])]
        found = []
        for number, block in enumerate(self.blocks):
            at = np.flatnonzero(self.places[:, 0] == number)
            if len(at):
                found.append((at, block, self.places[at, 1]))
        return found
