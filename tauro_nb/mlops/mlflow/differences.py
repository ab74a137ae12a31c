"""What a server does not have of a store, or has otherwise: asked there, not read from ledgers.

Runs are compared with pages of a search, models one by one. Of points the last ones are compared, of files those that
were acknowledged: to read all of both sides would take as long as to send them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from tauro_nb.errors import MirrorGone
from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.difference import Difference
from tauro_nb.mlops.mlflow.ledger import ModelLedger, RunLedger, Sent, is_refused, ledger_mark
from tauro_nb.mlops.mlflow.model_delivery import described, version_tags
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.mlflow.point import Point
from tauro_nb.mlops.mlflow.portrait import portrait
from tauro_nb.mlops.mlflow.server import RUN_TAG, VERSION_TAG
from tauro_nb.mlops.registry.version import ModelVersion
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.records import RunRecord

MOST_DETAILS = 20


def differences(office: Office, progress: Callable[[int, int], None]) -> tuple[int, list[Difference]]:
    """Compare every run and model with what the server has; return how many there are, and which differ.

    Raises
    ------
    MirrorError
    """
    errand = office.errand
    own = (record for record in office.archive.records() if not errand.came_from_there(record.tags))
    records = sorted(map(office.archive.observed, own), key=lambda record: record.run_id)
    models = [model.name for model in office.registry.models() if errand.own_versions(office.registry, model.name)]
    total = len(records) + len(models)
    found: list[Difference] = []
    places = {
        name: office.server.place_if_there(name) for name in {office.errand.place_of(r.experiment) for r in records}
    }
    there = {run.data.tags[RUN_TAG]: run for run in office.server.runs([each for each in places.values() if each])}
    for done, record in enumerate(records):
        ledger = office.ledgers.run(record.experiment, record.run_id)
        found += _of_run(office, record, ledger, there.get(record.run_id))
        if done % 100 == 0:
            progress(done, total)
    for done, name in enumerate(models):
        found += _of_model(office, name)
        progress(len(records) + done, total)
    progress(total, total)
    return total, found


def announce(office: Office, found: Iterable[Difference]) -> None:
    """Let all that differs be delivered, and take back what ledgers claim of it."""
    for each in found:
        if each.what != "behind":
            _doubt(office, each)
        office.ledgers.announce(each.waiting, urgent=False)


def _doubt(office: Office, difference: Difference) -> None:
    """Let the ledger claim nothing but who is who, so that all is looked up, and what is not there is sent."""
    if difference.kind == "run":
        known = office.ledgers.run(difference.experiment, difference.id)
        kept = RunLedger() if difference.what == "missing" else RunLedger(there=known.there, place=known.place)
        kept.models = {} if difference.what == "missing" else known.models
        office.ledgers.keep_run(difference.experiment, difference.id, kept)
        return
    ledger = office.ledgers.model(difference.id)
    versions = {number: Sent(model_id=sent.model_id, files=sent.files) for number, sent in ledger.versions.items()}
    kept_model = ModelLedger() if difference.what == "missing" else ModelLedger(versions=versions)
    office.ledgers.keep_model(difference.id, kept_model)


def _of_run(office: Office, record: RunRecord, ledger: RunLedger, there: Any) -> Iterator[Difference]:
    told = functools.partial(Difference, kind="run", name=record.name, id=record.run_id, experiment=record.experiment)
    if there is None:
        yield told()
        return
    details = list(_run_details(record, ledger, there))
    if details:
        yield told(what="differs", details=tuple(details[:MOST_DETAILS]))
        return
    behind = list(_behind(office, record, ledger))
    if behind:
        yield told(what="behind", details=tuple(behind[:MOST_DETAILS]))


def _run_details(record: RunRecord, ledger: RunLedger, there: Any) -> Iterator[str]:
    wanted = portrait(record)
    refused = {what for what, why in ledger.changed.items() if is_refused(why)}
    if there.info.run_name != wanted.name:
        yield f"name: {there.info.run_name!r} there, {wanted.name!r} here"
    if there.info.status != wanted.status:
        yield f"status: {there.info.status} there, {wanted.status} here"
    if (there.info.lifecycle_stage == "deleted") != (record.deleted_at_ns is not None):
        yield f"{there.info.lifecycle_stage} there"
    for key, value in wanted.params.items():
        if f"params.{key}" not in refused and there.data.params.get(key) != value:
            newest = there.data.tags.get(spelling.key(f"tauro.param.{key}"))
            if newest != spelling.cut(value, spelling.TAG_CHARS):
                yield f"params.{key}: {_shown(there.data.params.get(key))} there, {_shown(value)} here"
    for key, value in wanted.tags.items():
        if f"tags.{key}" not in refused and there.data.tags.get(key) != value:
            yield f"tags.{key}: {_shown(there.data.tags.get(key))} there, {_shown(value)} here"
    for name in record.metrics:
        key = spelling.key(name)
        known = ledger.last.get(key)
        value = there.data.metrics.get(key)
        if value is None:
            if f"metrics.{key}" not in refused:
                yield f"metrics.{key}: nothing there"
        elif known is not None and Point.of(key, value, 0, 0) != Point.of(key, float(known[2]), 0, 0):
            yield f"metrics.{key}: {value:g} there, {float(known[2]):g} here"


def _behind(office: Office, record: RunRecord, ledger: RunLedger) -> Iterator[str]:
    missing = [
        file.path
        for file in Artifacts(office.store, record.experiment, record.run_id).files()
        if file.path not in ledger.files
    ]
    if missing:
        yield f"{len(missing):,} files are not there yet: {', '.join(missing[:3])}"
    if ledger.complete != ledger_mark(record):
        yield "it goes on" if record.ended_at_ns is None else "it changed since it was sent"


def _of_model(office: Office, name: str) -> Iterator[Difference]:
    told = functools.partial(Difference, kind="model", name=name, id=name)
    remote = office.errand.model_name(name)
    try:
        registered = office.server.registered_model(remote)
        there = {each.tags.get(VERSION_TAG): each for each in office.server.versions(remote)}
    except MirrorGone:
        yield told()
        return
    details: list[str] = []
    refused = {what for what, why in office.ledgers.model(name).changed.items() if is_refused(why)}
    versions = office.errand.own_versions(office.registry, name)
    for version in versions:
        details += _version_details(version, there.get(version.record.nonce), refused)
    numbers = {version.version: there.get(version.record.nonce) for version in versions}
    for alias, number in [(alias, version.version) for version in versions for alias in version.aliases]:
        wanted, held = numbers[number], registered.aliases.get(spelling.alias(alias))
        if wanted is not None and str(held) != str(wanted.version) and f"aliases.{alias}" not in refused:
            details.append(f"alias {alias}: v{held} there, v{wanted.version} here")
    if details:
        yield told(what="differs", details=tuple(details[:MOST_DETAILS]))


def _version_details(version: ModelVersion, there: Any, refused: Container[str]) -> Iterator[str]:
    title = f"v{version.version}"
    if there is None:
        yield f"{title}: missing"
        return
    text = described(version, {})
    if (there.description or "") != text:
        yield f"{title} description: {_shown(there.description)} there, {_shown(text)} here"
    for key, value in version_tags(version, {}).items():
        if there.tags.get(key) != value and f"{title}.tags.{key}" not in refused:
            yield f"{title} tags.{key}: {_shown(there.tags.get(key))} there, {_shown(value)} here"


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(spelling.cut(value, 60))
