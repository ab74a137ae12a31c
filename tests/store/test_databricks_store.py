"""The store on Databricks: the real SDK against the emulator of the documented endpoints."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("databricks.sdk")

from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.testing.databricks_emulator import DatabricksEmulator
from tauro_nb.testing.store_contract import StoreContract

CATALOG, SCHEMA, VOLUME = "main", "ml", "tauro"


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabricksEmulator]:
    for name in list(os.environ):
        if name.startswith("DATABRICKS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "no-such-profile"))
    with DatabricksEmulator(tmp_path / "workspace") as emulator:
        emulator.create_schema(CATALOG, SCHEMA)
        yield emulator


def opened(emulator: DatabricksEmulator, **options: object) -> DatabricksStore:
    return DatabricksStore(
        CATALOG, SCHEMA, VOLUME, host=emulator.host, token=emulator.token, **{"settle_s": 0, "timeout_s": 20, **options}
    )


class TestDatabricksStore(StoreContract):
    many = 2_100
    clock_tolerance_s = 2.0

    @pytest.fixture
    def store(self, emulator: DatabricksEmulator) -> DatabricksStore:
        self._place = emulator.root / "Volumes" / CATALOG / SCHEMA / VOLUME
        self._opener = functools.partial(
            DatabricksStore, CATALOG, SCHEMA, VOLUME, host=emulator.host, token=emulator.token, settle_s=0
        )
        return opened(emulator)

    def raw_get(self, store: DatabricksStore, key: str) -> bytes | None:
        path = self._place / key
        return path.read_bytes() if path.is_file() else None

    def raw_put(self, store: DatabricksStore, key: str, data: bytes) -> None:
        path = self._place / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def opener(self, store: DatabricksStore) -> Callable[[], DatabricksStore]:
        return self._opener
