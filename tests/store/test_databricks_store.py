"""The store on Databricks: the real SDK against the emulator of the documented endpoints."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import pickle
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")

from tauro_nb.errors import AccessDenied, ConfigError, KeyMissing, MissingDependency, StoreUnreachable, UsageError
from tauro_nb.store import keys
from tauro_nb.store.databricks import DatabricksStore
from tauro_nb.store.databricks.requests import Requests
from tauro_nb.store.format import FORMAT_RECORD
from tauro_nb.store.protocol import Entry, Lockable, RemoteStore
from tauro_nb.store.walk import walk
from tauro_nb.testing.databricks_emulator import DatabricksEmulator
from tauro_nb.testing.store_contract import StoreContract

CATALOG, SCHEMA, VOLUME = "main", "ml", "tauro"
PASSING = ["429", "500", "502", "503", "504", "cut_before", "cut_after"]


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatabricksEmulator]:
    for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    with DatabricksEmulator(tmp_path / "workspace") as emulator:
        emulator.create_schema(CATALOG, SCHEMA)
        yield emulator


def opened(emulator: DatabricksEmulator, **options: Any) -> DatabricksStore:
    settings = {"settle_s": 0, "timeout_s": 20, "token": emulator.token, **options}
    return DatabricksStore(CATALOG, SCHEMA, VOLUME, host=emulator.host, **settings)


@pytest.fixture
def store(emulator: DatabricksEmulator) -> DatabricksStore:
    return opened(emulator)


class TestDatabricksStore(StoreContract):
    many = 2_100

    @pytest.fixture
    def store(self, emulator: DatabricksEmulator) -> DatabricksStore:
        self._place = emulator.volumes.folder(CATALOG, SCHEMA, VOLUME)
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


# --- what it is


def test_it_is_distant_and_has_no_locks(store: DatabricksStore) -> None:
    assert isinstance(store, RemoteStore)
    assert not isinstance(store, Lockable)


def test_its_location_names_workspace_and_volume(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    assert store.location == f"databricks://{emulator.host.removeprefix('http://')}/Volumes/main/ml/tauro"


def test_nothing_is_asked_before_the_first_use(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    assert repr(store) == "DatabricksStore('/Volumes/main/ml/tauro')"
    assert pickle.loads(pickle.dumps(store)).location == store.location
    assert emulator.requests == []


def test_a_copy_in_another_process_has_no_token_and_finds_that_of_its_environment(
    emulator: DatabricksEmulator, store: DatabricksStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"1")
    copy = pickle.dumps(store)
    assert emulator.token.encode() not in copy
    monkeypatch.setenv("DATABRICKS_TOKEN", emulator.token)
    assert pickle.loads(copy).get("a") == b"1"


@pytest.mark.parametrize("names", [("", "s", "v"), ("c", "a.b", "v"), ("c", "s", "../v"), ("c", "s", "a b")])
def test_what_is_no_name_is_refused(names: tuple[str, str, str]) -> None:
    with pytest.raises(UsageError):
        DatabricksStore(*names)


# --- the volume, and who may


def test_the_first_write_into_an_empty_schema_makes_the_volume(
    emulator: DatabricksEmulator, store: DatabricksStore
) -> None:
    assert list(store.list("experiments")) == []
    with pytest.raises(KeyMissing):
        store.get("a/b")
    volume = emulator.volumes.folder(CATALOG, SCHEMA, VOLUME)
    assert not volume.exists()
    store.put("a/b", b"1")
    assert (volume / "a" / "b").read_bytes() == b"1"
    assert (volume / keys.FORMAT).read_bytes() == FORMAT_RECORD


@pytest.mark.parametrize(
    ("path", "method", "grant"),
    [
        ("*/unity-catalog/volumes", "POST", "CREATE VOLUME"),
        ("*/unity-catalog/volumes/*", "GET", "READ VOLUME"),
        ("*/fs/files/*", "PUT", "WRITE VOLUME"),
        ("*/fs/*", "GET", "READ VOLUME"),
    ],
)
def test_a_grant_that_is_missing_is_named(
    emulator: DatabricksEmulator, store: DatabricksStore, path: str, method: str, grant: str
) -> None:
    emulator.fail("403", path=path, method=method)
    with pytest.raises(AccessDenied) as told:
        store.put("a", b"1")
    assert f"User does not have {grant} on" in str(told.value)
    assert re.search(f"GRANT (.*, )?{grant} ON (SCHEMA main[.]ml|VOLUME main[.]ml[.]tauro)", told.value.fix)
    assert isinstance(told.value, PermissionError)


def test_files_that_are_refused_below_a_volume_that_is_there_are_told(
    emulator: DatabricksEmulator, store: DatabricksStore
) -> None:
    emulator.fail("404", path="/api/2.0/fs/*")
    for act in (lambda: store.put("a", b"1"), lambda: store.create("a", b"1")):
        with pytest.raises(OSError, match="does not exist") as told:
            act()
        assert "tauro doctor --databricks" in (told.value.fix or "")
    emulator.heal()
    store.put("a", b"1")
    emulator.fail("404", path="/api/2.0/fs/*")
    with pytest.raises(OSError, match="does not exist") as told:
        store.put("a", b"2")
    assert "tauro doctor --databricks" in (told.value.fix or "")


def test_a_schema_that_is_not_there_is_told(emulator: DatabricksEmulator) -> None:
    store = DatabricksStore(CATALOG, "other", host=emulator.host, token=emulator.token)
    for act in (lambda: list(store.list()), lambda: store.put("a", b"1")):
        with pytest.raises(OSError, match=r"Schema 'main\.other' does not exist") as told:
            act()
        assert "GRANT USE SCHEMA ON SCHEMA main.other" in told.value.fix


def test_a_newer_format_is_refused_before_anything_is_written(emulator: DatabricksEmulator) -> None:
    volume = emulator.create_volume(CATALOG, SCHEMA, VOLUME)
    (volume / keys.FORMAT).write_text('{"format": 99}')
    for act in (lambda store: store.get("a"), lambda store: store.put("a", b"1")):
        with pytest.raises(OSError, match="format 99"):
            act(opened(emulator))
    assert [path.name for path in volume.iterdir()] == [keys.FORMAT]


def test_a_host_without_tls_is_refused_unless_it_is_this_machine() -> None:
    with pytest.raises(ConfigError) as told:
        DatabricksStore("c", "s", host="http://dbc.example.com", token="dapi-secret")
    assert told.value.fix == "set DATABRICKS_HOST to https://dbc.example.com"
    assert "dapi-secret" not in str(told.value)
    for host in ("https://dbc.example.com", "dbc.example.com", "http://localhost:1", "http://[::1]:1"):
        DatabricksStore("c", "s", host=host)


@pytest.mark.parametrize("way", ["token = dapi-secret", "client_id = me\nclient_secret = dapi-secret"])
def test_a_profile_without_tls_is_refused_before_anything_is_sent(
    way: str, emulator: DatabricksEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profile").write_text(f"[DEFAULT]\nhost = http://dbc.invalid\n{way}\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "profile"))
    with pytest.raises(ConfigError, match="is not https"):
        DatabricksStore("c", "s", timeout_s=1).get("a")


def test_a_password_before_a_host_is_not_shown() -> None:
    store = DatabricksStore("c", "s", host="http://me:very-secret@127.0.0.1:9", token="dapi-x", timeout_s=0.2)
    with pytest.raises(StoreUnreachable) as told:
        store.get("a")
    assert "very-secret" not in f"{store.location} {store!r} {told.value} {told.value.fix}"


def test_no_way_to_sign_in_comes_with_the_mend(emulator: DatabricksEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    store = DatabricksStore(CATALOG, SCHEMA)
    with pytest.raises(AccessDenied, match="no way to authenticate") as told:
        store.get("a")
    assert "DATABRICKS_HOST and DATABRICKS_TOKEN" in (told.value.fix or "")
    assert store.location == "databricks:///Volumes/main/ml/tauro"


def test_a_token_that_is_not_accepted_is_told(emulator: DatabricksEmulator) -> None:
    with pytest.raises(AccessDenied, match="does not accept these credentials"):
        opened(emulator, token="dapi-of-last-year").get("a")


def test_an_sdk_that_loses_files_is_refused(store: DatabricksStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("databricks.sdk.version.__version__", "0.41.0")
    with pytest.raises(MissingDependency, match=r"has loaded 0\.41\.0") as told:
        store.get("a")
    assert '%pip install "databricks-sdk>=0.44"' in (told.value.fix or "")
    assert "dbutils.library.restartPython()" in (told.value.fix or "")


# --- what goes wrong on the way


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_not_noticed(emulator: DatabricksEmulator, store: DatabricksStore, fault: str) -> None:
    store.put("there", b"1")
    acts: list[tuple[Callable[[], object], object]] = [
        (lambda: store.create("new", b"2"), True),
        (lambda: store.create("new", b"other"), False),
        (lambda: store.put("there", b"3"), None),
        (lambda: store.get("there"), b"3"),
        (lambda: store.stat("there").size_bytes, 1),
        (lambda: list(store.get_many(["there", "nowhere", "new"])), [b"3", None, b"2"]),
        (lambda: Entry("new", False) in store.list(), True),
        (lambda: store.stats("")["there"].size_bytes, 1),
        (lambda: store.delete("there"), True),
    ]
    for act, expected in acts:
        emulator.fail(fault, path="/api/2.0/fs/*", times=1, retry_after_s=0 if fault in ("429", "503") else None)
        assert act() == expected
        emulator.heal()


def test_a_lost_acknowledgement_does_not_hide_who_created(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    store.put("x", b"")
    emulator.fail("cut_after", method="PUT", times=2)
    assert store.create("mine", b"mine") is True
    emulator.fail("cut_after", method="PUT", times=1)
    opened(emulator).put("his", b"his")
    assert store.create("his", b"mine") is False
    assert store.get("his") == b"his"


def test_of_racing_threads_exactly_one_creates_where_the_server_looks_before_it_writes(
    emulator: DatabricksEmulator,
) -> None:
    emulator.create_volume(CATALOG, SCHEMA, VOLUME)
    emulator.configure(race_gap_s=0.02)
    store = opened(emulator, settle_s=0.4, max_in_flight=8)
    store.put("x", b"")
    start = threading.Barrier(6)

    def race(racer: int) -> list[bool]:
        start.wait()
        return [store.create(f"race/{number}", f"{racer} {number}".encode()) for number in range(3)]

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(race, range(6)))
    for number in range(3):
        (winner,) = [racer for racer, each in enumerate(told) if each[number]]
        assert store.get(f"race/{number}") == f"{winner} {number}".encode()


def test_a_listing_in_short_and_empty_pages_is_whole(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    for number in range(40):
        store.put(f"a/{number:02}", b"")
    emulator.configure(page_size=7, short_pages=True)
    assert [entry.name for entry in store.list("a")] == [f"{number:02}" for number in range(40)]


def test_a_folder_that_has_become_empty_goes_away(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    store.put("a/b/c/d", b"")
    store.put("a/x", b"")
    store.delete("a/b/c/d")
    assert list(store.list("a")) == [Entry("x", False)]


def test_a_host_that_is_gone_is_told_with_the_mend(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    store.put("a", b"1")
    emulator.stop()
    with pytest.raises(StoreUnreachable, match="no connection to") as told:
        store.get("a")
    assert "DATABRICKS_HOST" in (told.value.fix or "")


@pytest.fixture(params=["silent", "swallowing"])
def mute(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, str]]:
    """A listener that answers nothing, or has no room for a connection; and what is told of it."""
    with contextlib.ExitStack() as waiting:
        backlog, clients, told = {"silent": (8, 0, "no answer"), "swallowing": (0, 4, "no connection")}[request.param]
        listener = waiting.enter_context(socket.create_server(("127.0.0.1", 0), backlog=backlog))
        for _ in range(clients):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener, told


@pytest.mark.usefixtures("emulator")
@pytest.mark.parametrize("sign_in", ["token", "OAuth"])
def test_a_host_that_says_nothing_is_asked_once_whether_it_is_there(
    mute: tuple[socket.socket, str], sign_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener, told = mute
    if sign_in == "OAuth":
        monkeypatch.setenv("DATABRICKS_CLIENT_ID", "somebody")
        monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "dapi-secret")
    host = "http://127.0.0.1:{1}".format(*listener.getsockname())
    store = DatabricksStore("c", "s", host=host, token="dapi-x" if sign_in == "token" else None, timeout_s=0.5)
    assert DatabricksStore("c", "s").workspace.patience_s < 5
    ask = functools.partial(Requests(store.workspace, "here").api, "GET", "/", "look")
    with ThreadPoolExecutor(4) as pool:
        errors = [each.exception() for each in [pool.submit(ask) for _ in range(4)]]
    for error in errors:
        assert isinstance(error, StoreUnreachable)
        assert told in str(error)
        assert "mlops.databricks.timeout_s" in error.fix
    listener.setblocking(False)
    asked = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            with connection, contextlib.suppress(BlockingIOError):
                asked += b"GET" in connection.recv(3)
    assert asked == (told == "no answer")


def test_a_host_that_was_given_up_is_not_waited_for_again_and_seen_as_soon_as_it_is_back(
    emulator: DatabricksEmulator,
) -> None:
    store = opened(emulator, timeout_s=1)
    store.put("a", b"1")
    emulator.stop()
    with pytest.raises(StoreUnreachable, match="tried for"):
        store.get("a")
    for _ in range(20):
        with pytest.raises(StoreUnreachable, match="given up a moment ago"):
            store.get("a")
    port = int(emulator.host.rpartition(":")[2])
    with DatabricksEmulator(emulator.root, port=port, token=emulator.token):
        assert store.get("a") == b"1"


def test_a_host_that_falls_silent_is_given_up(emulator: DatabricksEmulator) -> None:
    store = opened(emulator, timeout_s=1)
    store.put("a", b"1")
    emulator.fail("delay", delay_s=60)
    with pytest.raises(StoreUnreachable, match="no answer from"):
        store.get("a")


@pytest.mark.parametrize("fault", ["500", "429", "cut_before"])
def test_what_does_not_pass_is_given_up_in_time(emulator: DatabricksEmulator, fault: str) -> None:
    store = opened(emulator, timeout_s=1.0)
    emulator.fail(fault, path="/api/2.0/fs/*", retry_after_s=3_600 if fault == "429" else None)
    with pytest.raises(StoreUnreachable) as told:
        store.get("a")
    assert told.value.fix
    assert len(emulator.requests) < 40


def test_no_more_requests_are_under_way_than_allowed(emulator: DatabricksEmulator) -> None:
    store = opened(emulator, max_in_flight=3)
    for number in range(30):
        store.put(f"a/{number}", b"")
    under_way, most, lock = 0, 0, threading.Lock()
    api = store.workspace.client().api_client
    do = api.do

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        try:
            return do(*arguments, **options)
        finally:
            with lock:
                under_way -= 1

    api.do = counted
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda number: store.get(f"a/{number}"), range(30)))
    assert list(store.get_many(walk(store, "a"))) == [b""] * 30
    assert most == 3


def test_a_large_file_goes_in_parts_whose_addresses_may_expire(
    emulator: DatabricksEmulator, store: DatabricksStore, tmp_path: Path
) -> None:
    from databricks.sdk.mixins import files as sdk_files

    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(1 << 20) * 51)
    store.put("x", b"")
    emulator.fail("expired", times=1)
    store.put_file("large", source)
    if "create-upload-part-urls" in inspect.getsource(sdk_files):  # later than 0.44
        assert emulator.log.count("POST", "*/create-upload-part-urls") > 1
    emulator.fail("cut_before", method="GET", path="*/large", times=1)
    store.get_file("large", target)
    assert target.read_bytes() == source.read_bytes()


def test_the_sdk_s_own_words_have_neither_token_nor_noise(emulator: DatabricksEmulator, store: DatabricksStore) -> None:
    emulator.fail("403", path="/api/2.0/fs/*", message=f"no right for {emulator.token}")
    with pytest.raises(AccessDenied) as told:
        store.get("a")
    assert emulator.token not in f"{told.value!r} {told.value}"
    assert "Config:" not in str(told.value)
