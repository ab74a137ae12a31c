from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tauro_nb.config.interpolation import interpolate

ENV = {"A": "alpha", "EMPTY": "", "NESTED": "${A}", "N": "5"}


def filled(value: Any) -> Any:
    problems: list[Any] = []
    content, _ = interpolate(value, ENV, lambda *problem: problems.append(problem))
    assert not problems
    return content


def wrong(value: Any) -> list[tuple[Any, ...]]:
    problems: list[Any] = []
    content, _ = interpolate(value, ENV, lambda *problem: problems.append(problem))
    assert content == value
    return problems


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${A}", "alpha"),
        ("x/${A}/${N}.csv", "x/alpha/5.csv"),
        ("${A}${A}", "alphaalpha"),
        ("${B:-beta}", "beta"),
        ("${A:-beta}", "alpha"),
        ("${B:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-beta}", "beta"),
        ("${B:-http://host:80/a b?c=$1}", "http://host:80/a b?c=$1"),
        ("${NESTED}", "${A}"),
        ("$${A}", "${A}"),
        ("$${A} ${A}", "${A} alpha"),
        ("$A $ {A} $$ 5$", "$A $ {A} $$ 5$"),
        ("}{${A}}", "}{alpha}"),
    ],
)
def test_references_in_text(value: str, expected: str) -> None:
    assert filled(value) == expected


def test_values_at_every_depth_are_filled_in_and_keys_are_not() -> None:
    tree = {"${A}": ["${A}", {"k": "<${A}>"}], 1: "${N}", "other": [1, 2.5, None, True]}
    assert filled(tree) == {"${A}": ["alpha", {"k": "<alpha>"}], 1: "5", "other": [1, 2.5, None, True]}
    assert tree["${A}"] == ["${A}", {"k": "<${A}>"}]


def test_only_values_that_are_one_reference_are_whole() -> None:
    tree = {"a": "${N}", "b": " ${N}", "c": "${N}${N}", "d": ["${X:-5}"], "e": "$${N}", "f": "5"}
    _, whole = interpolate(tree, ENV, lambda *_: None)
    assert whole == [("a",), ("d", 0)]


def test_every_missing_variable_is_reported_with_its_keys() -> None:
    problems = wrong({"a": {"b": ["${B} ${C}"]}, "d": "${D}"})
    assert [(keys, what) for keys, what, _ in problems] == [
        (("a", "b", 0), "environment variable B is not set"),
        (("a", "b", 0), "environment variable C is not set"),
        (("d",), "environment variable D is not set"),
    ]
    assert problems[0][2] == "set it (export B=...), or write a default: ${B:-value}"


@pytest.mark.parametrize(
    "value", ["${", "${A", "${}", "${a b}", "${1A}", "${A:b}", "${A:-${N}}", "${secrets:s/k}", "${A-x}"]
)
def test_what_is_no_reference_is_refused_and_not_passed_through(value: str) -> None:
    ((keys, what, fix),) = wrong({"k": value})
    assert keys == ("k",)
    assert what
    assert fix


plain = st.text(max_size=40).filter(lambda text: "${" not in text)


@settings(deadline=None)
@given(plain, plain, st.text(max_size=40))
def test_a_reference_gives_exactly_what_the_variable_says(before: str, after: str, value: str) -> None:
    text = before + "${VAR}" + after
    if "$${" in text:
        return
    content, _ = interpolate(text, {"VAR": value}, lambda *_: None)
    assert content == before + value + after


@settings(deadline=None)
@given(st.text(alphabet="ab${}:-", max_size=30))
def test_an_escaped_text_comes_back_as_it_was(text: str) -> None:
    escaped = text.replace("${", "$${")
    problems: list[Any] = []
    content, whole = interpolate(escaped, {}, lambda *problem: problems.append(problem))
    assert (content, whole, problems) == (text, [], [])


@settings(deadline=None)
@given(st.text(alphabet="AB${}:- ", max_size=40))
def test_any_text_is_filled_in_or_reported_in_short(text: str) -> None:
    problems: list[tuple[Any, ...]] = []
    content, _ = interpolate({"k": text}, ENV, lambda *problem: problems.append(problem))
    assert isinstance(content["k"], str)
    assert all(len(what) + len(fix) < 300 for _, what, fix in problems)
    if problems:
        assert content == {"k": text}


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=20,
    )
)
def test_a_tree_without_references_stays_as_it_is(tree: Any) -> None:
    content, whole = interpolate(tree, {}, lambda *_: pytest.fail("reported"))
    assert content == tree
    assert whole == []
