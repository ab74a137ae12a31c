from __future__ import annotations

import logging
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pandas as pd
import pytest

from tauro_nb.errors import InjectionError, MissingDependency, PipelineError, UnknownName, UsageError
from tauro_nb.events import get_event_emitter
from tauro_nb.pipeline.executor import PipelineExecutor
from tauro_nb.wiring import services

CHAIN = """
    def load():
        return [3, 1, 2]

    def tidy(rows, reverse=False):
        return sorted(rows, reverse=reverse)

    def first(rows):
        return rows[0]
"""
CHAIN_NODES = {
    "first": {"inputs": ["tidied"]},
    "tidy": {"inputs": {"rows": "raw"}, "outputs": "tidied"},
    "load": {"outputs": ["raw"]},
}


def test_values_are_handed_over_in_memory(make_project):
    report = PipelineExecutor(make_project(CHAIN, CHAIN_NODES)).run_pipeline("p")
    assert report.status == "FINISHED"
    assert report.results == {"load": [3, 1, 2], "tidy": [1, 2, 3], "first": 1}
    assert list(report.nodes) == ["load", "tidy", "first"]
    assert report.nodes["tidy"].rows_in == {"raw": 3}
    assert report.nodes["tidy"].rows_out == {"tidied": 3}
    assert report.nodes["tidy"].duration_s > 0
    assert report.nodes["tidy"].attempts == 1


def test_nothing_is_printed(make_project, capfd):
    PipelineExecutor(make_project(CHAIN, CHAIN_NODES)).run_pipeline("p")
    assert capfd.readouterr() == ("", "")


def test_declared_datasets_go_through_their_files(make_project, tmp_path):
    context = make_project(
        """
        import pandas as pd
        def load(): return pd.DataFrame({"x": [1, 2, 3]})
        def double(data):
            data["y"] = data["x"] * 2
            return data
        def count(data, whole): return len(data), list(whole.columns)
        """,
        {
            "load": {"outputs": "raw"},
            "double": {"inputs": ["raw"], "outputs": "doubled"},
            "count": {"inputs": ["doubled", "raw"]},
        },
        outputs={
            "raw": {"path": "out/raw.parquet", "format": "parquet"},
            "doubled": {"path": "out/doubled.csv", "format": "csv"},
        },
    )
    report = PipelineExecutor(context).run_pipeline("p")
    assert report.results["count"] == (3, ["x"])
    assert list(pd.read_csv(tmp_path / "out" / "doubled.csv")["y"]) == [2, 4, 6]


def test_a_table_in_memory_is_not_changed_by_who_reads_it(make_project):
    context = make_project(
        """
        import pandas as pd
        def load(): return pd.DataFrame({"x": [1, 2, 3]})
        def adds(data):
            data["y"] = 0
            data.loc[0, "x"] = 100
        def reads(data): return list(data.columns), int(data["x"].sum())
        """,
        {"load": {"outputs": "d"}, "adds": {"inputs": ["d"]}, "reads": {"inputs": ["d"], "dependencies": ["adds"]}},
    )
    assert PipelineExecutor(context).run_pipeline("p").results["reads"] == (["x"], 6)


def test_outputs_say_how_a_returned_value_is_taken_apart(make_project):
    context = make_project(
        """
        def pair(): return 1, 2
        def boxed(): return [1, 2]
        def keyed(): return {"a": 1, "b": 2, "more": 3}
        def check(**given): return given
        """,
        {
            "pair": {"outputs": ["one", "two"]},
            "boxed": {"outputs": ["both"]},
            "keyed": {"outputs": {"a": "first", "b": "second"}},
            "check": {"inputs": {name: name for name in ("one", "two", "both", "first", "second")}},
        },
    )
    results = PipelineExecutor(context).run_pipeline("p").results
    assert results["check"] == {"one": 1, "two": 2, "both": [1, 2], "first": 1, "second": 2}
    assert results["keyed"] == {"a": 1, "b": 2, "more": 3}


@pytest.mark.parametrize(
    ("value", "outputs", "message"),
    [
        ("(1, 2, 3)", ["x", "y"], "returned 3 values"),
        ("{'x': 1}", ["x", "y"], "returned a dict"),
        ("None", ["x", "y"], "returned None"),
        ("[1]", {"a": "x"}, "returned a list"),
        ("{'aa': 1}", {"a": "x"}, "without the key 'a'"),
    ],
)
def test_a_value_of_another_shape_than_its_outputs_fails_the_node(make_project, value, outputs, message):
    executor = PipelineExecutor(make_project(f"def a(): return {value}", {"a": {"outputs": outputs}}))
    with pytest.raises(PipelineError, match=message) as told:
        executor.run_pipeline("p")
    assert "config/nodes_config.json: nodes.a.outputs" in str(told.value)
    assert executor.last_report.nodes["a"].status == "FAILED"


def test_helpers_are_injected_by_type(make_project):
    context = make_project(
        """
        from __future__ import annotations
        import logging
        from typing import Annotated, Optional
        from tauro_nb import Catalog, Context, ExperimentTracker, ModelRegistry, Run

        def a(
            tracker: ExperimentTracker, models: Optional[ModelRegistry], run: Annotated[Run, "x"], context: Context,
            catalog: Catalog | None, log: logging.Logger,
        ):
            return tracker, models, run, context, catalog, log
        """,
        {"a": {}},
    )
    working = services(context)
    tracker, models, run, given, catalog, log = PipelineExecutor(context).run_pipeline("p").results["a"]
    assert tracker is working.tracker
    assert models is working.registry
    assert given is context
    assert catalog is working.catalog
    assert isinstance(log, logging.Logger)
    assert log.name == "tauro_nb.nodes.a"
    assert (run.name, run.status) == ("a", "FINISHED")


def test_a_list_of_inputs_fills_what_no_type_hint_fills(make_project):
    context = make_project(
        """
        from tauro_nb import ExperimentTracker
        def a(): return 1
        def b(): return 2
        def c(tracker: ExperimentTracker, x, y, /, z=3): return x, y, z
        """,
        {"a": {"outputs": "one"}, "b": {"outputs": "two"}, "c": {"inputs": ["two", "one"]}},
    )
    assert PipelineExecutor(context).run_pipeline("p").results["c"] == (2, 1, 3)


PARAMS = """
    def train(depth, rate=0.1): return depth, rate
    def score(depth=1): return depth
    def anything(**options): return options
"""


def run_params(make_project, given, nodes=None):
    context = make_project(PARAMS, nodes or {"train": {"params": {"depth": 3}}, "score": {}, "anything": {}})
    return PipelineExecutor(context).run_pipeline("p", params=given).results


def test_params_of_the_caller_win_over_the_nodes_own(make_project):
    assert run_params(make_project, None) == {"train": (3, 0.1), "score": 1, "anything": {}}
    assert run_params(make_project, {"depth": 5, "train.rate": 0.2}) == {
        "train": (5, 0.2),
        "score": 5,
        "anything": {},
    }
    assert run_params(make_project, {"depth": 5, "train.depth": None})["train"] == (None, 0.1)
    assert run_params(make_project, {"new": 1, "anything.other": 2})["anything"] == {"new": 1, "other": 2}


def test_params_that_no_node_takes_are_refused(make_project):
    only = {"train": {"params": {"depth": 3}}, "score": {}}
    with pytest.raises(UnknownName) as told:
        run_params(make_project, {"dept": 5}, only)
    assert told.value.fix == "did you mean 'depth'?"
    with pytest.raises(UnknownName) as told:
        run_params(make_project, {"trian.depth": 5}, only)
    assert told.value.fix == "did you mean 'train'?"
    with pytest.raises(InjectionError) as told:
        run_params(make_project, {"train.dept": 5}, only)
    assert told.value.fix == "did you mean 'depth'?"
    with pytest.raises(InjectionError) as told:
        run_params(make_project, None, {"train": {"params": {"depth": 3, "rat": 1}}})
    assert "nodes.train.params.rat" in str(told.value)
    assert told.value.fix == "did you mean 'rate'?"


def test_a_node_cannot_change_the_params_of_the_next_execution(make_project):
    context = make_project(
        """
        def a(layers):
            layers.append(1)
            return list(layers)
        """,
        {"a": {"params": {"layers": [9]}}},
    )
    executor = PipelineExecutor(context)
    assert [executor.run_pipeline("p").results["a"] for _ in range(2)] == [[9, 1], [9, 1]]


@pytest.mark.parametrize(
    ("code", "node", "fix"),
    [
        ("def a(threshold): ...", {}, "nodes.a.params"),
        ("def a(tracker): ...", {}, "hint it: `tracker: ExperimentTracker`"),
        ("def a(prices): ...", {}, "add `prices: prices` under nodes.a.inputs"),
        ("def a(*, x): ...", {"inputs": {"y": "prices"}}, "did you mean 'x'?"),
    ],
)
def test_a_parameter_that_nothing_fills_is_told_before_anything_runs(make_project, tmp_path, code, node, fix):
    context = make_project(
        "def first(): open('ran', 'w')\n" + code,
        {"first": {}, "a": node},
        inputs={"prices": {"path": "steps.py", "format": "csv"}},
    )
    with pytest.raises(TypeError) as told:
        PipelineExecutor(context).run_pipeline("p")
    assert "config/nodes_config.json: nodes.a" in str(told.value)
    assert "steps.a" in str(told.value)
    assert fix in (told.value.fix or str(told.value))
    assert not (tmp_path / "ran").exists()


def test_a_parameter_that_is_filled_twice_is_refused(make_project):
    context = make_project(
        "def a(): return 1\ndef b(x): ...", {"a": {"outputs": "y"}, "b": {"inputs": {"x": "y"}, "params": {"x": 1}}}
    )
    with pytest.raises(InjectionError, match="the dataset 'y' fills 'x' already"):
        PipelineExecutor(context).run_pipeline("p")


def test_a_session_of_spark_that_is_not_installed_is_told_before_anything_runs(make_project):
    context = make_project(
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from pyspark.sql import SparkSession
        def a(spark: SparkSession): ...
        def b(spark: SparkSession | None): return spark
        """,
        {"a": {}, "b": {}},
        pipelines={"p": ["a"], "q": ["b"]},
    )
    with pytest.raises(MissingDependency, match="SparkSession"):
        PipelineExecutor(context).run_pipeline("p")
    assert PipelineExecutor(context).run_pipeline("q").results == {"b": None}


def test_runs_carry_pipeline_node_environment_and_execution(make_project):
    context = make_project(
        """
        from tauro_nb import ExperimentTracker, Run
        def a(tracker: ExperimentTracker):
            with tracker.start_run(run_name="mine") as run:
                run.log_metric("x", 1)
            return run
        def b(run: Run, tracker: ExperimentTracker):
            with tracker.start_run() as child:
                pass
            return run, child
        """,
        {"a": {}, "b": {}},
    )
    report = PipelineExecutor(context).run_pipeline("p")
    run = report.results["a"]
    assert run.tags == {"pipeline": "p", "node": "a", "environment": "dev", "execution_id": report.execution_id}
    assert run.parent_id is None
    own, child = report.results["b"]
    assert child.parent_id == own.run_id
    assert report.nodes["a"].run_ids == [run.run_id]
    assert report.run_ids == [run.run_id, own.run_id, child.run_id]


def test_inputs_are_fingerprinted_in_the_runs_of_their_node(make_project, tmp_path):
    (tmp_path / "in.csv").write_text("x\n1\n", encoding="utf-8")
    context = make_project(
        "from tauro_nb import Run\ndef a(data, run: Run): return run",
        {"a": {"inputs": ["prices"]}},
        inputs={"prices": {"path": "in.csv", "format": "csv"}},
    )
    run = PipelineExecutor(context).run_pipeline("p").results["a"]
    assert run.inputs["prices"]["path"] == str(tmp_path / "in.csv")
    assert len(run.inputs["prices"]["sha256"]) == 64


def test_events_tell_what_happens_in_order(make_project):
    seen = []
    context = make_project(CHAIN, CHAIN_NODES)
    with get_event_emitter().on_event("*", seen.append):
        report = PipelineExecutor(context).run_pipeline("p", to_node="tidy")
    assert [(event.type, event.data.get("node"), event.data.get("status")) for event in seen] == [
        ("PIPELINE_STARTED", None, None),
        ("NODE_STARTED", "load", "RUNNING"),
        ("NODE_ENDED", "load", "FINISHED"),
        ("NODE_STARTED", "tidy", "RUNNING"),
        ("NODE_ENDED", "tidy", "FINISHED"),
        ("PIPELINE_ENDED", None, "FINISHED"),
    ]
    assert all(event.subject is report and event.environment == "dev" for event in seen)
    assert seen[0].data["nodes"] == ["load", "tidy"]
    assert (seen[1].data["position"], seen[1].data["total"]) == (1, 2)


def test_a_slice_takes_from_memory_what_an_earlier_execution_left(make_project):
    executor = PipelineExecutor(make_project(CHAIN, CHAIN_NODES))
    with pytest.raises(PipelineError) as told:
        executor.run_pipeline("p", from_node="tidy")
    assert "handed over in memory by 'load'" in str(told.value)
    assert "from_node='load'" in told.value.fix
    executor.run_pipeline("p")
    again = executor.run_pipeline("p", from_node="tidy", params={"reverse": True})
    assert again.results == {"tidy": [3, 2, 1], "first": 3}


def test_what_a_node_of_another_pipeline_left_is_not_taken(make_project):
    context = make_project(
        "def a(): return 'of a'\ndef b(): return 'of b'\ndef c(x): return x",
        {"a": {"outputs": "x"}, "b": {"outputs": "x"}, "c": {"inputs": ["x"]}},
        pipelines={"p": ["a", "c"], "q": ["b", "c"]},
    )
    executor = PipelineExecutor(context)
    executor.run_pipeline("p")
    with pytest.raises(PipelineError, match="has not run before"):
        executor.run_pipeline("q", nodes=["c"])


def test_threads_run_what_is_independent_at_the_same_time(make_project):
    context = make_project(
        """
        import threading
        both = threading.Barrier(2, timeout=30)
        def a(): both.wait(); return threading.current_thread().name
        def b(): both.wait(); return threading.current_thread().name
        def c(x, y): return sorted([x, y])
        """,
        {"a": {"outputs": "x"}, "b": {"outputs": "y"}, "c": {"inputs": ["x", "y"]}},
        settings={"execution": {"executor": "threads", "max_workers": 2}},
    )
    before = threading.active_count()
    report = PipelineExecutor(context).run_pipeline("p")
    names = report.results["c"]
    assert len(set(names)) == 2
    assert all(name.startswith("tauro") for name in names)
    deadline = threading.Event()
    while threading.active_count() > before and not deadline.wait(0.01):
        pass


def test_a_pool_of_the_callers_is_used_and_left_open(make_project):
    context = make_project(CHAIN, CHAIN_NODES)
    with ThreadPoolExecutor(1, "mine") as pool:
        assert PipelineExecutor(context, pool).run_pipeline("p").results["first"] == 1
        assert pool.submit(lambda: 5).result() == 5


def test_runs_in_threads_carry_their_own_node(make_project):
    context = make_project(
        """
        from tauro_nb import ExperimentTracker
        import threading
        both = threading.Barrier(2, timeout=30)
        def work(tracker):
            with tracker.start_run() as run:
                both.wait()
            return run.tags["node"]
        def a(tracker: ExperimentTracker): return work(tracker)
        def b(tracker: ExperimentTracker): return work(tracker)
        """,
        {"a": {}, "b": {}},
        settings={"execution": {"executor": "threads"}},
    )
    report = PipelineExecutor(context).run_pipeline("p")
    assert report.results == {"a": "a", "b": "b"}
    assert [len(node.run_ids) for node in report.nodes.values()] == [1, 1]


def test_another_kind_of_executor_is_refused(make_project):
    with ProcessPoolExecutor(1) as pool, pytest.raises(UsageError, match="ProcessPoolExecutor"):
        PipelineExecutor(make_project(CHAIN, CHAIN_NODES), pool)
