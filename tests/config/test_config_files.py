from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tauro_nb.config.files import read
from tauro_nb.config.problems import Problem


def content(tmp_path: Path, text: str | bytes, name: str = "nodes.yaml") -> dict[object, object]:
    problems: list[Problem] = []
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    mapping = read(path, name, problems)
    assert not problems
    assert mapping is not None
    return mapping


def wrong(tmp_path: Path, text: str | bytes, name: str = "nodes.yaml") -> tuple[str, str]:
    problems: list[Problem] = []
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read(path, name, problems) is None
    ((message, fix),) = problems
    assert fix
    return message, fix


def test_an_exponent_makes_a_number_with_and_without_a_point_or_a_sign(tmp_path: Path) -> None:
    read_in = content(tmp_path, "a: [1e-3, 1E5, .5e1, -2e+1, 1.5e3]\nb: ['1e3', 1e, e3, 1e3x, 0x1e3]\n")
    assert read_in == {"a": [0.001, 1e5, 5.0, -20.0, 1500.0], "b": ["1e3", "1e", "e3", "1e3x", 0x1E3]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "line 3, column 2"),
        ("a: 1\n\tb: 2\n", "line 2, column 1"),
        ("a: b: c\n", "line 1, column 5"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "line 4, column 3: the key 'c' stands twice"),
        ("a: 2024-13-45\n", "line 1, column 4: no such value"),
        ("a: 1\nb: !!python/object/apply:os.system [x]\n", "line 2, column 4"),
        ("a: !mine 1\n", "line 1, column 4"),
        ("a: !!set {x}\n", "line 1, column 4"),
        ("a: &x [*x]\n", "line 1, column 4: an alias that contains itself"),
        ("a: *nowhere\n", "line 1, column 4"),
        ("? [1, 2]\n: x\n", "line 1, column 3"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1"),
        ("a: " + "9" * 5000 + "\n", "line 1, column 4: no such value"),
    ],
)
def test_broken_yaml_says_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    message, _ = wrong(tmp_path, text)
    assert message.startswith(f"nodes.yaml: {place}")
    assert len(message) < 300


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7: Expecting value"),
        ('{"a": 1}\n x', "line 2, column 2: Extra data"),
        ('{"a": 1,\n\t"b": {"a": 2,\n\t "a": 3}}', "line 3, column 3: the key 'a' stands twice"),
        ("{'a': 1}", "line 1, column 2"),
    ],
)
def test_broken_json_says_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    message, _ = wrong(tmp_path, text, "nodes.json")
    assert message.startswith(f"nodes.json: {place}")


def test_a_double_key_is_refused_also_where_its_place_cannot_be_told(tmp_path: Path) -> None:
    message, _ = wrong(tmp_path, '{"\\ud83d\\ude00": 1, "a": 1, "a": 2}', "nodes.json")
    assert message.endswith("the key 'a' stands twice")


@pytest.mark.parametrize("text", ["- a\n", "5\n", "just text\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    message, _ = wrong(tmp_path, text)
    assert "expected a mapping" in message


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    message, fix = wrong(tmp_path, "a: 1\nb: caf\xe9\n".encode("latin-1"))
    assert message == "nodes.yaml: line 2: not UTF-8"
    assert fix == "save the file as UTF-8"


def test_unknown_suffixes_folders_and_files_that_may_not_be_read_are_refused(tmp_path: Path) -> None:
    assert "unknown kind of file '.toml'" in wrong(tmp_path, "a = 1", "nodes.toml")[0]
    (tmp_path / "folder.yaml").mkdir()
    problems: list[Problem] = []
    assert read(tmp_path / "folder.yaml", "folder.yaml", problems) is None
    assert problems[0][0] == "folder.yaml: cannot be read: Is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text("a: 1", encoding="utf-8")
    path.chmod(0)
    problems: list[Problem] = []
    assert read(path, "nodes.yaml", problems) is None
    assert "Permission denied" in problems[0][0]


@pytest.mark.parametrize("name", ["nodes.yaml", "nodes.yml", "nodes.json", "NODES.YAML"])
def test_an_empty_file_is_an_empty_mapping(tmp_path: Path, name: str) -> None:
    assert content(tmp_path, "", name) == {}
    assert content(tmp_path, "\ufeff\n", name) == {}


def test_yaml_is_read_as_pyyaml_reads_it(tmp_path: Path) -> None:
    assert content(tmp_path, "a: no\nb: on\nc: 1:30\nd: '5'\ne: ~\non: 1\n") == {
        "a": False,
        "b": True,
        "c": 90,
        "d": "5",
        "e": None,
        True: 1,
    }


def test_merge_keys_may_be_overridden_at_any_depth(tmp_path: Path) -> None:
    text = "c: &c {k: 0, z: 9}\nx:\n  y: &b\n    <<: *c\n    k: 1\na:\n  <<: *b\n  k: 2\n"
    read_in = content(tmp_path, text)
    assert read_in["a"] == {"k": 2, "z": 9}
    assert read_in["x"] == {"y": {"k": 1, "z": 9}}


def test_a_bare_reference_within_braces_is_explained(tmp_path: Path) -> None:
    message, fix = wrong(tmp_path, "train:\n  params: {rate: ${RATE:-0.1}, n: 1}\n")
    assert message.startswith("nodes.yaml: line 2, ")
    assert fix.startswith("put a text that holds '${' in quotes")


def test_without_libyaml_the_same_mistakes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    spec = importlib.util.find_spec("tauro_nb.config.yaml_text")
    assert spec is not None
    assert spec.loader is not None
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    assert plain.parse("a: {<<: {b: 1}, c: no}") == {"a": {"b": 1, "c": False}}
    for text, told in [
        ("a: 1\na: 2", "the key 'a' stands twice"),
        ("a: &x [*x]", "an alias that contains itself"),
        ("a: 2024-13-45", "no such value"),
        ("a: " + "[" * 500, "more than 200 levels"),
    ]:
        with pytest.raises(yaml.YAMLError, match=told):
            plain.parse(text)


def test_aliases_that_unfold_into_millions_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    message, _ = wrong(tmp_path, "\n".join(lines))
    assert "more than 1,000,000 values" in message


@pytest.mark.parametrize(("name", "text"), [("n.yaml", "a: " + "[" * 50_000), ("n.json", '{"a": ' + "[" * 200_000)])
def test_nesting_without_end_is_refused(tmp_path: Path, name: str, text: str) -> None:
    wrong(tmp_path, text, name)


@settings(deadline=None)
@given(
    raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)),
    suffix=st.sampled_from(["yaml", "json"]),
)
def test_any_bytes_give_a_mapping_or_one_short_problem(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    path.write_bytes(raw)
    problems: list[Problem] = []
    mapping = read(path, "any", problems)
    assert (mapping is None) == (len(problems) == 1)
    assert all(len(message) + len(fix or "") < 400 for message, fix in problems)
