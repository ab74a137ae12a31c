"""What opens a Databricks workspace, kept out of every text and every pickle."""

from __future__ import annotations

import msgspec


class Credentials(msgspec.Struct, frozen=True):
    """Host and token, where the environment names them; where it does not, the SDK looks for its own.

    The token is in no representation and in no pickle: a worker process reads its own environment.
    """

    host: str | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(host={self.host!r})"

    def __rich_repr__(self) -> list[tuple[str, str | None]]:
        return [("host", self.host)]

    def __reduce__(self) -> tuple[type[Credentials], tuple[str | None]]:
        return Credentials, (self.host,)
