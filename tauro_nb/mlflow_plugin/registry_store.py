"""A Tauro store as MLflow's model registry."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry import (
    SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD,
    SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD,
)
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.utils import validation
from mlflow.utils.search_utils import SearchModelUtils, SearchModelVersionUtils, SearchUtils

from tauro_nb.mlflow_plugin import address, sources, terms, versions
from tauro_nb.mlflow_plugin.opened import opened
from tauro_nb.mlflow_plugin.registered import Registered
from tauro_nb.mlops.registry.records import STAGES, ModelRecord
from tauro_nb.mlops.registry.version import ModelVersion as TauroVersion

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag

_PROMPT = "mlflow.prompt."
_LATEST = "latest"


@terms.speaks_mlflow
class TauroRegistryStore(AbstractStore):
    """What MLflow's client and server register models with at ``tauro:///path/to/mlops_data``.

    Versions are copies, kept with their checksums, that never change; what MLflow does to one is an act in its history,
    as if it had been done through `ModelRegistry`. Safe to share between threads.

    Parameters
    ----------
    store_uri : str
    tracking_uri : str, optional
        Where models come from that lie in no Tauro store.
    """

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri, tracking_uri)
        self._opened = opened(address.root_of(store_uri))
        self._tracking_uri = tracking_uri
        self._registry = self._opened.registry
        self._registered = Registered(self._opened.store, self._registry)

    # -- registered models

    def create_registered_model(
        self,
        name: str,
        tags: list[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Make a registered model without versions."""
        validation._validate_model_name(name)
        if any(tag.key.startswith(_PROMPT) for tag in tags or ()):
            raise terms.unsupported("prompts")
        told = {tag.key: str(tag.value) for tag in tags or ()}
        return self._shown(self._registered.create(name, description, told, time.time_ns()))

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Describe a registered model."""
        return self._changed(name, lambda now: msgspec.structs.replace(now, description=description or ""))

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Refuse: versions never change, and have the name in them."""
        raise terms.unsupported("renaming a registered model, whose versions never change; register it anew")

    def delete_registered_model(self, name: str) -> None:
        """Move all versions of a model aside; one in Production stops that."""
        self._registered.get(name)
        there = self._registered.versions(name)
        held = next((each for each in there if each.stage == "Production"), None)
        if held is not None:
            raise terms.wrong_state(f"{name} v{held.version} is in Production: give it another stage first")
        for each in there:
            self.delete_model_version(name, str(each.version))
        self._registered.forget(name)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Find registered models; by name unless ordered."""
        most = _checked(max_results, SEARCH_REGISTERED_MODEL_MAX_RESULTS_THRESHOLD)
        found = SearchModelUtils.filter([self._shown(each) for each in self._registered.every()], filter_string)
        return PagedList(*SearchUtils.paginate(SearchModelUtils.sort(found, order_by), page_token, most))

    def get_registered_model(self, name: str) -> RegisteredModel:
        """Return a registered model."""
        return self._shown(self._registered.get(name))

    def get_latest_versions(self, name: str, stages: list[str] | None = None) -> list[ModelVersion]:
        """Return the newest version in each stage, or in each of these."""
        self._registered.get(name)
        return self._newest(name, [versions.stage_from(each) for each in stages or (versions.NO_STAGE, *STAGES)])

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set a tag of a registered model."""
        validation._validate_registered_model_tag(tag.key, tag.value)
        self._changed(name, lambda now: msgspec.structs.replace(now, tags={**now.tags, tag.key: str(tag.value)}))

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Take a tag of a registered model away; harmless where it has none of this name."""
        self._changed(
            name,
            lambda now: msgspec.structs.replace(
                now, tags={each: told for each, told in now.tags.items() if each != key}
            ),
        )

    # -- versions

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: list[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Keep a copy of a model as the next version of a registered model."""
        validation._validate_model_name(name)
        self._registered.get(name)
        origin = sources.find(self._opened, source, run_id, local_model_path, self._tracking_uri)
        made = origin.register(
            name, description=description or "", tags={tag.key: str(tag.value) for tag in tags or ()}
        )
        return self._version(made)

    def update_model_version(self, name: str, version: str, description: str | None) -> ModelVersion:
        """Describe a version."""
        return self._version(self._registry.set_description(name, self._number(version), description or ""))

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, archive_existing_versions: bool
    ) -> ModelVersion:
        """Give a version a stage; the one that had Staging or Production is Archived in any case."""
        wanted = versions.stage_from(stage)
        if archive_existing_versions and wanted not in ("Staging", "Production"):
            raise terms.invalid(
                f"Model version transition cannot archive existing model versions because '{stage}' is not an Active "
                "stage. Valid stages are ['Staging', 'Production']"
            )
        return self._version(self._registry.promote(name, self._number(version), stage=wanted))

    def delete_model_version(self, name: str, version: str) -> None:
        """Move a version aside, and take its aliases from it."""
        found = self._registry.get(name, self._number(version))
        if found.stage != "Production":
            for alias in found.aliases:
                self._registry.delete_alias(name, alias)
        self._registry.delete_version(name, found.version)

    def get_model_version(self, name: str, version: str) -> ModelVersion:
        """Return a version."""
        return self._version(self._registry.get(name, self._number(version)))

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """Return the address of a version's files."""
        return versions.uri(self._registry.get(name, self._number(version)), self._opened.uri)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: list[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Find versions; newest first unless ordered."""
        most = _checked(max_results, SEARCH_MODEL_VERSION_MAX_RESULTS_THRESHOLD)
        there = {(each.name, each.version): each for model in self._registry.models() for each in model.versions()}
        every = [versions.shown(each, self._opened.uri, number=int) for each in there.values()]
        found = SearchModelVersionUtils.filter(every, filter_string)
        orders = order_by or ["last_updated_timestamp DESC", "name ASC", "version_number DESC"]
        page, token = SearchUtils.paginate(SearchModelVersionUtils.sort(found, orders), page_token, most)
        return PagedList([self._version(there[each.name, each.version]) for each in page], token)

    def set_model_version_tag(self, name: str, version: str, tag: ModelVersionTag) -> None:
        """Set a tag of a version."""
        validation._validate_model_version_tag(tag.key, tag.value)
        self._registry.set_tags(name, self._number(version), {tag.key: str(tag.value)})

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Take a tag of a version away; harmless where it has none of this name."""
        self._registry.set_tags(name, self._number(version), {key: None})

    # -- aliases

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias mean a version."""
        validation._validate_model_alias_name(alias)
        validation._validate_model_alias_name_reserved(alias)
        self._registry.set_alias(name, self._number(version), alias=alias)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Take an alias away; harmless where there is none of this name."""
        self._registry.delete_alias(name, alias)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """Return the version that an alias means."""
        if alias.lower() == _LATEST:
            return self._version(self._registry.get(name))
        found = next((each for each in self._registered.versions(name) if alias in each.aliases), None)
        if found is None:
            self._registered.get(name)
            raise terms.invalid(f"Registered model alias {alias} not found.")
        return self._version(found)

    def _await_model_version_creation(self, mv: ModelVersion, await_creation_for: int | None) -> None:
        """Not wait: a version is there, whole, when its creation has returned."""

    def _number(self, version: str | int) -> int:
        validation._validate_model_version(version)
        return int(version)

    def _changed(self, name: str, edit: versions.Edit) -> RegisteredModel:
        return self._shown(self._registered.change(name, time.time_ns(), edit))

    def _version(self, version: TauroVersion) -> ModelVersion:
        return versions.shown(version, self._opened.uri)

    def _newest(self, name: str, stages: list[str | None]) -> list[ModelVersion]:
        newest = {each.stage: each for each in self._registered.versions(name)}
        return [self._version(newest[stage]) for stage in dict.fromkeys(stages) if stage in newest]

    def _shown(self, record: ModelRecord) -> RegisteredModel:
        there = self._registered.versions(record.name)
        return versions.registered(record, there, self._opened.uri)


def _checked(max_results: object, most: int) -> int:
    if not isinstance(max_results, int) or not 1 <= max_results <= most:
        raise terms.invalid(
            f"Invalid value for max_results. It must be a positive integer of at most {most}, but got {max_results}"
        )
    return max_results
