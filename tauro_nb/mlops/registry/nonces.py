"""Names that are used once and say which process made them, so that what it leaves behind can be told apart."""

from __future__ import annotations

import hashlib
import secrets
import time

import msgspec

from tauro_nb.mlops.tracking import owner
from tauro_nb.mlops.tracking.records import Owner

OLD_S = 86_400
"""What nobody wrote to for a day is abandoned, whoever made it."""


def nonce() -> str:
    """Return a new one."""
    here = owner.this_process()
    return f"{_place(here)}-{here.pid}-{here.started or 0}-{secrets.token_hex(8)}"


def is_abandoned(nonce: str, modified_s: float) -> bool:
    """Tell whether nobody will go on with what bears this name, and was last written to at `modified_s`.

    Its process ran on this machine and is gone, or a day has passed.
    """
    if time.time() - modified_s > OLD_S:
        return True
    here, (place, *process) = owner.this_process(), nonce.split("-")
    if place != _place(here) or len(process) != 3 or not process[0].isdecimal():
        return False
    pid, started, _ = process
    return owner.is_gone(msgspec.structs.replace(here, pid=int(pid), started=started))


def _place(here: Owner) -> str:
    """Return a short name for what process ids are counted in: the machine, its boot, the container."""
    return hashlib.sha256("\n".join((here.host, here.boot, here.space)).encode()).hexdigest()[:8]
