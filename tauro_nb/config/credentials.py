"""What opens a Databricks workspace, kept out of every text and every pickle."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credentials:
    """Host and token, where the environment names them; where it does not, the SDK looks for its own.

    The token is in no representation and in no pickle: a worker process reads its own environment.
    """

    host: str | None = None
    token: str | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[type[Credentials], tuple[str | None]]:
        return Credentials, (self.host,)
