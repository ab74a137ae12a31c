"""Models on their way to Unity Catalog: MLflow's own store for it, before a stand-in for what Databricks answers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

_CODE = """
import json, os, re, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_uc_registry_messages_pb2 as uc
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS
from mlflow.store._unity_catalog.registry.rest_store import UcModelRegistryStore
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from tauro_nb.mlops.mlflow.address import Address
from tauro_nb.mlops.mlflow.courier import Courier
from tauro_nb.mlops.mlflow.differences import differences
from tauro_nb.mlops.mlflow.errand import Errand, Waiting
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.mlflow.server import Server
from tauro_nb.mlops.mlflow.source import MlflowSource
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore

class Double:
    def predict(self, table):
        return 2 * table

models, asked = {}, []

def answer(self, kind, body, extra_headers=None):
    told = json.loads(body)
    asked.append(kind.__name__.removesuffix("Request"))
    name = told.get("name") or re.search("'(.*)'", told.get("filter", ""))[1]
    assert re.fullmatch(r"ml[.]prod[.][^./ ]+", name), name
    if kind is uc.CreateRegisteredModelRequest:
        if name in models:
            raise MlflowException("there already", RESOURCE_ALREADY_EXISTS)
        models[name] = {"versions": {}, "aliases": {}, "text": ""}
        return uc.CreateRegisteredModelResponse(registered_model=uc.RegisteredModel(name=name))
    if name not in models:
        raise MlflowException(f"no {name}", RESOURCE_DOES_NOT_EXIST)
    model = models[name]
    versions = model["versions"]
    if kind is uc.UpdateRegisteredModelRequest:
        model["text"] = told["description"]
        return uc.UpdateRegisteredModelResponse(registered_model=uc.RegisteredModel(name=name))
    elif kind is uc.GetRegisteredModelRequest:
        aliases = [uc.RegisteredModelAlias(alias=key, version=each) for key, each in model["aliases"].items()]
        shown = uc.RegisteredModel(name=name, aliases=aliases, description=model["text"])
        return uc.GetRegisteredModelResponse(registered_model=shown)
    elif kind is uc.SetRegisteredModelAliasRequest:
        if not told["alias"].isascii():
            raise MlflowException("no such letters", 1000)
        model["aliases"][told["alias"]] = told["version"]
    elif kind is uc.CreateModelVersionRequest:
        number = str(max(map(int, versions), default=0) + 1)
        versions[number] = uc.ModelVersion(
            name=name, version=number, status=uc.PENDING_REGISTRATION, description=told.get("description", ""),
            tags=[uc.ModelVersionTag(**tag) for tag in told.get("tags", [])], run_id=told.get("run_id"),
        )
        return uc.CreateModelVersionResponse(model_version=versions[number])
    elif kind is uc.FinalizeModelVersionRequest:
        versions[told["version"]].status = uc.READY
        return uc.FinalizeModelVersionResponse(model_version=versions[told["version"]])
    elif kind is uc.GetModelVersionRequest:
        return uc.GetModelVersionResponse(model_version=versions[told["version"]])
    elif kind is uc.SearchModelVersionsRequest:
        found = [uc.ModelVersion(name=name, version=each.version, status=each.status) for each in versions.values()]
        return uc.SearchModelVersionsResponse(model_versions=found)
    elif kind is uc.DeleteModelVersionRequest:
        del versions[told["version"]]
    elif kind is uc.SetModelVersionTagRequest:
        versions[told["version"]].tags.append(uc.ModelVersionTag(key=told["key"], value=told["value"]))
    elif kind is uc.UpdateModelVersionRequest:
        versions[told["version"]].description = told["description"]
        return uc.UpdateModelVersionResponse(model_version=versions[told["version"]])
    else:
        raise AssertionError(kind)

class Broken(LocalArtifactRepository):
    uploads = 0
    def log_artifacts(self, local_dir, artifact_path=None):
        Broken.uploads += 1
        if Broken.uploads == 1:
            raise ConnectionResetError("in the middle of the files")
        super().log_artifacts(local_dir, artifact_path)

UcModelRegistryStore._call_endpoint = answer
UcModelRegistryStore._get_artifact_repo = lambda self, version, name: Broken(str(Path("files", name, version.version)))
os.environ |= {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_TOKEN": "none"}

store = LocalStore("store")
registry = ModelRegistry(store)
table = np.array([[1.0], [2.0]])
model = Double()
with ExperimentTracker(store).start_run("trained") as run:
    run.log_metric("loss", 1.0)
registry.register_model(model, "churn.v1", "d" * 6_000, {"auc": 0.9}, {"team": "risk"}, run=run, input_example=table)
registry.register_model({"no": "signature"}, "churn.v1")
registry.register_model(model, "churn.v1", input_example=table)
registry.promote("churn.v1", 1, stage="Production")
registry.set_alias("churn.v1", 1, alias="champion")
registry.set_alias("churn.v1", 3, alias="größe")

address = Address(uri="sqlite:///there.db", registry_uri="databricks-uc")
errand = Errand(store=store, address=address, catalog="ml", schema="prod")
office = Office(errand, Server(address))
trouble = []
def deliver():
    courier = Courier(office, lambda now: trouble.append(now.trouble) if now.trouble else None)
    for _ in range(200):
        courier.take()
        courier.hurry()
        if not courier.round() and not courier.left:
            return
    raise AssertionError(trouble)

office.ledgers.announce(Waiting(experiment=run.experiment, run_id=run.run_id))
office.ledgers.announce(Waiting(model="churn.v1"))
deliver()
once = len(asked)
registry.set_tags("churn.v1", 3, {"late": "yes"})
office.ledgers.announce(Waiting(model="churn.v1"))
deliver()
((name, there),) = models.items()
source = MlflowSource(address)
print(json.dumps({
    "name": name,
    "versions": [
        [each.version, each.status, len(each.description), {tag.key: tag.value for tag in each.tags}]
        for each in there["versions"].values()
    ],
    "aliases": there["aliases"],
    "changed": office.ledgers.model("churn.v1").changed,
    "ready": uc.READY,
    "asked": asked,
    "later": asked[once:],
    "trouble": trouble,
    "differs": [each.details for each in differences(office, lambda *_: None)[1]],
    "taken": [[each.version, each.tags.get("team")] for each in source.versions(name)],
    "files": sorted(str(each) for each in Path("files").rglob("MLmodel")),
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow comes with the extra `mlflow`")
def test_versions_come_to_unity_catalog_once_whole_and_without_stages(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CODE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-3_000:]
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["name"].startswith("ml.prod.churn_v1-")
    assert any("the connection was cut" in each for each in told["trouble"]), "the first upload broke"
    first, third = told["versions"]
    assert (first[1], third[1]) == (told["ready"], told["ready"])
    assert (first[2], first[3]["team"], first[3]["tauro.stage"]) == (5_000, "risk", "Production")
    assert third[3]["late"] == "yes"
    assert told["aliases"] == {"champion": first[0]}
    assert "refused" in told["changed"]["v2"], "Unity Catalog takes no version without a signature"
    assert "cut from 6,000" in told["changed"]["v1.description"]
    assert "refused" in told["changed"]["aliases.größe"]
    assert told["asked"].count("CreateModelVersion") == 3
    assert told["asked"].count("DeleteModelVersion") == 1
    assert "TransitionModelVersionStage" not in told["asked"]
    assert told["later"].count("SetModelVersionTag") == 1
    assert told["differs"] == [["v2: missing"]]
    assert told["taken"] == [[first[0], "risk"], [third[0], None]]
    assert len(told["files"]) == 2
