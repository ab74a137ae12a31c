"""Every verb through the shell's front door, on a real project."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys

import click
import pandas as pd
import pytest
import yaml

import tauro_nb
from tauro_nb.cli.main import run as tauro
from tauro_nb.commands import verbs

VERBS = verbs.list_commands(click.Context(verbs))
HOMELESS = {"demo", "init", "jobs", "stop"}

STEPS = """
    from tauro_nb import ModelRegistry, Run

    def train(run: Run, registry: ModelRegistry, rate: float = 0.5):
        run.log_params({"rate": rate})
        run.log_metrics({"accuracy": rate})
        return registry.register_model({"rate": rate}, "churn", metrics={"accuracy": rate}).version
"""


@pytest.fixture
def project(make_project, tmp_path, monkeypatch):
    make_project(STEPS, {"train": {}}, pipelines={"training": ["train"]})
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(project, capsys):
    """Three runs, each of which registered a version of `churn`."""
    for rate in ("0.25", "0.5", "0.75"):
        assert tauro(["run", "training", "-p", f"rate={rate}"]) == 0
    capsys.readouterr()
    return project


@pytest.fixture
def say(capsys):
    """Run a command that is to succeed, and return what it printed."""

    def said(*words):
        code = tauro(words)
        shown = capsys.readouterr()
        assert (code, shown.err) == (0, "")
        return shown.out

    return said


@pytest.fixture
def refuse(capsys):
    """Run a command that is to fail, and return its code and its two lines."""

    def refused(*words):
        code = tauro(words)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2, lines
        assert lines[1].startswith("  fix: ")
        return code, *lines

    return refused


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_module_with_its_command(name):
    command = importlib.import_module(f"tauro_nb.commands.{name}").command
    assert isinstance(command, click.Command)
    assert command.name == name
    for each in command.commands.values() if isinstance(command, click.Group) else (command,):
        options = {option for param in each.params for option in param.opts}
        assert "--debug" in options
        assert ("--project" in options) is (name not in HOMELESS)


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_every_verb_explains_it_and_each_of_its_options(say, name):
    out = say(name, "--help")
    assert out.startswith(f"Usage: tauro {name} ")
    command = verbs.get_command(click.Context(verbs), name)
    for each in (command, *getattr(command, "commands", {}).values()):
        assert each.help
        assert all(option.help for option in each.params if isinstance(option, click.Option))


def test_the_list_of_verbs_is_told_without_loading_one(say):
    code = (
        "import sys\nfrom tauro_nb.cli.main import run\nrun(['--help'])\n"
        "print([m for m in sys.modules if m in ('pandas', 'pyarrow', 'yaml', 'tauro_nb.commands.run')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"
    assert re.findall(r"^  (\w+)  ", shown, re.MULTILINE)[-len(VERBS) :] == VERBS


def test_models_lists_each_model_with_its_versions(trained, say):
    out = say("models")
    assert "1 model" in out
    assert re.search(r"churn +v3 +3", out)
    for version in ("v1", "v2", "v3"):
        assert f"\n  {version} " in out


def test_model_shows_one_models_versions(trained, say):
    out = say("model", "churn")
    assert "3 versions" in out
    assert out.index("v3 ") < out.index("v1 ")


def test_promote_rollback_and_history_tell_one_story(trained, say):
    assert "churn v1  [Production]" in say("promote", "churn", "1")
    assert "churn v3  [Staging]" in say("promote", "churn", "3", "--stage", "Staging", "--comment", "better")
    assert "churn v3  [Production]" in say("promote", "churn", "3", "--comment", "good enough")
    assert "churn v1  [Production]" in say("rollback", "churn", "--expect", "3", "--comment", "drift")
    history = say("history", "churn")
    acts = re.findall(r"(registered|promoted|rolled_back)", history)
    assert acts == ["registered"] * 3 + ["promoted"] * 3 + ["rolled_back"]
    for comment in ("better", "good enough", "drift"):
        assert comment in history


def test_a_stage_is_taken_away_by_the_stage_none(trained, say):
    say("promote", "churn", "1", "--stage", "Staging")
    assert "churn v1\n" in say("promote", "churn", "1", "--stage", "none")


def test_promoting_what_is_promoted_does_nothing(trained, say):
    say("promote", "churn", "2")
    say("promote", "churn", "2")
    assert say("history", "churn").count("promoted") == 1


def test_a_rollback_that_expects_another_version_is_refused(trained, say, refuse):
    say("promote", "churn", "1")
    say("promote", "churn", "2")
    code, message, _ = refuse("rollback", "churn", "--expect", "1")
    assert code == 1
    assert "v2 is in Production, not v1" in message


@pytest.mark.parametrize(
    ("words", "code", "message", "fix"),
    [
        (["model", "chrun"], 1, "no model named 'chrun'", "did you mean 'churn'?"),
        (["history", "chrun"], 1, "no model named 'chrun'", "did you mean 'churn'?"),
        (["promote", "chrun", "1"], 1, "no model named 'chrun'", "did you mean 'churn'?"),
        (["promote", "churn", "9"], 1, "churn has no version 9", "versions 1 to 3"),
        (["promote", "churn", "v1"], 2, "'v1' is not a valid integer", "tauro promote --help"),
        (["promote", "churn", "0"], 2, "0 is not in the range", "tauro promote --help"),
        (["promote", "churn"], 2, "Missing argument", "tauro promote --help"),
        (["promote", "churn", "1", "--stage", "Prod"], 2, "no stage named 'Prod'", "Production"),
        (["rollback", "churn"], 1, "no other version was in Production", "promote"),
        (["show", "last:2"], 2, "names 2 runs", "tauro compare last:2"),
        (["show", "nope"], 1, "'nope'", "tauro runs"),
        (["show", "trian"], 1, "'trian'", "did you mean 'train'?"),
        (["compare", "last:x"], 2, "how many runs", "last:10"),
        (["compare", "--experiment", "defualt"], 2, "no experiment named 'defualt'", "did you mean 'default'?"),
        (["runs", "--columns", "accuracy"], 2, "no column named 'accuracy'", "did you mean 'metrics.accuracy'?"),
        (["runs", "--columns"], 2, "tauro runs: Option '--columns' requires", "tauro runs --help"),
        (["runs", "--colums", "x"], 2, "tauro runs: no option named '--colums'", "did you mean '--columns'?"),
        (["runs", "--filter", "statuz = 'x'"], 2, "'statuz'", "did you mean 'status'?"),
        (["runs", "--limit", "0"], 2, "0 is not in the range", "tauro runs --help"),
        (["bind", "train"], 2, "`bind` works on what a kernel keeps", "tauro node NODE"),
        (["retry"], 2, "`retry` works on what a kernel keeps", "tauro run PIPELINE --from NODE"),
        (["debug"], 2, "`debug` works on what a kernel keeps", "tauro run PIPELINE --debug"),
        (["define", "train"], 2, "`define` works on what a kernel keeps", "into a module"),
        (["init", "--from-session"], 2, "works on what a kernel keeps", "tauro init FOLDER"),
        (["dag", "traning"], 2, "no pipeline named 'traning'", "did you mean"),
        (["run", "p", "--params-file", "nope.yaml"], 2, "'nope.yaml' does not exist", "tauro run --help"),
        (["schema", "settings_jsn.json"], 2, "does not exist", "did you mean 'settings_json.json'?"),
        (["runs", "--sort", "metrics.acuracy DESC"], 2, "'metrics.acuracy'", "did you mean 'metrics.accuracy'?"),
        (["compare", "last:1", "--sort", "tags.nod"], 2, "'tags.nod'", "did you mean 'tags.node'?"),
        (["sweep", "p", "-p", "rate=1", "--sampler", "rndom"], 2, "no pipeline named 'p'", ""),
        (["run", "p", "--bg=proces"], 2, "'proces' is not one of", "did you mean 'process'?"),
        (["init", "--temporary"], 2, "--temporary is for a kernel", "tauro init FOLDER"),
    ],
)
def test_a_mistake_is_two_lines_with_the_mend(trained, refuse, words, *, code, message, fix):
    found, first, second = refuse(*words)
    assert found == code
    assert message in first
    assert fix in second


def test_a_registry_without_models_says_how_to_fill_it(project, say):
    assert "registry.register_model" in say("models")


def test_show_takes_an_id_its_beginning_or_the_newest(trained, say):
    session = tauro_nb.open_session(trained)
    oldest = session.tracker.search_runs()[-1]
    session.close()
    assert "rate  0.25" in say("show", oldest.run_id)
    assert "rate  0.25" in say("show", oldest.run_id[:-2])
    assert "rate  0.75" in say("show")


def test_compare_takes_the_two_newest_unless_told(trained, say):
    assert "2 runs" in say("compare")
    assert "3 runs" in say("compare", "last:3")


def test_a_projects_folder_and_descriptor_may_be_given_from_elsewhere(trained, tmp_path_factory, monkeypatch, say):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    for place in (trained, trained / "settings_json.json"):
        assert "churn" in say("models", "--project", str(place))


def test_the_health_of_a_store_that_cannot_be_is_a_failure(project, capsys):
    (project / "mlops_data").write_text("a file where the store should be")
    assert tauro(["health"]) == 1
    assert "unhealthy" in capsys.readouterr().out


FRAME = pd.DataFrame(
    {
        "n": [1, 2],
        "x": [0.5, None],
        "s": ["a", "ü"],
        "b": [True, False],
        "t": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        "c": pd.Categorical(["u", "v"]),
    }
)
FIELDS = [
    {"name": "n", "type": "integer", "nullable": False},
    {"name": "x", "type": "float"},
    {"name": "s", "type": "string", "nullable": False},
    {"name": "b", "type": "boolean", "nullable": False},
    {"name": "t", "type": "datetime", "nullable": False},
    {"name": "c", "type": "category", "nullable": False},
]


@pytest.mark.parametrize("ending", ["parquet", "feather", "csv", "jsonl"])
def test_schema_prints_a_dataset_that_then_loads(project, say, ending):
    path = project / "data" / f"some.{ending}"
    path.parent.mkdir()
    write = {
        "parquet": FRAME.to_parquet,
        "feather": FRAME.to_feather,
        "csv": lambda to: FRAME.to_csv(to, index=False),
        "jsonl": lambda to: FRAME.to_json(to, orient="records", lines=True, date_format="iso"),
    }[ending]
    write(path)
    printed = say("schema", f"data/some.{ending}")
    dataset = yaml.safe_load(printed)
    assert dataset["some"]["path"] == f"data/some.{ending}"
    if ending in ("parquet", "feather"):
        assert dataset["some"]["schema"] == FIELDS
    (project / "config" / "input_config.json").write_text(json.dumps(dataset))
    session = tauro_nb.open_session(project)
    assert list(session.catalog.load("some").columns) == list(FRAME.columns)
    session.close()


def test_a_schemas_path_is_that_from_the_projects_root(project, say, monkeypatch):
    (project / "data").mkdir()
    FRAME.to_parquet(project / "data" / "some.parquet")
    monkeypatch.chdir(project / "notebooks")
    assert yaml.safe_load(say("schema", "../data/some.parquet"))["some"]["path"] == "data/some.parquet"


def test_a_schema_needs_no_project(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    FRAME.to_parquet("some.parquet")
    assert yaml.safe_load(say("schema", "some.parquet"))["some"]["path"] == "some.parquet"


def test_a_schema_of_a_file_elsewhere_has_the_whole_path(project, say, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "some.parquet"
    FRAME.to_parquet(path)
    assert yaml.safe_load(say("schema", str(path)))["some"]["path"] == path.as_posix()


@pytest.mark.parametrize(
    ("name", "text", "code", "message"),
    [
        ("x.txt", "a,b", 2, "no format is known by the ending '.txt'"),
        ("x", "a,b", 2, "no format is known by the ending ''"),
        ("x.parquet", "nonsense", 1, "x.parquet"),
        ("x.json", "{", 1, "x.json"),
        ("x.json", '[{"a": 1}, {"a": "text"}]', 1, "x.json"),
    ],
)
def test_a_file_without_a_schema_is_two_lines(project, refuse, name, text, *, code, message):
    (project / name).write_text(text)
    found, first, _ = refuse("schema", name)
    assert found == code
    assert message in first


def test_a_file_that_is_missing_is_wrong_usage(project, refuse):
    code, message, _ = refuse("schema", "nowhere.csv")
    assert code == 2
    assert "nowhere.csv" in message


def test_init_says_what_was_written_and_what_comes_next(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    first = say("init", "my churn")
    assert first.startswith("✓ 13 files written to my churn\n")
    assert first.endswith("next: cd 'my churn' && tauro run --env dev --pipeline ml_training_pipeline\n")
    assert say("init", "my churn").startswith("✓ my churn is already complete\n")


@pytest.mark.slow
def test_every_pipeline_of_the_demo_project_is_valid(tmp_path, monkeypatch, say):
    monkeypatch.chdir(tmp_path)
    say("init", ".")
    for pipeline in ("ml_training_pipeline", "digits_pipeline"):
        for env in ("dev", "prod"):
            assert f"{pipeline}  [valid]" in say("run", pipeline, "--env", env, "--validate-only")


def test_an_alias_is_set_moved_and_taken_away(trained, say, refuse):
    assert "champion" in say("alias", "churn", "1", "champion")
    assert "champion" in say("alias", "churn", "2", "champion", "--comment", "better")
    registry = tauro_nb.open_session(trained).registry
    assert registry.get("churn@champion").version == 2
    say("alias", "churn", "1", "champion", "--delete")
    assert registry.get("churn@champion").version == 2
    assert "champion" not in say("alias", "churn", "2", "champion", "--delete")
    assert registry.history("churn")["act"].tolist()[-3:] == ["alias_set", "alias_set", "alias_removed"]
    code, message, _ = refuse("alias", "churn", "9", "champion")
    assert (code, message) == (1, "ModelNotFound: churn has no version 9")


@pytest.mark.parametrize("name", ["churn.zip", "churn-folder"])
def test_a_version_goes_out_and_comes_into_another_project(trained, say, make_project_in, tmp_path_factory, name):
    said = say("models", "export", "churn", "2", name)
    assert said.startswith("✓ churn v2 written to ")
    other = tmp_path_factory.mktemp("other")
    make_project_in(STEPS, {"train": {}}, root=other)
    words = ("models", "import", str(trained / name), "--name", "taken-over", "--project", str(other))
    assert "taken-over v1" in say(*words)
    assert "taken-over v1" in say(*words)
    assert tauro_nb.open_session(other).registry.load_model("taken-over") == {"rate": 0.5}
    assert "taken-over" in say("models", "--project", str(other))
    assert "taken-over" not in say("models")


def test_pruning_shows_what_would_go_and_does_it_when_told(trained, say):
    settings = json.loads((trained / "config/global_settings.json").read_text(encoding="utf-8"))
    settings["mlops"] = {"registry": {"max_versions_per_model": 1}}
    (trained / "config/global_settings.json").write_text(json.dumps(settings), encoding="utf-8")
    shown = say("models", "prune")
    assert "Versions to go" in shown
    assert "max_versions_per_model is 1" in shown
    registry = tauro_nb.open_session(trained).registry
    assert len(registry.versions("churn")) == 3
    assert "Versions moved aside" in say("models", "prune", "--yes")
    assert [each.version for each in registry.versions("churn")] == [3]
    assert "none has to go" in say("models", "prune", "--yes")


def test_where_a_group_works_may_be_said_before_or_behind_its_command(trained, say, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert "none has to go" in say("models", "--project", str(trained), "prune")
    assert "none has to go" in say("models", "prune", "--project", str(trained))


def test_a_word_that_is_no_command_of_models_gets_a_did_you_mean(trained, refuse):
    code, message, fix = refuse("models", "exprt")
    assert (code, fix) == (2, "  fix: did you mean 'export'?")
    assert "exprt" in message


def test_the_doctor_names_what_was_left_and_cleans_it_when_told(trained, say, capsys):
    assert "healthy" in say("doctor")
    left = trained / "mlops_data/model_registry/artifacts/churn/upload-orphan-x"
    left.mkdir()
    (left / "model.pkl").write_bytes(b"half")
    assert tauro(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "upload-orphan-x" in shown
    assert "tauro doctor --clean" in shown
    assert left.exists()
    assert "healthy" in say("doctor", "--clean")
    assert not left.exists()


def test_the_doctor_names_a_record_that_cannot_be_read(trained, capsys):
    (trained / "mlops_data/model_registry/models/churn/versions/2.json").write_bytes(b"{")
    assert tauro(["doctor"]) == 1
    assert "versions/2.json" in capsys.readouterr().out
