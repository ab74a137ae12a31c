from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tauro_nb.store import LocalStore
from tauro_nb.testing.store_contract import StoreContract


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "data")

    def raw_get(self, store: LocalStore, key: str) -> bytes | None:
        path = Path(store.location, key)
        return path.read_bytes() if path.exists() else None

    def raw_put(self, store: LocalStore, key: str, data: bytes) -> None:
        path = Path(store.location, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def opener(self, store: LocalStore) -> functools.partial[LocalStore]:
        return functools.partial(LocalStore, store.location)
