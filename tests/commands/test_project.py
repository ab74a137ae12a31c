"""The demo project's files: written whole, and never over a person's own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tauro_nb.cli.main import run as tauro
from tauro_nb.commands import project
from tauro_nb.commands.customers import generate
from tauro_nb.errors import UsageError

TRAINING = "pipelines/ml/train_model.py"


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def made(tmp_path):
    return project.make(tmp_path / "churn")


def test_a_new_project_has_configuration_pipelines_data_and_a_notebook(made):
    found = files_of(made.folder)
    assert set(found) == set(made.written)
    assert {"settings_json.json", ".gitignore", TRAINING, project.DATA, project.NOTEBOOK} <= set(found)
    assert not made.kept
    assert made.notebook.is_file()


def test_every_file_of_the_template_is_whole_in_its_kind(made):
    for name, data in files_of(made.folder).items():
        if name.endswith(".yaml"):
            yaml.safe_load(data)
        elif name.endswith((".json", ".ipynb")):
            json.loads(data)
        elif name.endswith(".py"):
            compile(data, name, "exec")


def test_the_copy_to_a_server_stands_there_commented_out(made):
    text = (made.folder / "config/base/global_settings.yaml").read_text(encoding="utf-8")
    assert "mlflow" not in yaml.safe_load(text)["mlops"]
    assert "#   tracking_uri: http://127.0.0.1:5000" in text
    uncommented = text.replace("  # mlflow:", "  mlflow:").replace("  #   ", "    ")
    assert yaml.safe_load(uncommented)["mlops"]["mlflow"]["experiment_name"] == "customer_churn_ml"


def test_the_notebook_of_the_template_has_no_outputs(made):
    book = json.loads(made.notebook.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in book["cells"])


def test_making_it_again_writes_nothing(made):
    before = {path: path.stat().st_mtime_ns for path in made.folder.rglob("*")}
    again = project.make(made.folder)
    assert again.written == ()
    assert set(again.kept) == set(made.written)
    assert {path: path.stat().st_mtime_ns for path in made.folder.rglob("*")} == before


def test_a_file_that_is_missing_is_added(made):
    (made.folder / TRAINING).unlink()
    assert project.make(made.folder).written == (TRAINING,)


def test_data_written_by_another_version_are_the_same_data(made):
    pd.read_parquet(made.folder / project.DATA).to_parquet(made.folder / project.DATA, compression="gzip", index=False)
    assert project.make(made.folder).written == ()


@pytest.mark.parametrize("name", [TRAINING, project.DATA, "config/base/nodes.yaml"])
def test_a_file_of_ones_own_is_listed_and_nothing_is_written(made, name):
    (made.folder / name).write_bytes(b"mine")
    (made.folder / ".gitignore").unlink()
    before = files_of(made.folder)
    with pytest.raises(UsageError, match="1 of the project's files") as told:
        project.make(made.folder)
    assert name in str(told.value)
    assert "--force" in told.value.fix
    assert files_of(made.folder) == before


def test_of_many_files_of_ones_own_the_first_are_listed(made):
    for name in made.written:
        (made.folder / name).write_bytes(b"mine")
    with pytest.raises(UsageError, match=f"{len(made.written)} of the project's files") as told:
        project.make(made.folder)
    assert str(told.value).endswith(", ...")


def test_force_overwrites_them_and_only_them(made):
    (made.folder / TRAINING).write_bytes(b"mine")
    (made.folder / "pipelines/ml/own.py").write_bytes(b"mine")
    assert project.make(made.folder, force=True).written == (TRAINING,)
    assert b"train_and_register" in (made.folder / TRAINING).read_bytes()
    assert (made.folder / "pipelines/ml/own.py").read_bytes() == b"mine"


def test_keep_leaves_them_and_adds_what_is_missing(made):
    (made.folder / TRAINING).write_bytes(b"mine")
    (made.folder / ".gitignore").unlink()
    again = project.make(made.folder, keep=True)
    assert again.written == (".gitignore",)
    assert TRAINING in again.kept
    assert (made.folder / TRAINING).read_bytes() == b"mine"


def test_a_link_of_ones_own_is_no_free_place_even_where_it_leads_nowhere(made, tmp_path):
    (made.folder / TRAINING).unlink()
    (made.folder / TRAINING).symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(UsageError, match="train_model"):
        project.make(made.folder)
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_folder_in_a_files_place_is_never_overwritten(made):
    (made.folder / TRAINING).unlink()
    (made.folder / TRAINING).mkdir()
    with pytest.raises(UsageError, match="train_model"):
        project.make(made.folder)
    with pytest.raises(UsageError, match=r"train_model\.py cannot be written"):
        project.make(made.folder, force=True)
    assert (made.folder / TRAINING).is_dir()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_where_the_folder_should_be_is_two_lines(tmp_path, monkeypatch, capsys, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    assert tauro(["init", place]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert "file" in err[0]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to_is_two_lines():
    """As another user where this one is root, to whom nothing is read-only; so it lies where all may look."""
    code = (
        "import os, sys, tempfile\n"
        "from tauro_nb.cli.main import run\n"
        "with tempfile.TemporaryDirectory() as other: run(['init', other])  # what is imported late is there, then\n"
        "if os.geteuid() == 0:\n    os.setegid(65534)\n    os.seteuid(65534)\n"
        "sys.exit(run(['init', sys.argv[1]]))"
    )
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "locked"
        folder.mkdir()
        folder.chmod(0o555)
        Path(parent).chmod(0o755)
        shown = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
        assert not list(folder.iterdir())
    assert shown.returncode == 2, shown.stderr
    assert shown.stderr.splitlines() == [
        f"UsageError: {folder / '.gitignore'} cannot be written: Permission denied",
        "  fix: name another folder, or make this one writable",
    ]


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_file(made, monkeypatch):
    (made.folder / project.DATA).unlink()
    code = (
        "import resource, signal, sys, pathlib\n"
        "from tauro_nb.commands import project\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "files = project._files()\n"
        "project._files = lambda: files\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        f"project.make(pathlib.Path({str(made.folder)!r}), keep=True)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "train.parquet cannot be written: File too large" in shown.stderr
    assert not list((made.folder / "data").iterdir())


def test_the_customers_are_the_same_each_time():
    pd.testing.assert_frame_equal(generate(), generate())
    pd.testing.assert_frame_equal(generate(), generate(5_000, seed=7))
    assert not generate(seed=8).equals(generate())


def test_the_customers_have_the_columns_and_types_that_are_told():
    found = generate()
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "churn": "bool",
        "age": "int64",
        "account_length": "int64",
        "monthly_charges": "float64",
        "data_usage_gb": "float64",
        "customer_service_calls": "int64",
        "contract_months": "int64",
        "international_plan": "bool",
        "paperless_billing": "bool",
    }
    assert len(found) == 5_000
    assert not found.isna().any(axis=None)
    assert 0.1 < found["churn"].mean() < 0.3
    assert found["age"].between(18, 84).all()


@pytest.mark.parametrize("count", [0, 1, 100])
def test_as_many_customers_come_as_are_asked_for(count):
    assert len(generate(count)) == count
