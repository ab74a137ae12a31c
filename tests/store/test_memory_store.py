from __future__ import annotations

import pytest

from tauro_nb.store import MemoryStore
from tauro_nb.store.memory import _Value
from tauro_nb.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    streams = False

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    def raw_get(self, store: MemoryStore, key: str) -> bytes | None:
        place = store._root
        for name in key.split("/"):
            if not isinstance(place, dict) or name not in place:
                return None
            place = place[name]
        return place.data

    def raw_put(self, store: MemoryStore, key: str, data: bytes) -> None:
        *folders, name = key.split("/")
        place = store._root
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = _Value(data)


@pytest.mark.parametrize("capability", ["lock", "rename", "remove_tree", "append"])
def test_memory_has_nothing_that_an_object_store_lacks(capability: str) -> None:
    assert not hasattr(MemoryStore(), capability)


def test_two_memory_stores_share_nothing() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.put("a", b"1")
    assert list(other.list()) == []
    assert one.location != other.location


def test_the_location_of_a_store_that_is_gone_is_not_given_again() -> None:
    assert len({MemoryStore().location for _ in range(100)}) == 100
