"""Every key of a store, spelled once.

::

    format.json                                          {"format": 1}
    experiments/<experiment>/experiment.json
    experiments/<experiment>/runs/<run_id>/run.json
                                           changes/<n>.json  of run.json, where the store has no locks
                                           beat.json  a sign of life, while it goes on
                                           metrics/...
                                           artifacts/...
                                           manifest.json  sizes and SHA-256 of the artifacts, written last
    experiments/<experiment>/changed/<run_id>            when an ended run was changed, where the store is distant
                                           copies/<store>.json  how it was when it last came from that store
                                           import.json  what an MLflow server said of it, if it came from one
    model_registry/models/<model>/model.json              what MLflow's client says of the model as a whole
    model_registry/models/<model>/versions/<n>.json       the version itself: written last, by `create`, never changed
    model_registry/models/<model>/events/<seq>.json       gap-free, each by `create`: their replay is the state
    model_registry/models/<model>/imports/<n>.json        what an MLflow server said of it, if it came from one
    model_registry/artifacts/<model>/<n>/...              the model's files, metadata.json and manifest.json
    model_registry/artifacts/<model>/upload-<nonce>/...   an upload that is not a version yet
    logs/...                                              JSON Lines; how far an MLflow server has a copy
    index/...                                             derived: may be deleted at any time

A name that a user chose becomes a folder's name by `segment`; ``customer_churn`` and ``churn-predictor`` stay as they
are. The true name also stands in the record, because a name too long for a folder cannot be read back from it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from tauro_nb.errors import UnsafePath
from tauro_nb.store.paths import PathValidator

FORMAT_NUMBER = 1
"""The format that this version writes; it reads this one and all before it."""

FORMAT = "format.json"
EXPERIMENTS = "experiments"
MODELS = "model_registry/models"
MODEL_ARTIFACTS = "model_registry/artifacts"
LOGS = "logs"
INDEX = "index"

NAME_BYTES = 200
"""A folder's name is cut to this length; file systems end at 255, some object stores' tools earlier."""

_device = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$) *(?:\.|$)", re.IGNORECASE)
_half_escape = re.compile(r"%[0-9A-F]?$")
_shortened = re.compile(r"%~[0-9a-f]{32}$")


@lru_cache(maxsize=4096)
def segment(name: str) -> str:
    """Return the folder's name for what a user called `name`: one rule, for every file system and object store.

    ASCII letters, digits, ``-``, ``_``, ``.``, ``~`` and inner spaces stay. Everything else becomes ``%XX``, the bytes
    of its UTF-8 in upper-case hexadecimal, as in a URL. So does a first ``.`` or space, a last ``.`` or space, and the
    first letter of a name that Windows keeps for a device (``CON``, ``nul.txt``). A result over 200 bytes is cut to at
    most 160 and ends in ``%~`` and the first 32 hexadecimal digits of the SHA-256 of the name's UTF-8.

    Different names have different folders: only the cut ones rest on SHA-256 for that. Upper and lower case are kept,
    so that a folder reads as its name; on a disk that does not tell them apart the local store refuses the second
    spelling rather than merge the two.

    Raises
    ------
    UnsafePath
        The name is empty.
    """
    if not name:
        raise UnsafePath("an empty name", fix="give it at least one character")
    text = quote(name, safe=" ", errors="surrogatepass")
    if text[0] in ". " or _device.match(text):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if text[-1] in ". ":
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    if len(text) <= NAME_BYTES:
        return text
    head = _half_escape.sub("", text[:160])
    import hashlib  # few names are that long

    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
    return f"{head}%~{digest}"


def unsegment(text: str) -> str | None:
    """Return the name behind a folder's name.

    None where the folder does not tell: its name was shortened (the record in it has the true one), or `segment` never
    made it.
    """
    if not text or _shortened.search(text):
        return None
    try:
        name = unquote(text, errors="surrogatepass")
    except UnicodeDecodeError:
        return None
    return name if name and segment(name) == text else None


def experiment(name: str) -> str:
    """Return the prefix of one experiment."""
    return f"{EXPERIMENTS}/{segment(name)}"


def experiment_record(name: str) -> str:
    """Return the key of an experiment's own record."""
    return f"{experiment(name)}/experiment.json"


def runs(name: str) -> str:
    """Return the prefix below which an experiment's runs lie, one folder each."""
    return f"{experiment(name)}/runs"


def run(experiment: str, run_id: str) -> str:
    """Return the prefix of one run."""
    return f"{runs(experiment)}/{segment(run_id)}"


def run_record(experiment: str, run_id: str) -> str:
    """Return the key of a run's record."""
    return f"{run(experiment, run_id)}/run.json"


def run_change(experiment: str, run_id: str, number: int) -> str:
    """Return the key of a run's record as its change of this number left it."""
    return f"{run(experiment, run_id)}/changes/{number}.json"


def change_marks(name: str) -> str:
    """Return the prefix of the marks of an experiment's runs that were changed after their end."""
    return f"{experiment(name)}/changed"


def change_mark(experiment: str, run_id: str) -> str:
    """Return the key of the mark of one run."""
    return f"{change_marks(experiment)}/{segment(run_id)}"


def beat(experiment: str, run_id: str) -> str:
    """Return the key of the last sign of life of a run's owner."""
    return f"{run(experiment, run_id)}/beat.json"


def metrics(experiment: str, run_id: str) -> str:
    """Return the prefix of a run's metric log."""
    return f"{run(experiment, run_id)}/metrics"


def artifacts(experiment: str, run_id: str) -> str:
    """Return the prefix of a run's artifacts."""
    return f"{run(experiment, run_id)}/artifacts"


def artifact(experiment: str, run_id: str, path: str) -> str:
    """Return the key of one artifact; `path` keeps its slashes, and is checked as `PathValidator.inside` says."""
    return f"{artifacts(experiment, run_id)}/{PathValidator.inside(path)}"


def manifest(experiment: str, run_id: str) -> str:
    """Return the key of the list of a run's artifacts, which is written last."""
    return f"{run(experiment, run_id)}/manifest.json"


def run_copy(experiment: str, run_id: str, store: str) -> str:
    """Return the key of what is noted of a run that came from another store, which has this short name here."""
    return f"{run(experiment, run_id)}/copies/{store}.json"


def run_import(experiment: str, run_id: str) -> str:
    """Return the key of what an MLflow server said of a run when it was last taken from there."""
    return f"{run(experiment, run_id)}/import.json"


def model(name: str) -> str:
    """Return the prefix of one registered model's records."""
    return f"{MODELS}/{segment(name)}"


def model_record(name: str) -> str:
    """Return the key of what is said of a model as a whole."""
    return f"{model(name)}/model.json"


def model_versions(name: str) -> str:
    """Return the prefix of a model's version records."""
    return f"{model(name)}/versions"


def model_version(name: str, number: int) -> str:
    """Return the key of one version's record."""
    return f"{model_versions(name)}/{number}.json"


def model_events(name: str) -> str:
    """Return the prefix of a model's audit trail."""
    return f"{model(name)}/events"


def model_event(name: str, sequence: int) -> str:
    """Return the key of one act in a model's audit trail."""
    return f"{model_events(name)}/{sequence}.json"


def model_import(name: str, number: int) -> str:
    """Return the key of what an MLflow server said of a version when it was last taken from there."""
    return f"{model(name)}/imports/{number}.json"


def model_files(name: str) -> str:
    """Return the prefix below which the files of a model's versions lie, one folder each."""
    return f"{MODEL_ARTIFACTS}/{segment(name)}"


def model_artifacts(name: str, number: int) -> str:
    """Return the prefix of one version's files."""
    return f"{model_files(name)}/{number}"


def model_upload(name: str, nonce: str) -> str:
    """Return the prefix of files on their way to becoming a version; no version's own prefix looks like it."""
    return f"{model_files(name)}/upload-{segment(nonce)}"


def logs(name: str) -> str:
    """Return the key of a log, such as ``events.jsonl``."""
    return f"{LOGS}/{PathValidator.inside(name)}"


def index(name: str) -> str:
    """Return the key of a derived file."""
    return f"{INDEX}/{PathValidator.inside(name)}"


@lru_cache(maxsize=4096)
def number(name: str) -> int | None:
    """Return the number in a listed name such as ``12.json`` or ``12``; None for any other name."""
    stem = name.removesuffix(".json")
    return int(stem) if stem.isascii() and stem.isdigit() and (stem[0] != "0" or stem == "0") else None
