"""What MLflow keeps as tags of a run and Tauro as fields of its record, there and back.

``mlflow.runName``, ``mlflow.parentRunId``, ``mlflow.note.content`` and ``mlflow.user`` are the run's name, parent,
notes and user, whichever side set them. Any other tag is a tag on both sides; what Tauro found out of a run's source
and MLflow has a tag for is shown as that tag where nobody set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import msgspec

from tauro_nb.mlops.tracking import values
from tauro_nb.mlops.tracking.records import RunRecord, Source

NAME = "mlflow.runName"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
USER = "mlflow.user"
COMMIT = "mlflow.source.git.commit"
BRANCH = "mlflow.source.git.branch"
SOURCE_NAME = "mlflow.source.name"
SOURCE_TYPE = "mlflow.source.type"
FIELDS = frozenset({NAME, PARENT, NOTE, USER})


def of(record: RunRecord) -> dict[str, str]:
    """Return the tags that MLflow sees."""
    source = record.source or Source()
    script = source.notebook or (PurePath(source.command.split()[0]).name if source.command else None)
    derived = {
        NAME: record.name,
        PARENT: record.parent_id,
        NOTE: record.notes or None,
        USER: source.user,
        COMMIT: source.git_commit,
        BRANCH: source.git_branch,
        SOURCE_NAME: script,
        SOURCE_TYPE: None if script is None else "NOTEBOOK" if source.notebook else "LOCAL",
    }
    return {key: value for key, value in derived.items() if value is not None} | record.tags


def applied(record: RunRecord, tags: Mapping[str, str]) -> RunRecord:
    """Return a run's record with tags set that came from MLflow."""
    own = {key: value for key, value in tags.items() if key not in FIELDS}
    source = record.source
    if USER in tags:
        source = msgspec.structs.replace(source or Source(), user=values.text(tags[USER]))
    return msgspec.structs.replace(
        record,
        name=values.named("run", tags[NAME]) if tags.get(NAME) else record.name,
        parent_id=tags.get(PARENT, record.parent_id) or None,
        notes=values.notes(tags.get(NOTE, record.notes)),
        source=source,
        tags={**record.tags, **values.tags(own)},
    )


def without(record: RunRecord, key: str) -> RunRecord | None:
    """Return a run's record without a tag; None where nobody set it."""
    if key in record.tags:
        return msgspec.structs.replace(record, tags={name: each for name, each in record.tags.items() if name != key})
    if key == PARENT and record.parent_id is not None:
        return msgspec.structs.replace(record, parent_id=None)
    if key == NOTE and record.notes:
        return msgspec.structs.replace(record, notes="")
    return None
