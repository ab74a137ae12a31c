"""What every store must do, as tests that anyone may run against their own.

Inherit `StoreContract`, say how to make a store and how to reach its values around it; pytest collects the class::

    from tauro_nb.testing.store_contract import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self):
            return MyStore(...)

        def raw_get(self, store, key):  # the bytes under `key` as the medium has them, or None
            ...

        def raw_put(self, store, key, data):  # put bytes there without asking the store
            ...

        def opener(self, store):  # optional: a picklable call that opens the same store in another process
            return functools.partial(MyStore, ...)

Reading and writing around the store keeps a store from passing that only agrees with itself. A store may do more than
this (lock, rename); what the contract leaves open, nobody may rely on: whether a folder that has become empty is still
listed, how exact the time of `stat` is (`clock_tolerance_s`), what happens to a value while it is both written and
deleted.
"""

# ruff: noqa: D102 - a test's name says what it does

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tauro_nb.errors import KeyMissing, StoreError, UnsafePath
from tauro_nb.store.protocol import Entry, Store
from tauro_nb.store.walk import delete_tree, walk
from tauro_nb.testing.processes import in_processes
from tauro_nb.testing.store_samples import ODD_KEYS, UNSAFE_KEYS
from tauro_nb.testing.store_workers import list_names, race, write_or_read


class StoreContract:
    """The tests. See this module's docstring for what a subclass gives."""

    streams = True
    """Whether `put_file` and `get_file` need less memory than the file is big."""

    clock_tolerance_s = 2.0
    """By how much the times of `stat` may differ from this machine's clock."""

    many = 1_100
    """How many names `list` is tried with: more than a page of a store that pages."""

    @pytest.fixture
    def store(self) -> Store:
        """Give a new, empty store."""
        raise NotImplementedError("a store's contract test gives a fixture named 'store'")

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Give an empty local folder for the tests' own files."""
        folder = tmp_path / "contract-files"
        folder.mkdir()
        return folder

    def raw_get(self, store: Any, key: str) -> bytes | None:
        """Read the medium, not the store; None if nothing is under `key`."""
        raise NotImplementedError

    def raw_put(self, store: Any, key: str, data: bytes) -> None:
        """Write to the medium, not the store."""
        raise NotImplementedError

    def opener(self, store: Any) -> Callable[[], Store] | None:
        """Return a picklable call that opens the same store in another process; None if there is no such thing."""
        return None

    # --- what a store is

    def test_it_is_a_store_and_says_where(self, store: Store) -> None:
        assert isinstance(store, Store)
        assert isinstance(store.location, str)
        assert store.location

    def test_a_new_store_holds_nothing(self, store: Store) -> None:
        assert list(walk(store)) == []
        assert list(store.list()) == []

    # --- create

    def test_create_writes_the_whole_value(self, store: Store) -> None:
        assert store.create("a/b", b"value") is True
        assert self.raw_get(store, "a/b") == b"value"

    def test_second_create_of_the_same_key_is_refused(self, store: Store) -> None:
        assert store.create("a/b", b"first") is True
        assert store.create("a/b", b"second") is False
        assert self.raw_get(store, "a/b") == b"first"

    def test_create_is_refused_where_a_stranger_wrote(self, store: Store) -> None:
        self.raw_put(store, "a/b", b"stranger")
        assert store.create("a/b", b"mine") is False
        assert store.get("a/b") == b"stranger"

    def test_an_empty_value_is_a_value(self, store: Store) -> None:
        assert store.create("empty", b"") is True
        assert store.create("empty", b"x") is False
        assert store.get("empty") == b""
        assert store.stat("empty").size_bytes == 0

    def test_a_deleted_key_can_be_created_again(self, store: Store) -> None:
        store.create("a", b"1")
        store.delete("a")
        assert store.create("a", b"2") is True
        assert store.get("a") == b"2"

    def test_of_racing_threads_exactly_one_creates(self, store: Store) -> None:
        threads, keys = 8, [f"race/{number}" for number in range(25)]
        start = threading.Barrier(threads)

        def race(racer: int) -> list[bool]:
            start.wait()
            return [store.create(key, f"{racer} {key}".encode()) for key in keys]

        with ThreadPoolExecutor(threads) as pool:
            results = list(pool.map(race, range(threads)))
        _assert_one_winner_each(store, keys, results)

    def test_of_racing_processes_exactly_one_creates(self, store: Store) -> None:
        opener = self._opener_or_skip(store)
        keys = [f"race/{number}" for number in range(50)]
        _assert_one_winner_each(store, keys, in_processes(4, race, opener, keys))

    # --- put and get

    def test_put_replaces(self, store: Store) -> None:
        store.put("a/b", b"a longer first value")
        store.put("a/b", b"second")
        assert self.raw_get(store, "a/b") == b"second"

    def test_get_reads_what_is_there(self, store: Store) -> None:
        self.raw_put(store, "a/b", b"\0\xff raw")
        assert store.get("a/b") == b"\0\xff raw"

    def test_a_change_by_a_stranger_is_seen(self, store: Store) -> None:
        store.put("a", b"1")
        assert store.get("a") == b"1"
        self.raw_put(store, "a", b"22")
        assert store.get("a") == b"22"
        assert store.stat("a").size_bytes == 2

    def test_the_value_is_the_caller_s_bytes_at_that_moment(self, store: Store) -> None:
        data = bytearray(b"before")
        store.put("a", bytes(data))
        data[:] = b"after!"
        assert store.get("a") == b"before"

    @pytest.mark.parametrize("key", ["missing", "folder/missing", "value/below", "folder"])
    def test_what_is_not_there_is_missing(self, store: Store, key: str, folder: Path) -> None:
        store.put("value", b"x")
        store.put("folder/x", b"x")
        for act in (lambda: store.get(key), lambda: store.stat(key), lambda: store.get_file(key, folder / "out")):
            with pytest.raises(KeyMissing) as told:
                act()
            assert key in str(told.value)
            assert isinstance(told.value, LookupError)
        assert list(folder.iterdir()) == []

    def test_readers_never_see_a_part(self, store: Store) -> None:
        values = [bytes([letter]) * size for letter, size in ((65, 700_000), (66, 1), (67, 300_000))]
        store.put("changing", values[0])
        stop = threading.Event()

        def read() -> int:
            reads = 0
            while not stop.is_set():
                assert store.get("changing") in values
                reads += 1
            return reads

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            for turn in range(60):
                store.put("changing", values[turn % 3])
            stop.set()
            assert all(reader.result() > 0 for reader in readers)

    def test_readers_in_other_processes_never_see_a_part(self, store: Store) -> None:
        opener = self._opener_or_skip(store)
        store.put("changing", b"A" * 200_000)
        assert in_processes(3, write_or_read, opener, 150) == [[], [], []]

    # --- files

    def test_put_file_writes_the_file_s_bytes(self, store: Store, folder: Path) -> None:
        source = folder / "source"
        source.write_bytes(b"file\0bytes")
        store.put("a/file", b"old")
        store.put_file("a/file", source)
        assert self.raw_get(store, "a/file") == b"file\0bytes"
        assert source.read_bytes() == b"file\0bytes"

    def test_put_file_of_a_file_that_is_not_there_changes_nothing(self, store: Store, folder: Path) -> None:
        store.put("a/file", b"old")
        with pytest.raises(StoreError, match="nowhere"):
            store.put_file("a/file", folder / "nowhere")
        assert store.get("a/file") == b"old"

    def test_get_file_writes_a_whole_file(self, store: Store, folder: Path) -> None:
        store.put("a/file", b"value")
        target = folder / "target"
        target.write_bytes(b"a longer old content")
        store.get_file("a/file", target)
        assert target.read_bytes() == b"value"
        assert list(folder.iterdir()) == [target]

    def test_get_file_of_what_is_missing_leaves_the_old_file(self, store: Store, folder: Path) -> None:
        target = folder / "target"
        target.write_bytes(b"old")
        with pytest.raises(KeyMissing):
            store.get_file("a/file", target)
        assert target.read_bytes() == b"old"
        assert list(folder.iterdir()) == [target]

    def test_big_files_go_through_in_small_memory(self, store: Store, folder: Path) -> None:
        size = 32 << 20
        source, target = folder / "source", folder / "target"
        with source.open("wb") as file:
            for number in range(size >> 20):
                file.write(bytes([number]) * (1 << 20))
        tracemalloc.start()
        store.put_file("big", source)
        store.get_file("big", target)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert store.stat("big").size_bytes == size
        assert target.read_bytes() == source.read_bytes()
        if self.streams:
            assert peak < size // 4

    # --- list and stat

    def test_list_tells_names_in_order_and_which_are_folders(self, store: Store) -> None:
        for key in ("p/b", "p/a/x", "p/a/y/z", "p/c/x", "p/B", "p/10", "p/9", "pp/x", "q"):
            store.put(key, b"")
        assert list(store.list("p")) == [
            Entry("10", False),
            Entry("9", False),
            Entry("B", False),
            Entry("a", True),
            Entry("b", False),
            Entry("c", True),
        ]

    def test_list_without_a_prefix_starts_at_the_top(self, store: Store) -> None:
        store.put("a/x", b"")
        store.put("b", b"")
        assert {Entry("a", True), Entry("b", False)} <= set(store.list())

    @pytest.mark.parametrize("prefix", ["missing", "a/missing", "a/x/below", "a/x", "ab"])
    def test_list_of_what_is_no_folder_is_empty(self, store: Store, prefix: str) -> None:
        store.put("a/x", b"")
        assert list(store.list(prefix)) == []

    def test_list_sees_what_a_stranger_wrote(self, store: Store) -> None:
        self.raw_put(store, "a/x", b"")
        assert list(store.list("a")) == [Entry("x", False)]

    def test_list_gives_many_names_once_each(self, store: Store) -> None:
        names = [f"{number:05}" for number in range(self.many)]
        for name in names:
            self.raw_put(store, f"many/{name}", b"")
        assert [entry.name for entry in store.list("many")] == names

    def test_a_listing_bears_changes_while_it_is_read(self, store: Store) -> None:
        for number in range(5):
            store.put(f"a/{number}", b"")
        listing = store.list("a")
        first = next(listing)
        store.delete("a/4")
        store.put("a/5", b"")
        rest = [entry.name for entry in listing]
        assert [first.name, *rest][:4] == ["0", "1", "2", "3"]

    def test_walk_finds_every_key(self, store: Store) -> None:
        keys = ["w/a/b/c", "w/a/b/d", "w/a/e", "w/f"]
        for key in reversed(keys):
            store.put(key, b"")
        assert list(walk(store, "w")) == keys

    def test_stat_tells_size_and_time(self, store: Store) -> None:
        before = time.time() - self.clock_tolerance_s
        store.put("a", b"12345")
        found = store.stat("a")
        assert found.size_bytes == 5
        assert before <= found.modified_ns / 1e9 <= time.time() + self.clock_tolerance_s

    # --- delete

    def test_delete_removes_and_tells(self, store: Store) -> None:
        store.put("a/x", b"")
        store.put("a/y", b"")
        assert store.delete("a/x") is True
        assert store.delete("a/x") is False
        assert self.raw_get(store, "a/x") is None
        assert list(walk(store, "a")) == ["a/y"]

    @pytest.mark.parametrize("key", ["missing", "a", "a/x/below"])
    def test_delete_of_what_is_no_value_does_nothing(self, store: Store, key: str) -> None:
        store.put("a/x", b"1")
        assert store.delete(key) is False
        assert store.get("a/x") == b"1"

    def test_delete_tree_takes_all_below_and_nothing_beside(self, store: Store) -> None:
        for key in ("a/x", "a/b/y", "ab"):
            store.put(key, b"")
        assert delete_tree(store, "a") == 2
        assert list(walk(store, "a")) == []
        assert self.raw_get(store, "ab") == b""

    # --- keys

    @pytest.mark.parametrize("key", UNSAFE_KEYS)
    def test_an_unsafe_key_is_refused_everywhere(self, store: Store, key: str, folder: Path) -> None:
        source = folder / "source"
        source.write_bytes(b"x")
        acts: list[Callable[[], object]] = [
            lambda: store.create(key, b"x"),
            lambda: store.put(key, b"x"),
            lambda: store.put_file(key, source),
            lambda: store.get(key),
            lambda: store.get_file(key, folder / "target"),
            lambda: store.stat(key),
            lambda: store.delete(key),
            lambda: store.local_dir(key),
        ]
        if key:
            acts.append(lambda: list(store.list(key)))
        for act in acts:
            with pytest.raises(UnsafePath) as told:
                act()
            assert told.value.fix
        assert list(walk(store)) == []

    @pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
    def test_an_odd_key_is_kept_as_it_is(self, store: Store, key: str) -> None:
        store.put(key, b"1")
        assert store.create(key, b"2") is False
        assert store.get(key) == b"1"
        assert self.raw_get(store, key) == b"1"
        assert key in list(walk(store))
        assert store.delete(key) is True

    def test_keys_that_look_alike_are_different(self, store: Store) -> None:
        alike = ["k/a b", "k/a%20b", "k/a+b", "k/ab", "k/a.b", "k/a_b"]
        for key in alike:
            assert store.create(key, key.encode()) is True
        assert {key: store.get(key).decode() for key in alike} == {key: key for key in alike}

    def test_a_value_and_a_folder_never_share_a_name(self, store: Store) -> None:
        store.put("value", b"v")
        store.put("folder/x", b"x")
        for key in ("folder", "value/below", "value/below/deeper"):
            with pytest.raises(StoreError):
                store.put(key, b"new")
            with pytest.raises(StoreError):
                store.create(key, b"new")
        assert store.get("value") == b"v"
        assert store.get("folder/x") == b"x"

    # --- a folder of its own

    def test_a_local_folder_if_any_holds_the_same_values(self, store: Store) -> None:
        store.put("a/b/x", b"1")
        local = store.local_dir("a/b")
        if local is None:
            pytest.skip("this store has no local folder")
        assert (local / "x").read_bytes() == b"1"
        (local / "y").write_bytes(b"2")
        assert store.get("a/b/y") == b"2"
        fresh = store.local_dir("a/c/d")
        assert fresh is not None
        assert fresh.is_dir()

    # --- several processes

    def test_another_process_sees_what_this_one_wrote(self, store: Store) -> None:
        opener = self._opener_or_skip(store)
        store.put("a/x", b"1")
        assert opener().get("a/x") == b"1"
        assert in_processes(1, list_names, opener, "a") == [["x"]]

    def _opener_or_skip(self, store: Store) -> Callable[[], Store]:
        opener = self.opener(store)
        if opener is None:
            pytest.skip("this store cannot be opened by another process")
        return opener


def _assert_one_winner_each(store: Store, keys: list[str], results: list[list[bool]]) -> None:
    for place, key in enumerate(keys):
        winners = [racer for racer, told in enumerate(results) if told[place]]
        assert len(winners) == 1, f"{key}: {winners} were told that they created it"
        assert store.get(key) == f"{winners[0]} {key}".encode()
