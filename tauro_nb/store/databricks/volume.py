"""The Unity Catalog volume that a store lies in: whether it is there, and how it is made."""

from __future__ import annotations

import re
from typing import NoReturn

from tauro_nb.errors import AccessDenied, StoreError, UsageError
from tauro_nb.store.databricks.requests import Refusal, Requests

_VOLUMES = "/api/2.1/unity-catalog/volumes"
_name = re.compile(r"[^./\\\s\x00-\x1f\x7f]+")


class Volume:
    """One volume.

    Parameters
    ----------
    catalog, schema, volume : str

    Raises
    ------
    UsageError
        One of them is no name.
    """

    def __init__(self, catalog: str, schema: str, volume: str) -> None:
        for kind, name in (("catalog", catalog), ("schema", schema), ("volume", volume)):
            if not _name.fullmatch(name):
                raise UsageError(
                    f"{name!r} is no name of a {kind}", fix="names in Unity Catalog have no dot, slash or space"
                )
        self.catalog = catalog
        self.schema = schema
        self.volume = volume

    @property
    def path(self) -> str:
        """Where its files lie."""
        return f"/Volumes/{self.catalog}/{self.schema}/{self.volume}"

    @property
    def full_name(self) -> str:
        """As SQL calls it."""
        return f"{self.catalog}.{self.schema}.{self.volume}"

    def exists(self, requests: Requests) -> bool:
        """Tell whether it is there, or could be made.

        Raises
        ------
        AccessDenied
            A right is missing; the error says which.
        StoreError
            The catalog or the schema is not there.
        """
        try:
            requests.api("GET", f"{_VOLUMES}/{self.full_name}", f"look for the volume {self.full_name}")
        except Refusal as refusal:
            if refusal.why == "missing" and not _is_above(refusal.told):
                return False
            self._refuse(refusal)
        return True

    def make(self, requests: Requests) -> None:
        """Make it, unless it is there.

        Raises
        ------
        AccessDenied, StoreError
            As `exists` does.
        """
        if self.exists(requests):
            return
        body = {
            "catalog_name": self.catalog,
            "schema_name": self.schema,
            "name": self.volume,
            "volume_type": "MANAGED",
            "comment": "Runs and models of tauro-nb",
        }
        try:
            requests.api("POST", _VOLUMES, f"create the volume {self.full_name}", body=body)
        except Refusal as refusal:
            if "already exist" not in refusal.told.lower():  # another was faster, or an acknowledgement was lost
                self._refuse(refusal)
        except AccessDenied as error:
            raise AccessDenied(
                error.message,
                fix=f"ask an owner: GRANT USE CATALOG ON CATALOG {self.catalog}, and GRANT USE SCHEMA, CREATE VOLUME "
                f"ON SCHEMA {self.catalog}.{self.schema}; or have the volume {self.full_name} made for you, with "
                "READ VOLUME and WRITE VOLUME on it",
            ) from None

    def _refuse(self, refusal: Refusal) -> NoReturn:
        if refusal.why == "missing":
            raise StoreError(
                f"{self.path}: {refusal.told}",
                fix=f"see that mlops.databricks names a catalog and a schema that exist and that you may use: GRANT "
                f"USE CATALOG ON CATALOG {self.catalog}, GRANT USE SCHEMA ON SCHEMA {self.catalog}.{self.schema}",
            ) from None
        raise StoreError(f"{self.path}: {refusal.told}", fix="`tauro doctor --databricks` looks closer") from None


def _is_above(told: str) -> bool:
    """Tell whether what is missing is the catalog or the schema, not the volume itself."""
    return bool(re.match(r"\W*(catalog|schema|metastore)\b", told, re.IGNORECASE))
