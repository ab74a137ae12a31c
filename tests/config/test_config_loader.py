from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tauro_nb.config.descriptor import FILE_KEYS, AppConfigManager, ConfigPaths
from tauro_nb.config.loader import Context, ContextLoader
from tauro_nb.config.schema import DatasetConfig, FieldConfig, NodeConfig, PipelineConfig, Settings
from tauro_nb.errors import ConfigError, UsageError

NODES = """\
nodes:
  train:
    function: pipelines.train.train
    inputs: {data: customers}
"""


def test_the_tutorials_files_are_read(project: Any) -> None:
    project.write(
        "base",
        "settings",
        """\
mlops:
  backend_type: local             # local filesystem (default) or databricks
  storage_path: ./mlops_data      # root for experiments, registry, and logs
  model_retention_days: 90
  default_experiment_name: customer_churn
  experiment_tracking:
    metric_buffer_size: 200       # buffer metrics to avoid OOM
    auto_flush_metrics: true      # flush on threshold
  registry:
    max_versions_per_model: 100
  mlflow:
    tracking_uri: http://127.0.0.1:5000    # optional: MLflow server
    experiment_name: customer_churn_ml
""",
    )
    project.write(
        "base",
        "pipelines",
        """\
ml_training_pipeline:
  description: "Train and register customer churn prediction model"
  nodes:
    - train_churn_model
""",
    )
    project.write(
        "base",
        "nodes",
        """\
nodes:
  train_churn_model:
    function: "pipelines.ml.train_model.train_and_register"
    description: "Train RandomForest model and register to registry"
    inputs:
      training_data: preprocessed_training_data  # Defined in input.yaml
""",
    )
    project.write(
        "base",
        "inputs",
        """\
inputs:
  preprocessed_training_data:
    path: "data/train.parquet"
    format: "parquet"
    schema:
      - name: churn
        type: boolean
      - name: age
        type: integer
""",
    )
    context = project.load()
    assert context.settings.mlops.model_retention_days == 90
    assert context.settings.mlops.registry.max_versions_per_model == 100
    assert context.settings.mlops.mlflow is not None
    assert context.settings.mlops.mlflow.experiment_name == "customer_churn_ml"
    assert context.storage_dir == project.root / "mlops_data"
    assert context.pipelines == {
        "ml_training_pipeline": PipelineConfig(
            description="Train and register customer churn prediction model", nodes=("train_churn_model",)
        )
    }
    assert context.nodes == {
        "train_churn_model": NodeConfig(
            function="pipelines.ml.train_model.train_and_register",
            description="Train RandomForest model and register to registry",
            inputs={"training_data": "preprocessed_training_data"},
        )
    }
    fields = (FieldConfig(name="churn", type="boolean"), FieldConfig(name="age", type="integer"))
    assert context.inputs == {
        "preprocessed_training_data": DatasetConfig(path="data/train.parquet", format="parquet", schema=fields)
    }
    assert context.outputs == {}
    assert (context.root, context.environment, context.descriptor) == (
        project.root,
        "dev",
        project.root / "settings_json.json",
    )


def test_an_environment_is_merged_into_base_by_content(project: Any) -> None:
    project.write("base", "settings", "mlops: {storage_path: base, registry: {max_versions_per_model: 3}}\nteam: a")
    project.write("dev", "settings", "mlops: {registry: {trust: safe}}\nregion: eu")
    project.write("base", "inputs", "inputs:\n  a: {path: a.csv, format: csv, schema: [{name: x, type: string}]}\n")
    project.write("dev", "inputs", "a: {schema: [{name: y, type: int64}]}\nb: {path: b.csv, format: csv}\n")
    context = project.load()
    assert context.settings.mlops.storage_path == "base"
    assert context.settings.mlops.registry.max_versions_per_model == 3
    assert context.settings.mlops.registry.trust == "safe"
    assert context.settings.own == {"team": "a", "region": "eu"}
    assert context.inputs["a"].schema == (FieldConfig(name="y", type="int64"),)
    assert context.inputs["a"].path == "a.csv"
    assert list(context.inputs) == ["a", "b"]


def test_what_an_environment_does_not_name_comes_from_base(project: Any) -> None:
    project.write("base", "nodes", NODES)
    project.write("dev", "settings", "mlops: {storage_path: dev}")
    context = project.load()
    assert list(context.nodes) == ["train"]
    assert context.settings.mlops.storage_path == "dev"
    assert project.load("base").settings == Settings()


def test_a_key_with_nothing_after_it_counts_as_absent_and_unsets_what_base_says(project: Any) -> None:
    project.write(
        "base",
        "settings",
        "mlops:\n  storage_path:\n  registry:\n    # max_versions_per_model: 3\n  mlflow: {tracking_uri: http://x}\nnotebook:\n",
    )
    project.write("dev", "settings", "mlops: {mlflow: null}")
    project.write("base", "nodes", "train:\n  function: a.b\n  inputs:\n  params: {k: null}\n")
    assert project.load().settings == Settings()
    assert project.load("base").settings.mlops.mlflow.tracking_uri == "http://x"
    assert project.load().nodes["train"] == NodeConfig(function="a.b", params={"k": None})


def test_json_and_yaml_mix(project: Any) -> None:
    project.write("base", "nodes", json.dumps({"train": {"function": "a.b", "retries": 1}}), suffix="json")
    project.write("dev", "nodes", "nodes: {train: {retries: 2}}", suffix="yml")
    assert project.load().nodes["train"] == NodeConfig(function="a.b", retries=2)


@pytest.mark.parametrize(
    ("section", "text", "names"),
    [
        ("nodes", "nodes: {a: {function: x.y}}", ["a"]),
        ("nodes", "a: {function: x.y}", ["a"]),
        ("nodes", "nodes: {function: x.y}", ["nodes"]),
        ("nodes", "nodes: {function: x.y}\nother: {function: x.y}", ["nodes", "other"]),
        ("nodes", "nodes: {nodes: {function: x.y}}", ["nodes"]),
        ("nodes", "nodes: {function: {function: x.y}}", ["function"]),
        ("nodes", "nodes:", []),
        ("nodes", "nodes: {}", []),
        ("nodes", "inputs: {function: x.y}", ["inputs"]),
        ("pipelines", "pipelines: {p: {nodes: [a]}}", ["p"]),
        ("pipelines", "pipelines: {nodes: [a]}", ["pipelines"]),
        ("pipelines", "nodes: {nodes: [a]}", ["nodes"]),
        ("inputs", "inputs: {a: {path: p, format: csv}}", ["a"]),
        ("inputs", "inputs: {path: p, format: csv}", ["inputs"]),
        ("inputs", "inputs: {path: {path: p, format: csv}, format: {path: p, format: csv}}", ["path", "format"]),
        ("outputs", "outputs: {a: {path: p, format: csv}}", ["a"]),
        ("outputs", "inputs: {path: p, format: csv}", ["inputs"]),
    ],
)
def test_the_wrapper_is_optional_and_entries_may_bear_its_name(
    project: Any, section: str, text: str, names: list[str]
) -> None:
    project.write("base", section, text)
    assert list(getattr(project.load(), section)) == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nodes: {a: {function: x.y}}\nb: {function: x.y}", "wraps the file's entries, yet other keys stand beside it"),
        ("nodes: [a, b]", "found a list, expected a mapping of names"),
    ],
)
def test_a_wrapper_that_cannot_be_one_is_told(project: Any, text: str, told: str) -> None:
    project.write("base", "nodes", text)
    message, fix = project.problem()
    assert message == f"config/base/nodes.yaml: nodes: {told}"
    assert fix


def test_variables_are_filled_in_and_take_the_type_that_their_key_wants(project: Any) -> None:
    project.write(
        "base",
        "settings",
        """\
mlops:
  storage_path: ${PLACE}/store
  default_experiment_name: ${NUMBER}
  model_retention_days: ${NUMBER}
  registry: {trust: "${TRUST}", max_versions_per_model: "${NONE:-}"}
  experiment_tracking: {auto_flush_metrics: "${FLAG}"}
  mlflow: {tracking_uri: "${URI}", exit_wait_s: "${NUMBER}", experiment_name: "${NONE:-}"}
free: {number: "${NUMBER}", text: "n${NUMBER}", flag: ["${FLAG}"], day: "${DAY:-2024-01-31}", list: "${LIST}"}
""",
    )
    project.write(
        "base",
        "nodes",
        'train: {function: a.b, params: {rate: "${RATE:-0.5}", name: "${NAME}"}, inputs: ["${NUMBER}"], '
        'outputs: "${NUMBER}"}',
    )
    environ = {"PLACE": "/data", "NUMBER": "7", "TRUST": "own", "FLAG": "false", "URI": "5000", "LIST": "[1, 2]"}
    context = project.load(environ={**environ, "NAME": "'0123'"})
    mlops = context.settings.mlops
    assert mlops.storage_path == "/data/store"
    assert mlops.default_experiment_name == "7"
    assert mlops.model_retention_days == 7
    assert (mlops.registry.trust, mlops.registry.max_versions_per_model) == ("own", None)
    assert mlops.experiment_tracking.auto_flush_metrics is False
    assert (mlops.mlflow.tracking_uri, mlops.mlflow.exit_wait_s, mlops.mlflow.experiment_name) == ("5000", 7.0, None)
    assert context.settings.own["free"] == {
        "number": 7,
        "text": "n7",
        "flag": [False],
        "day": dt.date(2024, 1, 31),
        "list": "[1, 2]",
    }
    assert context.nodes["train"].params == {"rate": 0.5, "name": "0123"}
    assert (context.nodes["train"].inputs, context.nodes["train"].outputs) == (("7",), "7")


def test_only_the_values_that_count_need_their_variables(project: Any) -> None:
    project.write("base", "settings", "mlops: {storage_path: '${NOT_SET}'}")
    project.write("dev", "settings", "mlops: {storage_path: here}")
    assert project.load().settings.mlops.storage_path == "here"
    message, fix = project.problem("base")
    assert message == "config/base/settings.yaml: mlops.storage_path: environment variable NOT_SET is not set"
    assert "NOT_SET" in fix


def test_a_missing_variable_is_one_problem_and_names_the_file_that_asked_for_it(project: Any) -> None:
    project.write("base", "settings", "mlops: {model_retention_days: 5}")
    project.write("dev", "settings", "mlops: {model_retention_days: '${DAYS}'}")
    assert project.problem()[0] == (
        "config/dev/settings.yaml: mlops.model_retention_days: environment variable DAYS is not set"
    )


def test_what_a_variable_holds_is_never_in_an_error(project: Any) -> None:
    project.write("base", "settings", "mlops: {model_retention_days: '${SECRET}', backend_type: '${SECRET}'}")
    project.write("base", "nodes", "train: {function: a.b, inputs: '${SECRET}', retries: '1${SECRET}'}")
    problems = project.problems(environ={"SECRET": "hunter2"})
    assert len(problems) == 4
    assert "hunter2" not in str(problems)
    assert "found ${SECRET} (which is text), expected a whole number above 0" in problems[0][0] + problems[1][0]


def test_the_environment_overrides_the_files(project: Any) -> None:
    project.write("base", "settings", "mlops: {backend_type: local, databricks: {catalog: c, volume: v}}")
    environ = {
        "TAURO_MLOPS_BACKEND": "databricks",
        "TAURO_MLOPS_CATALOG": "${ml}",
        "TAURO_MLOPS_SCHEMA": "experiments",
        "DATABRICKS_HOST": "https://host",
        "DATABRICKS_TOKEN": "dapi-secret",
    }
    context = project.load(environ=environ)
    databricks = context.settings.mlops.databricks
    assert context.settings.mlops.backend_type == "databricks"
    assert (databricks.catalog, databricks.schema, databricks.volume) == ("${ml}", "experiments", "v")
    assert (context.credentials.host, context.credentials.token) == ("https://host", "dapi-secret")
    assert context.where("settings", "mlops", "backend_type") == (
        "environment variable TAURO_MLOPS_BACKEND: mlops.backend_type"
    )
    assert project.load(environ={"TAURO_MLOPS_BACKEND": ""}).settings.mlops.backend_type == "local"


def test_the_environment_says_what_no_file_does(tmp_path: Path) -> None:
    environ = {"TAURO_MLOPS_BACKEND": "databricks", "TAURO_MLOPS_CATALOG": "main", "TAURO_MLOPS_SCHEMA": "ml"}
    mlops = ContextLoader(environ).load_from_paths({}, "dev").settings.mlops
    assert (mlops.backend_type, mlops.databricks.catalog, mlops.databricks.schema) == ("databricks", "main", "ml")
    with pytest.raises(ConfigError) as told:
        ContextLoader(environ).load_from_paths({"global_settings_path": tmp_path / "gone.yaml"}, "dev")
    assert len(told.value.problems) == 1


def test_a_wrong_override_names_the_variable(project: Any) -> None:
    message, fix = project.problem(environ={"TAURO_MLOPS_BACKEND": "databrick"})
    assert message == (
        "environment variable TAURO_MLOPS_BACKEND: mlops.backend_type: "
        "found 'databrick' (text), expected one of 'databricks', 'local'"
    )
    assert fix == "did you mean 'databricks'?"


def test_databricks_needs_catalog_and_schema_and_the_mend_names_key_and_variable(project: Any) -> None:
    project.write("base", "settings", "mlops: {backend_type: databricks}")
    problems = project.problems()
    assert problems == [
        (
            f"config/base/settings.yaml: mlops.databricks.{key}: missing, and backend_type is databricks",
            f"write mlops.databricks.{key}, or set the environment variable {variable}",
        )
        for key, variable in (("catalog", "TAURO_MLOPS_CATALOG"), ("schema", "TAURO_MLOPS_SCHEMA"))
    ]


def test_keys_that_no_variable_sets_are_placed_in_files(project: Any) -> None:
    environ = {"TAURO_MLOPS_BACKEND": "databricks", "TAURO_MLOPS_SCHEMA": "s"}
    assert project.problem(environ=environ)[0].startswith("mlops.databricks.catalog: missing")
    project.write("base", "settings", "mlops: {storage_path: x}")
    assert project.problem(environ=environ)[0].startswith(
        "config/base/settings.yaml: mlops.databricks.catalog: missing"
    )


def test_os_environ_as_it_is_at_loading_is_the_default(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("base", "settings", "mlops: {storage_path: '${TAURO_TEST_PLACE}'}")
    paths = AppConfigManager(project.describe()).get_env_config("dev")
    loader = ContextLoader()
    monkeypatch.setenv("TAURO_TEST_PLACE", "there")
    assert loader.load_from_paths(paths, "dev").settings.mlops.storage_path == "there"


def test_all_that_is_wrong_with_a_project_is_told_at_once(project: Any) -> None:
    project.write(
        "base",
        "settings",
        """\
mlops:
  backend_typ: local
  backend_type: locl
  storage_path: no
  model_retention_days: 0
  experiment_tracking: {metric_buffer_size: "200", auto_flush_metrics: 1}
  registry: [1]
notebook: {update_hz: 50, display: live}
execution: {executor: processes}
mlopps: {backend_type: local}
yes: 1
""",
    )
    project.write("dev", "settings", "mlops: {registry: 3}")
    project.write("base", "pipelines", "p: {nodes: train}\nq: {nodes: [1]}\n")
    project.write(
        "base",
        "nodes",
        "a: {functon: x}\nb: text\nc: {function: '', timeout_s: .inf, inputs: {1: x}, outputs: {k: 2}, retries: -1}\n",
    )
    project.write("base", "inputs", "a: {path: x, format: csv, schema: [{name: a, type: integr}, {typ: int64}]}\n")
    project.write("base", "outputs", "a: [\n")
    told = dict(project.problems())
    base, nodes, inputs = (
        "config/base/settings.yaml: ",
        "config/base/nodes.yaml: nodes.",
        "config/base/inputs.yaml: inputs.",
    )
    quotes = "put it in quotes: YAML reads a bare yes, no, on or off as a boolean"
    assert told == {
        "config/base/outputs.yaml: line 2, column 1: did not find expected node content": "mend the file at that place",
        f"{base}mlops.backend_typ: unknown key": "did you mean 'backend_type'?",
        f"{base}mlops.backend_type: found 'locl' (text), expected one of 'databricks', 'local'": (
            "did you mean 'local'?"
        ),
        f"{base}mlops.storage_path: found false (a boolean), expected text": quotes,
        f"{base}mlops.model_retention_days: found 0 (a whole number), expected a whole number above 0": (
            "write a whole number above 0, or remove the key"
        ),
        f"{base}mlops.experiment_tracking.metric_buffer_size: found '200' (text), "
        "expected a whole number above 0, at most 1,000,000": "take the quotes off",
        f"{base}mlops.experiment_tracking.auto_flush_metrics: found 1 (a whole number), expected true or false": (
            "write true or false, or remove the key (default: true)"
        ),
        "config/dev/settings.yaml: mlops.registry: found 3 (a whole number), expected a mapping": (
            "write a mapping, or remove the key"
        ),
        f"{base}notebook.update_hz: found 50 (a whole number), expected a number above 0, at most 5": (
            "write a number above 0, at most 5, or remove the key (default: 5.0)"
        ),
        f"{base}execution.executor: found 'processes' (text), expected one of 'inline', 'threads'": (
            "there are 'inline', 'threads'"
        ),
        f"{base}mlopps: unknown block": "did you mean 'mlops'?",
        f"{base}True: the key true (a boolean) is no text": quotes,
        "config/base/pipelines.yaml: pipelines.p.nodes: found 'train' (text), expected a list of names of nodes": (
            "write a list: [train]"
        ),
        "config/base/pipelines.yaml: pipelines.q.nodes[0]: found 1 (a whole number), expected the name of a node": (
            "put it in quotes"
        ),
        f"{nodes}a.functon: unknown key": "did you mean 'function'?",
        f"{nodes}a.function: missing": "add it: the dotted path of a function, such as pipelines.train.train",
        f"{nodes}b: found 'text' (text), expected a mapping": "write a mapping",
        f"{nodes}c.function: found '' (text), expected the dotted path of a function, such as pipelines.train.train": (
            "write the dotted path of a function, such as pipelines.train.train"
        ),
        f"{nodes}c.timeout_s: found inf (a number), expected a number above 0, at most 31,536,000": (
            "write a number above 0, at most 31,536,000, or remove the key"
        ),
        f"{nodes}c.inputs[1]: the key 1 (a whole number) is no text": "put it in quotes",
        f"{nodes}c.outputs.k: found 2 (a whole number), expected the name of a dataset": "put it in quotes",
        f"{nodes}c.retries: found -1 (a whole number), expected a whole number at least 0": (
            "write a whole number at least 0, or remove the key (default: 0)"
        ),
        f"{inputs}a.schema[0].type: found 'integr' (text), "
        "expected a column type (integer, string, ..., or an Arrow type such as int64)": "did you mean 'integer'?",
        f"{inputs}a.schema[1].typ: unknown key": "did you mean 'type'?",
        f"{inputs}a.schema[1].name: missing": "add it: text",
        f"{inputs}a.schema[1].type: missing": (
            "add it: a column type (integer, string, ..., or an Arrow type such as int64)"
        ),
    }


@pytest.mark.parametrize(
    "name",
    [
        "int64",
        "uint8",
        "float32",
        "double",
        "large_string",
        "date32",
        "timestamp[ns]",
        "timestamp[us, tz=UTC]",
        "decimal128(10, 2)",
    ],
)
def test_arrows_own_names_are_column_types(project: Any, name: str) -> None:
    project.write("base", "inputs", f"a: {{path: x, format: csv, schema: [{{name: a, type: '{name}'}}]}}\n")
    assert project.load().inputs["a"].schema[0].type == name


def test_own_keys_like_ours_are_allowed_unless_they_hold_what_ours_hold(project: Any) -> None:
    project.write("base", "settings", "notebooks: {folder: notebooks}\nmlops_team: a\n")
    assert project.load().settings.own == {"notebooks": {"folder": "notebooks"}, "mlops_team": "a"}


def test_a_project_with_thousands_of_problems_gives_a_short_error(project: Any) -> None:
    project.write("base", "nodes", "\n".join(f"n{i}: {{functon: {'x' * 500}}}" for i in range(1000)))
    with pytest.raises(ConfigError) as caught:
        project.load()
    assert len(caught.value.problems) == 2000
    assert len(str(caught.value)) < 20_000
    assert str(caught.value).endswith("and 1950 more: `problems` of this error has them all")


def test_a_plain_mapping_of_paths_is_relative_to_the_working_directory(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = project.write("base", "nodes", NODES)
    dev = project.write("dev", "nodes", "train: {retries: 3}")
    project.write("base", "settings", "mlops: {storage_path: store}")
    monkeypatch.chdir(project.root)
    paths = {"nodes_config_path": [base, "config/dev/nodes.yaml"], "global_settings_path": "config/base/settings.yaml"}
    context = ContextLoader({}).load_from_paths(paths, "local")
    assert context.nodes["train"].retries == 3
    assert context.storage_dir == project.root / "store"
    assert (context.environment, context.descriptor) == ("local", None)
    assert context.where("nodes", "train", "retries") == "config/dev/nodes.yaml: nodes.train.retries"
    assert dev.is_file()


def test_a_plain_mapping_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nodes.yml").write_text("", encoding="utf-8")
    paths = {
        "nodes_config_path": "nodes.yaml",
        "input_path": "x",
        "output_config_path": 3,
        "pipelines_config_path": [None],
        "input_config_path": {},
    }
    with pytest.raises(ConfigError) as caught:
        ContextLoader({}).load_from_paths(paths, "dev")
    assert caught.value.problems == (
        ("'input_path' (text): unknown key of the mapping of paths", "did you mean 'input_config_path'?"),
        ("output_config_path: found 3 (a whole number), expected a path or a list of paths", "give the file's path"),
        ("pipelines_config_path: found a list, expected a path or a list of paths", "give the file's path"),
        ("input_config_path: found a mapping, expected a path or a list of paths", "give the file's path"),
        ("nodes.yaml: no such file", "nodes.yml exists: give that path"),
    )


def test_files_of_one_environment_are_not_loaded_as_another(project: Any) -> None:
    paths = AppConfigManager(project.describe()).get_env_config("dev")
    with pytest.raises(UsageError, match="'dev', not of 'base'"):
        ContextLoader({}).load_from_paths(paths, "base")


def test_a_file_that_goes_between_naming_and_reading_is_a_problem_and_no_crash(project: Any) -> None:
    path = project.write("base", "nodes", NODES)
    paths = AppConfigManager(project.describe()).get_env_config("dev")
    path.unlink()
    with pytest.raises(ConfigError, match=r"config/base/nodes\.yaml: no such file"):
        ContextLoader({}).load_from_paths(paths, "dev")


def test_loading_changes_no_file(project: Any) -> None:
    project.write("base", "nodes", NODES)
    project.describe()
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    project.load()
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before


def test_the_loader_itself_imports_neither_yaml_nor_anything_heavy() -> None:
    code = (
        "import sys, tauro_nb.config.loader, tauro_nb.config.descriptor\n"
        "tauro_nb.config.loader.Context.bare('.', 'store')\n"
        "print([m for m in ('yaml', 'click', 'filelock', 'pandas', 'pyarrow', 'IPython', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


keys = st.sampled_from(
    [
        *Settings.__struct_fields__,
        *NodeConfig.__struct_fields__,
        *DatasetConfig.__struct_fields__,
        "nodes",
        "x",
        "",
        "mlops",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=200)
    | st.sampled_from(["${A}", "${B}x", "$"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


def test_a_column_that_a_schema_names_twice_is_refused(project: Any) -> None:
    column = {"name": "a", "type": "integer"}
    data = {"path": "x.csv", "format": "csv", "schema": [column, {**column, "name": "b"}, {**column, "type": "string"}]}
    project.write("base", "inputs", json.dumps({"d": data}), suffix="json")
    message, fix = project.problem()
    assert message.endswith("inputs.d.schema[2]: the column 'a' stands here twice")
    assert fix == "name it once"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=50
)
@given(st.lists(st.dictionaries(keys, values, max_size=4), min_size=5, max_size=5))
def test_any_content_gives_a_context_or_problems_that_are_short(tmp_path: Path, trees: list[dict[str, Any]]) -> None:
    files = {}
    for key, tree in zip(FILE_KEYS, trees, strict=True):
        path = tmp_path / f"{key}.json"
        path.write_text(json.dumps(tree), encoding="utf-8")
        files[key] = (path,)
    paths = ConfigPaths(files, root=tmp_path, environment="dev")
    context, problems = loaded(paths)
    if context is None:
        assert problems
    else:
        assert set(context.nodes) <= set(trees[2]) | set(keys_of(trees[2], "nodes"))
    for message, fix in problems:
        assert message.split(": ")[0] in {path.name for (path,) in files.values()}
        assert len(message) < 500
        assert fix
        assert len(fix) < 300


def loaded(paths: ConfigPaths) -> tuple[Context | None, tuple[Any, ...]]:
    try:
        return ContextLoader({"A": "1"}).load_from_paths(paths, "dev"), ()
    except ConfigError as error:
        return None, error.problems


def keys_of(tree: dict[str, Any], key: str) -> dict[str, Any]:
    inner = tree.get(key)
    return inner if isinstance(inner, dict) else {}
