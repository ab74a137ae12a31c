"""Whether the files of versions are still what was registered: read and compared, and never opened as models."""

from __future__ import annotations

import contextlib
import secrets

import msgspec

from tauro_nb.errors import ArtifactCorrupt, RegistryError, StoreError
from tauro_nb.mlops.registry.artifacts import opened
from tauro_nb.mlops.registry.lookup import Lookup
from tauro_nb.store.protocol import FolderStore, Store

SAMPLE_BYTES = 1 << 30
"""A sample ends when so much has been read."""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a comparison."""

    checked: int
    """Versions that were compared."""
    versions: int
    """Versions that there are, those that were moved aside too."""
    size_bytes: int
    """How much was read."""
    errors: tuple[ArtifactCorrupt, ...]


def verify(store: Store, lookup: Lookup, sample: int | None) -> Verification:
    """Compare all versions, or some that are chosen anew each time; a version without a readable record is left out."""
    found = [(name, number) for name in lookup.names() for number in lookup.numbers(name)]
    chosen = found if sample is None else secrets.SystemRandom().sample(found, min(sample, len(found)))
    checked = size_bytes = 0
    errors = []
    for name, number in chosen:
        with contextlib.suppress(StoreError, RegistryError):
            record = lookup.record(name, number)
            try:
                with opened(store, record, in_place=isinstance(store, FolderStore)):
                    pass
            except ArtifactCorrupt as error:
                errors.append(error)
            checked += 1
            size_bytes += sum(file.size_bytes for file in record.files)
        if sample is not None and size_bytes > SAMPLE_BYTES:
            break
    return Verification(checked=checked, versions=len(found), size_bytes=size_bytes, errors=tuple(errors))
