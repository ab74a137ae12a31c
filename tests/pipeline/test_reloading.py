from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tauro_nb.errors import ConfigError
from tauro_nb.session import open_session

CODE = {
    "foo/__init__.py": "",
    "foo/limits.py": "LIMIT = 1\ncount = []\n",
    "foo/steps.py": "from foo.limits import LIMIT\ndef a(): return LIMIT\ndef gone(): ...\n",
    "foo/other.py": "loads = []\ndef b(): return 'b'\n",
    "foo_bar.py": "loads = []\ndef c(): return 'c'\n",
}
NODES = {"a": {"function": "foo.steps.a"}, "b": {"function": "foo.other.b"}, "c": {"function": "foo_bar.c"}}


@pytest.fixture
def session(make_project, tmp_path):
    make_project(CODE, NODES)
    with open_session(tmp_path) as opened:
        opened.run("p")
        yield opened


@pytest.fixture
def edit(tmp_path):
    def write(path, text):
        file = tmp_path / path
        before = file.stat()
        file.write_text(text, encoding="utf-8")
        # as an editor that saves within the same second: the byte code cache would take it for the old one
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    return write


def results(session):
    return session.run("p").results


def test_an_edited_module_and_those_that_import_it_are_read_anew_and_no_others(session, edit):
    others = sys.modules["foo.other"], sys.modules["foo_bar"], sys.modules["foo"]
    edit("foo/limits.py", "LIMIT = 2\ncount = []\n")
    told = []
    session.on_reload = told.append
    assert results(session) == {"a": 2, "b": "b", "c": "c"}
    assert list(map(str, told)) == ["reloaded foo.limits, foo.steps (edited: foo/limits.py)"]
    assert (sys.modules["foo.other"], sys.modules["foo_bar"], sys.modules["foo"]) == others
    assert sys.modules["foo"].limits.LIMIT == 2
    assert results(session) == {"a": 2, "b": "b", "c": "c"}
    assert len(told) == 1


def test_a_function_that_was_deleted_is_gone(session, edit):
    edit("foo/steps.py", "def a(): return 7\n")
    assert results(session)["a"] == 7
    assert not hasattr(sys.modules["foo.steps"], "gone")


def test_a_file_that_was_touched_is_not_edited(session, edit):
    edit("foo/steps.py", CODE["foo/steps.py"])
    assert not session.reload()


def test_a_module_that_was_imported_by_hand_before_the_first_run_is_read_anew_too(make_project, tmp_path, edit):
    make_project(CODE, NODES)
    with open_session(tmp_path) as session:
        import foo.steps

        edit("foo/steps.py", "def a(): return 3\n")
        assert foo.steps.a() == 1
        assert results(session)["a"] == 3


def test_a_module_that_cannot_be_read_leaves_the_old_ones_and_is_told_until_it_is_mended(session, edit):
    old = {name: sys.modules[name] for name in ("foo", "foo.limits", "foo.steps")}
    edit("foo/limits.py", "LIMIT = 5\n")
    edit("foo/steps.py", "from foo.limits import LIMIT\n\ndef a(:\n")
    for _ in range(2):
        with pytest.raises(SyntaxError) as told:
            session.run("p")
        assert (Path(told.value.filename).name, told.value.lineno) == ("steps.py", 3)
        assert "as they were before" in told.value.__notes__[0]
        assert {name: sys.modules[name] for name in old} == old
        assert old["foo"].limits is old["foo.limits"]
    assert old["foo.steps"].a() == 1
    edit("foo/steps.py", "from foo.limits import LIMIT\ndef a(): return LIMIT\n")
    assert results(session)["a"] == 5


def test_a_module_whose_file_is_gone_is_forgotten(session, edit, tmp_path):
    edit("foo/steps.py", "def a(): return 4\n")
    (tmp_path / "foo" / "limits.py").unlink()
    assert results(session)["a"] == 4
    assert "foo.limits" not in sys.modules


def test_a_package_that_is_read_anew_keeps_its_other_modules_within_reach(session, edit):
    edit("foo/__init__.py", "import foo.other\nNAME = foo.other.b()\n")
    session.reload()
    assert sys.modules["foo"].NAME == "b"
    assert sys.modules["foo"].other is sys.modules["foo.other"]


def test_code_that_runs_goes_on_with_what_it_began_with(session, edit):
    running = sys.modules["foo.steps"].a
    edit("foo/steps.py", "LIMIT = 9\ndef a(): return LIMIT\n")
    assert results(session)["a"] == 9
    assert running() == 1


def test_edited_files_are_taken_up_and_what_is_in_memory_stays(session, edit, tmp_path):
    session.catalog.put_memory("kept", [1])
    catalog, tracker = session.catalog, session.tracker
    nodes = json.loads((tmp_path / "config/nodes_config.json").read_text())
    nodes["a"]["function"] = "foo.other.b"
    edit("config/nodes_config.json", json.dumps(nodes))
    told = []
    session.on_reload = told.append
    assert results(session)["a"] == "b"
    assert list(map(str, told)) == ["configuration read anew (edited: config/nodes_config.json)"]
    assert session.catalog.load("kept") == [1]
    assert session.catalog is not catalog
    assert session.tracker is tracker


def test_wrong_files_are_told_until_they_are_mended_and_the_session_stays_as_it_was(session, edit, tmp_path):
    text = (tmp_path / "config/nodes_config.json").read_text()
    edit("config/nodes_config.json", text.replace('"function"', '"funktion"'))
    for _ in range(2):
        with pytest.raises(ConfigError, match="funktion"):
            session.run("p")
    assert session.context.nodes["a"].function == "foo.steps.a"
    edit("config/nodes_config.json", text)
    assert results(session)["a"] == 1


def test_another_place_of_the_store_waits_for_the_project_to_be_loaded_again(session, edit):
    store = session.tracker.store.location
    edit("config/global_settings.json", json.dumps({"mlops": {"storage_path": "elsewhere"}}))
    assert "mlops takes effect when" in str(session.reload())
    assert session.tracker.store.location == store
    assert str(session.context.storage_dir) == store


def test_all_is_read_anew_on_demand(session):
    before = sys.modules["foo_bar"]
    assert set(session.reload(force=True).modules) == {"foo", "foo.limits", "foo.steps", "foo.other", "foo_bar"}
    assert sys.modules["foo_bar"] is not before


def test_closing_leaves_the_import_system_as_it_was(make_project, tmp_path):
    make_project(CODE, NODES)
    before = list(sys.meta_path)
    with open_session(tmp_path) as session:
        session.run("p")
    assert sys.meta_path == before
