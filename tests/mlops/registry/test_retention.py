from __future__ import annotations

from collections.abc import Callable

import pytest

from tauro_nb.errors import VersionLimit
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk

Make = Callable[..., ModelRegistry]


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
