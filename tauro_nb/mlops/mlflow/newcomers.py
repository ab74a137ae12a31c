"""Runs that came into a store without anybody telling: those of a worker process, or of a program without a server.

A folder's time tells that something came into it, and runs' names sort by time; so one look costs a question for each
experiment. Only a store with a local folder is looked at: elsewhere such runs wait for ``tauro mlflow sync``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tauro_nb.mlops.mlflow.errand import Waiting
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.store import keys
from tauro_nb.store.protocol import FolderStore

EVERY_S = 2.0
BEFORE_S = 300.0
"""Runs that began so long before the first look may be new, too."""


class Newcomers:
    """Looks for runs that began since it was made."""

    def __init__(self, archive: RunArchive) -> None:
        self._archive = archive
        self._since = f"{datetime.now(UTC) - timedelta(seconds=BEFORE_S):%Y%m%d-%H%M%S}"
        self._times: dict[str, int] = {}
        self._known: set[str] = set()
        self._due_s = 0.0

    def look(self) -> Iterator[Waiting]:
        """Yield each new run once; a look within `EVERY_S` of the last one sees nothing."""
        store = self._archive.store
        if not isinstance(store, FolderStore) or time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + EVERY_S
        for experiment in self._archive.experiments():
            prefix = keys.runs(experiment.name)
            folder = store.local_dir(prefix)
            changed_ns = 0 if folder is None else folder.stat().st_mtime_ns
            if self._times.get(prefix) == changed_ns:
                continue
            self._times[prefix] = changed_ns
            for entry in store.list(prefix):
                run_id = keys.unsegment(entry.name)
                if entry.name >= self._since and run_id is not None and run_id not in self._known:
                    self._known.add(run_id)
                    yield Waiting(experiment=experiment.name, run_id=run_id)
