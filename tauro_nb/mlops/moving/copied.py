"""What came of copying: of each run and model what was done to it, and why where nothing was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import msgspec

from tauro_nb.errors import StoreConflict, StoreError
from tauro_nb.faces import Shown


class Outcome(StrEnum):
    """What became of one run or model."""

    COPIED = "copied"
    UPDATED = "updated"
    """It was there, as it had been when the two stores last had it in common, and is now as in the source."""
    SAME = "same"
    AHEAD = "ahead"
    """It was changed in the target since, and not in the source: there is nothing to bring."""
    OWN = "own"
    """It had come from the target, and is there."""
    LEFT = "left"
    """It is being written, and is for the next time."""
    CONFLICT = "conflict"
    """It was changed on both sides; nothing was done."""
    FAILED = "failed"


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """One run or model, and what was done to it."""

    kind: str
    """``run`` or ``model``."""
    name: str
    run_id: str | None = None
    experiment: str | None = None
    versions: int = 0
    """Versions of a model that are new in the target."""
    events: int = 0
    """Acts in its trail that are."""
    outcome: Outcome
    size_bytes: int = 0
    """What was written, or would be."""
    why: str = ""
    fix: str | None = None

    @property
    def brings(self) -> bool:
        """Whether something of it is new in the target."""
        return self.outcome in (Outcome.COPIED, Outcome.UPDATED)


@dataclass(frozen=True)
class Copied(Shown):
    """What `copy_store` did, or would do."""

    source: str
    """The store's location."""
    target: str
    moved: tuple[Moved, ...]
    """Runs by experiment and start, then models by name."""
    dry_run: bool
    """Nothing was written."""
    delivered: tuple[str, ...] = ()
    """Runs of the source whose points had waited on this machine, and arrived there before."""

    @cached_property
    def counts(self) -> Counter[tuple[str, Outcome]]:
        """How many of each kind came to which outcome."""
        return Counter((each.kind, each.outcome) for each in self.moved)

    @property
    def n_runs(self) -> int:
        """Runs that are new or newer in the target."""
        return sum(each.brings for each in self.moved if each.kind == "run")

    @property
    def n_versions(self) -> int:
        """Versions of models that are new in the target."""
        return sum(each.versions for each in self.moved if each.brings)

    @property
    def n_events(self) -> int:
        """Acts on models that are new in the target."""
        return sum(each.events for each in self.moved if each.brings)

    @property
    def size_bytes(self) -> int:
        """What was written, or would be."""
        return sum(each.size_bytes for each in self.moved)

    @property
    def left(self) -> tuple[Moved, ...]:
        """What is being written, and is for the next time."""
        return self._of(Outcome.LEFT)

    @property
    def conflicts(self) -> tuple[Moved, ...]:
        """What was changed on both sides."""
        return self._of(Outcome.CONFLICT)

    @property
    def failed(self) -> tuple[Moved, ...]:
        """What could not be copied; a next call tries it again."""
        return self._of(Outcome.FAILED)

    @property
    def ok(self) -> bool:
        """Whether nothing failed and nothing was changed on both sides."""
        return not self.conflicts and not self.failed

    def raise_if_problems(self) -> None:
        """Raise what failed, or was changed on both sides, in one error.

        Raises
        ------
        StoreError
        StoreConflict
            Nothing failed; something was changed on both sides.
        """
        problems = (*self.failed, *self.conflicts)
        if problems:
            kind = StoreError if self.failed else StoreConflict
            more = f" (and {len(problems) - 1} more: `.failed` and `.conflicts` have them)" if len(problems) > 1 else ""
            raise kind(f"{problems[0].why}{more}", fix=problems[0].fix)

    def __repr__(self) -> str:
        act = "would copy" if self.dry_run else "copied"
        return (
            f"<Copied: {act} {self.n_runs} runs and {self.n_versions} versions, {self.size_bytes} bytes; "
            f"{len(self.conflicts)} conflicts, {len(self.failed)} failed>"
        )

    def _of(self, outcome: Outcome) -> tuple[Moved, ...]:
        return tuple(each for each in self.moved if each.outcome is outcome)
