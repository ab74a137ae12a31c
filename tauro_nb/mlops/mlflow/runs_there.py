"""Which run of a server is which run of ours: found by a tag, and made where there is none."""

from __future__ import annotations

from pathlib import PurePosixPath

from tauro_nb.errors import MirrorUnreachable, RunNotFound
from tauro_nb.mlops.mlflow.ledger import RunLedger, mark
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.mlflow.portrait import portrait
from tauro_nb.mlops.mlflow.server import RUN_TAG
from tauro_nb.mlops.tracking.records import RunRecord


def made(office: Office, record: RunRecord, ledger: RunLedger) -> bool:
    """Let `ledger` know the run there, which is made if there is none; tell whether it was made just now."""
    server = office.server
    ledger.place = server.place(office.errand.place_of(record.experiment))
    found = server.find_runs(ledger.place, record.run_id)
    if found:
        ledger.there = found[0]
        ledger.deleted = server.run(ledger.there).info.lifecycle_stage != "active"
    else:
        wanted = portrait(record)
        try:
            tags = {RUN_TAG: record.run_id}
            ledger.there = server.create_run(ledger.place, wanted.name, wanted.started_ms, tags)
        except MirrorUnreachable:
            ledger.doubtful = True
            office.ledgers.keep_run(record.experiment, record.run_id, ledger)
            raise
        ledger.tags["mlflow.runName"] = mark(wanted.name)
    office.ledgers.keep_run(record.experiment, record.run_id, ledger)
    return not found


def made_above(office: Office, record: RunRecord) -> str:
    """Return the id there of the run that this one is a part of, made if need be; "" where there is none."""
    if record.parent_id is None:
        return ""
    try:
        parent = office.archive.find(record.parent_id)
    except RunNotFound:
        return ""
    return made_of(office, parent)


def made_of(office: Office, record: RunRecord) -> str:
    """Return the id there of a run, made if need be; the rest of it follows when its turn comes."""
    ledger = office.ledgers.run(record.experiment, record.run_id)
    if not ledger.there:
        made(office, record, ledger)
    return ledger.there


def folder_of(path: str) -> str:
    """Return the folder of an artifact's path; "" at the top."""
    folder = str(PurePosixPath(path).parent)
    return "" if folder == "." else folder
