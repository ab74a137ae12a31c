from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tauro_nb.io.catalog import Catalog
from tauro_nb.io.fingerprint import Fingerprint, Hasher, take

TABLE = pd.DataFrame({"a": [1, 2]})


def test_a_loaded_file_is_known_by_size_time_and_hash(tmp_path: Path, project: Callable[..., Catalog]) -> None:
    catalog = project({}, {"t": {"path": "t.csv", "format": "csv"}})
    catalog.save("t", TABLE)
    assert catalog.fingerprint("t") is None
    catalog.load("t")
    found, path = catalog.fingerprint("t"), tmp_path / "t.csv"
    assert found is not None
    assert found.to_dict() == {
        "path": str(path),
        "size_bytes": path.stat().st_size,
        "modified_ns": path.stat().st_mtime_ns,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert found.peek() == found.sha256


def test_a_file_that_is_loaded_again_is_not_hashed_again(project: Callable[..., Catalog]) -> None:
    catalog = project({}, {"t": {"path": "t.csv", "format": "csv"}})
    catalog.save("t", TABLE)
    catalog.load("t")
    first = catalog.fingerprint("t")
    catalog.load("t")
    assert catalog.fingerprint("t") is first
    catalog.save("t", TABLE[:1])
    catalog.load("t")
    assert catalog.fingerprint("t") is not first


def test_a_file_that_has_changed_since_has_no_hash(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"one")
    taken = take(tmp_path / "t")
    (tmp_path / "t").write_bytes(b"other")
    assert taken.sha256 is None
    gone = take(tmp_path / "t")
    (tmp_path / "t").unlink()
    assert gone.sha256 is None


def test_a_folder_is_known_by_the_hashes_of_its_files(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    listing = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a", "b"))
    taken = take(tmp_path)
    assert taken.size_bytes == 2
    assert taken.sha256 == hashlib.sha256(listing.encode()).hexdigest()


def test_what_is_beyond_the_limit_is_hashed_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"one")
    hasher, taken = Hasher(limit=0), Fingerprint(tmp_path / "t")
    hasher.add(taken)
    assert taken.peek() is None
    assert taken.sha256 == hashlib.sha256(b"one").hexdigest()


def test_the_background_thread_hashes_by_itself_and_then_ends(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"one")
    hasher, taken = Hasher(), Fingerprint(tmp_path / "t")
    hasher.add(taken)
    thread = hasher._thread
    if thread is not None:
        thread.join(timeout=30)
    assert taken.peek() == hashlib.sha256(b"one").hexdigest()
    assert hasher._thread is None


def _hash_in_child(taken: Fingerprint, answer: multiprocessing.SimpleQueue[str | None]) -> None:
    answer.put(taken.sha256)


def test_a_forked_child_does_not_wait_for_a_thread_that_it_has_not(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"one")
    taken = Fingerprint(tmp_path / "t")
    context = multiprocessing.get_context("fork") if hasattr(os, "fork") else multiprocessing.get_context()
    answer = context.SimpleQueue()
    with taken._lock:
        child = context.Process(target=_hash_in_child, args=(taken, answer))
        child.start()
    child.join(timeout=30)
    assert child.exitcode == 0
    assert answer.get() == hashlib.sha256(b"one").hexdigest()
