from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tauro_nb.config.schema import RegistrySettings
from tauro_nb.errors import VersionLimit
from tauro_nb.events import EventEmitter
from tauro_nb.mlops.monitoring.counters import MetricsCollector
from tauro_nb.mlops.registry.pruning import Going
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk
from tauro_nb.wiring import services

Make = Callable[..., Any]


def live(registry: ModelRegistry) -> list[int]:
    return [version.version for version in registry.versions("m")]


def test_without_a_limit_all_stay(registry: ModelRegistry) -> None:
    for _ in range(5):
        registry.register_model(1, "m")
    assert live(registry) == [1, 2, 3, 4, 5]


def test_a_new_version_moves_the_oldest_aside(make: Make) -> None:
    registry = make(max_versions_per_model=2)
    for i in range(1, 5):
        assert registry.register_model(i, "m").version == i
    assert live(registry) == [3, 4]
    removals = registry.history("m").query("act == 'removed'")
    assert removals["version"].tolist() == [1, 2]
    assert set(removals["comment"]) == {"max_versions_per_model is 2"}
    assert registry.restore_version("m", 1).load() == 1


def test_versions_with_a_stage_or_an_alias_stay(make: Make) -> None:
    registry = make(max_versions_per_model=3)
    for i in range(3):
        registry.register_model(i, "m")
    registry.promote("m", 1)
    registry.set_alias("m", 2, alias="champion")
    registry.register_model(4, "m")
    assert live(registry) == [1, 2, 4]


def test_a_model_at_its_limit_says_so_before_anything_is_written(make: Make, store: Store) -> None:
    registry = make(max_versions_per_model=2)
    for i in range(1, 3):
        registry.register_model(i, "m")
        registry.promote("m", i)
    before = list(walk(store))

    with pytest.raises(VersionLimit, match="m has 2 versions, at most 2 are allowed") as caught:
        registry.register_model(3, "m")

    assert "max_versions_per_model" in str(caught.value.fix)
    assert list(walk(store)) == before
    registry.promote("m", 1, stage=None)
    assert registry.register_model(3, "m").version == 3
    assert live(registry) == [2, 3]


def test_a_limit_that_was_lowered_is_reached_with_the_next_version(make: Make) -> None:
    for i in range(5):
        make().register_model(i, "m")
    registry = make(max_versions_per_model=2)
    registry.register_model(6, "m")
    assert live(registry) == [5, 6]


def test_each_model_has_its_own_limit(make: Make) -> None:
    registry = make(max_versions_per_model=1)
    registry.register_model(1, "m")
    registry.register_model(1, "n")
    assert [model.n_versions for model in registry.models()] == [1, 1]


DAY_NS = 86_400_000_000_000


@pytest.fixture
def aged(store: Store) -> Callable[..., ModelRegistry]:
    """Make a registry on the store whose clock stands at a day."""

    def at_day(day: float, *, days: int | None = None, limit: int | None = None) -> ModelRegistry:
        return ModelRegistry(
            store,
            RegistrySettings(max_versions_per_model=limit),
            retention_days=days,
            clock=lambda: int(day * DAY_NS),
            emitter=EventEmitter(),
            collector=MetricsCollector(),
        )

    return at_day


def test_old_versions_are_shown_first_and_go_when_told(aged: Make, store: Store) -> None:
    for day in (0, 10, 20, 95):
        aged(day).register_model(day, "m")
    registry = aged(100, days=60)
    before = list(walk(store))
    shown = registry.prune()
    assert ([each.version for each in shown.versions], shown.done) == ([1, 2, 3], False)
    assert list(walk(store)) == before
    assert live(registry) == [1, 2, 3, 4]

    gone = registry.prune(dry_run=False)
    assert ([each.version for each in gone.versions], gone.done) == ([1, 2, 3], True)
    assert live(registry) == [4]
    assert registry.history("m")["comment"].tolist()[-1] == "80 days old, and model_retention_days is 60"
    assert len(registry.prune(dry_run=False)) == 0
    assert registry.restore_version("m", 1).load() == 0


def test_however_old_the_newest_and_what_has_a_stage_or_an_alias_stay(aged: Make) -> None:
    for _ in range(4):
        aged(0).register_model(1, "m")
    aged(0).promote("m", 1)
    aged(0).promote("m", 2)
    aged(0).set_alias("m", 3, alias="champion")
    assert len(aged(1_000, days=1).prune(dry_run=False)) == 0
    assert live(aged(0)) == [1, 2, 3, 4]


def test_too_many_versions_go_too(aged: Make) -> None:
    for day in range(5):
        aged(day).register_model(day, "m")
        aged(day).register_model(day, "n")
    aged(5).promote("m", 1)
    gone = aged(5, limit=3).prune(dry_run=False)
    assert [(each.version.name, each.version.version) for each in gone] == [("m", 2), ("m", 3), ("n", 1), ("n", 2)]
    assert live(aged(5)) == [1, 4, 5]


def test_without_a_setting_nothing_goes(aged: Make) -> None:
    aged(0).register_model(1, "m")
    aged(0).register_model(1, "m")
    pruning = aged(10_000).prune(dry_run=False)
    assert (len(pruning), pruning.rule) == (0, "")


def test_what_was_promoted_after_it_was_listed_does_not_go(aged: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        aged(0).register_model(1, "m")
    registry = aged(100, days=1)
    due = registry._pruner.due

    def meanwhile(now_ns: int) -> list[Going]:
        listed = due(now_ns)
        aged(0).promote("m", 1)
        return listed

    monkeypatch.setattr(registry._pruner, "due", meanwhile)
    assert [each.version for each in registry.prune(dry_run=False).versions] == [2]


def test_a_projects_setting_reaches_its_registry(make_project: Make) -> None:
    context = make_project("def x(): pass", {"x": {}}, settings={"mlops": {"model_retention_days": 30}})
    assert services(context).registry.retention_days == 30
