"""The runs that versions came from, as far as they are still in the store."""

from __future__ import annotations

from tauro_nb.errors import RunNotFound
from tauro_nb.mlops.registry.records import VersionRecord
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store.protocol import Store


class Runs:
    """Reads each run once; made anew for each question."""

    def __init__(self, store: Store) -> None:
        self._archive = RunArchive(store)
        self._known: dict[str, RunRecord | None] = {}

    def of(self, version: VersionRecord) -> RunRecord | None:
        """Return the record of the run that made a version; None where it knows none, or that is not there."""
        if version.run_id is None:
            return None
        if version.run_id not in self._known:
            self._known[version.run_id] = self._read(version.run_id, version.experiment)
        return self._known[version.run_id]

    def _read(self, run_id: str, experiment: str | None) -> RunRecord | None:
        try:
            if experiment is None:
                return self._archive.find(run_id)
            return self._archive.read(experiment, run_id)
        except RunNotFound:
            return None
