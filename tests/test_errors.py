import builtins
import pickle

import pytest

from tauro_nb import errors
from tauro_nb.errors import ConfigError, MissingDependency, TauroError, UnknownName

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TauroError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_message_mend_and_notes_survive_pickling(kind):
    error = kind("config/nodes.yaml: nodes.a: is wrong", fix="write it right")
    error.add_note("in node a")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert copy.lines() == error.lines()
    assert copy.__notes__ == ["in node a"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_error_is_drawn_in_the_tree(kind):
    assert f" {kind.__name__}" in errors.__doc__ or errors.__doc__.count(kind.__name__) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.__base__ is not Exception], ids=lambda k: k.__name__)
def test_each_error_is_the_builtin_that_the_tree_says(kind):
    (line,) = [line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in f"{line} "]
    if "(" in line:
        assert issubclass(kind, getattr(builtins, line.split("(")[1].split(")")[0]))


def test_a_notebook_shows_message_and_mend_without_a_traceback():
    error = TauroError("the store is full", fix="make room")
    assert error._render_traceback_() == ["TauroError: the store is full", "  fix: make room"]


def test_an_unknown_name_comes_with_the_nearest_one():
    error = UnknownName.among("pipeline", "ml_trainning_pipeline", ["ml_training_pipeline", "digits_pipeline"])
    assert error.fix == "did you mean 'ml_training_pipeline'?"


def test_an_unknown_name_unlike_all_others_comes_with_a_bounded_list():
    error = UnknownName.among("node", "zzz", [f"node_{i:03}" for i in range(500)])
    assert "and 492 more" in error.fix
    assert len(error.fix) < 200


def test_all_problems_of_a_configuration_are_in_one_error():
    error = ConfigError.of([("a.yaml: x: is wrong", "mend x"), ("b.yaml: y: is wrong", None)])
    assert error.problems == (("a.yaml: x: is wrong", "mend x"), ("b.yaml: y: is wrong", None))
    for part in ("2 problems", "a.yaml: x", "mend x", "b.yaml: y"):
        assert part in str(error)


def test_a_missing_package_comes_with_the_command_that_installs_it():
    assert MissingDependency.of("skops", "mlops", what="saving a model").fix == 'pip install "tauro-nb[mlops]"'
