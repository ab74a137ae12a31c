from __future__ import annotations

import os
import pickle
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tauro_nb.errors import FormatTooNew, KeyMissing, StoreError, UnsafePath
from tauro_nb.store import LocalStore, delete_tree, open_local, walk
from tauro_nb.store.folders import Folder


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "data")


def files(store: LocalStore) -> list[str]:
    """Every name on disk, whatever the store itself would list."""
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


# --- a store on disk


def test_reading_a_store_that_is_not_there_makes_nothing(store: LocalStore) -> None:
    assert list(store.list()) == []
    assert list(store.list("a/b")) == []
    assert list(walk(store)) == []
    assert store.delete("a/b") is False
    assert store.remove_tree("a") is False
    assert delete_tree(store, "a") == 0
    for act in (store.get, store.stat):
        with pytest.raises(KeyMissing):
            act("a/b")
    assert not store.root.exists()


def test_reading_an_empty_folder_makes_nothing_in_it(tmp_path: Path) -> None:
    assert list(walk(LocalStore(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


def test_the_first_write_says_the_format(store: LocalStore) -> None:
    store.put("a/b", b"1")
    assert (store.root / "format.json").read_bytes() == b'{"format": 1}'
    assert files(store) == ["a/b", "format.json"]


@pytest.mark.parametrize("write", ["create", "put", "put_file", "local_dir", "lock"])
def test_every_kind_of_first_write_says_the_format(store: LocalStore, tmp_path: Path, write: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    match write:
        case "create" | "put":
            getattr(store, write)("a", b"x")
        case "put_file":
            store.put_file("a", source)
        case "local_dir":
            store.local_dir("a")
        case "lock":
            with store.lock("a"):
                pass
    assert (store.root / "format.json").exists()


def test_a_newer_format_is_refused_before_anything_is_read_or_written(store: LocalStore) -> None:
    store.put("a", b"1")
    (store.root / "format.json").write_text('{"format": 2, "since": "later"}', "utf-8")
    newly_opened = LocalStore(store.root)
    for act in (
        lambda: newly_opened.get("a"),
        lambda: list(newly_opened.list()),
        lambda: newly_opened.put("a", b"2"),
        lambda: newly_opened.create("b", b"2"),
        lambda: newly_opened.delete("a"),
        lambda: newly_opened.local_dir("c"),
        lambda: newly_opened.lock("d").__enter__(),
    ):
        with pytest.raises(FormatTooNew, match="format 2") as told:
            act()
        assert "upgrade" in str(told.value.fix)
        assert str(store.root) in str(told.value)
    assert files(store) == ["a", "format.json"]
    assert (store.root / "a").read_bytes() == b"1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', "null", "{}"])
def test_a_damaged_format_file_is_an_error_with_a_mend(store: LocalStore, text: str) -> None:
    store.root.mkdir()
    (store.root / "format.json").write_text(text, "utf-8")
    with pytest.raises(StoreError, match=r"format\.json") as told:
        store.put("a", b"1")
    assert '{"format": 1}' in str(told.value.fix)


def test_a_store_that_was_deleted_is_made_anew_by_the_next_write(store: LocalStore) -> None:
    store.put("a", b"1")
    shutil.rmtree(store.root)
    assert list(walk(store)) == []
    assert store.create("a", b"2") is True
    assert files(store) == ["a", "format.json"]


def test_a_folder_removed_under_a_writer_is_made_again(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a/b/x", b"1")
    real = os.fsync
    removals = iter([True])

    def fsync(fd: int) -> None:
        if next(removals, False):
            shutil.rmtree(store.root / "a")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    assert store.create("a/b/y", b"2") is True
    assert files(store) == ["a/b/y", "format.json"]


def test_a_relative_root_is_fixed_when_the_store_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_local("data")
    monkeypatch.chdir("/")
    store.put("a", b"1")
    assert (tmp_path / "data" / "a").read_bytes() == b"1"
    assert store.location == str(tmp_path / "data")


def test_a_store_can_be_sent_to_another_process(store: LocalStore) -> None:
    store.put("a", b"1")
    assert pickle.loads(pickle.dumps(store)).get("a") == b"1"


def test_permissions_follow_the_umask(store: LocalStore) -> None:
    before = os.umask(0o027)
    try:
        store.put("a/b", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((store.root / "a" / "b").stat().st_mode) == 0o640
    assert stat.S_IMODE((store.root / "a").stat().st_mode) == 0o750


def test_what_is_no_file_and_no_folder_is_not_listed_and_not_read(store: LocalStore) -> None:
    store.put("a/x", b"1")
    os.mkfifo(store.root / "a" / "pipe")
    assert [entry.name for entry in store.list("a")] == ["x"]
    with pytest.raises(StoreError, match="no regular file"):
        store.get("a/pipe")


def test_a_value_is_durable_before_it_has_its_name_and_its_name_before_the_call_returns(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a/old", b"")
    acts: list[str] = []

    def spied(name: str) -> None:
        real = getattr(os, name)

        def spy(*args: object, **kwargs: object) -> object:
            kind = ""
            if name == "fsync":
                kind = " folder" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else " file"
            acts.append(name + kind)
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, spy)

    for name in ("write", "fsync", "link", "replace", "mkdir"):
        spied(name)
    store.create("a/b", b"1")
    assert acts == ["write", "fsync file", "link", "fsync folder"]
    acts.clear()
    store.put("a/b", b"2")
    assert acts == ["write", "fsync file", "replace", "fsync folder"]
    acts.clear()
    store.put("new/b", b"2")
    assert acts == ["mkdir", "fsync folder", "write", "fsync file", "replace", "fsync folder"]
    acts.clear()
    store.delete("a/b")
    assert acts == ["fsync folder"]


def test_a_create_that_loses_writes_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("a", b"1")
    monkeypatch.setattr(os, "write", None)
    assert store.create("a", b"2") is False


# --- a disk that does not tell upper from lower case


@pytest.fixture
def folding(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    """Behave as such a disk does: any spelling opens what is there, and `format.json` is also `FORMAT.JSON`."""
    enter, look = Folder.enter, Folder.look

    def names(path: str) -> list[str]:
        return [inner.name for inner in Path(path).iterdir()]

    def as_on_disk(folder: Folder, name: str) -> str:
        return next((other for other in names(folder.path) if other.lower() == name.lower()), name)

    monkeypatch.setattr(Folder, "enter", lambda folder, name: enter(folder, as_on_disk(folder, name)))
    monkeypatch.setattr(Folder, "look", lambda folder, name: look(folder, as_on_disk(folder, name)))
    return store


def test_a_second_spelling_of_a_name_is_refused_not_merged(folding: LocalStore) -> None:
    folding.put("experiments/Churn/experiment.json", b"Churn")
    folding.put("experiments/other/experiment.json", b"other")
    for write in (lambda: folding.create("experiments/churn/x", b""), lambda: folding.local_dir("experiments/churn")):
        with pytest.raises(UnsafePath, match="does not tell 'churn' from 'Churn'") as told:
            write()
        assert "'Churn'" in str(told.value.fix)
    with pytest.raises(KeyMissing):
        folding.get("experiments/churn/experiment.json")
    assert list(folding.list("experiments/churn")) == []
    assert folding.delete("experiments/churn/experiment.json") is False
    assert folding.get("experiments/Churn/experiment.json") == b"Churn"


def test_both_spellings_live_where_the_disk_tells_them_apart(store: LocalStore) -> None:
    store.put("experiments/Churn/x", b"1")
    if (store.root / "FORMAT.JSON").exists():
        pytest.skip("this disk does not tell upper from lower case")
    store.put("experiments/churn/x", b"2")
    assert [entry.name for entry in store.list("experiments")] == ["Churn", "churn"]


# --- whole folders


def test_rename_moves_a_folder_in_one_step(store: LocalStore) -> None:
    folder = store.local_dir("up/nonce")
    (folder / "deep").mkdir()
    (folder / "deep" / "model").write_bytes(b"m")
    assert store.rename("up/nonce", "art/churn/1") is True
    assert list(walk(store, "art")) == ["art/churn/1/deep/model"]
    assert list(walk(store, "up")) == []


@pytest.mark.parametrize("taken", ["art/1/x", "art/1"])
def test_rename_onto_what_is_there_moves_nothing(store: LocalStore, taken: str) -> None:
    store.put("up/x", b"new")
    store.put(taken, b"old")
    assert store.rename("up", "art/1") is False
    assert store.get("up/x") == b"new"
    assert store.get(taken) == b"old"


def test_a_folder_made_durable_before_is_moved_without_touching_its_files(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.local_dir("up")
    for name in ("a", "b"):
        (folder / name).write_bytes(b"x")
    synced = []
    plain = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(stat.S_ISREG(os.fstat(fd).st_mode)), plain(fd)))

    store.make_durable("up")
    assert synced.count(True) == (2 if os.name != "nt" else 0)
    synced.clear()
    assert store.rename("up", "down", durable=True)

    assert synced.count(True) == 0
    assert store.get("down/a") == b"x"


@pytest.mark.parametrize("missing", ["up", "up/x", "value"])
def test_rename_of_what_is_no_folder_says_so(store: LocalStore, missing: str) -> None:
    store.put("value", b"")
    with pytest.raises(KeyMissing, match=missing):
        store.rename(missing, "art/1")
    assert list(walk(store, "art")) == []


def test_of_racing_renames_to_one_place_exactly_one_wins(store: LocalStore) -> None:
    for racer in range(8):
        store.put(f"up/{racer}/who", str(racer).encode())
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda racer: store.rename(f"up/{racer}", "art/1"), range(8)))
    assert told.count(True) == 1
    assert store.get("art/1/who") == str(told.index(True)).encode()
    assert len(list(walk(store, "up"))) == 7


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The inodes that were fsynced."""
    inodes: set[int] = set()
    real = os.fsync

    def fsync(fd: int) -> None:
        inodes.add(os.fstat(fd).st_ino)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    return inodes


@pytest.fixture
def upload(store: LocalStore) -> set[int]:
    """The inodes of a folder whose files were written past the store."""
    folder = store.local_dir("up")
    (folder / "a").mkdir()
    (folder / "a" / "model").write_bytes(b"m")
    return {path.stat().st_ino for path in (folder, folder / "a", folder / "a" / "model")}


def test_rename_makes_durable_what_was_written_by_other_means(
    store: LocalStore, upload: set[int], synced: set[int]
) -> None:
    store.rename("up", "art")
    assert upload <= synced


def test_what_was_made_durable_before_is_not_synced_again_by_rename(
    store: LocalStore, upload: set[int], synced: set[int]
) -> None:
    store.make_durable("up")
    assert upload <= synced
    synced.clear()
    assert store.rename("up", "art", durable=True) is True
    assert not upload & synced
    assert store.get("art/a/model") == b"m"


def test_make_durable_of_what_is_no_folder_says_so(store: LocalStore) -> None:
    store.put("value", b"")
    for missing in ("up", "value"):
        with pytest.raises(KeyMissing, match=missing):
            store.make_durable(missing)


def test_remove_tree_takes_a_folder_and_what_is_below(store: LocalStore) -> None:
    store.put("a/b/x", b"1")
    store.put("a/y", b"2")
    store.put("ab", b"3")
    assert store.remove_tree("a") is True
    assert store.remove_tree("a") is False
    assert files(store) == ["ab", "format.json"]


def test_remove_tree_leaves_a_value(store: LocalStore) -> None:
    store.put("a", b"1")
    assert store.remove_tree("a") is False
    assert store.get("a") == b"1"


# --- symbolic links


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


@pytest.mark.parametrize("key", ["link/secret", "link/new", "a/link/secret", "file", "a/dangling", "inner/x"])
def test_a_key_through_a_symbolic_link_is_refused_everywhere(
    store: LocalStore, outside: Path, tmp_path: Path, key: str
) -> None:
    store.put("a/x", b"1")
    (store.root / "link").symlink_to(outside)
    (store.root / "a" / "link").symlink_to(outside, target_is_directory=True)
    (store.root / "file").symlink_to(outside / "secret")
    (store.root / "a" / "dangling").symlink_to(outside / "nowhere")
    (store.root / "inner").symlink_to(store.root / "a")
    before = files(store)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    acts = [
        lambda: store.create(key, b"x"),
        lambda: store.put(key, b"x"),
        lambda: store.put_file(key, source),
        lambda: store.get(key),
        lambda: store.get_file(key, tmp_path / "target"),
        lambda: store.stat(key),
        lambda: store.delete(key),
        lambda: store.local_dir(key),
        lambda: store.rename("a", f"{key}/y" if key in ("file", "a/dangling") else key),
        lambda: store.rename(key, "elsewhere"),
        lambda: store.remove_tree(key),
    ]
    for act in acts:
        with pytest.raises(UnsafePath, match="symbolic link") as told:
            act()
        assert told.value.fix
    assert files(store) == before
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"


def test_links_are_not_listed(store: LocalStore, outside: Path) -> None:
    store.put("a/x", b"1")
    (store.root / "a" / "folder").symlink_to(outside)
    (store.root / "a" / "file").symlink_to(outside / "secret")
    assert [entry.name for entry in store.list("a")] == ["x"]
    assert list(walk(store, "a")) == ["a/x"]
    with pytest.raises(UnsafePath):
        list(store.list("a/folder"))


def test_remove_tree_does_not_follow_a_link_inside(store: LocalStore, outside: Path) -> None:
    store.put("a/x", b"1")
    (store.root / "a" / "folder").symlink_to(outside)
    assert store.remove_tree("a") is True
    assert (outside / "secret").exists()


def test_the_root_itself_may_be_a_link(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    LocalStore(tmp_path / "link").put("a/x", b"1")
    assert (outside / "a" / "x").read_bytes() == b"1"


def test_a_folder_swapped_for_a_link_while_a_key_is_written_leads_nowhere(
    store: LocalStore, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a/b/x", b"1")
    real = os.open

    def swapping(path: str, flags: int, *args: object, **kwargs: object) -> int:
        if str(path).startswith(".tauro-tmp") and not (store.root / "aside").exists():
            (store.root / "a" / "b").rename(store.root / "aside")
            (store.root / "a" / "b").symlink_to(outside)
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", swapping)
    store.put("a/b/y", b"2")
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (store.root / "aside" / "y").read_bytes() == b"2"


def test_a_folder_that_is_held_is_read_as_any_other_and_given_back(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "data")
    with store.holding("a/b"):
        assert list(store.list("a/b")) == []  # there is no such folder yet
    store.put("a/b/x", b"1")
    store.put("a/c", b"2")
    with store.holding("a/b"):
        assert (store.get("a/b/x"), store.get("a/c")) == (b"1", b"2")
        store.put("a/b/y", b"3")
        assert [entry.name for entry in store.list("a/b")] == ["x", "y"]
        with store.holding("a"), pytest.raises(KeyMissing):
            store.get("a/b/z")
    shutil.rmtree(store.root)
    with pytest.raises(KeyMissing):
        store.get("a/b/x")
