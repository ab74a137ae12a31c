"""What deliveries share: the records of a store, their ledgers, and the server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tauro_nb.errors import KeyMissing
from tauro_nb.mlops.mlflow.errand import Errand, Waiting
from tauro_nb.mlops.mlflow.ledger import Ledgers
from tauro_nb.mlops.mlflow.server import Server
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store.protocol import Store


class Office:
    """What deliveries share: the store's records, their ledgers, and the server."""

    def __init__(self, errand: Errand, server: Server) -> None:
        self.errand = errand
        self.server = server
        self.store: Store = errand.store
        self.archive = RunArchive(self.store)
        self.registry = ModelRegistry(self.store)
        self.ledgers = Ledgers(self.store, errand.address.name)
        self.points = 0
        """Sent since this was made."""

    def record(self, waiting: Waiting) -> RunRecord:
        """Return the record of a run as a reader should see it.

        Raises
        ------
        RunNotFound
        """
        return self.archive.observed(self.archive.read(waiting.experiment, waiting.run_id))

    @contextmanager
    def file(self, key: str) -> Iterator[Path]:
        """Give a value as a local file of the same name.

        Raises
        ------
        KeyMissing
        """
        folder, _, name = key.rpartition("/")
        local = self.store.local_dir(folder)
        if local is not None:
            if not (local / name).is_file():
                raise KeyMissing(f"{self.store.location}: nothing under {key!r}")
            yield local / name
            return
        with tempfile.TemporaryDirectory(prefix="tauro-mlflow-") as temporary:
            self.store.get_file(key, Path(temporary) / name)
            yield Path(temporary) / name
