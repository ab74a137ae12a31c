"""Where a replica goes: the server's address, and how it is told without what is secret in it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

_USER_INFO = re.compile(r"//[^/@\s]*@")
_TOKENS = re.compile(r"\b(dapi|Bearer |Basic )[A-Za-z0-9+/=._-]{6,}")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where runs and models are copied to; neither its text nor its repr has a password."""

    uri: str
    """For MLflow's client; of a server without user and password, which are handed over beside it."""
    registry_uri: str | None = None
    """None: the one that MLflow takes for `uri`."""
    username: str | None = None
    password: str | None = None

    @classmethod
    def of(cls, uri: str, registry_uri: str | None = None) -> Address:
        """Read what the configuration says."""
        parts = urlsplit(uri)
        if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
            return cls(uri=uri, registry_uri=registry_uri)
        told, _, host = parts.netloc.rpartition("@")
        username, _, password = told.partition(":")
        return cls(
            uri=urlunsplit(parts._replace(netloc=host)),
            registry_uri=registry_uri,
            username=unquote(username),
            password=unquote(password),
        )

    @property
    def shown(self) -> str:
        """As a person may see it."""
        return concealed(self.uri)

    @property
    def name(self) -> str:
        """Names the target in the store: the same for the same server, whoever logs in there."""
        import hashlib  # not needed on the way to the first metric

        told = f"{self.shown}\n{self.registry_uri or ''}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def is_databricks(self) -> bool:
        """Whether it is a Databricks workspace."""
        return self.uri.partition(":")[0] == "databricks"

    @property
    def has_unity_catalog(self) -> bool:
        """Whether models have names of three levels there."""
        registry = self.registry_uri or ("databricks-uc" if self.is_databricks else "")
        return registry.partition(":")[0] == "databricks-uc"

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files, which keeps a point twice that is sent twice."""
        return not self.is_databricks and ("://" not in self.uri or self.uri.startswith("file:"))

    def without_secrets(self, text: str) -> str:
        """Return a text, such as an error's, in which nothing secret is left."""
        for secret in (self.password, self.username):
            if secret and len(secret) > 2:
                text = text.replace(secret, "***")
        return concealed(text)

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"


def concealed(text: str) -> str:
    """Return `text` with what stands before the host of a URL, and what looks like a token, as ``***``."""
    return _TOKENS.sub(r"\1***", _USER_INFO.sub("//***@", text))
