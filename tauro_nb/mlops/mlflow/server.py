"""The server, as MLflow's client sees it, and the one place where its errors become ours.

Only a process whose work this is makes one: importing mlflow holds a Python process for a second. The client is told
not to repeat a request by itself: what is asked again without looking first may be done twice.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tauro_nb.errors import MirrorRefused
from tauro_nb.mlops.mlflow import mishap
from tauro_nb.mlops.mlflow.address import Address
from tauro_nb.mlops.mlflow.point import Point

if TYPE_CHECKING:
    from tauro_nb.mlops.mlflow.portrait import DatasetPortrait

P = ParamSpec("P")
T = TypeVar("T")

RUN_TAG = "tauro.run_id"
VERSION_TAG = "tauro.version_id"
PAGE = 1_000
HISTORY_PAGE = 10_000

_QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT": "1",  # the least, by which Databricks' SDK asks once
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Which of its two faces MLflow's user interface shows: that of models that are trained."""
_READY = "READY"


def _asked(method: Callable[P, T]) -> Callable[P, T]:
    """Let a method raise our errors instead of the client's and those of what it works with."""

    @functools.wraps(method)
    def ask(*args: P.args, **named: P.kwargs) -> T:
        from mlflow.exceptions import MlflowException

        server: Server = args[0]  # type: ignore[assignment]
        try:
            return method(*args, **named)
        except MlflowException as error:
            raise mishap.translated(server.address, error, error.error_code) from error
        except OSError as error:  # what requests raises is one too
            raise mishap.translated(server.address, error) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("sqlalchemy", "sqlite3", "databricks", "google"):
                raise
            raise mishap.translated(server.address, error) from error

    return ask


class Server:
    """One MLflow server, or a folder or database that stands for one."""

    def __init__(self, address: Address) -> None:
        self.address = address
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        if address.username is not None:
            os.environ["MLFLOW_TRACKING_USERNAME"] = address.username
            os.environ["MLFLOW_TRACKING_PASSWORD"] = address.password or ""
        warnings.simplefilter("ignore")
        import mlflow

        mlflow.set_tracking_uri(address.uri)
        if address.registry_uri is not None:
            mlflow.set_registry_uri(address.registry_uri)
        self._client = mlflow.MlflowClient(address.uri, address.registry_uri)
        self._places: dict[str, str] = {}
        self._origins: dict[tuple[str, str], str | None] = {}
        """Of each version that was seen there, whose it is."""
        self.has_stages = not address.has_unity_catalog

    @_asked
    def place(self, experiment: str) -> str:
        """Return the id of the experiment of this name, made if there is none."""
        if experiment not in self._places:
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                self._places[experiment] = self._client.create_experiment(experiment, tags=dict(_KIND))
            elif found.lifecycle_stage != "active":
                raise MirrorRefused(
                    f"{self.address.shown}: the experiment {experiment!r} is deleted there",
                    fix=f"mlflow experiments restore --experiment-id {found.experiment_id}",
                )
            else:
                self._places[experiment] = found.experiment_id
        return self._places[experiment]

    @_asked
    def place_if_there(self, experiment: str) -> str | None:
        """Return the id of the experiment of this name; None where there is none."""
        found = self._client.get_experiment_by_name(experiment)
        return None if found is None else str(found.experiment_id)

    @_asked
    def find_runs(self, place: str, run_id: str) -> list[str]:
        """Return the ids there of what was made for a run, the oldest first; deleted ones too."""
        from mlflow.entities import ViewType

        found = self._client.search_runs(
            [place], f"tags.`{RUN_TAG}` = '{run_id}'", ViewType.ALL, order_by=["attributes.start_time ASC"]
        )
        return [run.info.run_id for run in found]

    @_asked
    def runs(self, places: Sequence[str]) -> list[Any]:
        """Return all runs of these experiments that were made for runs of ours, deleted ones too."""
        from mlflow.entities import ViewType

        token = None
        found: list[Any] = []
        while True:
            page = self._client.search_runs(list(places), "", ViewType.ALL, max_results=PAGE, page_token=token)
            found += [run for run in page if RUN_TAG in run.data.tags]
            token = page.token
            if not token:
                return found

    @_asked
    def create_run(self, place: str, name: str, started_ms: int, tags: Mapping[str, str]) -> str:
        """Make a run and return its id."""
        return str(self._client.create_run(place, started_ms, dict(tags), name).info.run_id)

    @_asked
    def run(self, run_id: str) -> Any:
        """Return a run as MLflow has it."""
        return self._client.get_run(run_id)

    @_asked
    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        points: Sequence[Point] = (),
        model_id: str | None = None,
    ) -> None:
        """Send one batch, which is within the limits.

        Parameters
        ----------
        model_id : str, optional
            The logged model whose metrics these points are, too.
        """
        from mlflow.entities import Metric, Param, RunTag

        more = {} if model_id is None else {"model_id": model_id}
        self._client.log_batch(
            run_id,
            metrics=[Metric(each.key, each.value, each.at_ms, each.step, **more) for each in points],
            params=[Param(key, value) for key, value in (params or {}).items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
            synchronous=True,
        )

    @_asked
    def set_inputs(self, run_id: str, datasets: Iterable[DatasetPortrait]) -> None:
        """Say which datasets a run has read; a second time changes nothing."""
        from mlflow.entities import Dataset, DatasetInput

        told = [
            Dataset(each.name, each.digest, each.source_type, each.source, each.schema, each.profile)
            for each in datasets
        ]
        self._client.log_inputs(run_id, [DatasetInput(each, []) for each in told])

    @_asked
    def known(self, run_id: str, points: Iterable[Point]) -> set[Point]:
        """Return those of these points that are there."""
        store = self._client._tracking_client.store  # noqa: SLF001 - the client's own method gathers all pages
        there: set[Point] = set()
        wanted = set(points)
        for key in {point.key for point in wanted}:
            token = None
            while True:
                page = store.get_metric_history(run_id, key, HISTORY_PAGE, token)
                there |= wanted.intersection(Point.of(key, each.value, each.timestamp, each.step) for each in page)
                token = page.token
                if not token:
                    break
        return there

    @_asked
    def delete_tag(self, run_id: str, key: str) -> None:
        """Take a tag of a run away."""
        self._client.delete_tag(run_id, key)

    @_asked
    def rename_run(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._client.update_run(run_id, name=name)

    @_asked
    def set_status(self, run_id: str, status: str, ended_ms: int | None) -> None:
        """Say how a run stands."""
        if status == "RUNNING":
            self._client.update_run(run_id, status=status)
        else:
            self._client.set_terminated(run_id, status, ended_ms)

    @_asked
    def delete_run(self, run_id: str) -> None:
        """Put a run aside there."""
        self._client.delete_run(run_id)

    @_asked
    def restore_run(self, run_id: str) -> None:
        """Bring a run back there."""
        self._client.restore_run(run_id)

    @_asked
    def put_artifact(self, run_id: str, file: Path, folder: str) -> None:
        """Upload a file of a run."""
        self._client.log_artifact(run_id, str(file), folder or None)

    @_asked
    def artifacts(self, run_id: str) -> dict[str, int]:
        """Return the files of a run with their sizes."""
        found: dict[str, int] = {}
        folders: list[str | None] = [None]
        while folders:
            for each in self._client.list_artifacts(run_id, folders.pop()):
                if each.is_dir:
                    folders.append(each.path)
                else:
                    found[each.path] = each.file_size or 0
        return found

    @_asked
    def find_logged_model(self, place: str, tag: str, value: str) -> str:
        """Return the id of the logged model that has this tag, or ""."""
        found = self._client.search_logged_models([place], f"tags.`{tag}` = '{value}'", max_results=1)
        return str(found[0].model_id) if found else ""

    @_asked
    def create_logged_model(
        self, place: str, name: str, run_id: str | None, *, kind: str, tags: Mapping[str, str]
    ) -> str:
        """Make a logged model and return its id."""
        made = self._client.create_logged_model(place, name, source_run_id=run_id, tags=dict(tags), model_type=kind)
        return str(made.model_id)

    @_asked
    def put_model_file(self, model_id: str, file: Path, folder: str) -> None:
        """Upload a file of a logged model."""
        self._client.log_model_artifact(model_id, str(file), folder or None)

    @_asked
    def finish_logged_model(self, model_id: str, run_id: str | None) -> None:
        """Say that a logged model is whole, and that the run made it."""
        from mlflow.entities import LoggedModelOutput

        self._client.finalize_logged_model(model_id, "READY")
        if run_id is not None:
            outputs = self._client.get_run(run_id).outputs
            # a second time is an error of the server's database
            if outputs is None or model_id not in [each.model_id for each in outputs.model_outputs]:
                self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])

    @_asked
    def open_model(self, name: str) -> None:
        """Make a registered model if there is none of this name."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
                raise

    @_asked
    def describe_model(self, name: str, text: str) -> None:
        """Describe a registered model."""
        self._client.update_registered_model(name, text)

    @_asked
    def registered_model(self, name: str) -> Any:
        """Return a registered model as MLflow has it."""
        return self._client.get_registered_model(name)

    @_asked
    def versions(self, name: str) -> list[Any]:
        """Return all versions of a registered model."""
        return [self._whole(each) for each in self._found(name)]

    @_asked
    def find_version(self, name: str, nonce: str) -> str:
        """Return the number of the version that was made for one of ours, or ""; one that stayed unfinished goes."""
        number = ""
        for each in self._found(name):
            place = name, str(each.version)
            if place not in self._origins:
                self._origins[place] = self._whole(each).tags.get(VERSION_TAG)
            if self._origins[place] == nonce and each.status == _READY:
                number = str(each.version)
            elif self._origins[place] == nonce:
                self._client.delete_model_version(*place)
        return number

    def _found(self, name: str) -> list[Any]:
        found: list[Any] = []
        token = None
        quote = '"' if "'" in name else "'"
        wanted = "" if quote in name else f"name = {quote}{name}{quote}"  # no filter of MLflow's has both quotes
        while True:
            page = self._client.search_model_versions(wanted, PAGE, page_token=token)
            found += [each for each in page if wanted or each.name == name]
            token = page.token
            if not token:
                return found

    def _whole(self, version: Any) -> Any:
        """Return a version with its tags, which Unity Catalog does not tell when it is searched."""
        if not self.address.has_unity_catalog:
            return version
        return self._client.get_model_version(version.name, version.version)

    @_asked
    def create_version(
        self, name: str, model_id: str, run_id: str | None, tags: Mapping[str, str], description: str
    ) -> str:
        """Register a logged model as the next version, and return its number."""
        made = self._client.create_model_version(
            name,
            f"models:/{model_id}",
            run_id,
            dict(tags),
            description=description or None,
            model_id=model_id,
        )
        return str(made.version)

    @_asked
    def describe_version(self, name: str, version: str, text: str) -> None:
        """Describe a version."""
        self._client.update_model_version(name, version, text)

    @_asked
    def tag_version(self, name: str, version: str, key: str, value: str | None) -> None:
        """Give a version a tag; None: take it away."""
        if value is None:
            self._client.delete_model_version_tag(name, version, key)
        else:
            self._client.set_model_version_tag(name, version, key, value)

    def move_version(self, name: str, version: str, stage: str | None) -> None:
        """Give a version a stage where the server still has them."""
        if self.has_stages:
            try:
                self._move_version(name, version, stage or "None")
            except MirrorRefused:
                self.has_stages = False

    @_asked
    def _move_version(self, name: str, version: str, stage: str) -> None:
        self._client.transition_model_version_stage(name, version, stage, archive_existing_versions=False)

    @_asked
    def set_alias(self, name: str, alias: str, version: str | None) -> None:
        """Let an alias mean a version; None: nothing."""
        if version is None:
            self._client.delete_registered_model_alias(name, alias)
        else:
            self._client.set_registered_model_alias(name, alias, version)
