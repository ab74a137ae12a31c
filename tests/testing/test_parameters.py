from __future__ import annotations

import math
from pathlib import Path

import pytest

from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.testing.parameters import literal, replaced


def given(*sources, tags=None, **values):
    return replaced(list(sources), tags or [[] for _ in sources], values)


def test_a_value_takes_the_place_of_the_one_that_is_assigned_first():
    assert given("n = 10; m = 2", "n = 3\nn", n=5) == ["n = 5; m = 2", "n = 3\nn"]


def test_in_a_tagged_cell_alone_where_there_is_one():
    assert given("n = 1", "n = 2", tags=[[], ["parameters"]], n=5) == ["n = 1", "n = 5"]
    with pytest.raises(UnknownName, match="cell with the tag"):
        given("m = 1", "n = 2", tags=[[], ["parameters"]], m=5)


def test_lines_stay_where_they_are():
    source = "a = [\n  1,\n]  # three lines\nb: str = 'é'  # kept\nraise_here()"
    assert given(source, a=[7], b="ü") == ["a = ([7]\n\n)  # three lines\nb: str = 'ü'  # kept\nraise_here()"]


@pytest.mark.parametrize("end", ["\x0b", "\x0c"])
def test_a_character_that_ends_lines_elsewhere_ends_none(end):
    source = f"title = 'a{end}b'\nrate = 0.1; x = '{end}'\r\ny = 2"
    assert given(source, rate=0.5, y=3) == [source.replace("0.1", "0.5").replace("y = 2", "y = 3")]


def test_magics_around_an_assignment_do_no_harm():
    source = "%load_ext tauro_nb\n!ls\nrate = 0.1\nreport = %tauro run p -p rate=$rate\n"
    assert given(source, rate=0.5)[0] == source.replace("0.1", "0.5")
    assert given("%%time\nrate = 1", "rate = 1", rate=2) == ["%%time\nrate = 1", "rate = 2"]


@pytest.mark.parametrize(
    "source", ["if True:\n    n = 1", "def f(n=1): ...", "n, m = 1, 2", "n += 1", "x = n = %tauro"]
)
def test_a_name_that_no_cell_plainly_assigns_is_an_error_with_the_nearest(source):
    with pytest.raises(UnknownName, match="no parameter named 'n'"):
        given(source, "number = 3", n=1)


def test_an_unknown_name_comes_with_the_nearest():
    with pytest.raises(UnknownName) as told:
        given("n_estimators = 3", n_estimatorz=1)
    assert told.value.fix == "did you mean 'n_estimators'?"


@pytest.mark.parametrize(
    "value", [None, True, 1, -2.5, 1j, "a'\"\n", b"x", [1, [2]], (1,), (), {"a": {"b": None}}, {1, 2}, set(), 1e300]
)
def test_a_plain_value_is_written_as_it_is(value):
    assert eval(literal("n", value)) == value


def test_numbers_that_are_none_and_paths_are_written_too():
    assert math.isnan(eval(literal("n", [math.nan]))[0])
    assert eval(literal("n", -math.inf)) == -math.inf
    assert eval(literal("n", Path("a/b"))) == "a/b"


@pytest.mark.parametrize("value", [object(), [object()], {"a": print}])
def test_other_things_are_refused(value):
    with pytest.raises(UsageError, match="'n'"):
        literal("n", value)
