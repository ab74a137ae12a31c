"""Who makes a run, out of which code, with what: found out in the background, and never an error.

What stays the same while a process lives is found out once; the state of the git repository again for runs that start
more than a second later. What cannot be found out is None.
"""

from __future__ import annotations

import functools
import logging  # noqa: F401 - it takes its lock at a fork too; imported here first, it does so after `no_fork` is taken
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from tauro_nb.mlops.scope import scope
from tauro_nb.mlops.tracking.cell import current_cell, current_notebook, in_kernel
from tauro_nb.mlops.tracking.records import Source
from tauro_nb.mlops.tracking.values import text

PACKAGES = (
    "tauro-nb", "catboost", "dask", "databricks-sdk", "datasets", "diffusers", "duckdb", "jax", "joblib", "keras",
    "lightgbm", "lightning", "numpy", "optuna", "pandas", "polars", "pyarrow", "pyspark", "pytorch-lightning",
    "scikit-learn", "scipy", "sentence-transformers", "skops", "statsmodels", "tensorflow", "tensorflow-cpu",
    "tokenizers", "torch", "torchvision", "transformers", "xgboost", "xgboost-cpu",
)  # fmt: skip
"""The distributions whose version a run records, where they are installed."""

GIT_TIMEOUT_S = 3.0


no_fork = threading.Lock()
"""Held while this imports things in the background: a child forked in the middle of an import, as the workers that load
data often are right after a run was started, would wait for ever if it imported the same."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=no_fork.release)


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What can only be seen at the moment when a run starts; taking it costs microseconds."""

    directory: str | None
    cell: str | None
    notebook: str | None
    code: str | None
    pid: int
    at_s: float
    """Of the monotonic clock."""


def circumstances() -> Circumstances:
    """Take down what `gather` will need."""
    cell, notebook, within = current_cell(), current_notebook(), scope.get()
    return Circumstances(
        directory=_directory(),
        cell=cell.id if cell else None,
        notebook=text(notebook) if notebook else None,
        code=text(within.code) if within is not None and within.code else None,
        pid=os.getpid(),
        at_s=time.monotonic(),
    )


def gather(seen: Circumstances) -> Source:
    """Find out the rest; takes tens of milliseconds, more in a large repository."""
    with no_fork:
        process = _process()
    return Source(
        pid=seen.pid,
        directory=seen.directory,
        cell=seen.cell,
        notebook=seen.notebook,
        code=seen.code,
        **process,
        **(_repositories.state(seen.directory, seen.at_s) if seen.directory else {}),
    )


@functools.lru_cache(maxsize=1)
def _process() -> dict[str, Any]:
    import getpass
    import importlib.metadata
    import platform
    import shlex
    import subprocess  # noqa: F401 - for git, later

    import filelock  # noqa: F401 - for the lock around the record, later

    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        user: str | None = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = None
    return {
        "user": user,
        "host": platform.node(),
        "command": None if in_kernel() else text(shlex.join(sys.argv)),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
    }


class _Repositories:
    """What ``git status`` says of a folder; each answer serves all who asked before it came."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def state(self, directory: str, asked_s: float) -> dict[str, Any]:
        at_s, answer = self._known.get(directory, (-1.0, {}))
        if at_s < asked_s - 1.0:
            at_s, answer = time.monotonic(), git_state(directory)
            self._known[directory] = at_s, answer
        return answer


_repositories = _Repositories()


def git_state(directory: str) -> dict[str, Any]:
    """Return commit, branch and dirtiness of the repository around a folder; nothing where there is none, or no git."""
    if not any((folder / ".git").exists() for folder in (Path(directory), *Path(directory).parents)):
        return {}
    status = _git("status", "--porcelain=v2", "--branch", "--untracked-files=no", directory=directory)
    if status is None:  # a large repository on a slow disk: its commit at least
        head = _git("rev-parse", "HEAD", directory=directory)
        return {"git_commit": head[0]} if head else {}
    told = dict(line[2:].split(" ", 1) for line in status if line.startswith("# "))
    commit, branch = told.get("branch.oid"), told.get("branch.head")
    return {
        "git_commit": None if commit == "(initial)" else commit,
        "git_branch": None if branch == "(detached)" else branch,
        "git_dirty": any(not line.startswith("#") for line in status),
    }


def _git(*arguments: str, directory: str) -> list[str] | None:
    """Return the lines that git prints; None where it fails or takes too long."""
    import subprocess

    # without optional locks: never in the way of the user's own git
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - nothing in the command comes from outside
            command, cwd=directory, capture_output=True, timeout=GIT_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.decode("utf-8", "replace").splitlines()


def _directory() -> str | None:
    try:
        return text(Path.cwd())
    except OSError:
        return None
