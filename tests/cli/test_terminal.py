"""`tauro` at a terminal, in a pipe, and in a locale that has no ticks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import tauro_nb
from tauro_nb.cli.main import run as tauro
from tauro_nb.display.widths import width

HOSTILE = ["\x1b[31mred\x1b]0;title\x07", "two\nlines", "\u202edrow", "模型訓練的第一次嘗試", "👩‍💻 ❤️", "x" * 300]


@pytest.fixture(scope="module")
def project(make_project_in, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    make_project_in("def broken(): raise BrokenPipeError('mine')", {"broken": {}}, root=root)
    session = tauro_nb.open_session(root)
    for at, name in enumerate(HOSTILE):
        with session.tracker.start_run(name, tags={name: name}) as run:
            run.log_params({f"p{i}": f"{name}{at}" for i in range(8)})
            run.log_metrics({f"m{i}": i / (at + 1) for i in range(8)})
    session.close()
    return root


def shell(project, line, **env):
    command = f"'{sys.executable}' -m tauro_nb.cli {line}"
    env = {**{key: value for key, value in os.environ.items() if key != "COLUMNS"}, **env}
    return subprocess.run(command, shell=True, cwd=project, env=env, capture_output=True, check=False)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("verb", ["runs", "compare last:6", "runs --columns run_name,params.*,metrics.*"])
def test_tables_fit_the_columns_that_are_told(project, monkeypatch, capsys, columns, verb):
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", str(columns))
    assert tauro(verb.split()) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if not line.lstrip().startswith("�[31m")]
    body = table[: next((i for i, line in enumerate(table) if "The same in all" in line or ": 2026" in line), None)]
    assert all(width(line) <= columns for line in body)


@pytest.mark.parametrize("verb", ["runs", "show", "compare last:6", "runs --columns tags.*,run_name", "models"])
def test_no_name_reaches_the_terminal_as_a_command(project, monkeypatch, capsys, verb):
    monkeypatch.chdir(project)
    assert tauro(verb.split()) == 0
    out = capsys.readouterr().out
    assert not set(out) & {"\x1b", "\x07", "\r", "\u202e"}


def test_in_a_pipe_nothing_is_left_out(project):
    shown = shell(project, "runs | cat")
    assert b"no room" not in shown.stdout
    assert b"m5" in shown.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
def test_at_a_terminal_even_csv_moves_no_cursor(project):
    import pty

    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "tauro_nb.cli", "runs", "--csv"]
    with subprocess.Popen(words, cwd=project, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not read:
                break
            shown += read
    os.close(ours)
    assert process.returncode == 0
    assert b"run_id" in shown
    assert b"\x1b" not in shown


@pytest.mark.parametrize("line", ["runs | head -n 1", "runs --json | head -n 1", "runs --csv | true"])
def test_a_reader_that_leaves_is_no_error(project, line):
    assert shell(project, line).stderr == b""


def test_a_nodes_own_broken_pipe_is_a_failed_pipeline(project):
    shown = shell(project, "run p")
    assert shown.returncode == 1
    assert b"BrokenPipeError: mine" in shown.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_that_lacks_letters_breaks_nothing_and_documents_are_whole(project, encoding):
    poor = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"}
    for line in ("runs", "runs --csv"):
        shown = shell(project, line, **poor)
        assert (shown.returncode, shown.stderr) == (0, b"")
    assert HOSTILE[3].encode() in shown.stdout
    names = [run["run_name"] for run in json.loads(shell(project, "runs --json", **poor).stdout)]
    assert names[::-1] == HOSTILE
