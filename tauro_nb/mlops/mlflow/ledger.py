"""What a server is known to have of each run and model, kept in the store's ``logs/mlflow/<target>/``.

::

    waiting/now-<mark>.json                    somebody said that this run or model changed
    waiting/then-<mark>.json                   somebody found it missing there
    runs/<experiment>/<run_id>.json            how far a run was delivered
    models/<model>.json                        how far a model was delivered
    standing.json                              how it goes

A ledger says no more than what the server has acknowledged. One that is lost, or older than the truth, costs questions
to the server and nothing else: what it is not sure of is looked up there before it is sent.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from tauro_nb.errors import KeyMissing, MirrorRefused, StoreError
from tauro_nb.mlops import encoding
from tauro_nb.mlops.mlflow.errand import Standing, Waiting
from tauro_nb.mlops.tracking.points import Cursor
from tauro_nb.mlops.tracking.records import RunRecord
from tauro_nb.store import keys
from tauro_nb.store.protocol import Store

Kept = TypeVar("Kept", bound=msgspec.Struct)

_REFUSED = "refused: "
_REASON_CHARS = 300


class Sent(msgspec.Struct, kw_only=True):
    """A model as the server has it: a logged model, and what was uploaded of it."""

    model_id: str = ""
    files: dict[str, str] = {}
    """Of each file that was uploaded, its mark."""
    ready: bool = False
    measured: bool = False
    """Its metrics were sent."""
    version: str = ""
    """The number of its registered version there."""
    told: dict[str, str] = {}
    """Marks of what was said of it."""


class RunLedger(msgspec.Struct, kw_only=True):
    """How far one run was delivered."""

    there: str = ""
    """Its id on the server."""
    place: str = ""
    """The id of its experiment there."""
    doubtful: bool = False
    """It was asked for, and the answer did not come: it may be there twice."""
    status: str = ""
    """As it was told last."""
    deleted: bool = False
    params: dict[str, str] = {}
    """Marks of the values that were sent; so are those of `tags` and `files`."""
    tags: dict[str, str] = {}
    files: dict[str, str] = {}
    inputs: str = ""
    """Mark of the datasets that were sent."""
    models: dict[str, Sent] = {}
    cursor: Cursor = Cursor()
    """From where points are read."""
    points: dict[str, int] = {}
    """Of each writer, how many points were sent, in its order."""
    last: dict[str, tuple[int, int, float | str]] = {}
    """Of each metric the newest point that was sent: step, time in milliseconds, value."""
    changed: dict[str, str] = {}
    """What had to be said otherwise, and why: names that were spelled anew, values that were cut or refused."""
    complete: str = ""
    """The mark of the record when all of the run was there."""


class ModelLedger(msgspec.Struct, kw_only=True):
    """How far one registered model was delivered."""

    name: str = ""
    """There."""
    description: str = ""
    """Its mark."""
    versions: dict[int, Sent] = {}
    aliases: dict[str, int] = {}
    complete: str = ""
    """The mark of the model when all of it was there."""
    changed: dict[str, str] = {}


class Ledgers:
    """The ledgers of one store for one target."""

    def __init__(self, store: Store, target: str) -> None:
        self._store = store
        self._root = keys.logs(f"mlflow/{target}")

    def announce(self, waiting: Waiting, *, urgent: bool = True) -> None:
        """Remember that it changed; doing it again is harmless."""
        self._store.put(self._waiting_key(waiting, urgent), encoding.encode(waiting))

    def waiting(self, most: int | None = None) -> list[Waiting]:
        """Return what was announced and not settled, what is urgent first."""
        names = itertools.islice(self._store.list(self._waiting), most)
        found = [self._read(f"{self._waiting}/{entry.name}", Waiting()) for entry in names]
        return [each for each in dict.fromkeys(found) if each.run_id or each.model]

    def waiting_count(self) -> int:
        """Return how many runs and models were announced and not settled."""
        return len({entry.name.partition("-")[2] for entry in self._store.list(self._waiting)})

    def settle(self, waiting: Waiting) -> None:
        """Forget that it changed: all of it is there."""
        for urgent in (True, False):
            self._store.delete(self._waiting_key(waiting, urgent))

    def run(self, experiment: str, run_id: str) -> RunLedger:
        """Return how far a run was delivered."""
        return self._read(self._run_key(experiment, run_id), RunLedger())

    def keep_run(self, experiment: str, run_id: str, ledger: RunLedger) -> None:
        """Keep how far a run was delivered."""
        self._store.put(self._run_key(experiment, run_id), encoding.encode(ledger))

    def forget_run(self, experiment: str, run_id: str) -> None:
        """Know nothing of a run any more."""
        self._store.delete(self._run_key(experiment, run_id))

    def runs(self) -> Iterator[tuple[str, str]]:
        """Yield the folder of the experiment and the id of every run that has a ledger."""
        for folder in self._store.list(f"{self._root}/runs"):
            if folder.is_folder:
                for entry in self._store.list(f"{self._root}/runs/{folder.name}"):
                    yield folder.name, entry.name.removesuffix(".json")

    def model(self, name: str) -> ModelLedger:
        """Return how far a model was delivered."""
        return self._read(self._model_key(name), ModelLedger())

    def keep_model(self, name: str, ledger: ModelLedger) -> None:
        """Keep how far a model was delivered."""
        self._store.put(self._model_key(name), encoding.encode(ledger))

    def standing(self) -> Standing:
        """Return how delivering goes."""
        return self._read(f"{self._root}/standing.json", Standing())

    def keep_standing(self, standing: Standing) -> None:
        """Say how delivering goes."""
        self._store.put(f"{self._root}/standing.json", encoding.encode(standing))

    @property
    def _waiting(self) -> str:
        return f"{self._root}/waiting"

    def _waiting_key(self, waiting: Waiting, urgent: bool) -> str:
        name = mark([waiting.experiment, waiting.run_id, waiting.model])
        return f"{self._waiting}/{'now' if urgent else 'then'}-{name}.json"

    def _run_key(self, experiment: str, run_id: str) -> str:
        return f"{self._root}/runs/{keys.segment(experiment)}/{keys.segment(run_id)}.json"

    def _model_key(self, name: str) -> str:
        return f"{self._root}/models/{keys.segment(name)}.json"

    def _read(self, key: str, otherwise: Kept) -> Kept:
        """Return what is kept; where it is not there or cannot be read, `otherwise`: then the server is asked."""
        try:
            return encoding.read(self._store, key, type(otherwise))
        except KeyMissing:
            return otherwise
        except StoreError as error:
            if isinstance(error.__cause__, (msgspec.DecodeError, UnicodeDecodeError)):
                return otherwise
            raise


def mark(value: Any) -> str:
    """Return what tells one value from another."""
    data = value if isinstance(value, bytes) else encoding.encode(value)
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def ledger_mark(record: RunRecord) -> str:
    """Return what tells a run, as a reader sees it, from the same run before a change."""
    return mark(encoding.encode(record))


def refused(error: MirrorRefused) -> str:
    """Return the note that the server refused something."""
    return f"{_REFUSED}{error.message[:_REASON_CHARS]}"


def is_refused(note: str) -> bool:
    """Tell whether a note says that."""
    return note.startswith(_REFUSED)


def no_more_refused(changed: dict[str, str], name: str) -> None:
    """Take such a note away: the server has taken it."""
    if is_refused(changed.get(name, "")):
        del changed[name]
