"""A Tauro store as MLflow's tracking store."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
from mlflow.entities import Experiment, LoggedModel, Metric, Run, RunInfo, RunStatus, ViewType
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.tracking import (
    SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT,
    SEARCH_MAX_RESULTS_DEFAULT,
    SEARCH_MAX_RESULTS_THRESHOLD,
)
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.utils import name_utils, validation
from mlflow.utils.search_utils import SearchExperimentsUtils, SearchLoggedModelsUtils, SearchUtils

from tauro_nb.mlflow_plugin import address, entities, labels, searching, terms
from tauro_nb.mlflow_plugin.experiments import Experiments
from tauro_nb.mlflow_plugin.measured import Measured, as_metrics
from tauro_nb.mlflow_plugin.models import Models
from tauro_nb.mlflow_plugin.opened import opened
from tauro_nb.mlflow_plugin.serving import artifact_base

if TYPE_CHECKING:
    from mlflow.entities import (
        DatasetInput,
        ExperimentTag,
        LoggedModelInput,
        LoggedModelOutput,
        LoggedModelParameter,
        LoggedModelStatus,
        LoggedModelTag,
        Param,
        RunTag,
    )
    from mlflow.models import Model

    from tauro_nb.mlops.tracking.records import RunRecord

_LOGGED = "mlflow.log-model.history"


@terms.speaks_mlflow
class TauroTrackingStore(AbstractStore):
    """What MLflow's client and server track to at ``tauro:///path/to/mlops_data``; safe to share between threads.

    Parameters
    ----------
    store_uri : str
    artifact_uri : str, optional
        Where a server would have artifacts; see `serving.artifact_base`.
    """

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        super().__init__()
        self._opened = opened(address.root_of(store_uri))
        self._base = artifact_base(self._opened.root, artifact_uri)
        self._recording = self._opened.recording
        self._experiments = Experiments(self._opened)
        self._measured = Measured(self._opened)
        self._models = Models(self._opened, self._measured, self._base)

    # -- experiments

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_MAX_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """Find experiments; newest first unless ordered."""
        _check_most(max_results)
        found = [
            self._experiments.shown(each)
            for each in self._experiments.every()
            if searching.is_shown(view_type, each.deleted_at_ns)
        ]
        found = SearchExperimentsUtils.filter(found, filter_string)
        found = SearchExperimentsUtils.sort(found, order_by or ["creation_time DESC", "experiment_id ASC"])
        return PagedList(*SearchUtils.paginate(found, page_token, max_results))

    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: list[ExperimentTag] | None = None
    ) -> str:
        """Make an experiment, and return its id; its runs keep their artifacts in the store."""
        validation._validate_experiment_name(name)
        if artifact_location and not artifact_location.startswith(self._opened.uri):
            raise terms.invalid(
                f"artifact_location='{artifact_location}': artifacts of a Tauro store lie in the store; leave it out"
            )
        made = self._experiments.create(name, {tag.key: tag.value for tag in tags or ()}, time.time_ns())
        return str(self._experiments.shown(made).experiment_id)

    def get_experiment(self, experiment_id: str | None) -> Experiment:
        """Return an experiment, deleted or not."""
        return self._experiments.shown(self._experiments.get(experiment_id))

    def get_experiment_by_name(self, experiment_name: str) -> Experiment | None:
        """Return an experiment, deleted or not; None if there is none."""
        found = self._experiments.named(experiment_name)
        return None if found is None else self._experiments.shown(found)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self._experiments.delete(experiment_id, time.time_ns())

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring an experiment back, with the runs that were deleted with it."""
        self._experiments.restore(experiment_id)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Refuse: an experiment is its name."""
        raise terms.unsupported("renaming an experiment, whose name is also its folder and stands in its runs")

    def set_experiment_tag(self, experiment_id: str, tag: ExperimentTag) -> None:
        """Set a tag of an experiment."""
        validation._validate_experiment_tag(tag.key, tag.value)
        self._experiments.change(
            experiment_id, lambda now: msgspec.structs.replace(now, tags={**now.tags, tag.key: str(tag.value)})
        )

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Take a tag of an experiment away."""
        if key not in self._experiments.get(experiment_id).tags:
            raise terms.not_found(f"No tag with name: {key} in experiment with id {experiment_id}")
        self._experiments.change(
            experiment_id,
            lambda now: msgspec.structs.replace(
                now, tags={name: each for name, each in now.tags.items() if name != key}
            ),
        )

    # -- runs

    def create_run(
        self, experiment_id: str | None, user_id: str, start_time: int, tags: list[RunTag], run_name: str
    ) -> Run:
        """Begin a run."""
        experiment = self._experiments.get(experiment_id)
        if experiment.deleted_at_ns is not None:
            raise terms.wrong_state(f"Could not create run under non-active experiment with ID {experiment_id}.")
        told = {tag.key: str(tag.value) for tag in tags or ()}
        named = told.get(labels.NAME)
        if run_name and named and run_name != named:
            raise terms.invalid(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
                f"(run_name='{run_name}', mlflow.runName='{named}')."
            )
        name = run_name or named or name_utils._generate_random_name()
        return self._shown(self._recording.begin(experiment.name, user_id, start_time, name, told))

    def get_run(self, run_id: str) -> Run:
        """Return a run, deleted or not."""
        return self._shown(self._recording.find(run_id))

    def update_run_info(
        self, run_id: str, run_status: int | None, end_time: int | None, run_name: str | None
    ) -> RunInfo:
        """Give a run a status, a name, or both."""
        status = None if run_status is None else terms.FROM_MLFLOW[RunStatus.to_string(run_status)]
        return entities.info(self._recording.update(run_id, status, end_time, run_name), self._base)

    def delete_run(self, run_id: str) -> None:
        """Put a run aside."""
        self._recording.delete(run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a run back."""
        self._recording.restore(run_id)

    def _search_runs(
        self,
        experiment_ids: list[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int,
        order_by: list[str] | None,
        page_token: str | None,
    ) -> tuple[list[Run], str | None]:
        _check_most(max_results)
        names = self._experiments.names(experiment_ids)
        found = searching.find_runs(self._opened.archive, filter_string, order_by, names, run_view_type)
        places, token = SearchUtils.paginate(range(len(found)), page_token, max_results)
        observed = self._opened.archive.observed
        return [self._shown(observed(found.record(at))) for at in places], token

    def log_batch(self, run_id: str, metrics: list[Metric], params: list[Param], tags: list[RunTag]) -> None:
        """Log metrics, parameters and tags."""
        metrics, params, tags = validation._validate_batch_log_data(metrics, params, tags)
        validation._validate_batch_log_limits(metrics, params, tags)
        validation._validate_param_keys_unique(params)
        self._recording.log(
            run_id,
            [(each.key, each.value, each.step or 0, each.timestamp * 1_000_000) for each in metrics],
            {each.key: str(each.value) for each in params},
            {each.key: str(each.value) for each in tags},
        )
        self._models.log(run_id, metrics)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Take a tag of a run away."""

        def take(now: RunRecord) -> RunRecord:
            after = labels.without(now, key)
            if after is None:
                raise terms.not_found(f"No tag with name: {key} in run with id {run_id}")
            return after

        self._recording.change(self._recording.writable(run_id), take)

    def get_metric_history(
        self, run_id: str, metric_key: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[Metric]:
        """Return the points of one metric in the order in which they were logged."""
        points = self._measured.points(self._recording.find(run_id), metric_key)
        if max_results is None:
            start, token = SearchUtils.parse_start_offset_from_page_token(page_token), None
            return PagedList(as_metrics(points, run_id, slice(start, None)), token)
        places, token = SearchUtils.paginate(range(len(points)), page_token, max_results)
        return PagedList(as_metrics(points, run_id, slice(places.start, places.stop)), token)

    def get_metric_history_bulk_interval(
        self, run_ids: list[str], metric_key: str, max_results: int, start_step: int | None, end_step: int | None
    ) -> list[Any]:
        """Return samples of one metric of several runs, for a chart."""
        from mlflow.entities.metric import MetricWithRunId

        return [
            MetricWithRunId(metric, run_id)
            for run_id in run_ids
            for metric in self._measured.sample(
                self._recording.find(run_id), metric_key, max_results, start_step, end_step
            )
        ]

    def log_inputs(
        self, run_id: str, datasets: list[DatasetInput] | None = None, models: list[LoggedModelInput] | None = None
    ) -> None:
        """Note which datasets and models a run has read."""

        def add(now: RunRecord) -> RunRecord:
            return msgspec.structs.replace(now, inputs=entities.with_inputs(now, datasets or (), models or ()))

        self._recording.change(self._recording.writable(run_id), add)

    def _search_datasets(self, experiment_ids: list[str]) -> list[Any]:
        return searching.datasets(self._opened.archive.records(self._experiments.names(experiment_ids)))

    def link_traces_to_run(self, trace_ids: list[str], run_id: str) -> None:
        """Refuse: there are no traces."""
        raise terms.unsupported("traces")

    # -- logged models

    def create_logged_model(
        self,
        experiment_id: str | None = None,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: list[LoggedModelTag] | None = None,
        params: list[LoggedModelParameter] | None = None,
        model_type: str | None = None,
    ) -> LoggedModel:
        """Make a logged model; without a run it gets one of its own."""
        validation._validate_logged_model_name(name)
        experiment = self._experiments.get(experiment_id)
        if experiment.deleted_at_ns is not None:
            raise terms.wrong_state(f"Could not create model under non-active experiment with ID {experiment_id}.")
        return self._models.create(
            experiment.name,
            name or name_utils._generate_random_name(),
            source_run_id,
            tags={tag.key: str(tag.value) for tag in tags or ()},
            params={param.key: str(param.value) for param in params or ()},
            model_type=model_type,
        )

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> LoggedModel:
        """Return a logged model."""
        return self._models.get(model_id, deleted=allow_deleted)

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        """Give a logged model its final status."""
        return self._models.finalize(model_id, status.value)

    def set_logged_model_tags(self, model_id: str, tags: list[LoggedModelTag]) -> None:
        """Set tags of a logged model."""
        self._models.set_tags(model_id, {tag.key: str(tag.value) for tag in tags})

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Take a tag of a logged model away."""
        self._models.delete_tag(model_id, key)

    def log_logged_model_params(self, model_id: str, params: list[LoggedModelParameter]) -> None:
        """Set parameters of a logged model."""
        self._models.set_params(model_id, {param.key: str(param.value) for param in params})

    def delete_logged_model(self, model_id: str) -> None:
        """Mark a logged model as deleted."""
        self._models.delete(model_id)

    def search_logged_models(
        self,
        experiment_ids: list[str],
        filter_string: str | None = None,
        datasets: list[dict[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: list[dict[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """Find logged models."""
        if datasets and not all(each.get("dataset_name") for each in datasets):
            raise terms.invalid("`dataset_name` in the `datasets` clause must be specified.")
        found = self._models.search(self._experiments.names(experiment_ids))
        found = SearchLoggedModelsUtils.filter_logged_models(found, filter_string, datasets)
        found = SearchLoggedModelsUtils.sort(found, order_by)
        most = max_results or SEARCH_LOGGED_MODEL_MAX_RESULTS_DEFAULT
        return PagedList(*SearchLoggedModelsUtils.paginate(found, page_token, most))

    def log_outputs(self, run_id: str, models: list[LoggedModelOutput]) -> None:
        """Note at which step of the run models were logged."""
        self._recording.writable(run_id)
        for each in models or ():
            self._models.set_step(each.model_id, each.step)

    def record_logged_model(self, run_id: str, mlflow_model: Model) -> None:
        """Do as MLflow 2 did: its client then finds the model by the run's tag."""
        told = mlflow_model.get_tags_dict()
        self._recording.change(
            self._recording.writable(run_id),
            lambda now: msgspec.structs.replace(now, tags={**now.tags, _LOGGED: _listed(now.tags.get(_LOGGED), told)}),
        )

    def _shown(self, record: RunRecord) -> Run:
        return entities.run(record, self._measured.latest(record), self._models.of_run(record), self._base)


def _listed(before: str | None, told: dict[str, Any]) -> str:
    return json.dumps([*json.loads(before or "[]"), told])


def _check_most(max_results: object) -> None:
    if not isinstance(max_results, int) or not 1 <= max_results <= SEARCH_MAX_RESULTS_THRESHOLD:
        raise terms.invalid(
            f"Invalid value {max_results} for parameter 'max_results' supplied. It must be a positive integer, at most "
            f"{SEARCH_MAX_RESULTS_THRESHOLD}"
        )
