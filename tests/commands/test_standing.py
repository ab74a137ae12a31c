"""`tauro` alone in a shell; in a kernel it is held with the magic."""

from __future__ import annotations

from tauro_nb.cli.main import run as tauro


def told(capsys, code=0):
    assert tauro([]) == code
    return capsys.readouterr().out.splitlines()


def test_without_a_project_it_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = told(capsys)
    assert lines[0] == "tauro"
    assert any(line.split()[:2] == ["tauro", "init"] for line in lines)


def test_in_a_project_it_names_what_can_be_run_and_nothing_that_a_shell_lacks(
    make_project, tmp_path, monkeypatch, capsys
):
    make_project("def a(): ...", {"a": {}})
    monkeypatch.chdir(tmp_path)
    lines = told(capsys)
    assert lines[0] == "tauro  [dev]"
    assert f"  project    {tmp_path}" in lines
    commands = [line.split()[1] for line in lines if line.split()[0] == "tauro"][1:]
    assert commands == ["dag", "run", "--help"]


def test_of_a_project_whose_files_are_wrong_it_tells_all_that_is(make_project, tmp_path, monkeypatch, capsys):
    make_project("def a(): ...", {"a": {}})
    (tmp_path / "config" / "nodes_config.json").write_text('{"a": {"functoin": "steps.a", "retries": -1}}')
    monkeypatch.chdir(tmp_path)
    lines = told(capsys, code=1)
    assert any("did you mean 'function'?" in line for line in lines)
    assert any("retries" in line for line in lines)
