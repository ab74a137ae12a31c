"""Parameters as they are typed behind ``-p``."""

from __future__ import annotations

import datetime as dt
import math

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tauro_nb.cli.desk import ShellDesk
from tauro_nb.commands.params import options, parse
from tauro_nb.errors import ConfigError, UsageError


class Variables(ShellDesk):
    """A desk with Python variables, as the kernel's."""

    def __init__(self, **held):
        super().__init__()
        self.held = held

    def variable(self, name):
        return self.held[name]


def value(text):
    return parse([f"x={text}"], Variables())["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("300", 300),
        ("-1", -1),
        ("0.1", 0.1),
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2.5e-07", -2.5e-7),
        ("1_000", 1000),
        ("true", True),
        ("null", None),
        ("~", None),
        ("[1, 2]", [1, 2]),
        ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
        ("2024-02-29", dt.date(2024, 2, 29)),
        ("'300'", "300"),
        ('""', ""),
        ("", ""),
        ("text", "text"),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_read_as_in_a_projects_files(text, expected):
    assert value(text) == expected
    assert type(value(text)) is type(expected)


def test_nan_and_infinity_are_spelled_as_in_yaml():
    assert math.isnan(value(".nan"))
    assert value("-.inf") == -math.inf
    assert value("nan") == "nan"


@pytest.mark.parametrize(
    "text",
    [
        "#fff",
        "run #3",
        "Phase: two",
        "- a",
        *"|>-&*?:,@`%!",
        "&x",
        "*x",
        "---",
        "...",
        "!!python/none",
        "!!str 5",
        "[1, 2",
        "2024-13-45",
        "0x_",
        "C:\\x",
        "e5",
        "9" * 5_000,
        "[" * 5_000,
        "\x00",
        "\udce4",
        "two\nlines",
    ],
)
def test_what_is_a_mark_to_yaml_but_no_value_stays_text(text):
    assert value(text) == text


@given(st.text(st.characters(codec="utf-8"), max_size=40))
@example("y: [")
@example("{? a}")
@example("[&a *a]")
def test_no_text_is_refused_and_a_text_is_never_another_one(text):
    found = value(text)
    if isinstance(found, str) and not text.strip().startswith(("'", '"')):
        assert found == text.strip()


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_a_number_as_python_writes_it_is_that_number(number):
    assert value(str(number)) == number
    assert type(value(str(number))) is type(number)


@given(st.dictionaries(st.from_regex(r"[a-z_]+(\.[a-z_]+)?", fullmatch=True), st.integers(), max_size=5))
def test_keys_stay_as_they_are(params):
    assert parse([f"{key}={number}" for key, number in params.items()], Variables()) == params


def test_the_last_of_several_wins():
    assert parse(["x=1", "x=2", " x = 3"], Variables()) == {"x": 3}


def test_a_variable_gives_several_and_takes_its_place_in_the_order():
    desk = Variables(mine={"x": 1, "train.rate": 0.5})
    assert parse(["x=0", "@mine"], desk) == {"x": 1, "train.rate": 0.5}
    assert parse(["@mine", "x=2"], desk) == {"x": 2, "train.rate": 0.5}


@pytest.mark.parametrize(
    ("item", "message", "fix"),
    [
        ("rate", "written key=value", "-p rate=VALUE"),
        ("", "written key=value", "-p key=VALUE"),
        ("=5", "written key=value", "-p key=VALUE"),
        ("@mine", "int is not a mapping", "dict"),
        ("@numbers", "list is not a mapping", "dict"),
        ("@keyed", "1 is no name of a parameter", "text"),
    ],
)
def test_what_is_no_parameter_says_how_one_is_written(item, message, fix):
    with pytest.raises(UsageError, match=message) as told:
        parse([item], Variables(mine=3, numbers=[1], keyed={1: 2}))
    assert fix in told.value.fix


def test_a_shell_has_no_variables():
    with pytest.raises(UsageError, match="a shell has no Python variables"):
        parse(["@mine"], ShellDesk())


@click.command
@click.pass_obj
@options
def tell(desk, params):
    """Give back the parameters."""
    return params


def told(*words):
    return tell.main([str(word) for word in words], obj=Variables(), standalone_mode=False)


def test_files_give_parameters_over_which_those_behind_p_win(tmp_path):
    (tmp_path / "a.yaml").write_text("rate: 0.5\ntrain.max_depth: null\nnames: [x, y]\n")
    (tmp_path / "b.json").write_text('{"rate": 0.25}')
    files = ("--params-file", tmp_path / "a.yaml", "--params-file", tmp_path / "b.json")
    assert told(*files) == {"rate": 0.25, "train.max_depth": None, "names": ["x", "y"]}
    assert told("-p", "rate=1", *files)["rate"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "expected a mapping"),
        ("1: 2", "1 is no name of a parameter"),
        ("x: !!python/object:os.system ls", "line 1"),
        ("x: [1", "line"),
    ],
)
def test_a_file_that_gives_no_parameters_is_named_with_its_place(tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        told("--params-file", tmp_path / "a.yaml")
    assert "a.yaml" in str(refused.value)
