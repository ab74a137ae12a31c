from __future__ import annotations

import getpass
import logging
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tauro_nb.mlops.tracking import provenance
from tauro_nb.mlops.tracking.background import Background
from tauro_nb.mlops.tracking.owner import is_gone, this_process
from tauro_nb.mlops.tracking.records import Owner
from tauro_nb.mlops.tracking.tracker import ExperimentTracker


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    (folder / "deep").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "work")
    (folder / "train.py").write_text("lr = 0.1\n", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    monkeypatch.chdir(folder / "deep")
    return folder


def test_a_run_tells_who_made_it_with_what(tracker: ExperimentTracker, again: ExperimentTracker) -> None:
    with tracker.start_run() as run:
        pass
    source = run.source
    assert source is not None
    assert source == again.get_run(run.run_id).source
    assert source.user == getpass.getuser()
    assert source.pid == os.getpid()
    assert source.python == platform.python_version()
    assert {"tauro-nb", "numpy", "pandas"} <= set(source.packages)
    assert source.command
    assert source.directory == str(Path.cwd())


def test_the_git_commit_and_whether_it_was_changed_are_recorded(repository: Path) -> None:
    source = provenance.gather(provenance.circumstances())
    assert source.git_commit == git(repository, "rev-parse", "HEAD")
    assert (source.git_branch, source.git_dirty) == ("work", False)


def test_a_changed_file_makes_it_dirty_and_a_new_one_does_not(repository: Path) -> None:
    (repository / "notes.txt").write_text("new", encoding="utf-8")
    assert provenance.git_state(str(repository))["git_dirty"] is False
    (repository / "train.py").write_text("lr = 0.2\n", encoding="utf-8")
    assert provenance.git_state(str(repository))["git_dirty"] is True


def test_a_detached_head_has_no_branch_and_a_new_repository_no_commit(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert provenance.git_state(str(repository))["git_branch"] is None
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q", "-b", "work")
    assert provenance.git_state(str(empty)) == {"git_commit": None, "git_branch": "work", "git_dirty": False}


def test_outside_of_a_repository_and_without_git_nothing_is_said(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provenance.git_state(str(tmp_path)) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_state(str(repository)) == {}


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
def test_a_repository_too_large_to_look_through_tells_its_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, slow = git(repository, "rev-parse", "HEAD"), tmp_path / "git"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *status*) sleep 60;; *) echo {commit};; esac\n', encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(provenance, "GIT_TIMEOUT_S", 0.5)
    assert provenance.git_state(str(repository)) == {"git_commit": commit}


def test_a_directory_that_is_gone_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracker: ExperimentTracker
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with tracker.start_run() as run:
        pass
    assert run.source is not None
    assert run.source.directory is None


def test_starting_a_run_does_not_wait_for_git(tracker: ExperimentTracker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(seen: provenance.Circumstances) -> None:
        asked.set()
        go_on.wait(30)
        raise OSError("no luck")

    monkeypatch.setattr(provenance, "gather", slow)
    with tracker.start_run() as run:
        assert asked.wait(30)
        run.log_metric("loss", 1.0)
    assert run.status == "FINISHED"
    go_on.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_waits_while_things_are_imported_in_the_background() -> None:
    script = """
import os, threading, time
from tauro_nb.mlops.tracking import provenance

began, ended = threading.Event(), []
def work():
    with provenance.no_fork:
        began.set()
        time.sleep(0.3)
        ended.append(True)

threading.Thread(target=work).start()
began.wait(30)
pid = os.fork()
if pid == 0:
    os._exit(0 if ended and not provenance.no_fork.locked() else 1)
print(os.waitpid(pid, 0)[1])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "0\n", done.stderr


def test_what_fails_in_the_background_is_logged_and_the_rest_is_done(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def fail() -> None:
        raise ValueError("oh")

    work = Background()
    with caplog.at_level(logging.WARNING, logger="tauro_nb"):
        work.later(fail)
        work.later(lambda: done.append(1))
        assert work.wait(30)
    assert done == [1]
    assert "ValueError: oh" in caplog.text


def test_background_work_is_done_in_order_and_waiting_ends_in_time() -> None:
    work, done = Background(), list[int]()
    go_on = threading.Event()
    work.later(lambda: go_on.wait(30) and None)
    for number in range(100):
        work.later(lambda number=number: done.append(number))
    began = time.monotonic()
    assert work.wait(0.05) is False
    assert time.monotonic() - began < 20
    go_on.set()
    assert work.wait(30)
    assert done == list(range(100))


def test_this_process_is_not_gone() -> None:
    assert not is_gone(this_process())
    assert not is_gone(None)


def test_an_owner_is_gone_when_its_pid_is_free_or_used_again() -> None:
    here = this_process()
    child = subprocess.Popen(["sleep", "0"])
    child.wait()
    assert is_gone(Owner(host=here.host, pid=child.pid, started="1", boot=here.boot, space=here.space))
    assert is_gone(Owner(host=here.host, pid=here.pid, started="1", boot=here.boot, space=here.space))
    assert is_gone(Owner(host=here.host, pid=here.pid, started=here.started, boot="another start", space=here.space))


def test_what_cannot_be_judged_from_here_is_not_taken_for_gone() -> None:
    here = this_process()
    assert not is_gone(Owner(host="another", pid=1, started="1", boot="x", space="y"))
    assert not is_gone(Owner(host=here.host, pid=1, started="1", boot=here.boot, space="pid:[1]"))
    assert not is_gone(Owner(host=here.host, pid=1, started="1", boot="", space=here.space))
