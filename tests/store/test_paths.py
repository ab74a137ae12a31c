from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tauro_nb.errors import UnsafePath
from tauro_nb.store.paths import PathValidator

name = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\0\x7f", exclude_categories=("Cc", "Cs")),
    min_size=1,
    max_size=20,
)
segment = name.filter(lambda text: text not in (".", "..") and not text.lower().startswith(".tauro-"))


def test_a_relative_path_starts_at_the_root(tmp_path: Path) -> None:
    assert PathValidator(tmp_path).resolve("data/train.parquet") == tmp_path / "data" / "train.parquet"
    assert PathValidator(tmp_path).resolve("./data") == tmp_path / "data"


def test_the_root_is_fixed_when_the_validator_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    validator = PathValidator(".")
    monkeypatch.chdir("/")
    assert validator.resolve("x") == tmp_path / "x"


@pytest.mark.parametrize("text", ["a..b", "..a", "a..", "...", "x/a..b/y", "..../x"])
def test_two_dots_inside_a_name_are_no_way_up(tmp_path: Path, text: str) -> None:
    assert PathValidator(tmp_path).resolve(text) == tmp_path / text
    assert PathValidator.key(text) == text


@pytest.mark.parametrize("text", ["..", "../x", "x/..", "x/../y", "x\\..\\y", "..\\x", "/../x", "x/..//y"])
def test_a_way_up_is_refused(tmp_path: Path, text: str) -> None:
    for validator in (PathValidator(tmp_path), PathValidator(tmp_path, allow_absolute=True)):
        with pytest.raises(UnsafePath, match=r"'\.\.' segment") as told:
            validator.resolve(text)
        assert told.value.fix
        assert isinstance(told.value, ValueError)


@pytest.mark.parametrize("text", ["", "a\0b", "\0"])
def test_a_path_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnsafePath):
        PathValidator(tmp_path).resolve(text)


def test_an_absolute_path_passes_only_where_it_may(tmp_path: Path) -> None:
    absolute = str(tmp_path / "elsewhere")
    with pytest.raises(UnsafePath, match="absolute") as told:
        PathValidator(tmp_path).resolve(absolute)
    assert str(tmp_path) in str(told.value.fix)
    assert PathValidator(tmp_path, allow_absolute=True).resolve(absolute) == Path(absolute)


def test_a_path_object_is_as_good_as_text(tmp_path: Path) -> None:
    assert PathValidator(tmp_path).resolve(Path("a") / "b") == tmp_path / "a" / "b"


@given(st.lists(st.sampled_from(["a", "..", "a..b", ".", "", "...", "b c"]), min_size=1, max_size=6))
def test_whatever_resolves_stays_below_the_root(parts: list[str]) -> None:
    text = "/".join(parts)
    assume(not text.startswith("/"))
    validator = PathValidator("/some/root")
    try:
        path = validator.resolve(text)
    except UnsafePath:
        assert ".." in parts or not text
    else:
        assert ".." not in parts
        assert Path(os.path.normpath(path)).is_relative_to("/some/root")


@given(st.lists(segment, min_size=1, max_size=6))
def test_any_list_of_fair_names_is_a_key(names: list[str]) -> None:
    key = "/".join(names)
    assert PathValidator.key(key) == key


@given(
    st.lists(segment, max_size=3),
    st.sampled_from(["", ".", "..", ".tauro-tmp", ".TAURO-x", "a\\b", "a\0", "\n", "\x7f"]),
    st.lists(segment, max_size=3),
)
def test_one_bad_name_spoils_a_key(before: list[str], bad: str, after: list[str]) -> None:
    with pytest.raises(UnsafePath) as told:
        PathValidator.key("/".join([*before, bad, *after]))
    assert told.value.fix


@pytest.mark.parametrize(
    ("text", "path"),
    [("models/x.pkl", "models/x.pkl"), ("./models/x.pkl", "models/x.pkl"), ("a//b/./c/", "a/b/c"), ("x..y", "x..y")],
)
def test_a_path_inside_is_written_one_way(text: str, path: str) -> None:
    assert PathValidator.inside(text) == path


@pytest.mark.parametrize("text", ["/etc/passwd", "..", "a/../b", "", ".", "./", "a\0b", ".tauro-locks/x"])
def test_a_path_that_is_not_inside_is_refused(text: str) -> None:
    with pytest.raises(UnsafePath) as told:
        PathValidator.inside(text)
    assert told.value.fix
