from __future__ import annotations

import subprocess
import sys

import pytest

from tauro_nb.errors import ConfigError, DataError, FunctionNotFound, GraphCycle, PipelineError, UnknownName
from tauro_nb.pipeline.executor import PipelineExecutor


def validated(context, name="p", **chosen):
    return PipelineExecutor(context).validate(name, **chosen)


def messages(report) -> str:
    return "\n".join(f"{problem.message} | {problem.fix}" for problem in report.problems)


def test_what_can_run_is_ok_and_nothing_was_run_or_written(make_project, tmp_path):
    context = make_project("def a(): open('ran', 'w')\ndef b(x): ...", {"a": {"outputs": "x"}, "b": {"inputs": ["x"]}})
    report = validated(context)
    assert report.ok
    assert report.plan.nodes == ("a", "b")
    assert repr(report) == "<ValidationReport 'p': ok>"
    report.raise_if_problems()
    assert not (tmp_path / "ran").exists()
    assert not context.storage_dir.exists()


def test_all_problems_are_told_at_once(make_project, tmp_path):
    (tmp_path / "there.csv").write_text("x\n1\n", encoding="utf-8")
    context = make_project(
        {"steps.py": "def train(data, depth): ...\ndef save(m): ...", "broken.py": "import no_such_package_here"},
        {
            "train": {"inputs": {"data": "absent"}, "outputs": "model"},
            "save": {"inputs": ["model"], "params": {"n": 1}},
            "c": {"function": "steps.sav", "inputs": ["undeclared"]},
            "d": {"function": "broken.f", "inputs": ["climbs"]},
            "e": {"function": "steps.save", "inputs": ["odd"], "outputs": "out"},
            "f": {"function": "steps.save", "inputs": ["narrow"], "timeout_s": 5},
        },
        inputs={
            "absent": {"path": "thera.csv", "format": "csv"},
            "climbs": {"path": "../x.csv", "format": "csv"},
            "odd": {"path": "there.csv", "format": "cvs"},
            "narrow": {"path": "there.csv", "format": "csv", "schema": [{"name": "y", "type": "integer"}]},
        },
        outputs={"out": {"path": "out.parquet", "format": "parqet"}},
        settings={"execution": {"executor": "threads"}},
    )
    report = validated(context)
    told = messages(report)
    for expected in (
        "nodes.train: nothing fills the parameter 'depth' of steps.train",
        "did you mean 'there.csv'?",
        "nodes.save.params.n: steps.save has no parameter 'n'",
        "nodes.c.function: no function 'sav' in steps | did you mean 'save'?",
        "nodes.c.inputs[0]: no dataset named 'undeclared'",
        "while broken.f was imported (config/nodes_config.json: nodes.d.function): ModuleNotFoundError",
        "'..' segment",
        "no dataset format named 'cvs' | did you mean 'csv'?",
        "no dataset format named 'parqet' | did you mean 'parquet'?",
        "'y'",
        "nodes.f.timeout_s: a thread cannot be stopped",
    ):
        assert expected in told
    assert not report.ok
    assert len(report.problems) == 11
    with pytest.raises(ModuleNotFoundError, match="no_such_package_here"):
        report.raise_if_problems()


def test_one_problem_is_raised_as_it_is(make_project):
    report = validated(make_project("def a(): ...", {"a": {"function": "steps.b"}}))
    with pytest.raises(FunctionNotFound) as told:
        report.raise_if_problems()
    assert told.value.fix == report.problems[0].fix


def test_several_problems_are_raised_as_one(make_project):
    context = make_project("def a(x): ...", {"a": {}, "b": {"function": "steps.c"}})
    with pytest.raises(PipelineError) as told:
        validated(context).raise_if_problems()
    assert str(told.value).startswith("2 problems in pipeline 'p'\n")
    assert "fix: " in str(told.value)


@pytest.mark.parametrize(
    ("nodes", "name", "kind"),
    [
        ({"a": {}}, "q", UnknownName),
        ({"a": {"dependencies": ["b"]}, "b": {"dependencies": ["a"]}}, "p", GraphCycle),
        ({"a": {"dependencies": ["c"]}, "b": {}}, "p", ConfigError),
    ],
)
def test_what_has_no_plan_is_told_too(make_project, nodes, name, kind):
    report = validated(make_project("def a(): ...\ndef b(): ...", nodes), name)
    assert report.plan is None
    with pytest.raises(kind):
        report.raise_if_problems()


def test_a_slice_with_parameters_is_validated_as_it_would_run(make_project):
    context = make_project("def a(x): ...\ndef b(y): ...", {"a": {}, "b": {}})
    assert not validated(context).ok
    assert validated(context, nodes=["a"], params={"x": 1}).ok
    assert "did you mean 'x'" in messages(validated(context, nodes=["a"], params={"x": 1, "xx": 2}))


def test_a_dataset_that_an_earlier_node_writes_need_not_be_there(make_project):
    context = make_project(
        "def a(): ...\ndef b(x): ...",
        {"a": {"outputs": "x"}, "b": {"inputs": ["x"]}},
        outputs={"x": {"path": "out/x.csv", "format": "csv"}},
    )
    assert validated(context).ok
    assert "run the node that writes it first" in messages(validated(context, from_node="b"))


def test_a_dataset_that_is_read_from_another_file_than_it_is_written_to_is_told(make_project):
    entry = {"path": "x.csv", "format": "csv"}
    code, nodes = "def a(): ...\ndef b(x): ...", {"a": {"outputs": "x"}, "b": {"inputs": ["x"]}}
    assert validated(make_project(code, nodes, inputs={"x": entry}, outputs={"x": entry})).ok
    other = make_project(code, nodes, inputs={"x": entry}, outputs={"x": {"path": "y.csv", "format": "csv"}})
    assert "'x' is written to y.csv (csv), and read from x.csv (csv)" in messages(validated(other))


def test_an_async_function_is_refused(make_project):
    assert "`async def`" in messages(validated(make_project("async def a(): ...", {"a": {}})))


def test_a_store_that_cannot_be_written_is_told(make_project, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    context = make_project("def a(): ...", {"a": {}}, settings={"mlops": {"storage_path": "file/runs"}})
    assert f"mlops.storage_path: {tmp_path / 'file'} is a file" in messages(validated(context))


def test_a_store_on_databricks_that_is_out_of_reach_is_told(make_project, monkeypatch):
    pytest.importorskip("databricks.sdk")
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", "none")
    databricks = {"backend_type": "databricks", "databricks": {"catalog": "c", "schema": "s", "timeout_s": 1}}
    context = make_project("def a(): ...", {"a": {}}, settings={"mlops": databricks})
    assert "/Volumes/c/s/tauro: cannot read 'format.json': no connection to 127.0.0.1:9" in messages(validated(context))


def test_validating_imports_nothing_heavy_that_the_node_does_not(make_project, tmp_path):
    make_project("def a(): ...", {"a": {"outputs": "x"}})
    code = (
        "import sys; from tauro_nb.session import open_session; assert open_session().validate('p').ok; "
        "print({'pandas', 'pyarrow', 'plotly', 'IPython', 'sklearn', 'mlflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_problems_of_the_data_alone_are_raised_as_such(make_project, tmp_path):
    (tmp_path / "there.csv").write_text("x\n1\n", encoding="utf-8")
    schema = [{"name": "y", "type": "integer"}]
    context = make_project(
        "def a(x, y): ...",
        {"a": {"inputs": ["x", "y"]}},
        inputs={
            "x": {"path": "absent.csv", "format": "csv"},
            "y": {"path": "there.csv", "format": "csv", "schema": schema},
        },
    )
    with pytest.raises(DataError, match="2 problems") as caught:
        validated(context).raise_if_problems()
    assert type(caught.value) is DataError
