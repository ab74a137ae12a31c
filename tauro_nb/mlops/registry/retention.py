"""Which versions may go: the oldest that nobody has given a stage or an alias."""

from __future__ import annotations

from collections.abc import Iterable

from tauro_nb.errors import VersionLimit
from tauro_nb.mlops.registry.records import State


def surplus(model: str, live: Iterable[int], state: State, *, limit: int) -> list[int]:
    """Return the versions that must be moved aside so that there are `limit` when one more has come, oldest first.

    Parameters
    ----------
    live : iterable of int
        The versions that are not removed.

    Raises
    ------
    VersionLimit
        Too few may go.
    """
    live = sorted(live)
    excess = len(live) + 1 - limit
    if excess <= 0:
        return []
    held = {*state.stages, *state.aliases.values()}
    free = [version for version in live if version not in held]
    if len(free) < excess:
        raise VersionLimit(
            f"{model} has {len(live)} versions, at most {limit} are allowed, and {len(live) - len(free)} of them have "
            f"a stage or an alias",
            fix="take the stage from one that is no longer needed, as by promote(name, version, stage=None), "
            "or raise mlops.registry.max_versions_per_model",
        )
    return free[:excess]
