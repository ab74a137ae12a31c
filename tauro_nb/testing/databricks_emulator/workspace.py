"""What a workspace has beside files: the user, catalogs, schemas and volumes, and secrets."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tauro_nb.testing.databricks_emulator.answers import ApiError
from tauro_nb.testing.databricks_emulator.files import Volumes

USER = "somebody@example.com"
_LEVELS = {"catalogs": "catalog", "schemas": "schema", "volumes": "volume"}


class Workspace:
    """Unity Catalog over the folders of the volumes, and secret scopes in a folder beside them."""

    def __init__(self, root: Path, volumes: Volumes) -> None:
        self._volumes = volumes
        self._secrets = root / "secrets"
        self._secrets.mkdir(exist_ok=True)

    def me(self) -> dict[str, Any]:
        """Return the user whose token this is."""
        return {"id": "1", "userName": USER, "displayName": "Somebody", "active": True}

    # --- Unity Catalog

    def securables(self, kind: str, above: list[str]) -> dict[str, Any]:
        """List the catalogs, the schemas of a catalog or the volumes of a schema."""
        folder = self._volumes.folder(*self._existing(above))
        return {kind: [_described([*above, name]) for name in sorted(place.name for place in folder.iterdir())]}

    def securable(self, full_name: str) -> dict[str, Any]:
        """Describe one that exists."""
        return _described(self._existing(full_name.split(".")))

    def create(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a catalog, schema or volume below those that exist.

        Raises
        ------
        ApiError
            400: it exists; 404: what it is to be in does not.
        """
        above = [str(body.get(f"{level}_name", "")) for level in ("catalog", "schema")][: list(_LEVELS).index(kind)]
        names = [*above, str(body.get("name", ""))]
        self._existing(above)
        try:
            self._volumes.folder(*names).mkdir()
        except FileExistsError:
            word = _LEVELS[kind]
            message = f"{word.capitalize()} '{'.'.join(names)}' already exists"
            raise ApiError(400, f"{word.upper()}_ALREADY_EXISTS", message) from None
        return _described(names)

    def delete(self, full_name: str) -> dict[str, Any]:
        """Remove one with all that is in it."""
        self._volumes.remove_volume(*self._existing(full_name.split(".")))
        return {}

    def _existing(self, names: list[str]) -> list[str]:
        for depth, word in enumerate(_LEVELS.values(), 1):
            if len(names) >= depth and not self._volumes.folder(*names[:depth]).is_dir():
                code = "RESOURCE_DOES_NOT_EXIST" if word == "volume" else f"{word.upper()}_DOES_NOT_EXIST"
                raise ApiError(404, code, f"{word.capitalize()} '{'.'.join(names[:depth])}' does not exist.")
        return names

    # --- secrets

    def put_secret(self, scope: str, key: str, value: bytes) -> None:
        """Keep a secret; its scope is made if missing."""
        folder = self._secrets / scope
        folder.mkdir(exist_ok=True)
        (folder / key).write_bytes(value)

    def secret(self, scope: str, key: str) -> dict[str, Any]:
        """Return a secret, base64 as the API sends it."""
        if not scope or "/" in scope or scope.startswith(".") or not (self._secrets / scope).is_dir():
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Scope {scope} does not exist!")
        with contextlib.suppress(OSError):
            if key and "/" not in key:
                return {"key": key, "value": base64.b64encode((self._secrets / scope / key).read_bytes()).decode()}
        raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Secret does not exist with scope: {scope} and key: {key}")


def _described(names: list[str]) -> dict[str, Any]:
    full = ".".join(names)
    told: dict[str, Any] = {"name": names[-1], "full_name": full, "owner": USER}
    told.update(zip(("catalog_name", "schema_name"), names[:-1], strict=False))
    if len(names) == 3:
        told |= {
            "volume_type": "MANAGED",
            "volume_id": str(uuid.uuid5(uuid.NAMESPACE_URL, full)),
            "storage_location": f"emulated:/{full}",
        }
    return told
