from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import tauro_nb
from tauro_nb.errors import DescriptorNotFound, InjectionError, RunNotFound, UnknownName, UsageError
from tauro_nb.session import Session, open_session, open_store

CHAIN = """
    calls = []
    def load():
        calls.append("load")
        return [3, 1, 2]
    def tidy(rows, reverse=False):
        calls.append("tidy")
        return sorted(rows, reverse=reverse)
    def first(rows):
        calls.append("first")
        return rows[0]
    def fails(rows): raise KeyError("no")
    def alone(x=1): return x
"""
NODES = {
    "load": {"outputs": "raw"},
    "tidy": {"inputs": ["raw"], "outputs": "tidied"},
    "first": {"inputs": ["tidied"]},
    "fails": {"inputs": ["tidied"]},
    "alone": {},
}
PIPELINES = {"p": ["load", "tidy", "first"], "broken": ["load", "tidy", "fails"]}


@pytest.fixture
def session(make_project):
    with Session(make_project(CHAIN, NODES, pipelines=PIPELINES)) as opened:
        yield opened


def calls():
    return sys.modules["steps"].calls


def test_a_project_is_opened_by_its_descriptor_its_folder_or_from_below(make_project, tmp_path, monkeypatch):
    make_project(CHAIN, NODES)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    for given in (None, tmp_path, tmp_path / "settings_json.json"):
        with open_session(given) as opened:
            assert opened.context.root == tmp_path
            assert opened.context.environment == "dev"
            assert str(tmp_path) in sys.path
            assert repr(opened) == f"<Session of project {tmp_path} [dev]>"
        assert str(tmp_path) not in sys.path


def test_what_cannot_be_opened_is_told(make_project, tmp_path):
    make_project(CHAIN, NODES)
    with pytest.raises(UnknownName) as told:
        open_session(tmp_path, env="dve")
    assert told.value.fix == "did you mean 'dev'?"
    with pytest.raises(DescriptorNotFound):
        open_session(tmp_path / "nowhere.json")


def test_closing_twice_is_harmless(session, tmp_path):
    session.close()
    session.close()
    assert str(tmp_path) not in sys.path


def test_a_session_runs_as_often_as_one_likes(session):
    for count in range(3):
        report = session.run("p", params={"reverse": bool(count)})
        assert session.last_report is report
        assert report.results["first"] == (3 if count else 1)
    assert session.run("p", nodes=["first"]).results == {"first": 3}


def test_the_last_report_is_there_after_a_failure(session):
    with pytest.raises(KeyError):
        session.run("broken")
    assert session.last_report.status == "FAILED"
    assert session.last_report.results["tidy"] == [1, 2, 3]


def test_what_could_not_begin_leaves_the_last_report_as_it_is(session):
    report = session.run("p")
    with pytest.raises(UnknownName):
        session.run("p", params={"revers": True})
    with pytest.raises(UnknownName):
        session.run("q")
    assert session.last_report is report


def test_a_node_runs_with_what_it_needs_and_gives_its_result(session):
    assert session.node("first") == 1
    assert calls() == ["load", "tidy", "first"]
    calls().clear()
    assert session.node("first") == 1
    assert calls() == ["first"]
    assert session.node("tidy", {"reverse": True}) == [3, 2, 1]
    assert session.node("first") == 3


def test_a_node_that_is_in_no_pipeline_runs_too(session):
    assert session.node("alone", params={"x": 5}) == 5
    assert session.last_report.pipeline == "alone"


def test_an_unknown_node_is_told_with_a_near_name(session):
    with pytest.raises(UnknownName) as told:
        session.node("frist")
    assert told.value.fix == "did you mean 'first'?"


def test_what_is_no_name_is_told_like_one_that_is_unknown(session):
    for ask in (lambda: session.run(3), lambda: session.run("p", nodes=[3]), lambda: session.node(3)):
        with pytest.raises(UnknownName, match=r"named 3"):
            ask()
    for params in (5, {5: 1}):
        with pytest.raises(UsageError, match=r"params=.*5"):
            session.run("p", params=params)
    with pytest.raises(RunNotFound, match="no run 5"):
        session.tracker.get_run(5)


def test_a_node_that_fails_raises_its_own_exception(session):
    with pytest.raises(KeyError):
        session.node("fails")
    assert session.last_report.nodes["fails"].status == "FAILED"


def test_validate_tells_what_run_would_raise(session):
    assert session.validate("p").ok
    report = session.validate("p", params={"revers": True})
    assert [problem.fix for problem in report.problems] == ["did you mean 'reverse'?"]


def test_a_store_alone_is_a_session_without_pipelines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    with open_store("./runs") as opened:
        with opened.tracker.start_run(run_name="x") as run:
            run.log_metric("loss", 1)
        assert sys.path == before
        assert opened.tracker.get_run(run.run_id).metrics == {"loss": 1.0}
        assert repr(opened) == f"<Session of store {tmp_path / 'runs'} [local]>"
        with pytest.raises(UnknownName) as told:
            opened.run("p")
        assert told.value.fix == "there are no pipelines yet"
    assert (tmp_path / "runs" / "format.json").is_file()


def test_the_names_of_the_package_are_these(session):
    assert tauro_nb.open_session is open_session
    assert tauro_nb.open_store is open_store
    assert tauro_nb.Session is Session


def test_two_sessions_of_two_projects_take_turns(make_project, tmp_path):
    code = "import shared_name\ndef a(): return shared_name.WHO"
    opened = [
        Session(
            make_project(
                {"steps.py": code, "shared_name.py": f"WHO = {name!r}"}, {"a": {}}, root=_folder(tmp_path / name)
            )
        )
        for name in ("one", "two")
    ]
    for _ in range(2):
        assert [session.run("p").results["a"] for session in opened] == ["one", "two"]
    for session in opened:
        session.close()
    assert not {str(tmp_path / "one"), str(tmp_path / "two")} & set(sys.path)


def _folder(path):
    path.mkdir()
    return path


def test_two_sessions_of_one_project_run_at_the_same_time(make_project):
    code = """
        import threading
        both = threading.Barrier(2, timeout=30)
        def a(x): both.wait(); return x
        def b(y): both.wait(); return y * 10
    """
    nodes = {"a": {"outputs": "y"}, "b": {"inputs": ["y"]}}
    contexts = {number: make_project(code, nodes) for number in (1, 2)}  # written before anyone reads them
    results = {}

    def work(number):
        with Session(contexts[number]) as session:
            results[number] = session.run("p", params={"x": number}).results["b"]

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {1: 10, 2: 20}


def test_one_session_runs_twice_at_the_same_time(make_project):
    code = """
        import threading
        both = threading.Barrier(2, timeout=30)
        def a(x): both.wait(); return x
        def b(y): both.wait(); return y * 10
    """
    session = Session(make_project(code, {"a": {"outputs": "y"}, "b": {"inputs": ["y"]}}))
    results = {}

    def work(number):
        results[number] = session.run("p", params={"x": number}).results["b"]

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    assert results == {1: 10, 2: 20}


def test_a_run_in_a_running_event_loop_works(session):
    import asyncio

    async def cell():
        return session.run("p").results["first"]

    with ThreadPoolExecutor(1) as thread:  # a browser test may have left a loop in this one
        assert thread.submit(lambda: asyncio.run(cell())).result() == 1


def test_a_missing_parameter_is_told_by_run(make_project):
    with Session(make_project("def a(x): ...", {"a": {}})) as session, pytest.raises(InjectionError):
        session.run("p")


STEP_6 = """
    from tauro import ContextLoader, PipelineExecutor
    from tauro.cli.config import AppConfigManager

    # Load configuration
    descriptor = AppConfigManager("settings_json.json")
    config_paths = descriptor.get_env_config("dev")
    context = ContextLoader().load_from_paths(config_paths, "dev")

    # Execute pipeline
    executor = PipelineExecutor(context)
    try:
        executor.run_pipeline("ml_training_pipeline")
        print("✅ Pipeline completed successfully")
    except Exception as e:
        print(f"❌ Pipeline failed: {e}")
"""


@pytest.mark.slow
def test_the_tutorial_gives_what_it_promises_on_real_data(tutorial_project):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(STEP_6)],
        cwd=tutorial_project,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[1] == "Training set: 4000 samples | Test set: 1000 samples"
    assert "✓ Logged metrics: accuracy=0.960, f1=0.958" in lines
    assert "✅ Model registered: churn-predictor v1" in lines
    assert lines[-1] == "✅ Pipeline completed successfully"
    with open_session(tutorial_project) as session:
        assert session.validate("ml_training_pipeline").ok
        report = session.run("ml_training_pipeline")
        assert report.results["train_churn_model"]["status"] == "success"
        run = session.tracker.get_run(report.run_ids[0])
        assert run.name == "random_forest_baseline"
        assert run.experiment == "customer_churn"
        counts = [run.metrics[f"{truth}_{side}"] for side in ("negatives", "positives") for truth in ("true", "false")]
        assert counts == [855, 34, 105, 6]
        assert [round(run.metrics[key], 3) for key in ("accuracy", "f1_score")] == [0.960, 0.958]
        assert [version.version for version in session.registry.versions("churn-predictor")] == [1, 2]
        assert session.registry.get("churn-predictor", 2).run_id == run.run_id
        assert len(session.tracker.search_runs()) == 2
