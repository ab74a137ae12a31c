"""Where on this machine things of a distant store are kept for a while."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tauro_nb.store.protocol import Store


def user_cache() -> Path:
    """Return the user's cache folder of this package; on a cluster it dies with the node."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tauro-nb"


def cache_of(root: Path, store: Store) -> Path:
    """Return the folder below `root` of what belongs to one store."""
    return root / hashlib.sha256(store.location.encode()).hexdigest()[:16]
