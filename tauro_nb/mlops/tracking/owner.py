"""Whether the process that logs to a run is still there.

A process is known by host, pid *and* start: pids are used again. Where this machine cannot tell (another host, another
container's space of pids) the answer is "not known", never a guess; then its beat decides (see `heartbeat`).
"""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

from tauro_nb.mlops.tracking.records import Owner

BEAT_S = 30.0
"""How often a process that has runs open gives a sign of life."""


def this_process() -> Owner:
    """Describe the process that runs this."""
    return process(os.getpid())


def is_gone(owner: Owner | None) -> bool:
    """Tell whether it is certain that `owner` runs no more."""
    return judged(owner) is True


def judged(owner: Owner | None) -> bool | None:
    """Tell whether `owner` runs no more; None where that cannot be told from here."""
    if owner is None:
        return None
    here = this_process()
    if owner.host != here.host:
        return None
    if owner.boot != here.boot:
        return True if owner.boot and here.boot else None
    if owner.space != here.space:
        return None
    started = _started(owner.pid)
    if started is None or not (owner.started or started == _GONE):
        return None
    return started != owner.started


@functools.lru_cache(maxsize=8)
def process(pid: int) -> Owner:
    """Describe a process of this machine."""
    return Owner(
        host=platform.node(),
        pid=pid,
        started=_started(pid) or "",
        boot=_first_line(_BOOT),
        space=_space(),
        beat_s=BEAT_S,
    )


_BOOT = Path("/proc/sys/kernel/random/boot_id")
_GONE = "gone"


def _started(pid: int) -> str | None:
    """When the process of this pid started: `_GONE` where there is none, None where this system does not say."""
    if not _BOOT.exists():
        return _started_by_psutil(pid)
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return _GONE
    except OSError:
        return None
    # the name of the program stands in parentheses and may hold any character
    fields = line.rpartition(")")[2].split()
    state, ticks = fields[0], fields[19]
    return _GONE if state in "ZX" else ticks


def _started_by_psutil(pid: int) -> str | None:
    try:
        import psutil
    except ImportError:
        return None
    try:
        process = psutil.Process(pid)
        return _GONE if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return _GONE
    except psutil.Error:
        return None


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
