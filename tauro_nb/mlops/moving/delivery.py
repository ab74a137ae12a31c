"""What has not arrived in the store it was logged to: delivered, and told."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from tauro_nb.mlops.moving.copied import Copied
from tauro_nb.mlops.moving.copying import Wanted, copy_store
from tauro_nb.mlops.tracking import recovery
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store


def deliver(store: Store) -> tuple[str, ...]:
    """Send what processes that are gone left on this machine on its way to `store`, and finish their runs.

    Returns
    -------
    tuple of str
        The runs whose points have arrived by it.

    Raises
    ------
    StoreError
        The store does not take them; they stay where they are.
    """
    arrived = MetricLog.recover(store)
    recovery.recover(RunArchive(store))
    folders = (prefix.split("/")[-2] for prefix in arrived)
    return tuple(sorted(keys.unsegment(folder) or folder for folder in folders))


def push(store: Store, target: Store | None, **wanted: Unpack[Wanted]) -> Copied:
    """Deliver, then copy; see `Session.push`."""
    delivered = () if wanted.get("dry_run") else deliver(store)
    if target is None:
        return Copied(source=store.location, target=store.location, moved=(), dry_run=False, delivered=delivered)
    return replace(copy_store(store, target, **wanted), delivered=delivered)
