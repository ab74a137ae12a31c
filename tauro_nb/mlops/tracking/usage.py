"""What takes how much room in a store: its parts, its experiments, its runs."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tauro_nb.errors import KeyMissing
from tauro_nb.faces import Shown
from tauro_nb.mlops.tracking.archive import RunArchive
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("experiments", "model_registry", "index", "logs", "spool", "other")


class RunUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one run takes, in bytes."""

    run_id: str
    name: str
    """Empty where the folder has no record that can be read."""
    experiment: str
    deleted: bool
    metrics_bytes: int
    artifacts_bytes: int
    records_bytes: int

    @property
    def size_bytes(self) -> int:
        """All of it."""
        return self.metrics_bytes + self.artifacts_bytes + self.records_bytes


@dataclass(frozen=True)
class Usage(Shown):
    """What takes how much room in a store, in bytes of its files."""

    location: str
    runs: tuple[RunUsage, ...]
    """The largest first."""
    parts: dict[str, int]
    """By part, in the order of `PARTS`; ``spool``: points on this machine that are on their way to the store."""

    @property
    def size_bytes(self) -> int:
        """All of it."""
        return sum(self.parts.values())

    @property
    def experiments(self) -> dict[str, int]:
        """By experiment, the largest first."""
        sizes: dict[str, int] = defaultdict(int)
        for run in self.runs:
            sizes[run.experiment] += run.size_bytes
        return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))

    @property
    def frame(self) -> pd.DataFrame:
        """One row a run: ``experiment run_id run_name deleted``, then bytes: ``metrics_bytes artifacts_bytes
        records_bytes size_bytes``.
        """  # noqa: D205 - the columns are the summary
        import pandas as pd

        names = ("experiment", "run_id", "name", "deleted", "metrics_bytes", "artifacts_bytes", "records_bytes")
        columns = {name: [getattr(run, name) for run in self.runs] for name in (*names, "size_bytes")}
        return pd.DataFrame(columns).rename(columns={"name": "run_name"})

    def __repr__(self) -> str:
        return f"<Usage of {self.location}: {self.size_bytes} bytes in {len(self.runs)} runs and the rest>"


def usage(archive: RunArchive) -> Usage:
    """Measure the store; see `ExperimentTracker.usage`."""
    store = archive.store
    parts = dict.fromkeys(PARTS, 0)
    runs: dict[tuple[str, str], list[int]] = {}
    for key, size_bytes in _all_files(store):
        part, *below = key.split("/")
        parts[part if part in parts else "other"] += size_bytes
        if part == keys.EXPERIMENTS and len(below) > 3 and below[1] == "runs":
            sizes = runs.setdefault((below[0], below[2]), [0, 0, 0])
            sizes[_KINDS.get(below[3], _RECORDS)] += size_bytes
    parts["spool"] = _in_the_spool(store)
    known = {(keys.segment(record.experiment), keys.segment(record.run_id)): record for record in archive.records()}
    names = {keys.segment(experiment.name): experiment.name for experiment in archive.experiments()}
    measured = []
    for (experiment, run_id), sizes in runs.items():
        record = known.get((experiment, run_id))
        measured.append(
            RunUsage(
                run_id=run_id,
                name=record.name if record is not None else "",
                experiment=names.get(experiment, experiment),
                deleted=record is not None and record.deleted_at_ns is not None,
                metrics_bytes=sizes[0],
                artifacts_bytes=sizes[1],
                records_bytes=sizes[_RECORDS],
            )
        )
    measured.sort(key=lambda run: (-run.size_bytes, run.run_id))
    return Usage(location=store.location, runs=tuple(measured), parts=parts)


def size_below(store: Store, prefix: str) -> int:
    """Return the size of all values below a prefix, in bytes."""
    return sum(size_bytes for _, size_bytes in _files(store, prefix))


_KINDS = {"metrics": 0, "artifacts": 1}
_RECORDS = 2


def _all_files(store: Store) -> Iterator[tuple[str, int]]:
    for entry in store.list():
        if entry.is_folder:
            yield from _files(store, entry.name)
        else:
            yield entry.name, store.stat(entry.name).size_bytes


def _files(store: Store, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield each file below a prefix as its key and size."""
    folder = store.local_dir(prefix)
    if folder is not None:
        yield from _scanned(str(folder), prefix)
        return
    for key in walk(store, prefix):
        with contextlib.suppress(KeyMissing):  # it may have gone since it was listed
            yield key, store.stat(key).size_bytes


def _scanned(folder: str, prefix: str) -> Iterator[tuple[str, int]]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:  # it has gone since it was listed
        return
    with entries:
        for entry in entries:
            key = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _scanned(entry.path, key)
                continue
            try:
                yield key, entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue


def _in_the_spool(store: Store) -> int:
    from tauro_nb.mlops.tracking import shipping

    return sum(size for _, size in _scanned(str(shipping.spool_of(shipping.default_spool(), store, "")), ""))
