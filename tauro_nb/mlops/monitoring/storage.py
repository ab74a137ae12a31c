"""Whether there is room and right to write: the figures of the storage check."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tauro_nb.errors import StoreError
from tauro_nb.mlops.monitoring import places
from tauro_nb.mlops.monitoring.findings import Finding, HealthStatus
from tauro_nb.store import keys
from tauro_nb.store.disk import DiskErrors
from tauro_nb.store.protocol import Store

LOW_BYTES = 1 << 30
"""Less free space than this is degraded,"""
FULL_BYTES = 100 << 20
"""and less than this unhealthy."""


def check_path(path: Path) -> Finding:
    """Look at the disk below `path`, which need not be there yet, and write to it."""
    folder = next(place for place in (path, *path.parents) if place.exists())
    if not folder.is_dir():
        return Finding(
            HealthStatus.UNHEALTHY,
            f"{path}: {folder} is no folder",
            "move it away, or point mlops.storage_path elsewhere",
        )
    return _check(str(path), folder, lambda: _probe_folder(folder))


def check_stores() -> Finding:
    """Look at every store in use, or else at the working directory; the worst answer counts."""
    found = [_check_store(store) for store in places.stores()] or [check_path(Path.cwd())]
    worst = max(found, key=lambda each: each.status.severity)
    fixes = dict.fromkeys(each.fix for each in found if each.fix)
    return Finding(status=worst.status, figure="; ".join(each.figure for each in found), fix="; ".join(fixes) or None)


def _check_store(store: Store) -> Finding:
    root = getattr(store, "root", None)
    if isinstance(root, Path) and not root.is_dir():
        return check_path(root)
    return _check(store.location, root, lambda: _probe_store(store))


def _check(where: str, folder: Path | None, probe: Callable[[], None]) -> Finding:
    """Measure the free space of the disk (none: the store has no such thing) and the time that writing takes."""
    told, status, fix = [], HealthStatus.HEALTHY, None
    if folder is not None:
        with DiskErrors("look at", folder):
            usage = shutil.disk_usage(folder)
        told.append(f"{size(usage.free)} free of {size(usage.total)}")
        if usage.free < LOW_BYTES:
            status = HealthStatus.UNHEALTHY if usage.free < FULL_BYTES else HealthStatus.DEGRADED
            fix = f"free some space below {where}, or point mlops.storage_path to another disk"
    started = time.perf_counter()
    try:
        probe()
    except StoreError as error:
        return Finding(status=HealthStatus.UNHEALTHY, figure=f"{where}: {error}", fix=error.fix)
    told.append(f"written in {(time.perf_counter() - started) * 1e3:.1f} ms")
    return Finding(status=status, figure=f"{', '.join(told)} ({where})", fix=fix)


def _probe_folder(folder: Path) -> None:
    probe = folder / f".tauro-probe-{secrets.token_hex(8)}"
    with DiskErrors("write to", folder):
        try:
            probe.write_bytes(b"probe")
        finally:
            probe.unlink(missing_ok=True)


def _probe_store(store: Store) -> None:
    key, data = keys.logs(f"probe-{secrets.token_hex(8)}"), b"probe"
    try:
        store.put(key, data)
        if store.get(key) != data:
            raise StoreError(f"{store.location} gives back something else than was written", fix="check the disk")
    finally:
        store.delete(key)


def size(size_bytes: float) -> str:
    """Write how much that is, in three digits and a unit."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size_bytes < 1000 or unit == "TB":
            return f"{size_bytes:.3g} {unit}" if size_bytes < 1000 else f"{size_bytes:,.0f} {unit}"
        size_bytes /= 1000
    raise AssertionError("the loop returns")
