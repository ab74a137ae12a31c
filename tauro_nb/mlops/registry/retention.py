"""Which versions may go: the oldest that nobody has given a stage or an alias."""

from __future__ import annotations

from collections.abc import Iterable

from tauro_nb.errors import VersionLimit
from tauro_nb.mlops.registry.acts import Acts
from tauro_nb.mlops.registry.claims import Numbers, Trail
from tauro_nb.mlops.registry.records import Act, EventRecord, State


class Room:
    """Keeps a model at its limit of versions (None: there is none)."""

    def __init__(self, trail: Trail, numbers: Numbers, acts: Acts, limit: int | None) -> None:
        self._trail = trail
        self._numbers = numbers
        self._acts = acts
        self._limit = limit

    def check(self, model: str) -> None:
        """Return if one more version finds room.

        Raises
        ------
        VersionLimit
        """
        if self._limit is not None:
            state = self._trail.state(model)
            surplus(model, self._live(model, state), state, limit=self._limit)

    def make(self, model: str, newest: int) -> None:
        """Move aside what is too much since `newest` has come."""
        limit = self._limit
        if limit is None:
            return

        def decide(state: State) -> EventRecord | None:
            try:
                gone = surplus(model, self._live(model, state) - {newest}, state, limit=limit)
            except VersionLimit:
                return None  # others came or were promoted meanwhile; the next registration is refused
            if not gone:
                return None
            return self._acts.event(Act.REMOVED, gone[0], comment=f"max_versions_per_model is {limit}")

        while self._trail.act(model, decide) is not None:
            pass

    def _live(self, model: str, state: State) -> set[int]:
        return set(range(1, self._numbers.last(model) + 1)) - state.removed


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
            f"{model} has {len(live)} version{'s' * (len(live) != 1)}, at most {limit} are allowed, and "
            f"{len(live) - len(free)} of them have a stage or an alias",
            fix="take the stage from one that is no longer needed, as by promote(name, version, stage=None), "
            "or raise mlops.registry.max_versions_per_model",
        )
    return free[:excess]
