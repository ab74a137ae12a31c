"""Bringing one run to a server: what is new of it, request by request, each noted when the server has acknowledged it.

The record comes first (name, parameters, tags), then points, then files and models, and the status last: so a run that
is FINISHED there is whole. After a request of which nobody knows whether it was done, and in a process that has just
begun, points are looked up there before they are sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TypeVar

from tauro_nb.errors import KeyMissing, MirrorGone, MirrorRefused, MirrorUnreachable, RunNotFound
from tauro_nb.mlops import encoding
from tauro_nb.mlops.mlflow import spelling
from tauro_nb.mlops.mlflow.errand import Waiting
from tauro_nb.mlops.mlflow.ledger import RunLedger, Sent, is_refused, ledger_mark, mark, no_more_refused, refused
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.mlflow.point import Point
from tauro_nb.mlops.mlflow.portrait import CHANGED_TAG, PARENT_TAG, DatasetPortrait, Portrait, portrait
from tauro_nb.mlops.mlflow.runs_there import folder_of, made, made_above
from tauro_nb.mlops.mlflow.server import RUN_TAG
from tauro_nb.mlops.tracking.artifacts import Artifacts
from tauro_nb.mlops.tracking.metric_log import MetricLog
from tauro_nb.mlops.tracking.points import Stream
from tauro_nb.mlops.tracking.records import FileRecord, RunRecord, RunStatus
from tauro_nb.store import keys

T = TypeVar("T")

POINTS = 1_000
ENTRIES = 100
"""Parameters or tags of one batch."""
ENTRIES_CHARS = 100_000
"""Of one batch, so that no escaping makes it too large for the server; a single value may have more."""


class RunDelivery:
    """One run on its way; lives as long as somebody may still change it."""

    def __init__(self, office: Office, waiting: Waiting) -> None:
        self.waiting = waiting
        self._office = office
        self._experiment, self._run_id = waiting.experiment, waiting.run_id
        self._ledger = office.ledgers.run(self._experiment, self._run_id)
        self._sure = False
        """No point beyond the ledger's is there."""

    def steps(self) -> Iterator[None]:
        """Send what is new, one request a step; ends when nothing is left at the moment.

        Raises
        ------
        MirrorError
            What was not acknowledged is sent again when this is called again.
        """
        try:
            record = self._office.record(self.waiting)
        except RunNotFound:
            yield from self._gone()
            return
        if self._office.errand.came_from_there(record.tags):
            return
        told = ledger_mark(record)
        try:
            yield from self._deliver(record)
        except MirrorGone:
            self._ledger = RunLedger()
            self._office.ledgers.forget_run(self._experiment, self._run_id)
            raise
        if record.status is not RunStatus.RUNNING:
            self._ledger.complete = told
            self._keep()

    def is_over(self) -> bool:
        """Tell whether all of the run is there, and it does not go on."""
        try:
            record = self._office.record(self.waiting)
        except RunNotFound:
            return not self._ledger.there
        there_before = self._office.errand.came_from_there(record.tags)
        return there_before or self._ledger.complete == ledger_mark(record)

    def _deliver(self, record: RunRecord) -> Iterator[None]:
        ledger, server = self._ledger, self._office.server
        if not ledger.there:
            self._sure = made(self._office, record, ledger)
            yield
        there = ledger.there
        if ledger.deleted:
            server.restore_run(there)
            ledger.deleted = False
            yield
        wanted = portrait(record)
        kept = {what: why for what, why in ledger.changed.items() if what.startswith("metrics.") or is_refused(why)}
        ledger.changed = {**kept, **wanted.changed}
        yield from self._say(record, wanted)
        yield from self._send_points()
        yield from self._send_files(record)
        yield from self._say(record, wanted)  # what had to be said otherwise meanwhile
        if record.status is not RunStatus.RUNNING:
            yield from self._measure_models()
        if ledger.doubtful and record.status is not RunStatus.RUNNING:
            for other in server.find_runs(ledger.place, self._run_id):
                if other != there:
                    server.delete_run(other)
            ledger.doubtful = False
        status = mark([wanted.status, wanted.ended_ms])
        if ledger.status != status:
            server.set_status(there, wanted.status, wanted.ended_ms)
            ledger.status = status
            self._keep()
            yield
        if record.deleted_at_ns is not None:
            server.delete_run(there)
            ledger.deleted = True
            self._keep()
            yield

    def _say(self, record: RunRecord, wanted: Portrait) -> Iterator[None]:
        """Bring name, parameters and tags."""
        ledger, server = self._ledger, self._office.server
        tags = dict(wanted.tags)
        params = {}
        for key, value in wanted.params.items():
            if ledger.params.get(key, mark(value)) != mark(value):
                tags[spelling.key(f"tauro.param.{key}")] = spelling.cut(value, spelling.TAG_CHARS)
                ledger.changed[f"params.{key}"] = "was changed: MLflow keeps the first value; the tag has the newest"
            elif key not in ledger.params:
                params[key] = value
        if record.parent_id is not None:
            above = made_above(self._office, record)
            if above:
                tags[PARENT_TAG] = above
        if ledger.changed:
            told = json.dumps(ledger.changed, ensure_ascii=False)
            tags[CHANGED_TAG] = spelling.cut(told, spelling.TAG_CHARS)
        for batch in _batches(list(params.items())):
            self._offer(batch, self._log_params, lambda each: f"params.{each[0]}")
            ledger.params |= {key: mark(value) for key, value in batch}
            self._keep()
            yield
        for batch in _batches([(key, value) for key, value in tags.items() if ledger.tags.get(key) != mark(value)]):
            self._offer(batch, self._log_tags, lambda each: f"tags.{each[0]}")
            ledger.tags |= {key: mark(value) for key, value in batch}
            self._keep()
            yield
        if wanted.datasets and ledger.inputs != mark(wanted.datasets):
            self._offer(wanted.datasets, self._set_inputs, lambda each: f"inputs.{each.name}")
            ledger.inputs = mark(wanted.datasets)
            self._keep()
            yield
        for key in [key for key in ledger.tags if key not in tags and key != "mlflow.runName"]:
            with suppress(MirrorGone):
                server.delete_tag(ledger.there, key)
            del ledger.tags[key]
            no_more_refused(ledger.changed, f"tags.{key}")
            self._keep()
            yield
        if ledger.tags.get("mlflow.runName") != mark(wanted.name):
            server.rename_run(ledger.there, wanted.name)
            ledger.tags["mlflow.runName"] = mark(wanted.name)
            self._keep()
            yield

    def _send_points(self) -> Iterator[None]:
        ledger, fresh = self._ledger, False
        reader = MetricLog.reader(self._office.store, keys.metrics(self._experiment, self._run_id))
        for stream, cursor in reader.stretches(ledger.cursor):
            if stream is not None and len(stream):
                writer = stream.writer
                begin = cursor.positions[writer].points - len(stream)
                at = max(0, ledger.points.get(writer, 0) - begin)
                while at < len(stream):
                    part = stream.taken(slice(at, at + POINTS))
                    self._send(part)
                    at += len(part)
                    ledger.points[writer] = begin + at
                    self._keep()
                    yield
            if ledger.cursor != cursor:
                ledger.cursor = cursor
                fresh = True
        if fresh:
            self._keep()

    def _send(self, part: Stream) -> None:
        """Send at most `POINTS` points; those that are there already are not sent again."""
        ledger, server = self._ledger, self._office.server
        points = list(dict.fromkeys(self._points(part)))
        fresh = points
        if not self._sure:
            there = server.known(ledger.there, points)
            fresh = [point for point in points if point not in there]
            self._sure = not there
        if fresh:
            try:
                self._offer(fresh, self._log_points, lambda each: f"metrics.{each.key}")
            except MirrorUnreachable:
                self._sure = False
                raise
        self._office.points += len(part)
        for point in points:
            value = math.nan if point.shown is None else point.shown
            known = ledger.last.get(point.key)
            # MLflow's own rule for which point is the last
            if known is None or (point.step, point.at_ms) >= (known[0], known[1]):
                ledger.last[point.key] = point.step, point.at_ms, encoding.number(value)

    def _points(self, part: Stream) -> Iterator[Point]:
        spelt = {number: spelling.key(name) for number, name in part.keys.items()}
        for number, name in part.keys.items():
            if spelt[number] != name:
                self._ledger.changed[f"metrics.{name}"] = f"named {spelt[number]} there"
        rows = zip(part.key_ids.tolist(), part.values.tolist(), part.at_ns.tolist(), part.steps.tolist(), strict=True)
        for number, value, at_ns, step in rows:
            name = spelt.get(number) or spelling.key(f"(name lost: {number})")
            yield Point.of(name, value, max(0, at_ns // 1_000_000), step)

    def _send_files(self, record: RunRecord) -> Iterator[None]:
        """Bring the artifacts, and those among them that are models as logged models too."""
        ledger = self._ledger
        files = Artifacts(self._office.store, self._experiment, self._run_id).files()
        for file in files:
            with suppress(KeyMissing):  # somebody has removed it since
                told = self._file_mark(file)
                if ledger.files.get(file.path) != told:
                    self._offer([file], self._put_file, lambda each: f"artifacts.{each.path}")
                    ledger.files[file.path] = told
                    self._keep()
                    yield
        for path, meta in record.models.items():
            own = [file for file in files if file.path == path or file.path.startswith(f"{path}/")]
            try:
                yield from self._send_model(path, str(meta.get("flavor", "model")), own)
                no_more_refused(ledger.changed, f"models.{path}")
            except MirrorRefused as error:  # such as a server that knows no logged models
                ledger.changed[f"models.{path}"] = refused(error)

    def _send_model(self, path: str, flavor: str, files: Sequence[FileRecord]) -> Iterator[None]:
        ledger, server = self._ledger, self._office.server
        sent = ledger.models.setdefault(path, Sent())
        tag = f"{self._run_id}/{path}"
        if not sent.model_id:
            sent.model_id = server.find_logged_model(ledger.place, "tauro.model", tag) or server.create_logged_model(
                ledger.place,
                spelling.logged_model(PurePosixPath(path).stem),
                ledger.there,
                kind=flavor,
                tags={"tauro.model": tag, RUN_TAG: self._run_id},
            )
            self._keep()
            yield
        for file in files:
            with suppress(KeyMissing):
                told = self._file_mark(file)
                if sent.files.get(file.path) != told:
                    inside = PurePosixPath(file.path).relative_to(PurePosixPath(path).parent)
                    with self._office.file(self._key(file)) as local:
                        server.put_model_file(sent.model_id, local, folder_of(str(inside)))
                    sent.files[file.path] = told
                    self._keep()
                    yield
        if not sent.ready:
            server.finish_logged_model(sent.model_id, ledger.there)
            sent.ready = True
            self._keep()
            yield

    def _measure_models(self) -> Iterator[None]:
        """Let each logged model have the run's last values as its metrics."""
        ledger, server = self._ledger, self._office.server
        if self._office.errand.address.is_folder:
            return  # a folder would keep these points of the run a second time
        last = [Point.of(key, float(value), at_ms, step) for key, (step, at_ms, value) in ledger.last.items()]
        points = [point for point in last if point.shown is not None]  # of a model MLflow keeps NaN as 0
        for sent in ledger.models.values():
            if sent.ready and not sent.measured:
                for at in range(0, len(points), POINTS):
                    server.log(ledger.there, points=points[at : at + POINTS], model_id=sent.model_id)
                sent.measured = True
                self._keep()
                yield

    def _gone(self) -> Iterator[None]:
        """Put aside there what was removed here."""
        if self._ledger.there:
            try:
                self._office.server.delete_run(self._ledger.there)
            except (MirrorGone, MirrorRefused):
                yield  # somebody was there before
            else:
                yield
        self._office.ledgers.forget_run(self._experiment, self._run_id)
        self._ledger = RunLedger()

    def _offer(self, items: list[T], send: Callable[[list[T]], None], title: Callable[[T], str]) -> None:
        """Send items at once; where the server refuses, find out which it refuses, and do without them."""
        try:
            self._sent(items, send, title)
        except MirrorRefused as error:
            if self._brought_back():
                self._sent(items, send, title)
            elif len(items) == 1:
                self._ledger.changed[title(items[0])] = refused(error)
            else:
                half = len(items) // 2
                self._offer(items[:half], send, title)
                self._offer(items[half:], send, title)

    def _sent(self, items: list[T], send: Callable[[list[T]], None], title: Callable[[T], str]) -> None:
        """Send items, and note no more that one of them was refused; of a metric other points may still be missing."""
        send(items)
        for name in map(title, items):
            if not name.startswith("metrics."):
                no_more_refused(self._ledger.changed, name)

    def _brought_back(self) -> bool:
        """Restore the run if somebody deleted it there, and tell whether it was so."""
        server, there = self._office.server, self._ledger.there
        if server.run(there).info.lifecycle_stage == "active":
            return False
        server.restore_run(there)
        return True

    def _set_inputs(self, datasets: list[DatasetPortrait]) -> None:
        self._office.server.set_inputs(self._ledger.there, datasets)

    def _log_params(self, items: list[tuple[str, str]]) -> None:
        self._office.server.log(self._ledger.there, params=dict(items))

    def _log_tags(self, items: list[tuple[str, str]]) -> None:
        self._office.server.log(self._ledger.there, tags=dict(items))

    def _log_points(self, points: list[Point]) -> None:
        self._office.server.log(self._ledger.there, points=points)

    def _put_file(self, files: Sequence[FileRecord]) -> None:
        for file in files:
            with self._office.file(self._key(file)) as local:
                self._office.server.put_artifact(self._ledger.there, local, folder_of(file.path))

    def _file_mark(self, file: FileRecord) -> str:
        stat = self._office.store.stat(self._key(file))
        return f"{stat.size_bytes} {stat.modified_ns}"

    def _key(self, file: FileRecord) -> str:
        return keys.artifact(self._experiment, self._run_id, file.path)

    def _keep(self) -> None:
        self._office.ledgers.keep_run(self._experiment, self._run_id, self._ledger)


def _batches(items: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Part names and values so that no request is too large."""
    batch: list[tuple[str, str]] = []
    chars = 0
    for key, value in items:
        size = len(key) + len(value)
        if batch and (len(batch) == ENTRIES or chars + size > ENTRIES_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append((key, value))
        chars += size
    if batch:
        yield batch
