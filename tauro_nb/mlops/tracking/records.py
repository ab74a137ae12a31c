"""What is kept of an experiment and a run, as it stands in their JSON files.

``run.json`` is written when a run starts and again whenever something of it changes; ``manifest.json`` when it ended.
A reader ignores fields it does not know, so that files of a newer version can be read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from tauro_nb.mlops.tracking.values import text

TRACEBACK_CHARS = 16_000


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    """It ended by an exception."""
    INTERRUPTED = "INTERRUPTED"
    """The user stopped it, or its process is gone and did not end it."""


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """A named group of runs: ``experiment.json``."""

    name: str
    created_at_ns: int
    """UTC, nanoseconds since the epoch; so are all times here."""
    format: int = 1


class RunError(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The exception that ended a run."""

    type: str
    message: str
    traceback: str = ""
    """As Python prints it; its newest `TRACEBACK_CHARS` characters."""

    @classmethod
    def of(cls, error: BaseException) -> RunError:
        """Describe `error`."""
        import traceback  # needed only when something went wrong

        lines = text("".join(traceback.format_exception(error)))
        try:
            message = text(error)
        except Exception:  # noqa: BLE001 - the mistake of an exception that cannot be printed is not ours to report
            message = "(an error that cannot be printed)"
        return cls(type=type(error).__name__, message=message, traceback=lines[-TRACEBACK_CHARS:])


class Owner(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The process that logs to a run; by it a crash is told from work that goes on."""

    host: str
    pid: int
    started: str = ""
    """When the process started, in the system's own terms; empty where that cannot be known."""
    boot: str = ""
    """Names this start of the machine; empty where that cannot be known."""
    space: str = ""
    """The space in which `pid` counts (a container has its own); empty where that cannot be known."""
    beat_s: float | None = None
    """How often it gives a sign of life where it can only be judged from elsewhere; None: it gives none."""


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Who made a run, out of which code, with what; each None where it could not be found out."""

    user: str | None = None
    host: str | None = None
    pid: int | None = None
    command: str | None = None
    """The command line; None in a kernel."""
    directory: str | None = None
    """The working directory."""
    python: str | None = None
    platform: str | None = None
    packages: dict[str, str] = {}
    """Versions of those packages, out of a list of known ones, that are installed."""
    git_commit: str | None = None
    git_branch: str | None = None
    git_dirty: bool | None = None
    """Whether a tracked file differed from `git_commit`."""
    notebook: str | None = None
    """Path of the notebook, as the front end gave it."""
    cell: str | None = None
    """The cell's id in that notebook."""
    code: str | None = None
    """The text of the cell that defined the node's function, where one did."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One run: ``run.json``."""

    run_id: str
    """Begins with the UTC time of its start: sorting by it sorts by time."""
    name: str
    experiment: str
    status: RunStatus
    started_at_ns: int
    ended_at_ns: int | None = None
    params: dict[str, Any] = {}
    """Any JSON values."""
    tags: dict[str, str] = {}
    metrics: dict[str, float] = {}
    """The last value of each; written when the run ends."""
    models: dict[str, dict[str, Any]] = {}
    """Of each model that was logged, by its path among the artifacts: how it was saved."""
    parent_id: str | None = None
    error: RunError | None = None
    inputs: dict[str, Any] = {}
    """Fingerprint of each dataset that the catalog loaded for the run."""
    owner: Owner | None = None
    source: Source | None = None
    """None until it has been found out, which is done in the background."""
    notes: str = ""
    """Markdown."""
    deleted_at_ns: int | None = None
    """When it was put aside: it is found no more, can be restored, and goes for good with `ExperimentTracker.gc`."""
    revision: int = 0
    """How often it was changed, where the store has no locks; see `archive`."""
    format: int = 1


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of life of a run's owner: ``beat.json``, which only a run that goes on for long has."""

    at_ns: int
    """By the owner's clock."""
    format: int = 1


class FileRecord(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One file of a run."""

    path: str
    """Relative to the run's ``artifacts`` folder."""
    size_bytes: int
    sha256: str | None = None
    """None while the run goes on in another process: it has not been told yet."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The artifacts of a run that ended: ``manifest.json``, written last."""

    run_id: str
    files: tuple[FileRecord, ...] = ()
    """Sorted by path."""
    format: int = 1
