"""Which address does what: the documented endpoints, and the emulator's own control endpoint."""

from __future__ import annotations

import dataclasses
import email.utils
import json
import os
import re
from dataclasses import dataclass
from email.message import Message
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from tauro_nb.testing.databricks_emulator.answers import Answer, ApiError
from tauro_nb.testing.databricks_emulator.faults import PRESIGNED, Fault

if TYPE_CHECKING:
    from tauro_nb.testing.databricks_emulator.emulator import DatabricksEmulator

_FILES, _DIRECTORIES = "/api/2.0/fs/files", "/api/2.0/fs/directories"
_CATALOG = re.compile(r"/api/2\.1/unity-catalog/(catalogs|schemas|volumes)(?:/([^/]+))?")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_EMPTY = 204


@dataclass(frozen=True)
class Asked:
    """A request that was read whole."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: IO[bytes]
    """At its start; of a PUT a temporary file with a name."""

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises
        ------
        ApiError
            It is none.
        """
        try:
            value = json.loads(self.body.read() or b"{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ApiError(400, "MALFORMED_REQUEST", "the body is no JSON object")
        return value


def route(emulator: DatabricksEmulator, asked: Asked) -> Answer:
    """Do what is asked.

    Raises
    ------
    ApiError
        What the API would answer.
    """
    method, path = asked.method, asked.path
    if path.startswith(f"{_FILES}/"):
        return _files(emulator, asked, path.removeprefix(_FILES))
    if path.startswith(f"{_DIRECTORIES}/"):
        return _directories(emulator, asked, path.removeprefix(_DIRECTORIES))
    if path == PRESIGNED:
        return _presigned(emulator, asked)
    if match := _CATALOG.fullmatch(path):
        return _catalog(emulator, asked, *match.groups())
    if path.startswith("/emulator/"):
        return _control(emulator, asked)
    match method, path:
        case "POST", "/api/2.0/fs/create-upload-part-urls":
            body = asked.json()
            return Answer.json(
                emulator.uploads.part_urls(body["session_token"], int(body["start_part_number"]), int(body["count"]))
            )
        case "POST", "/api/2.0/fs/create-abort-upload-url":
            return Answer.json(emulator.uploads.abort_url(asked.json()["session_token"]))
        case "POST", "/api/2.0/fs/create-download-url":
            return Answer.json(emulator.uploads.download_url(asked.query.get("path", "")))
        case "GET", "/.well-known/databricks-config":
            return Answer.json({"oidc_endpoint": f"{emulator.host}/oidc", "workspace_id": "1"})
        case "GET", "/api/2.0/preview/scim/v2/Me":
            return Answer.json(emulator.workspace.me())
        case "GET", "/api/2.0/secrets/get":
            return Answer.json(emulator.workspace.secret(asked.query.get("scope", ""), asked.query.get("key", "")))
    raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} {path}'")


def _files(emulator: DatabricksEmulator, asked: Asked, path: str) -> Answer:
    match asked.method:
        case "PUT":
            overwrite = asked.query.get("overwrite", "true") != "false"
            emulator.volumes.publish(asked.body.name, path, overwrite=overwrite)
            return Answer(_EMPTY)
        case "GET" | "HEAD":
            return _served(emulator.volumes.open(path), asked.headers)
        case "DELETE":
            emulator.volumes.delete(path)
            return Answer(_EMPTY)
        case "POST":
            return _upload(emulator, asked, path)
    raise ApiError(405, "METHOD_NOT_ALLOWED", asked.method)


def _upload(emulator: DatabricksEmulator, asked: Asked, path: str) -> Answer:
    session = asked.query.get("session_token", "")
    match asked.query.get("action"):
        case "initiate-upload":
            overwrite = asked.query.get("overwrite", "true") != "false"
            return Answer.json(emulator.uploads.initiate(path, overwrite=overwrite))
        case "complete-upload":
            emulator.uploads.complete(session, asked.json().get("parts", []))
            return Answer.json({})
        case "abort-upload":
            emulator.uploads.abort(session)
            return Answer.json({})
    raise ApiError(400, "INVALID_PARAMETER_VALUE", "action is initiate-upload, complete-upload or abort-upload")


def _directories(emulator: DatabricksEmulator, asked: Asked, path: str) -> Answer:
    match asked.method:
        case "PUT":
            emulator.volumes.make_directory(path)
        case "HEAD":
            emulator.volumes.directory(path)
        case "DELETE":
            emulator.volumes.delete_directory(path)
        case "GET":
            size = int(asked.query.get("page_size") or 0)
            return Answer.json(emulator.volumes.page(path, size, asked.query.get("page_token")))
        case other:
            raise ApiError(405, "METHOD_NOT_ALLOWED", other)
    return Answer(200 if asked.method == "HEAD" else _EMPTY)


def _presigned(emulator: DatabricksEmulator, asked: Asked) -> Answer:
    opened = emulator.uploads.open(asked.query)
    if isinstance(opened, Answer):
        return opened
    match asked.method, *opened:
        case "PUT", "part", session, number:
            return Answer(200, headers={"ETag": emulator.uploads.put_part(session, number, asked.body.name)})
        case "DELETE", "abort", session, _:
            emulator.uploads.abort(session)
            return Answer(_EMPTY)
        case "GET", "download", path, _:
            return _served(emulator.volumes.open(path), asked.headers)
    raise ApiError(405, "METHOD_NOT_ALLOWED", asked.method)


def _catalog(emulator: DatabricksEmulator, asked: Asked, kind: str, name: str | None) -> Answer:
    depth = ("catalogs", "schemas", "volumes").index(kind)
    match asked.method, name:
        case "GET", None:
            above = [asked.query.get(f"{level}_name", "") for level in ("catalog", "schema")][:depth]
            return Answer.json(emulator.workspace.securables(kind, above))
        case "POST", None:
            return Answer.json(emulator.workspace.create(kind, asked.json()))
        case "GET", str():
            return Answer.json(emulator.workspace.securable(name))
        case "DELETE", str():
            return Answer.json(emulator.workspace.delete(name))
    raise ApiError(405, "METHOD_NOT_ALLOWED", asked.method)


def _control(emulator: DatabricksEmulator, asked: Asked) -> Answer:
    match asked.method, asked.path:
        case "POST", "/emulator/faults":
            try:
                emulator.faults.add(Fault(**asked.json()))
            except (TypeError, ValueError) as error:
                raise ApiError(400, "INVALID_PARAMETER_VALUE", str(error)) from None
            return Answer(_EMPTY)
        case "DELETE", "/emulator/faults":
            emulator.faults.clear()
            return Answer(_EMPTY)
        case "GET", "/emulator/requests":
            return Answer.json({"requests": [dataclasses.asdict(request) for request in emulator.log.all()]})
        case "DELETE", "/emulator/requests":
            emulator.log.clear()
            return Answer(_EMPTY)
        case "PUT", "/emulator/settings":
            try:
                emulator.configure(**asked.json())
            except TypeError as error:
                raise ApiError(400, "INVALID_PARAMETER_VALUE", str(error)) from None
            return Answer(_EMPTY)
    raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{asked.method} {asked.path}'")


def _served(file: BinaryIO, headers: Message) -> Answer:
    """Answer with a file or the range of it that is asked for."""
    found = os.fstat(file.fileno())
    told = {
        "Content-Type": "application/octet-stream",
        "Last-Modified": email.utils.formatdate(found.st_mtime, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    since = headers.get("If-Unmodified-Since")
    if since and int(found.st_mtime) > email.utils.parsedate_to_datetime(since).timestamp():
        file.close()
        raise ApiError(412, "PRECONDITION_FAILED", "The file was modified.")
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or match[0] == "bytes=-":
        return Answer(200, headers=told, file=file, length=found.st_size)
    start, end = _bounds(match[1], match[2], found.st_size)
    if start >= end:
        file.close()
        raise ApiError(416, "INVALID_PARAMETER_VALUE", f"The range is not within the {found.st_size} bytes.")
    file.seek(start)
    told["Content-Range"] = f"bytes {start}-{end - 1}/{found.st_size}"
    return Answer(206, headers=told, file=file, length=end - start)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)
