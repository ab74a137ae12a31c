"""Moving aside the versions whose time is over: shown first, done when told so, and undone by `restore_version`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tauro_nb.faces import Shown
from tauro_nb.mlops.registry.acts import Acts
from tauro_nb.mlops.registry.claims import Trail
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.mlops.registry.records import Act, EventRecord, State
from tauro_nb.mlops.registry.version import ModelVersion

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Going:
    """A version that goes, and why."""

    version: ModelVersion
    why: str


@dataclass(frozen=True)
class Pruning(Shown):
    """The versions that are to go, or have gone."""

    going: tuple[Going, ...]
    """By model, oldest first."""
    done: bool
    """They were moved aside; else this is only what would be done."""
    rule: str
    """What was asked of the versions; empty: no setting asks anything."""

    @property
    def versions(self) -> list[ModelVersion]:
        """The versions alone."""
        return [each.version for each in self.going]

    def __len__(self) -> int:
        return len(self.going)

    def __iter__(self) -> Iterator[Going]:
        return iter(self.going)

    def __repr__(self) -> str:
        count = "1 version" if len(self) == 1 else f"{len(self)} versions"
        return f"<Pruning: {count} {'moved aside' if self.done else 'to go'}>"


class Pruner:
    """Applies ``mlops.model_retention_days`` and ``mlops.registry.max_versions_per_model`` to what is there.

    A version that has a stage or an alias stays, and so does the newest of a model, however old it is.
    """

    def __init__(self, lookup: Lookup, trail: Trail, acts: Acts, *, days: int | None, limit: int | None) -> None:
        self._lookup = lookup
        self._trail = trail
        self._acts = acts
        self._days = days
        self._limit = limit

    @property
    def rule(self) -> str:
        """What is asked of versions, as a person reads it."""
        rules = [f"model_retention_days is {self._days}"] if self._days is not None else []
        rules += [f"max_versions_per_model is {self._limit}"] if self._limit is not None else []
        return ", ".join(rules)

    def due(self, now_ns: int) -> list[Going]:
        """Return what is to go."""
        if not self.rule:
            return []
        return [going for name in self._lookup.names() for going in self._of_model(name, now_ns)]

    def move_aside(self, going: Going) -> bool:
        """Remove a version unless somebody has given it a stage or an alias meanwhile, or has removed it; tell."""
        name, number = going.version.name, going.version.version

        def decide(state: State) -> EventRecord | None:
            if number in state.removed or number in _held(state):
                return None
            return self._acts.event(Act.REMOVED, number, comment=going.why)

        return self._trail.act(name, decide) is not None

    def _of_model(self, name: str, now_ns: int) -> Iterator[Going]:
        live = self._lookup.live_versions(name)
        held = _held(self._trail.state(name))
        free = [version for version in live[:-1] if version.version not in held]
        left = len(live)
        for version in free:
            age_days = (now_ns - version.record.created_at_ns) / DAY_NS
            if self._days is not None and age_days > self._days:
                why = f"{age_days:.0f} days old, and model_retention_days is {self._days}"
            elif self._limit is not None and left > self._limit:
                why = f"one of {len(live)}, and max_versions_per_model is {self._limit}"
            else:
                continue
            left -= 1
            yield Going(version, why)


def _held(state: State) -> set[int]:
    return {*state.stages, *state.aliases.values()}
