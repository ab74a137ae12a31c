"""A notebook on a Databricks runtime: what stands for it here are its variable, its `spark` and its `dbutils`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("databricks.sdk", reason="the SDK comes with the extra `databricks`")
pytest.importorskip("nbclient")

import nbclient
import nbformat

from tauro_nb.testing.databricks_emulator import DatabricksEmulator

SECRET, OTHER_TOKEN = "warehouse-geheim-42", "dapi" + "x" * 32

SIGN_IN = """
def init_runtime_native_auth():
    return "HOST", lambda: {"Authorization": "Bearer TOKEN"}
"""
"""The module of a runtime in which the SDK finds the notebook's own sign-in,"""

NAMES = """
class UserNamespaceInitializer:
    getOrCreate = classmethod(lambda cls: cls())
    get_namespace_globals = dict
"""
"""and the package around it, which says that this is a runtime."""

RUNTIME = """
import os, sys, types

sys.path.append(os.getcwd())

class SparkSession:
    def createDataFrame(self, table):
        return f"a Spark table of {len(table)} rows"

SparkSession.__module__ = "pyspark.sql.session"
spark = SparkSession()
secrets = {("team", "password"): SECRET}
dbutils = types.SimpleNamespace(secrets=types.SimpleNamespace(get=lambda scope, key: secrets[scope, key]))
"""
"""What a runtime does before the first cell."""

CELLS = """
%load_ext tauro_nb
%tauro load dev
---
import pandas as pd
from tauro_nb.io import spark as sparks
sparks.from_pandas("table", pd.DataFrame({"a": [1, 2]}))
---
password = session.context.settings.own["password"]
password
---
session.context.settings
---
with session.tracker.start_run(run_name="in a notebook") as run:
    run.log_params({"password": password, "url": f"db://me:{password}@host"})
    run.log_metric("loss", 0.5)
run
---
%tauro doctor --databricks
---
os.environ["DATABRICKS_HOST"] = HOST
os.environ["DATABRICKS_TOKEN"] = "dapi" + "x" * 32
%tauro load other
---
%tauro doctor --databricks
"""


@pytest.mark.slow
def test_it_signs_in_shows_html_and_saves_no_secret(tmp_path: Path):
    (tmp_path / "settings.yaml").write_text(
        "password: ${secrets:team/password}\nmlops: {databricks: {timeout_s: 10}}\n"
    )
    described = {"base": {"global_settings_path": "settings.yaml"}, "dev": {}, "other": {}}
    (tmp_path / "settings_json.json").write_text(json.dumps({"base_path": ".", "env_config": described}))
    with DatabricksEmulator(tmp_path / "workspace") as emulator:
        emulator.create_schema("main", "ml")
        provider = tmp_path / "dbruntime" / "sdk_credential_provider.py"
        provider.parent.mkdir()
        (provider.parent / "__init__.py").write_text(NAMES)
        provider.write_text(SIGN_IN.replace("HOST", emulator.host).replace("TOKEN", emulator.token))
        environ = {
            "DATABRICKS_RUNTIME_VERSION": "16.4",
            "DATABRICKS_CONFIG_FILE": str(tmp_path / "none"),
            "TAURO_MLOPS_BACKEND": "databricks",
            "TAURO_MLOPS_CATALOG": "main",
            "TAURO_MLOPS_SCHEMA": "ml",
        }
        setting = f"{RUNTIME}\nos.environ.update({environ!r})".replace("SECRET", repr(SECRET))
        setting += f"\nHOST = {emulator.host!r}"
        hidden = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(setting)])
        client = nbclient.NotebookClient(hidden, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
        with client.setup_kernel():
            client.execute_cell(hidden.cells[0], 0)
            notebook = nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.split("---")]
            )
            client.nb = notebook
            client.allow_errors = True
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number)
        token = emulator.token
        left = [path for path in tmp_path.rglob("*") if path.is_file() and provider.parent not in path.parents]
    saved = nbformat.writes(notebook)
    errors = [output for cell in notebook.cells for output in cell.outputs if output.output_type == "error"]
    assert errors == []
    shown = [[output.get("data", {}) for output in cell.outputs] for cell in notebook.cells]
    assert shown[1][-1]["text/plain"] == "'a Spark table of 2 rows'"
    assert shown[2][-1]["text/plain"] == "'${secrets:team/password}'"
    assert "loss" in shown[4][-1]["text/html"]
    assert "db://me:***@host" in shown[4][-1]["text/html"]
    assert "somebody@example.com at 127.0.0.1" in shown[5][-1]["text/html"]
    assert "by runtime" in shown[5][-1]["text/html"]
    assert "exclusive create" in shown[5][-1]["text/html"]
    assert "Invalid access token" in shown[7][-1]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in saved
    assert "data-tauro" not in saved
    for secret in (SECRET, token, OTHER_TOKEN):
        assert secret not in saved
        assert [path for path in left if secret.encode() in path.read_bytes()] == []
