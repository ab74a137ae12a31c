"""What can be wrong with a store itself: its format, records that cannot be read, and what killed processes left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tauro_nb.errors import KeyMissing
from tauro_nb.mlops.monitoring.findings import Finding, HealthStatus
from tauro_nb.store import keys
from tauro_nb.store.format import refuse_newer

if TYPE_CHECKING:
    from tauro_nb.mlops.registry.registry import ModelRegistry
    from tauro_nb.mlops.tracking.tracker import ExperimentTracker

MOST_NAMED = 5
"""Things that a finding names."""


class Inspection:
    """Looks at one store; changes nothing but in `clean`.

    Parameters
    ----------
    mend : str
        The command that cleans up, as a person types it here.
    """

    def __init__(self, tracker: ExperimentTracker, registry: ModelRegistry, *, mend: str) -> None:
        self._tracker = tracker
        self._registry = registry
        self._mend = mend

    def checks(self) -> Iterator[tuple[str, Callable[[], Finding]]]:
        """Yield every check with its name."""
        yield "store format", self.format
        yield "records of models", self.records
        yield "leftovers", self.leftovers
        yield "interrupted runs", self.runs

    def clean(self) -> None:
        """Remove the leftovers that nobody can be working on, and end the runs whose process is gone."""
        self._registry.sweep()
        self._tracker.recover()

    def format(self) -> Finding:
        """Tell whether this version reads the store."""
        store = self._registry.store
        try:
            refuse_newer(store.get(keys.FORMAT), f"{store.location}: {keys.FORMAT}")
        except KeyMissing:
            return Finding(HealthStatus.HEALTHY, "nothing is kept here yet")
        return Finding(HealthStatus.HEALTHY, f"format {keys.FORMAT_NUMBER} or older")

    def records(self) -> Finding:
        """Read every record of a version and every act."""
        damaged = [error.message for error in self._registry.damaged()]
        if damaged:
            return Finding(HealthStatus.UNHEALTHY, _named(damaged), "restore those files from a copy")
        return Finding(HealthStatus.HEALTHY, "all can be read")

    def leftovers(self) -> Finding:
        """Name the files of registrations that did not come to their end."""
        found = self._registry.leftovers()
        abandoned = [f"{each.key} ({each.why})" for each in found if each.abandoned]
        if abandoned:
            return Finding(HealthStatus.DEGRADED, _named(abandoned), self._mend)
        return Finding(HealthStatus.HEALTHY, f"none; {len(found)} being registered" if found else "none")

    def runs(self) -> Finding:
        """Name the runs whose process is gone and that nobody has ended."""
        found = self._tracker.search_runs("status = 'INTERRUPTED'")
        gone = [f"{run.run_id} ({run.name})" for run in found if run.ended_at_ns is None]
        if gone:
            return Finding(HealthStatus.DEGRADED, _named(gone), self._mend)
        return Finding(HealthStatus.HEALTHY, "none is left open")


def _named(things: Sequence[str]) -> str:
    """Return how many there are, and the first of them."""
    more: Iterable[str] = [f"and {len(things) - MOST_NAMED:,} more"] if len(things) > MOST_NAMED else []
    return f"{len(things):,}: {'; '.join([*things[:MOST_NAMED], *more])}"
