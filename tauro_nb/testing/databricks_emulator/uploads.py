"""Big files: uploads in parts, and presigned addresses that carry their own permission."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tauro_nb.testing.databricks_emulator.answers import Answer, ApiError
from tauro_nb.testing.databricks_emulator.faults import PRESIGNED
from tauro_nb.testing.databricks_emulator.files import Volumes

_LONGEST_S = 3600.0


class Uploads:
    """Sessions of uploads in folders below ``root/uploads``, so that one survives a restart; addresses do not."""

    def __init__(self, root: Path, volumes: Volumes, host: str) -> None:
        self._root = root / "uploads"
        self._root.mkdir(exist_ok=True)
        self._volumes = volumes
        self._host = host
        self._key = secrets.token_bytes(32)

    def initiate(self, path: str, *, overwrite: bool) -> dict[str, Any]:
        """Open a session. That the file exists is told by `complete`, not here."""
        self._volumes.place(path)
        session = secrets.token_hex(16)
        folder = self._root / session
        folder.mkdir()
        (folder / "upload.json").write_text(json.dumps({"path": path, "overwrite": overwrite}))
        return {"multipart_upload": {"session_token": session}}

    def part_urls(self, session: str, first: int, count: int) -> dict[str, Any]:
        """Return addresses to which parts are put, counted from `first`."""
        self._folder(session)
        urls = [
            {"part_number": number, "url": self._sign("part", session, number), "headers": []}
            for number in range(first, first + count)
        ]
        return {"upload_part_urls": urls}

    def abort_url(self, session: str) -> dict[str, Any]:
        """Return the address whose deletion gives up the session."""
        self._folder(session)
        return {"abort_upload_url": {"url": self._sign("abort", session, 0), "headers": []}}

    def download_url(self, path: str) -> dict[str, Any]:
        """Return the address from which a file is read."""
        self._volumes.open(path).close()
        return {"url": self._sign("download", path, 0), "headers": []}

    def put_part(self, session: str, number: int, received: str) -> str:
        """Keep a part that was received, and return its ETag."""
        part = self._folder(session) / f"part-{number}"
        etag = hashlib.sha256(Path(received).read_bytes()).hexdigest()
        Path(received).replace(part)
        part.with_suffix(".etag").write_text(etag)
        return etag

    def complete(self, session: str, parts: list[dict[str, Any]]) -> None:
        """Join the parts and give the file its name.

        Raises
        ------
        ApiError
            409: the file exists and may not be overwritten; 400: a part is missing or is another one.
        """
        folder = self._folder(session)
        upload = json.loads((folder / "upload.json").read_text())
        with self._volumes.receiving() as whole:
            for part in sorted(parts, key=lambda part: int(part["part_number"])):
                kept = folder / f"part-{part['part_number']}"
                if not kept.exists() or kept.with_suffix(".etag").read_text() != part["etag"]:
                    raise ApiError(400, "INVALID_PARAMETER_VALUE", f"part {part['part_number']} was not uploaded")
                with kept.open("rb") as file:
                    shutil.copyfileobj(file, whole)
            whole.flush()
            self._volumes.publish(whole.name, upload["path"], overwrite=upload["overwrite"])
        shutil.rmtree(folder)

    def abort(self, session: str) -> None:
        """Give up a session and its parts."""
        shutil.rmtree(self._folder(session))

    def open(self, query: dict[str, str]) -> tuple[str, str, int] | Answer:
        """Return act, subject and number of a presigned address, or the storage's answer to one that does not hold."""
        told = {name: query.get(name, "") for name in ("act", "subject", "number", "expires")}
        if not hmac.compare_digest(self._signature(told), query.get("signature", "")):
            return refused("SignatureDoesNotMatch", "The request signature does not match")
        if float(told["expires"]) < time.time():
            return expired()
        return told["act"], told["subject"], int(told["number"])

    def _folder(self, session: str) -> Path:
        folder = self._root / session
        if not session.isalnum() or not folder.is_dir():
            raise ApiError(404, "NOT_FOUND", "The upload session does not exist.")
        return folder

    def _sign(self, act: str, subject: str, number: int) -> str:
        told = {
            "act": act, "subject": subject, "number": str(number), "expires": f"{time.time() + _LONGEST_S:.0f}",
        }  # fmt: skip
        return f"{self._host}{PRESIGNED}?{urlencode({**told, 'signature': self._signature(told)})}"

    def _signature(self, told: dict[str, str]) -> str:
        return hmac.new(self._key, json.dumps(told, sort_keys=True).encode(), "sha256").hexdigest()


def expired() -> Answer:
    """Return what a cloud's storage answers to an address that is too old."""
    return refused("AccessDenied", "Request has expired")


def refused(code: str, message: str, status: int = 403) -> Answer:
    """Return an error as a cloud's storage tells it."""
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})
