"""The emulator of a Databricks workspace, asked by the real SDK."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    DatabricksError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from databricks.sdk.service.catalog import VolumeType

from tauro_nb.testing.databricks_emulator import DatabricksEmulator, Fault

VOLUME = "/Volumes/main/ml/tauro"

in_parts = pytest.mark.skipif(
    not hasattr(Config, "files_ext_multipart_upload_min_stream_size"), reason="this SDK knows no presigned addresses"
)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[DatabricksEmulator]:
    with DatabricksEmulator(tmp_path) as running:
        running.create_volume("main", "ml", "tauro")
        yield running


@pytest.fixture
def client(emulator: DatabricksEmulator) -> WorkspaceClient:
    return client_of(emulator)


def client_of(emulator: DatabricksEmulator, token: str | None = None) -> WorkspaceClient:
    settings = Config(
        host=emulator.host, token=token or emulator.token, retry_timeout_seconds=5, http_timeout_seconds=5
    )
    return WorkspaceClient(config=settings)


def ask(
    emulator: DatabricksEmulator, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Ask without the SDK."""
    data = json.dumps(body).encode() if body is not None else None
    told = {"Authorization": f"Bearer {emulator.token}"} if headers is None else headers
    request = urllib.request.Request(f"{emulator.host}{path}", data, told, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def read(client: WorkspaceClient, path: str) -> bytes:
    return client.files.download(path).contents.read()


# --- files


@pytest.mark.parametrize("name", ["plain", "a b", "a%20b", "a+b", "ñ/日本", "a?b#c&d=e", "~.-_"])
def test_a_file_is_kept_under_its_own_name(client: WorkspaceClient, emulator: DatabricksEmulator, name: str):
    client.files.upload(f"{VOLUME}/new/{name}", io.BytesIO(b"value"))
    assert read(client, f"{VOLUME}/new/{name}") == b"value"
    assert (emulator.root / "Volumes/main/ml/tauro/new" / name).read_bytes() == b"value"
    client.files.delete(f"{VOLUME}/new/{name}")
    with pytest.raises(NotFound):
        client.files.get_metadata(f"{VOLUME}/new/{name}")


def test_an_upload_that_may_not_overwrite_is_refused_where_a_file_is(client: WorkspaceClient):
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b""), overwrite=False)
    with pytest.raises(AlreadyExists):
        client.files.upload(f"{VOLUME}/a", io.BytesIO(b"2"), overwrite=False)
    assert read(client, f"{VOLUME}/a") == b""
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b"3"), overwrite=True)
    assert read(client, f"{VOLUME}/a") == b"3"


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, None),
    ],
)
def test_a_range_is_a_part_of_the_file(
    client: WorkspaceClient, emulator: DatabricksEmulator, asked: str, status: int, body: bytes | None
):
    client.files.upload(f"{VOLUME}/ten", io.BytesIO(b"0123456789"))
    headers = {"Authorization": f"Bearer {emulator.token}", "Range": asked}
    told, got, _ = ask(emulator, "GET", f"/api/2.0/fs/files{VOLUME}/ten", headers=headers)
    assert told == status
    assert body is None or got == body


def test_a_file_and_a_directory_do_not_share_a_name(client: WorkspaceClient):
    client.files.upload(f"{VOLUME}/file", io.BytesIO(b"1"))
    client.files.create_directory(f"{VOLUME}/folder/deep")
    client.files.create_directory(f"{VOLUME}/folder/deep")
    for overwrite in (True, False):
        with pytest.raises(AlreadyExists):
            client.files.upload(f"{VOLUME}/folder", io.BytesIO(b"2"), overwrite=overwrite)
        with pytest.raises(InvalidParameterValue):
            client.files.upload(f"{VOLUME}/file/below", io.BytesIO(b"2"), overwrite=overwrite)
    for act in (client.files.get_metadata, client.files.delete, client.files.download):
        with pytest.raises(NotFound):
            act(f"{VOLUME}/folder")
    with pytest.raises(NotFound):
        client.files.get_directory_metadata(f"{VOLUME}/file")


def test_only_an_empty_directory_is_deleted(client: WorkspaceClient, emulator: DatabricksEmulator):
    client.files.upload(f"{VOLUME}/folder/x", io.BytesIO(b""))
    with pytest.raises(BadRequest, match="not empty"):
        client.files.delete_directory(f"{VOLUME}/folder")
    told = json.loads(ask(emulator, "DELETE", f"/api/2.0/fs/directories{VOLUME}/folder")[1])
    assert told["details"][0]["reason"] == "FILES_API_DIRECTORY_IS_NOT_EMPTY"
    client.files.delete(f"{VOLUME}/folder/x")
    client.files.delete_directory(f"{VOLUME}/folder")
    with pytest.raises(NotFound):
        list(client.files.list_directory_contents(f"{VOLUME}/folder"))


@pytest.mark.parametrize("short", [False, True])
def test_a_listing_in_pages_gives_each_entry_once(client: WorkspaceClient, emulator: DatabricksEmulator, short: bool):
    emulator.configure(page_size=7, short_pages=short)
    folder = emulator.root / "Volumes/main/ml/tauro/many"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}").write_bytes(b"12345")
    (folder / "below").mkdir()
    found = list(client.files.list_directory_contents(f"{VOLUME}/many"))
    assert sorted(entry.name for entry in found) == sorted([*map(str, range(50)), "below"])
    assert {entry.name for entry in found if entry.is_directory} == {"below"}
    assert {entry.file_size for entry in found if not entry.is_directory} == {5}
    assert emulator.log.count("GET", "*/directories/*") >= 8


def test_of_racing_uploads_one_wins_on_an_atomic_server_and_several_on_a_racy_one(
    client: WorkspaceClient, emulator: DatabricksEmulator
):
    def race(path: str) -> int:
        start = threading.Barrier(4)

        def create(racer: int) -> bool:
            start.wait()
            try:
                client.files.upload(path, io.BytesIO(f"{racer}".encode()), overwrite=False)
            except AlreadyExists:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(create, range(4)))

    assert [race(f"{VOLUME}/atomic/{number}") for number in range(10)] == [1] * 10
    emulator.configure(race_gap_s=0.2)
    assert race(f"{VOLUME}/racy") > 1


@pytest.mark.parametrize("path", ["/Volumes/main/ml/none/x", "/Volumes/none/ml/tauro/x"])
def test_a_volume_that_is_not_there_is_told(client: WorkspaceClient, path: str):
    with pytest.raises(NotFound, match=r"Volume '.*none.*' does not exist"):
        client.files.upload(path, io.BytesIO(b""))


@pytest.mark.parametrize("path", ["/Volumes/main/ml/tauro/../../x", "/etc/passwd", "/Volumes/main"])
def test_what_leads_out_of_a_volume_is_refused(emulator: DatabricksEmulator, path: str):
    escaped = path.replace("..", "%2E%2E")
    assert ask(emulator, "GET", f"/api/2.0/fs/files{escaped}")[0] == 400


@pytest.mark.parametrize("query", ["page_size=many", "page_token=!!!", "page_token=bm9uZQ=="])
def test_a_page_that_is_none_is_refused(emulator: DatabricksEmulator, query: str):
    assert ask(emulator, "GET", f"/api/2.0/fs/directories{VOLUME}?{query}")[0] == 400


def test_uploads_bear_that_their_directory_is_made_and_removed_by_others(
    client: WorkspaceClient, emulator: DatabricksEmulator
):
    def work(number: int) -> None:
        path = f"{VOLUME}/a/b/{number}"
        for _ in range(25):
            client.files.upload(path, io.BytesIO(b""), overwrite=False)
            client.files.delete(path)
            for folder in (f"{VOLUME}/a/b", f"{VOLUME}/a"):
                with contextlib.suppress(BadRequest, NotFound):
                    client.files.delete_directory(folder)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert {request.status for request in emulator.requests if request.method == "PUT"} == {204}


# --- big files


@in_parts
def test_a_big_file_goes_in_parts_through_presigned_addresses(client: WorkspaceClient, emulator: DatabricksEmulator):
    content = bytes(range(256)) * 4096 * 52
    for overwrite in (False, True):
        client.files.upload(f"{VOLUME}/big", io.BytesIO(content), overwrite=overwrite)
    assert emulator.log.count("PUT", "/presigned") > 2
    assert emulator.log.count("PUT", "*/fs/files/*") == 0
    assert read(client, f"{VOLUME}/big") == content
    with pytest.raises(AlreadyExists):
        client.files.upload(f"{VOLUME}/big", io.BytesIO(content), overwrite=False)
    assert list((emulator.root / "temporary").iterdir()) == []


def test_a_presigned_address_holds_without_the_token_and_not_with_it(
    client: WorkspaceClient, emulator: DatabricksEmulator
):
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b"value"))
    told = json.loads(ask(emulator, "POST", f"/api/2.0/fs/create-download-url?path={VOLUME}/a", {})[1])
    path = told["url"].removeprefix(emulator.host)
    assert ask(emulator, "GET", path, headers={})[:2] == (200, b"value")
    assert ask(emulator, "GET", path)[0] == 400
    assert ask(emulator, "GET", path.replace("tauro%2Fa", "tauro%2Fb"), headers={})[0] == 403


@in_parts
def test_an_expired_address_is_replaced_by_the_client(client: WorkspaceClient, emulator: DatabricksEmulator):
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b"value"))
    emulator.fail("expired", path="/presigned", times=2)
    assert read(client, f"{VOLUME}/a") == b"value"
    assert emulator.log.count("POST", "*/create-download-url") == 3


def test_an_upload_that_is_given_up_leaves_nothing(emulator: DatabricksEmulator):
    def initiate() -> str:
        told = json.loads(ask(emulator, "POST", f"/api/2.0/fs/files{VOLUME}/big?action=initiate-upload")[1])
        return told["multipart_upload"]["session_token"]

    session = initiate()
    told = json.loads(ask(emulator, "POST", "/api/2.0/fs/create-abort-upload-url", {"session_token": session})[1])
    assert ask(emulator, "DELETE", told["abort_upload_url"]["url"].removeprefix(emulator.host), headers={})[0] == 204
    session = initiate()
    action = f"?action=abort-upload&upload_type=multipart&session_token={session}"
    assert ask(emulator, "POST", f"/api/2.0/fs/files{VOLUME}/big{action}")[0] == 200
    assert list((emulator.root / "uploads").iterdir()) == []


# --- the workspace


def test_catalogs_schemas_and_volumes_are_made_below_each_other(client: WorkspaceClient):
    with pytest.raises(NotFound, match="Catalog 'new' does not exist"):
        client.schemas.create("dev", "new")
    client.catalogs.create("new")
    with pytest.raises(NotFound, match=r"Schema 'new.dev' does not exist"):
        client.volumes.create("new", "dev", "tauro", VolumeType.MANAGED)
    client.schemas.create("dev", "new")
    with pytest.raises(NotFound, match=r"Volume 'new.dev.tauro' does not exist"):
        client.volumes.read("new.dev.tauro")
    client.volumes.create("new", "dev", "tauro", VolumeType.MANAGED)
    with pytest.raises(BadRequest, match="already exists"):
        client.volumes.create("new", "dev", "tauro", VolumeType.MANAGED)
    assert client.volumes.read("new.dev.tauro").full_name == "new.dev.tauro"
    assert [volume.name for volume in client.volumes.list("new", "dev")] == ["tauro"]
    client.volumes.delete("new.dev.tauro")
    assert list(client.volumes.list("new", "dev")) == []


def test_a_secret_is_read_and_a_missing_one_is_told(client: WorkspaceClient, emulator: DatabricksEmulator):
    emulator.put_secret("team", "key", "geheim")
    assert client.dbutils.secrets.get("team", "key") == "geheim"
    for scope, key in (("team", "none"), ("none", "key"), ("..", "key")):
        with pytest.raises(NotFound):
            client.secrets.get_secret(scope, key)


def test_another_token_is_refused_and_none_is_unauthenticated(emulator: DatabricksEmulator):
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        client_of(emulator, token="dapi-other").current_user.me()
    assert ask(emulator, "GET", "/api/2.0/preview/scim/v2/Me", headers={})[0] == 401


def test_what_was_kept_is_there_after_a_restart(emulator: DatabricksEmulator, client: WorkspaceClient):
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b"value"))
    emulator.put_secret("team", "key", "geheim")
    emulator.stop()
    with DatabricksEmulator(emulator.root) as again:
        assert read(client_of(again), f"{VOLUME}/a") == b"value"
        assert client_of(again).dbutils.secrets.get("team", "key") == "geheim"


# --- faults


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("401", Unauthenticated, "Credential"),
        ("403", PermissionDenied, "User does not have READ VOLUME on Volume 'main.ml.tauro'"),
        ("404", NotFound, "Volume 'main.ml.tauro' does not exist"),
        ("500", DatabricksError, "internal"),
        ("502", DatabricksError, "upstream"),
        ("504", DatabricksError, "too long"),
    ],
)
def test_a_fault_is_met_as_often_as_it_was_asked_for(
    emulator: DatabricksEmulator, client: WorkspaceClient, kind: Any, error: type[Exception], message: str
):
    emulator.fail(kind, path=f"*{VOLUME}*", times=1)
    with pytest.raises(error, match=message):
        list(client.files.list_directory_contents(VOLUME))
    assert list(client.files.list_directory_contents(VOLUME)) == []


@pytest.mark.parametrize("kind", ["429", "503"])
def test_the_client_waits_as_long_as_it_is_told_and_tries_again(
    emulator: DatabricksEmulator, client: WorkspaceClient, kind: Any
):
    emulator.fail(kind, method="HEAD", times=1, retry_after_s=1)
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b""))
    client.files.get_metadata(f"{VOLUME}/a")
    assert [request.status for request in emulator.requests if request.method == "HEAD"] == [int(kind), 200]


@pytest.mark.parametrize(("kind", "conflict"), [("cut_before", False), ("cut_after", True)])
def test_a_cut_connection_did_or_did_not_do_what_was_asked(
    emulator: DatabricksEmulator, client: WorkspaceClient, kind: Any, conflict: bool
):
    emulator.fail(kind, method="PUT", times=1)
    try:
        client.files.upload(f"{VOLUME}/a", io.BytesIO(b"mine"), overwrite=False)
    except AlreadyExists:
        assert conflict, "the client tried again and met what it had not written"
    else:
        assert not conflict, "the client did not meet its own first try"
    assert read(client, f"{VOLUME}/a") == b"mine"


def test_a_file_that_is_cut_while_it_is_read_ends_in_its_middle(emulator: DatabricksEmulator, client: WorkspaceClient):
    client.files.upload(f"{VOLUME}/a", io.BytesIO(b"0123456789"))
    emulator.fail("cut_after", method="GET", times=1)
    with pytest.raises(http.client.IncompleteRead) as told:
        ask(emulator, "GET", f"/api/2.0/fs/files{VOLUME}/a")
    assert told.value.partial == b"01234"
    assert ask(emulator, "GET", f"/api/2.0/fs/files{VOLUME}/a")[1] == b"0123456789"


def test_the_log_tells_how_many_were_answered_at_once(emulator: DatabricksEmulator, client: WorkspaceClient):
    emulator.fail("delay", delay_s=0.2)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: ask(emulator, "GET", f"/api/2.0/fs/directories{VOLUME}"), range(6)))
    assert emulator.log.most_at_once == 3


def test_a_delay_goes_together_with_another_fault(emulator: DatabricksEmulator, client: WorkspaceClient):
    emulator.fail("delay", delay_s=0.01)
    emulator.fail("403", method="POST", path="*/unity-catalog/volumes")
    with pytest.raises(PermissionDenied, match="does not have CREATE VOLUME on Schema"):
        client.volumes.create("main", "ml", "other", VolumeType.MANAGED)
    emulator.heal()
    client.volumes.create("main", "ml", "other", VolumeType.MANAGED)


def test_a_fault_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no fault is called '418'"):
        Fault("418")  # type: ignore[arg-type]


def test_an_upload_that_breaks_off_leaves_no_part(emulator: DatabricksEmulator):
    import socket

    address = emulator.host.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=5) as connection:
        head = f"PUT /api/2.0/fs/files{VOLUME}/a HTTP/1.1\r\nAuthorization: Bearer {emulator.token}\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert list((emulator.root / "Volumes/main/ml/tauro").iterdir()) == []


# --- run from a shell, and steered from outside


def test_it_runs_from_a_shell_and_is_steered_over_its_control_endpoint(tmp_path: Path):
    command = [sys.executable, "-m", "tauro_nb.testing.databricks_emulator", "--root", str(tmp_path)]
    with subprocess.Popen([*command, "--volume", "main.ml.tauro"], stdout=subprocess.PIPE, text=True) as process:
        try:
            told = dict(process.stdout.readline().strip().removeprefix("export ").split("=") for _ in range(2))
            emulator = DatabricksEmulator.__new__(DatabricksEmulator)
            emulator.host, emulator.token = told["DATABRICKS_HOST"], told["DATABRICKS_TOKEN"]
            fault = {"kind": "403", "method": "GET", "times": 1}
            assert ask(emulator, "POST", "/emulator/faults", fault)[0] == 204
            assert ask(emulator, "POST", "/emulator/faults", {"kind": "none"})[0] == 400
            assert ask(emulator, "PUT", "/emulator/settings", {"race_gap_s": 0.01, "page_size": 3})[0] == 204
            assert ask(emulator, "GET", f"/api/2.0/fs/directories{VOLUME}")[0] == 403
            assert ask(emulator, "GET", f"/api/2.0/fs/directories{VOLUME}")[0] == 200
            asked = json.loads(ask(emulator, "GET", "/emulator/requests")[1])["requests"]
            assert [request["status"] for request in asked] == [403, 200]
            assert ask(emulator, "GET", "/emulator/requests", headers={})[0] == 401
        finally:
            process.terminate()
            process.communicate(timeout=10)
    assert process.returncode == 0
    assert (tmp_path / "Volumes/main/ml/tauro").is_dir()


def test_the_page_s_example_runs():
    page = Path(__file__).parents[2] / "docs" / "databricks.md"
    (example,) = re.findall(r"```python\n(from databricks.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(f"{example}    found = client.volumes.read('main.ml.tauro')\n", names)
    assert names["found"].name == "tauro"
