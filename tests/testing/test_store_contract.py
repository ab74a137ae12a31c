"""The contract is worth something only if it fails the stores that break it."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tauro_nb.store import LocalStore, MemoryStore
from tauro_nb.store.protocol import Entry, Stat
from tauro_nb.testing.store_contract import StoreContract
from tauro_nb.testing.store_samples import ODD_KEYS


class Contract(StoreContract):
    """What a third party would write, for stores on disk."""

    __test__ = False

    def raw_get(self, store: LocalStore, key: str) -> bytes | None:
        path = store.root / key
        return path.read_bytes() if path.exists() else None

    def raw_put(self, store: LocalStore, key: str, data: bytes) -> None:
        path = store.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def opener(self, store: LocalStore) -> functools.partial[LocalStore]:
        return functools.partial(type(store), store.location)


class LooksFirst(LocalStore):
    """Creates by looking, then writing: two racers may both be told True."""

    def create(self, key: str, data: bytes) -> bool:
        try:
            self.get(key)
        except LookupError:
            time.sleep(0.001)
            self.put(key, data)
            return True
        return False


class WritesInPlace(LocalStore):
    """Lets readers see a value grow."""

    def put(self, key: str, data: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(data), 1 << 14):
                file.write(data[start : start + (1 << 14)])


class Remembers(LocalStore):
    """Answers from memory what somebody else may have changed."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._seen: dict[str, bytes] = {}

    def get(self, key: str) -> bytes:
        if key not in self._seen:
            self._seen[key] = super().get(key)
        return self._seen[key]


class ListsByText(LocalStore):
    """Takes a prefix for a beginning of text, as object stores do that have no folders."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        if not prefix:
            return super().list()
        above, _, start = prefix.rpartition("/")
        near = (entry for entry in super().list(above) if entry.name.startswith(start))
        return itertools.chain(super().list(prefix), (entry for entry in near if entry.name != start))


class ListsOnePage(LocalStore):
    """Forgets that a listing may have a second page."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        return itertools.islice(super().list(prefix), 1000)


class Unescaped(LocalStore):
    """Puts a key into a URL as it is."""

    def put(self, key: str, data: bytes) -> None:
        super().put(key.replace("%41", "A"), data)


class ReadsWhole(LocalStore):
    """Copies a file by way of memory."""

    def put_file(self, key: str, path: str | Path) -> None:
        self.put(key, Path(path).read_bytes())


class WrongSize(LocalStore):
    """Tells a size that is not the value's."""

    def stat(self, key: str) -> Stat:
        return Stat(size_bytes=0, modified_ns=super().stat(key).modified_ns)


class DeletesSilently(LocalStore):
    """Says True whether or not there was a value."""

    def delete(self, key: str) -> bool:
        super().delete(key)
        return True


class HalfFile(LocalStore):
    """Leaves a file behind when there was nothing to fetch."""

    def get_file(self, key: str, path: str | Path) -> None:
        Path(path).write_bytes(b"")
        super().get_file(key, path)


@pytest.mark.parametrize(
    ("broken", "test", "arguments"),
    [
        (LooksFirst, "test_of_racing_threads_exactly_one_creates", ()),
        (WritesInPlace, "test_readers_never_see_a_part", ()),
        (Remembers, "test_a_change_by_a_stranger_is_seen", ()),
        (ListsByText, "test_list_tells_names_in_order_and_which_are_folders", ()),
        (ListsOnePage, "test_list_gives_many_names_once_each", ()),
        (Unescaped, "test_an_odd_key_is_kept_as_it_is", (ODD_KEYS[4],)),
        (ReadsWhole, "test_big_files_go_through_in_small_memory", ("tmp_path",)),
        (WrongSize, "test_stat_tells_size_and_time", ()),
        (DeletesSilently, "test_delete_removes_and_tells", ()),
        (HalfFile, "test_get_file_of_what_is_missing_leaves_the_old_file", ("tmp_path",)),
    ],
)
def test_the_contract_fails_a_store_that_breaks_it(
    tmp_path: Path, broken: type[LocalStore], test: str, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "files").mkdir()
    given = [tmp_path / "files" if argument == "tmp_path" else argument for argument in arguments]
    getattr(Contract(), test)(LocalStore(tmp_path / "sound"), *given)
    for left in (tmp_path / "files").iterdir():
        left.unlink()
    with pytest.raises((AssertionError, LookupError)):
        getattr(Contract(), test)(broken(str(tmp_path / "broken")), *given)


def test_a_store_that_only_agrees_with_itself_is_caught(tmp_path: Path) -> None:
    class Elsewhere(Contract):
        __test__ = False

        def raw_get(self, store: MemoryStore, key: str) -> bytes | None:
            return None

    with pytest.raises(AssertionError):
        Elsewhere().test_create_writes_the_whole_value(MemoryStore())


def test_a_class_that_gives_nothing_is_told_what_to_give() -> None:
    with pytest.raises(NotImplementedError):
        StoreContract().raw_get(MemoryStore(), "a")
    assert StoreContract().opener(MemoryStore()) is None
