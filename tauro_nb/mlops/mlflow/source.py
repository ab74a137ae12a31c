"""The MLflow server, database or folder that runs and models are taken from; nothing is written to it.

The one place where importing meets MLflow's client, and where the errors of that become ours. What the person's own
code has told mlflow in this process stays as it is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from tauro_nb.errors import MirrorUnreachable, MissingDependency, StoreError, UnknownName, UsageError
from tauro_nb.mlops.mlflow import mishap
from tauro_nb.mlops.mlflow.address import Address

PAGE = 1_000
_LOGGED_MODEL = "m-"
"""How the ids of MLflow's logged models begin."""
_GONE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
}


class RemoteFile(NamedTuple):
    """A file there."""

    of: str
    """The id of the run or logged model that has it."""
    path: str
    size_bytes: int


class MlflowSource:
    """What MLflow keeps, page by page; safe to share between threads. Made by `opened`."""

    def __init__(self, address: Address) -> None:
        import mlflow

        self.address = address
        self._client = mlflow.MlflowClient(address.uri, address.registry_uri)
        registry_uri = self._client._registry_uri  # noqa: SLF001 - where none is told, another one than the client's is taken
        self._uris = {"tracking_uri": address.uri, "registry_uri": registry_uri}

    @classmethod
    @contextlib.contextmanager
    def opened(cls, uri: str) -> Iterator[Self]:
        """Open it for the ``with`` block.

        Raises
        ------
        UsageError
            There is nothing at `uri`, or it is another Tauro store.
        MissingDependency
            MLflow is not installed.
        """
        address = Address.of(_absolute(uri))
        settings = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
        if address.username is not None:
            settings["MLFLOW_TRACKING_USERNAME"] = address.username
            settings["MLFLOW_TRACKING_PASSWORD"] = address.password or ""
        with _environment(settings), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import mlflow  # noqa: F401 - used by the class
            except ImportError as error:
                raise MissingDependency.of("mlflow", "mlflow", what="tauro mlflow import") from error
            with _told(address):
                source = cls(address)
            yield source

    @property
    def is_remote(self) -> bool:
        """Whether it takes several requests at once well."""
        return self.address.uri.startswith(("http://", "https://", "databricks"))

    def experiments(self, names: Iterable[str] = ()) -> list[Any]:
        """Return its experiments, or those of these names.

        Raises
        ------
        UnknownName
        """
        with _told(self.address):
            found = list(_pages(lambda token: self._client.search_experiments(max_results=PAGE, page_token=token)))
        known = {each.name: each for each in found}
        for name in names:
            if name not in known:
                raise UnknownName.among("experiment", name, known, where=self.address.shown)
        return [known[name] for name in dict.fromkeys(names)] or found

    def runs(self, experiment_id: str) -> list[Any]:
        """Return the runs of an experiment that are not deleted, the oldest first."""

        def page(token: str | None) -> Any:
            order = ["attributes.start_time ASC"]
            return self._client.search_runs([experiment_id], max_results=PAGE, order_by=order, page_token=token)

        with _told(self.address):
            return list(_pages(page))

    def run(self, run_id: str) -> Any | None:
        """Return a run, or None if there is none of this id."""
        from mlflow.exceptions import MlflowException

        with _told(self.address):
            try:
                return self._client.get_run(run_id)
            except MlflowException as error:
                if error.error_code in (*_GONE, "INVALID_PARAMETER_VALUE"):
                    return None
                raise

    def history(self, run_id: str, key: str) -> list[Any]:
        """Return all points of a metric: objects with ``value``, ``step`` and ``timestamp`` (milliseconds)."""
        with _told(self.address):
            return list(self._client.get_metric_history(run_id, key))

    def files(self, run: Any) -> list[RemoteFile]:
        """Return the files of a run."""
        run_id = run.info.run_id
        with _told(self.address):
            return list(self._below(functools.partial(self._client.list_artifacts, run_id), run_id, None))

    def logged_models(self, run: Any) -> dict[str, list[RemoteFile]]:
        """Return the files of the models that a run has logged, by a name of each; of MLflow 3, else none."""
        found: dict[str, list[RemoteFile]] = {}
        outputs = getattr(run, "outputs", None)
        for each in outputs.model_outputs if outputs is not None else ():
            with _told(self.address):
                model = self._client.get_logged_model(each.model_id)
                listed = functools.partial(self._client.list_logged_model_artifacts, each.model_id)
                files = self._below(listed, each.model_id, None)
                found[model.name if model.name not in found else f"{model.name}-{model.model_id[-8:]}"] = list(files)
        return found

    def fetch(self, file: RemoteFile, folder: Path) -> Path:
        """Copy a file into a folder, and return where it lies."""
        with _told(self.address):
            if not file.of.startswith(_LOGGED_MODEL):
                return Path(self._client.download_artifacts(file.of, file.path, str(folder)))
            return self._copied(self._client.get_logged_model(file.of).artifact_location, file.path, folder)

    def models(self) -> list[str]:
        """Return the names of its registered models."""
        with _told(self.address):
            found = _pages(lambda token: self._client.search_registered_models(max_results=100, page_token=token))
            return sorted(each.name for each in found)

    def model(self, name: str) -> Any:
        """Return a registered model, with its aliases."""
        with _told(self.address):
            return self._client.get_registered_model(name)

    def versions(self, name: str) -> list[Any]:
        """Return the versions of a model, the oldest first."""
        quote = '"' if "'" in name else "'"
        wanted = "" if quote in name else f"name = {quote}{name}{quote}"  # no filter of MLflow's has both quotes
        with _told(self.address):
            found = [*_pages(lambda token: self._client.search_model_versions(wanted, PAGE, page_token=token))]
            own = [each for each in found if wanted or each.name == name]
            if self.address.has_unity_catalog:  # a search there tells neither tags nor aliases
                own = [self._client.get_model_version(name, each.version) for each in own]
            return sorted(own, key=lambda each: int(each.version))

    def fetch_version(self, name: str, version: str, folder: Path) -> Path:
        """Copy the files of a version into a folder, and return where they lie."""
        with _told(self.address):
            if self.address.is_databricks:
                return self._copied(f"models:/{name}/{version}", "", folder)
            place = str(self._client.get_model_version_download_uri(name, version))
            if place.startswith(f"models:/{_LOGGED_MODEL}"):
                model = self._client.get_logged_model(place.removeprefix("models:/").rstrip("/"))
                return self._copied(model.artifact_location, "", folder)
            if place.startswith("runs:/"):
                run_id, _, path = place.removeprefix("runs:/").partition("/")
                return Path(self._client.download_artifacts(run_id, path, str(folder)))
            return self._copied(place, "", folder)

    def _copied(self, place: str, path: str, folder: Path) -> Path:
        """Copy what lies at a place that needs no look at which server this process has told mlflow of."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return Path(get_artifact_repository(place, **self._uris).download_artifacts(path, str(folder)))

    def _below(self, listed: Callable[[str | None], Any], of: str, folder: str | None) -> Iterator[RemoteFile]:
        for each in listed(folder):
            if each.is_dir:
                yield from self._below(listed, of, each.path)
            else:
                yield RemoteFile(of, each.path, each.file_size or 0)


def _absolute(uri: str) -> str:
    """Return the address of a folder or SQLite file as it is from everywhere; refuse one at which there is nothing."""
    parts = urlsplit(uri)
    if parts.scheme == "tauro":
        raise UsageError(f"{uri} is a Tauro store itself", fix=f"tauro store pull {unquote(parts.path) or 'FOLDER'}")
    if parts.scheme == "sqlite":
        path = Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))
        if not path.is_file():
            raise UsageError(f"{uri}: there is no file {path}", fix="sqlite:///mlflow.db, or sqlite:////whole/path.db")
        return f"sqlite:///{path.resolve()}"
    if parts.scheme in ("", "file") or (len(parts.scheme) == 1 and os.name == "nt"):
        folder = Path(unquote(parts.path) if parts.scheme == "file" else uri).expanduser()
        if not folder.is_dir():
            raise UsageError(f"{uri}: there is no folder {folder}", fix="the folder mlruns, or http://HOST:PORT")
        return folder.resolve().as_uri()
    return uri.rstrip("/")


def _pages(ask: Any) -> Iterator[Any]:
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


@contextlib.contextmanager
def _told(address: Address) -> Iterator[None]:
    """Turn what the client and its libraries raise into errors of ours."""
    try:
        yield
    except (StoreError, UsageError):
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _KNOWN and not isinstance(error, OSError):
            raise
        text = address.without_secrets(mishap.told(error))
        denied = any(word in text for word in ("401", "403", "PERMISSION_DENIED", "UNAUTHENTICATED"))
        fix = (
            "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            if denied
            else "see that it is MLflow's address and that the server runs; importing again goes on"
        )
        raise MirrorUnreachable(f"{address.shown}: {text}", fix=fix) from error


_KNOWN = ("mlflow", "requests", "urllib3", "sqlalchemy", "sqlite3", "databricks", "google")


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Set these variables in the block."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
