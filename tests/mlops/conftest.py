from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store
from tauro_nb.testing.databricks_emulator import DatabricksEmulator

STORES = ["local", "memory", *(["databricks"] if os.environ.get("TAURO_LONG") else [])]
"""On what each test is held that asks for a `store`; the contracts ask for all three."""
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def emulator() -> DatabricksEmulator:
    """A workspace that all tests share; it is there until the runs that they left open have been ended."""
    emulator = DatabricksEmulator()
    emulator.start()
    atexit.register(emulator.stop)
    return emulator


@pytest.fixture
def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Store]:
    """Make a new store of a kind; one on Databricks has a schema of its own in a workspace that all share."""

    def opened(kind: str) -> Store:
        if kind == "local":
            return LocalStore(tmp_path / "store")
        if kind == "memory":
            return MemoryStore()
        pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")
        from tauro_nb.store.databricks import DatabricksStore

        for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
        emulator = request.getfixturevalue("emulator")
        schema = f"s{next(_numbers)}"
        emulator.create_schema("main", schema)
        monkeypatch.setenv("XDG_CACHE_HOME", str(emulator.root / "cache"))
        return DatabricksStore("main", schema, host=emulator.host, token=emulator.token, settle_s=0)

    return opened


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, open_store: Callable[[str], Store]) -> Store:
    """Give a new, empty store of each kind."""
    return open_store(request.param)
