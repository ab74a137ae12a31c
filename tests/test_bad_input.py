"""What a person can get wrong: a typed error that names file, key and mend, and nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading

import pandas as pd
import pytest

import tauro_nb
from tauro_nb import errors

STEPS = """
    import pathlib
    import pandas as pd
    from tauro_nb import ExperimentTracker, ModelRegistry

    def prepare(raw: pd.DataFrame):
        pathlib.Path("ran").touch()
        return raw.assign(z=1)

    def train(clean: pd.DataFrame, tracker: ExperimentTracker):
        with tracker.start_run() as run:
            run.log_metric("rows", len(clean))

    def needs(clean: pd.DataFrame, threshold: float):
        pathlib.Path("ran").touch()
"""
NODES = {
    "prepare": {"inputs": {"raw": "raw"}, "outputs": "clean"},
    "train": {"inputs": {"clean": "clean"}},
}
INPUTS = {"raw": {"path": "data/raw.parquet", "format": "parquet", "schema": [{"name": "x", "type": "integer"}]}}
OUTPUTS = {"clean": {"path": "data/clean.parquet", "format": "parquet"}}


@pytest.fixture(scope="module")
def used_project(make_project_in, tmp_path_factory):
    """A project whose pipeline was run once, in a process that has ended."""
    root = tmp_path_factory.mktemp("project")
    (root / "data").mkdir()
    pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "c"]}).to_parquet(root / "data" / "raw.parquet")
    make_project_in(STEPS, NODES, inputs=INPUTS, outputs=OUTPUTS, root=root)
    subprocess.run([sys.executable, "-m", "tauro_nb.cli", "run", "p"], cwd=root, check=True, capture_output=True)
    (root / "ran").unlink()
    return root


@pytest.fixture
def project(used_project, tmp_path, monkeypatch):
    root = tmp_path / "project"
    shutil.copytree(used_project, root)
    monkeypatch.chdir(root)
    return root


def edit(project, section, change):
    path = project / "config" / f"{section}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def kept(project):
    """All that stands in the store and the outputs; bookkeeping of caches left out."""
    places = (project / "mlops_data", project / "data")
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for place in places
        for path in place.rglob("*")
        if path.is_file() and "index" not in path.parts and ".tauro-locks" not in path.parts
    }


def refused(project, kind, *parts, run=lambda: tauro_nb.open_session(env="dev").run("p")):
    """Run, and return the error that must come; nothing was run or changed."""
    before = kept(project)
    with pytest.raises(kind) as caught:
        run()
    assert kept(project) == before
    assert not (project / "ran").exists()
    told = "\n".join(caught.value.lines())
    for part in parts:
        assert part in told
    assert caught.value.fix or len(caught.value.problems) > 1
    return caught.value


def test_no_descriptor(project, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    refused(project, errors.DescriptorNotFound, "settings_json.json", "tauro init")


def test_broken_json_has_line_and_column(project):
    (project / "config" / "nodes_config.json").write_text('{"train": {\n  "function": }', encoding="utf-8")
    refused(project, errors.ConfigError, "config/nodes_config.json", "line 2")


def test_broken_yaml_has_line_and_column(project):
    (project / "config" / "nodes.yaml").write_text("train:\n  function: [a\n", encoding="utf-8")
    path = project / "settings_json.json"
    path.write_text(path.read_text().replace("nodes_config.json", "nodes.yaml"))
    refused(project, errors.ConfigError, "config/nodes.yaml", "line 3")


def test_an_unknown_environment(project):
    refused(project, errors.UnknownName, "deev", "'dev'", run=lambda: tauro_nb.open_session(env="deev"))


def test_an_unknown_pipeline(project):
    refused(project, errors.UnknownName, "'pp'", "'p'", run=lambda: tauro_nb.open_session(env="dev").run("pp"))


def test_an_unknown_node(project):
    edit(project, "pipelines_config", lambda content: content["p"]["nodes"].append("trian"))
    refused(project, errors.TauroError, "config/pipelines_config.json", "trian", "did you mean 'train'?")


def test_a_cycle_is_told_with_its_path(project):
    edit(project, "nodes_config", lambda content: content["prepare"].update(dependencies=["train"]))
    refused(project, errors.GraphCycle, "prepare", "train", "->")


@pytest.mark.parametrize("function", ["steps.prepaer", "stepz.prepare", "prepare"])
def test_a_function_that_cannot_be_found(project, function):
    edit(project, "nodes_config", lambda content: content["prepare"].update(function=function))
    refused(project, errors.TauroError, "config/nodes_config.json: nodes.prepare.function")


def test_a_parameter_that_nothing_fills(project):
    edit(project, "nodes_config", lambda content: content.update(train={**content["train"], "function": "steps.needs"}))
    refused(project, errors.InjectionError, "threshold", "config/nodes_config.json: nodes.train")


def test_a_dataset_that_is_missing(project):
    edit(project, "input_config", lambda content: content["raw"].update(path="data/rwa.parquet"))
    refused(project, errors.DatasetMissing, "config/input_config.json: inputs.raw.path", "data/raw.parquet")


def test_a_dataset_that_is_unreadable(project):
    whole = (project / "data" / "raw.parquet").read_bytes()
    (project / "data" / "raw.parquet").write_bytes(whole[: len(whole) // 2])
    refused(project, errors.DatasetUnreadable, "data/raw.parquet", "raw")


def test_a_dataset_that_breaks_its_schema(project):
    wanted = [{"name": "x", "type": "string"}, {"name": "age", "type": "integer"}]
    edit(project, "input_config", lambda content: content["raw"].update(schema=wanted))
    refused(project, errors.SchemaMismatch, "config/input_config.json: inputs.raw.schema", "age", "x")


def test_two_dots_in_a_path(project):
    edit(project, "input_config", lambda content: content["raw"].update(path="../raw.parquet"))
    refused(project, errors.UnsafePath, "config/input_config.json: inputs.raw.path", "..")


def test_a_store_key_through_a_link_out_of_the_store(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (project / "mlops_data" / "experiments" / "linked").symlink_to(outside)
    session = tauro_nb.open_session(env="dev")
    with pytest.raises(errors.UnsafePath, match="link"):
        session.tracker.start_run(experiment="linked")
    assert list(outside.iterdir()) == []


def test_a_metric_that_is_no_number_logs_nothing_of_its_call(project):
    tracker = tauro_nb.open_session(env="dev").tracker
    with tracker.start_run() as run:
        run.log_metric("loss", 0.5)
        with pytest.raises(errors.InvalidMetric, match="accuracy"):
            run.log_metrics({"loss": 0.25, "accuracy": "high"})
    assert run.metrics == {"loss": 0.5}
    assert len(run.metric_history()) == 1


def test_a_model_that_cannot_be_saved_leaves_a_failed_run_with_its_metrics(project):
    session = tauro_nb.open_session(env="dev")
    with pytest.raises(errors.ModelNotSerializable), session.tracker.start_run(run_name="unsaved") as run:  # noqa: PT012
        run.log_metric("loss", 0.5)
        run.log_model(threading.Lock(), artifact_path="models/lock.pkl")
    found = session.tracker.get_run(run.run_id)
    assert found.status == "FAILED"
    assert found.metrics == {"loss": 0.5}
    assert found.artifacts() == []
    with pytest.raises(errors.ModelNotSerializable):
        session.registry.register_model(threading.Lock(), "lock")
    assert session.registry.models() == []


FULL = """
    import resource, signal, sys, tauro_nb
    from tauro_nb.errors import StoreError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    session = tauro_nb.open_store(sys.argv[1])
    with session.tracker.start_run(run_name="full") as run:
        run.log_metric("loss", 0.5)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        try:
            session.registry.register_model(list(range(100_000)), "big")
        except StoreError as error:
            print("refused:", error.fix is not None, [m.name for m in session.registry.models()])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        run.log_metric("loss", 0.25)
    print(run.status.value, session.tracker.get_run(run.run_id).metrics)
    print(session.registry.register_model([1], "big").version)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are Unix's")
def test_a_full_disk_is_told_and_work_goes_on_when_there_is_room(tmp_path):
    shown = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == ["refused: True []", "FINISHED {'loss': 0.25}", "1"]


@pytest.fixture
def read_only(project, monkeypatch):
    """The same project on a disk that takes nothing; as root, who may write anywhere, on a mounted one."""
    if os.getuid() != 0:
        for path in (project, *project.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield project
        for path in (project, *project.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return
    disk = project.parent / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"root may not mount a disk here: {mounted.stderr.strip()}")
    try:
        shutil.copytree(project, disk / "project")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        monkeypatch.chdir(disk / "project")
        yield disk / "project"
    finally:
        monkeypatch.undo()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions and mounts are Unix's")
def test_a_read_only_disk_is_told_before_anything_runs(read_only):
    refused(read_only, errors.DatasetUnwritable, "config/output_config.json: outputs.clean.path", "data/clean.parquet")
    tracker = tauro_nb.open_session(env="dev").tracker
    refused(read_only, errors.StoreError, "mlops_data", run=tracker.start_run)
