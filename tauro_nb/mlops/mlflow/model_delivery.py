"""Bringing one registered model to a server: each version as a logged model of the run that made it, and registered.

Versions come in their order, so that they get the numbers there that they have here, where the server has no others of
that name. What was removed here stays there, with a tag that says so: it can be brought back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tauro_nb.errors import KeyMissing, MirrorGone, MirrorRefused, RunNotFound
from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.errand import Waiting
from tauro_nb.mlops.mlflow.ledger import ModelLedger, Sent, is_refused, mark, no_more_refused, refused
from tauro_nb.mlops.mlflow.model_files import DESCRIPTION, description, layout
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.mlflow.point import Point
from tauro_nb.mlops.mlflow.portrait import spelled
from tauro_nb.mlops.mlflow.runs_there import folder_of, made_of
from tauro_nb.mlops.mlflow.server import RUN_TAG, VERSION_TAG
from tauro_nb.mlops.registry.version import ModelVersion

STAGE_TAG = "tauro.stage"
REMOVED_TAG = "tauro.removed"


class ModelDelivery:
    """One model on its way."""

    def __init__(self, office: Office, waiting: Waiting) -> None:
        self.waiting = waiting
        self._office = office
        self._model = waiting.model
        self._ledger = office.ledgers.model(self._model)

    def steps(self) -> Iterator[None]:
        """Send what is new, one request a step; ends when nothing is left at the moment.

        Raises
        ------
        MirrorError
            What was not acknowledged is sent again when this is called again.
        """
        versions = self._versions()
        if not versions:
            return
        told = model_mark(versions)
        try:
            yield from self._deliver(versions)
        except MirrorGone:
            self._ledger = ModelLedger()
            self._keep()
            raise
        self._ledger.complete = told
        self._keep()

    def is_over(self) -> bool:
        """Tell whether all of the model is there."""
        versions = self._versions()
        return not versions or self._ledger.complete == model_mark(versions)

    def _versions(self) -> list[ModelVersion]:
        return self._office.errand.own_versions(self._office.registry, self._model)

    def _deliver(self, versions: list[ModelVersion]) -> Iterator[None]:
        ledger, server = self._ledger, self._office.server
        if not ledger.name:
            name = self._office.errand.model_name(self._model)
            server.open_model(name)
            ledger.name = name
            self._keep()
            yield
        for version in versions:
            sent = ledger.versions.setdefault(version.version, Sent())
            if not sent.version:
                try:
                    yield from self._bring(version, sent)
                except MirrorRefused as error:
                    ledger.changed[f"v{version.version}"] = refused(error)
                    continue
                no_more_refused(ledger.changed, f"v{version.version}")
            yield from self._say(version, sent)
        yield from self._aliases(versions)
        text = next((described(each, ledger.changed) for each in reversed(versions) if not each.removed), "")
        if ledger.description != mark(text):
            if text or ledger.description:
                server.describe_model(ledger.name, text)
                yield
            ledger.description = mark(text)
            self._keep()

    def _bring(self, version: ModelVersion, sent: Sent) -> Iterator[None]:
        """Bring a version that is not there: its files as a logged model, then the version itself."""
        ledger, server = self._ledger, self._office.server
        record = version.record
        run_id, place = self._run_of(version)
        if not sent.model_id:
            sent.model_id = server.find_logged_model(place, VERSION_TAG, record.nonce) or server.create_logged_model(
                place,
                spelling.logged_model(record.model),
                run_id,
                kind=record.meta.flavor,
                tags={VERSION_TAG: record.nonce, **({RUN_TAG: record.run_id} if record.run_id else {})},
            )
            self._keep()
            yield
        paths = layout(record)
        for file in record.files:
            if file.path not in sent.files:
                with suppress(KeyMissing), self._office.file(f"{record.artifacts}/{file.path}") as local:
                    server.put_model_file(sent.model_id, local, folder_of(paths[file.path]))
                sent.files[file.path] = file.sha256[:16]
                self._keep()
                yield
        told = description(record, run_id, sent.model_id)
        if told is not None and DESCRIPTION not in sent.files:
            with tempfile.TemporaryDirectory(prefix="tauro-mlflow-") as folder:
                (Path(folder) / DESCRIPTION).write_bytes(told)
                server.put_model_file(sent.model_id, Path(folder) / DESCRIPTION, "")
            sent.files[DESCRIPTION] = mark(told)
            self._keep()
            yield
        if not sent.ready:
            server.finish_logged_model(sent.model_id, run_id)
            sent.ready = True
            self._keep()
            yield
        if not sent.measured:
            if run_id is not None and not self._office.errand.address.is_folder:
                yield from self._measure(version, sent, run_id)
            sent.measured = True
            self._keep()
        sent.version = server.find_version(ledger.name, record.nonce) or server.create_version(
            ledger.name, sent.model_id, run_id, {VERSION_TAG: record.nonce}, described(version, ledger.changed)
        )
        self._keep()
        yield

    def _measure(self, version: ModelVersion, sent: Sent, run_id: str) -> Iterator[None]:
        """Let the logged model have the version's metrics."""
        at_ms = version.record.created_at_ns // 1_000_000
        last = self._office.ledgers.run(version.experiment or "", version.run_id or "").last
        points = []
        for name, value in version.metrics.items():
            key = spelling.key(name)
            point = Point.of(key, value, at_ms, 0)
            known = last.get(key)
            if known is not None and Point.of(key, float(known[2]), at_ms, 0) == point:
                point = Point.of(key, value, known[1], known[0])  # the run's own point, which is there already
            points.append(point)
        for at in range(0, len(points), 1_000):
            self._office.server.log(run_id, points=points[at : at + 1_000], model_id=sent.model_id)
            yield

    def _say(self, version: ModelVersion, sent: Sent) -> Iterator[None]:
        """Bring description, tags and stage."""
        ledger, server = self._ledger, self._office.server
        tags = version_tags(version, ledger.changed)
        for key in [*tags, *(key.removeprefix("tags.") for key in sent.told if key.startswith("tags."))]:
            value = tags.get(key)
            told = f"tags.{key}"
            if sent.told.get(told) != (None if value is None else mark(value)):
                try:
                    server.tag_version(ledger.name, sent.version, key, value)
                    no_more_refused(ledger.changed, f"v{version.version}.{told}")
                except MirrorRefused as error:
                    ledger.changed[f"v{version.version}.{told}"] = refused(error)
                if value is None:
                    del sent.told[told]
                else:
                    sent.told[told] = mark(value)
                self._keep()
                yield
        text = described(version, ledger.changed)
        if sent.told.get("description", mark("")) != mark(text):
            server.describe_version(ledger.name, sent.version, text)
            sent.told["description"] = mark(text)
            self._keep()
            yield
        if sent.told.get("stage", mark(None)) != mark(version.stage):
            server.move_version(ledger.name, sent.version, version.stage)
            sent.told["stage"] = mark(version.stage)
            self._keep()
            yield

    def _aliases(self, versions: list[ModelVersion]) -> Iterator[None]:
        ledger, server = self._ledger, self._office.server
        wanted = {alias: version.version for version in versions for alias in version.aliases}
        for alias in sorted({*wanted, *ledger.aliases}):
            number = wanted.get(alias)
            if ledger.aliases.get(alias) == number:
                continue
            spelt, note = spelling.alias(alias), f"aliases.{alias}"
            if number is None:
                if not is_refused(ledger.changed.pop(note, "")):
                    with suppress(MirrorGone):
                        server.set_alias(ledger.name, spelt, None)
                del ledger.aliases[alias]
            elif ledger.versions[number].version:  # else the server refused that version
                ledger.changed |= {note: f"named {spelt} there"} if spelt != alias else {}
                try:
                    server.set_alias(ledger.name, spelt, ledger.versions[number].version)
                    no_more_refused(ledger.changed, note)
                except MirrorRefused as error:
                    ledger.changed[note] = refused(error)
                ledger.aliases[alias] = number
            else:
                continue
            self._keep()
            yield

    def _run_of(self, version: ModelVersion) -> tuple[str | None, str]:
        """Return the id there of the run that made a version, if it is known here, and that of the experiment."""
        office = self._office
        if version.run_id is not None:
            with suppress(RunNotFound):
                run = office.archive.find(version.run_id)
                there = made_of(office, run)
                return there, office.ledgers.run(run.experiment, run.run_id).place
        return None, office.server.place(office.errand.place_of(version.experiment or office.errand.default_experiment))

    def _keep(self) -> None:
        self._office.ledgers.keep_model(self._model, self._ledger)


def model_mark(versions: list[ModelVersion]) -> str:
    """Return what tells a model from the same model before a change."""
    return mark(
        [[each.record.nonce, each.stage, each.aliases, each.tags, each.description, each.removed] for each in versions]
    )


def version_tags(version: ModelVersion, changed: dict[str, str]) -> dict[str, str]:
    """Return the tags that a version should have there, and note in `changed` which are not as they are here."""
    own: dict[str, str] = {"tauro.version": str(version.version)}
    if version.stage is not None:
        own[STAGE_TAG] = version.stage
    if version.removed:
        own[REMOVED_TAG] = "true"
    if version.run_id is None:  # MLflow keeps metrics of a model with a run
        own |= {f"tauro.metric.{name}": str(value) for name, value in version.metrics.items()}
    news: dict[str, str] = {}
    found = spelled("tags", {**version.tags, **own}, spelling.TAG_CHARS, news)
    changed |= {f"v{version.version}.{name}": why for name, why in news.items()}
    return found


def described(version: ModelVersion, changed: dict[str, str]) -> str:
    """Return the description that a version should have there, and note in `changed` if that is not all of it."""
    whole, most = version.description, spelling.DESCRIPTION_CHARS
    if len(whole) > most:
        changed[f"v{version.version}.description"] = f"cut from {len(whole):,} to {most:,} characters"
    return spelling.cut(whole, most)
