"""Whether a folder lies on a disk of this machine, where a mapped file is what it seems to be.

On network and FUSE file systems a mapped page reaches other processes late or never, and a lock means little.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

_REMOTE = {
    "9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
    "vboxsf", "virtiofs", "wekafs",
}  # fmt: skip


def can_be_mapped(folder: Path) -> bool:
    """Tell whether logs may lie in this folder itself; True where the system does not say."""
    return _is_local(os.stat(folder).st_dev)  # noqa: PTH116 - a hot path's first call


@functools.lru_cache(maxsize=64)
def _is_local(device: int) -> bool:
    name = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    for line in lines:
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == name:
            system = kind.split()[0]
            return system not in _REMOTE and not system.startswith("fuse")
    return True
