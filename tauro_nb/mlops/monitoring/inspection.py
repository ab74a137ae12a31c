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
    """Looks at one store, and changes nothing.

    Parameters
    ----------
    mend : str
        The command that cleans up, as a person types it here.
    sample : int, optional
        How many versions are compared with their checksums; None: all.
    """

    def __init__(
        self, tracker: ExperimentTracker, registry: ModelRegistry, *, mend: str, sample: int | None = None
    ) -> None:
        self._tracker = tracker
        self._registry = registry
        self._mend = mend
        self._sample = sample

    def checks(self) -> Iterator[tuple[str, Callable[[], Finding], bool]]:
        """Yield every check with its name, and whether it is critical."""
        yield "store format", self.format, True
        yield "records of models", self.records, True
        yield "files of models", self.files, True
        yield "leftovers", self.leftovers, False
        yield "interrupted runs", self.runs, False

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

    def files(self) -> Finding:
        """Compare files of versions with their checksums."""
        found = self._registry.verify(self._sample)
        if found.errors:
            told = _named([error.message for error in found.errors])
            return Finding(HealthStatus.UNHEALTHY, told, "restore those files from a copy, or promote another version")
        if not found.versions:
            return Finding(HealthStatus.HEALTHY, "no model is registered")
        told = f"{found.checked:,} of {found.versions:,} versions compared: as registered"
        return Finding(HealthStatus.HEALTHY, told)

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


def clean(tracker: ExperimentTracker, registry: ModelRegistry) -> None:
    """Remove the leftovers that nobody can be working on, and end the runs whose process is gone."""
    registry.sweep()
    tracker.recover()


def _named(things: Sequence[str]) -> str:
    """Return how many there are, and the first of them."""
    more: Iterable[str] = [f"and {len(things) - MOST_NAMED:,} more"] if len(things) > MOST_NAMED else []
    return f"{len(things):,}: {'; '.join([*things[:MOST_NAMED], *more])}"
