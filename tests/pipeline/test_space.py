from __future__ import annotations

import random

import numpy as np
import pytest

from tauro_nb.errors import InvalidParam, UsageError
from tauro_nb.pipeline.samplers import SAMPLERS, sampler_of
from tauro_nb.pipeline.space import Range, Space


def tried(name, space, *, count=1_000, seed=1, value=lambda params: 1.0):
    if name == "optuna":
        pytest.importorskip("optuna", reason="optuna comes with the extra `optuna`")
    sampler = sampler_of(name, space, seed=seed, maximize=True)
    found = []
    while len(found) < count and (params := sampler.ask()) is not None:
        found.append(params)
        sampler.tell(params, value(params))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1..0.9", Range(0.1, 0.9)),
        ("2..12", Range(2, 12)),
        ("log:1e-4..1e-1", Range(1e-4, 1e-1, log=True)),
        ("-1 .. 1.5", Range(-1, 1.5)),
        ("rbf", None),
        ("2026-01-01..2026-02-01", None),
    ],
)
def test_a_range_is_read_from_its_text_and_written_back(text, expected):
    found = Range.read(text)
    assert found == expected
    assert found is None or Range.read(str(found)) == found


@pytest.mark.parametrize("text", ["3..1", "1..1", "log:0..1", "1..2..3", "0.1..x"])
def test_what_begins_like_a_range_and_is_none_is_told(text):
    with pytest.raises(UsageError):
        Range.read(text)


def test_choices_are_lists_arrays_and_single_values_each_once():
    space = Space({"a": [1, 2, 1], "b": np.array([0.5, 1.0]), "c": "x", "d": [[1, 2], None], "e": range(2)})
    assert space.dimensions == {"a": (1, 2), "b": (0.5, 1.0), "c": ("x",), "d": ([1, 2], None), "e": (0, 1)}
    assert space.size == 16
    assert [type(each) for each in space.dimensions["b"]] == [float, float]


def test_a_text_in_a_list_is_no_range():
    assert Space({"a": ["1..2"]}).dimensions == {"a": ("1..2",)}


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({}, UsageError),
        ({"a": []}, UsageError),
        ({"a": {1, 2}}, UsageError),
        ({1: [2]}, UsageError),
        ({"a": [object()]}, InvalidParam),
    ],
)
def test_what_cannot_be_tried_is_told(params, kind):
    with pytest.raises(kind):
        Space(params)


def test_a_grid_is_every_combination_with_the_last_parameter_changing_first():
    assert tried("grid", Space({"a": [1, 2], "b": ["x", "y"], "c": "0..1"}))[:3] == [
        {"a": 1, "b": "x", "c": 0},
        {"a": 1, "b": "x", "c": 1},
        {"a": 1, "b": "y", "c": 0},
    ]


def test_a_grid_cannot_go_through_a_range_without_a_count():
    with pytest.raises(UsageError, match="'rate'"):
        sampler_of("grid", Space({"rate": "0.1..0.2"}), seed=None, maximize=None)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_space_with_a_size_is_gone_through_whole_and_without_repeats(name):
    space = Space({"a": [1, 2, 3], "b": "log:1..4", "c": [[1], [2]], "d": "fixed"})
    found = tried(name, space)
    assert len(found) == space.size == 24
    assert len({str(params) for params in found}) == 24


@pytest.mark.parametrize("name", ["random", "optuna"])
def test_a_seed_gives_the_same_trials_and_stays_within_the_ranges(name):
    space = Space({"rate": "log:1e-4..1e-1", "depth": "2..5", "kind": [True, None]})
    found = tried(name, space, count=30)
    assert found == tried(name, space, count=30) != tried(name, space, count=30, seed=2)
    assert {type(params["depth"]) for params in found} == {int}
    assert {params["depth"] for params in found} <= {2, 3, 4, 5}
    assert all(1e-4 <= params["rate"] <= 1e-1 for params in found)


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_was_made_before_is_not_given_again(name):
    space = Space({"a": "1..4", "b": [1, "x"]})
    before = tried(name, space)[:5]
    sampler = sampler_of(name, space, seed=3, maximize=False)
    for params in before:
        sampler.tell(params, None if params is before[0] else 1.0)
    found = []
    while (params := sampler.ask()) is not None:
        sampler.tell(params, None)
        found.append(params)
    assert len(found) == 3
    assert not [params for params in found if params in before]


def test_a_logarithmic_range_is_even_in_the_logarithm():
    drawn = [Range(1e-4, 1.0, log=True).at(random.Random(at).random()) for at in range(2_000)]
    assert 0.4 < sum(value < 1e-2 for value in drawn) / 2_000 < 0.6


def test_optuna_comes_close_to_what_is_good_and_says_nothing(capsys):
    space = Space({"x": "-10.0..10.0"})
    found = tried("optuna", space, count=40, value=lambda params: -((params["x"] - 3) ** 2))
    assert min(abs(params["x"] - 3) for params in found) < 0.5
    assert capsys.readouterr() == ("", "")
