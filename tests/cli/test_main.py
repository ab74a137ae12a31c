"""`tauro` as a shell runs it: output, exit codes, errors."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tauro_nb
from tauro_nb.cli.main import run as tauro

STEPS = """
    from tauro_nb import Run

    def train(run: Run, rate: float = 0.5):
        print(f"✓ training at {rate}")
        run.log_metrics({"accuracy": 0.96, "rate": rate})
        return rate

    def count():
        return 3

    def broken():
        raise ZeroDivisionError("mine")
"""

ENDINGS = """
    import sys

    import tauro_nb

    def leaves(): sys.exit(0)
    def halves(): return 3
    def asks(catalog: tauro_nb.Catalog): catalog.load("absent")
    def opens(): tauro_nb.open_session("nowhere")
    def mute(): raise ValueError
"""


@pytest.fixture
def project(make_project, tmp_path, monkeypatch):
    make_project(
        STEPS,
        {"train": {}, "count": {}, "broken": {}},
        pipelines={"training": ["train"], "failing": ["count", "broken"]},
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def endings(make_project, tmp_path, monkeypatch):
    nodes = ("leaves", "halves", "asks", "opens", "mute")
    two = {"outputs": ["x", "y"]}
    make_project(
        ENDINGS, {name: two if name == "halves" else {} for name in nodes}, pipelines={name: [name] for name in nodes}
    )
    monkeypatch.chdir(tmp_path)


def said(capsys):
    shown = capsys.readouterr()
    return shown.out.splitlines(), shown.err.splitlines()


def test_a_run_prints_the_tutorials_lines_and_ends_with_0(project, capsys):
    assert tauro(["run", "--env", "dev", "--pipeline", "training"]) == 0
    out, err = said(capsys)
    assert out[:4] == [
        "✓ Loading configuration...",
        "✓ Validating pipeline...",
        "✓ Starting execution...",
        "✓ training at 0.5",
    ]
    assert out[4].startswith("✓ train ....")
    assert out[4].endswith(".... [1/1]")
    assert out[5].startswith("✓ Pipeline completed in ")
    assert err == []


def test_a_validation_runs_nothing(project, capsys):
    assert tauro(["run", "training", "--validate-only"]) == 0
    out, _ = said(capsys)
    assert out[-1] == "training  [valid]"
    assert "✓ training at 0.5" not in out
    assert tauro(["runs"]) == 0
    assert "no runs here" in capsys.readouterr().out


def test_a_failed_pipeline_ends_with_1_and_tells_the_users_error(project, capsys):
    assert tauro(["run", "failing"]) == 1
    out, err = said(capsys)
    assert out[-2].startswith("✓ count ")
    assert out[-1].startswith("✗ broken ")
    assert out[-1].endswith("[2/2] failed")
    assert err[0] == "ZeroDivisionError: mine"
    assert "broken" in err[1]
    assert len(err) == 2


@pytest.mark.parametrize(
    ("node", "said_first"),
    [
        ("leaves", "SystemExit: 0"),
        ("halves", "returned a int"),
        ("asks", "no dataset named 'absent'"),
        ("opens", "no descriptor"),
        ("mute", "ValueError"),
    ],
)
@pytest.mark.usefixtures("endings")
def test_whatever_ends_a_node_is_a_failed_pipeline(capsys, node, said_first):
    for words in (["run", node], ["node", node]):
        assert tauro(words) == 1
        _, err = said(capsys)
        assert said_first in err[0]
        assert not err[0].endswith(": ")
        assert f"in node {node!r}" in err[-1]


def test_a_module_that_leaves_when_it_is_imported_is_no_success(make_project, tmp_path, monkeypatch, capsys):
    make_project("raise SystemExit(0)", {"a": {}}, pipelines={"p": ["a"]})
    monkeypatch.chdir(tmp_path)
    assert tauro(["run", "p"]) == 1
    _, err = said(capsys)
    assert err[0] == "SystemExit: 0"
    assert "while steps.a was imported" in err[1]


def test_debug_shows_the_traceback(project, capsys):
    assert tauro(["run", "failing", "--debug"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "in broken" in err


@pytest.mark.parametrize(
    ("words", "code", "message", "fix"),
    [
        (["rnu"], 2, "no verb named 'rnu'", "did you mean 'run'?"),
        (["run"], 2, "no pipeline is named", "tauro run PIPELINE"),
        (["run", "trainning"], 2, "no pipeline named 'trainning'", "did you mean 'training'?"),
        (["run", "training", "failing"], 2, "unexpected extra argument", "tauro run --help"),
        (["run", "training", "--pipeline", "failing"], 2, "two pipelines", "name one"),
        (["run", "training", "--env", "prod"], 2, "no environment named 'prod'", "there are"),
        (["run", "training", "--node", "trian"], 2, "no node named 'trian'", "did you mean 'train'?"),
        (["run", "training", "-p", "rat=3"], 2, "parameter 'rat'", "did you mean 'rate'?"),
        (["node", "trian"], 2, "no node named 'trian'", "did you mean 'train'?"),
        (["load", "dev"], 2, "this is a shell", "tauro run --env"),
        (["show", "x"], 1, "no runs yet", "run a pipeline"),
        (["run", "training", "--project", "nowhere"], 3, "nowhere", "folder"),
        (["model", "churn"], 1, "churn", ""),
    ],
)
def test_a_mistake_is_two_lines_on_standard_error_and_its_own_code(project, capsys, words, *, code, message, fix):
    assert tauro(words) == code
    _, err = said(capsys)
    assert message.lower() in err[0].lower()
    assert fix in "".join(err[1:])
    assert len(err) <= 2


def test_wrong_configuration_ends_with_3_and_tells_all_of_it(project, capsys):
    (project / "config" / "nodes_config.json").write_text(
        '{"train": {"functoin": "steps.train"}, "count": {"function": 3}}'
    )
    assert tauro(["run", "training"]) == 3
    err = capsys.readouterr().err
    assert "config/nodes_config.json" in err
    assert "did you mean 'function'?" in err
    assert "nodes.count.function" in err


def test_no_project_ends_with_3_and_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert tauro(["run", "training"]) == 3
    assert "tauro init" in capsys.readouterr().err


def test_a_nodes_result_is_printed_even_where_it_is_a_number(project, capsys):
    assert tauro(["node", "count"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3"


def test_runs_are_found_shown_and_compared(project, capsys):
    for rate in ("0.25", "0.75"):
        tauro(["run", "training", "-p", f"rate={rate}"])
    capsys.readouterr()
    assert tauro(["runs", "--filter", "metrics.rate > 0.5"]) == 0
    out, _ = said(capsys)
    assert len([line for line in out if "FINISHED" in line]) == 1
    assert tauro(["show"]) == 0
    assert "0.75" in capsys.readouterr().out
    assert tauro(["compare", "last:2"]) == 0
    out = capsys.readouterr().out
    assert "rate" in out
    assert tauro(["runs", "--filter", "metrics.rate >"]) == 2
    assert "FilterError" in capsys.readouterr().err


def test_a_degraded_store_ends_with_0_unless_it_is_strict(project, capsys):
    folder = project / "mlops_data" / "model_registry" / "artifacts" / "m" / "upload-orphan-1"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"left")
    assert tauro(["health"]) == 0
    assert "[degraded]" in capsys.readouterr().out
    assert tauro(["health", "--strict"]) == 1
    assert "tauro doctor --clean" in capsys.readouterr().out


def test_a_healthy_store_ends_with_0(project, capsys):
    assert tauro(["health"]) == 0
    assert "[healthy]" in capsys.readouterr().out


def test_help_and_version_of_the_words_end_with_0(capsys):
    assert tauro(["--help"]) == 0
    assert tauro([]) == 0
    assert tauro(["run", "--help"]) == 0
    assert "--validate-only" in capsys.readouterr().out
    assert tauro(["--version"]) == 0
    assert capsys.readouterr().out == f"tauro-nb {tauro_nb.__version__}\n"


def test_an_interrupt_ends_with_130(make_project, tmp_path):
    code = """
        import pathlib, time
        def wait():
            pathlib.Path("reached").touch()
            time.sleep(60)
    """
    make_project(code, {"wait": {}})
    process = subprocess.Popen(
        [sys.executable, "-m", "tauro_nb.cli", "run", "p"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    import signal
    import time

    end = time.monotonic() + 60
    while not (tmp_path / "reached").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.decode().startswith("Interrupted.")


def test_a_reader_that_leaves_is_no_error(project):
    shown = subprocess.run(
        f"'{sys.executable}' -m tauro_nb.cli --help | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stderr == ""


def test_a_terminal_without_ticks_gets_question_marks(project):
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = subprocess.run(
        [sys.executable, "-m", "tauro_nb.cli", "run", "training"], capture_output=True, text=True, env=env, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert "? training at 0.5" in shown.stdout


def test_the_shell_completes_verbs_and_pipelines(project):
    def offered(words, at):
        env = {**os.environ, "_TAURO_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        code = "from tauro_nb.cli.main import main; main()"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
        return {line.partition(",")[2] for line in shown.stdout.split()}

    assert offered("tauro ru", 1) == {"run", "runs"}
    assert offered("tauro run tr", 2) == {"training"}
    assert offered("tauro run --env d", 3) == {"dev"}
    assert tauro(["run", "training"]) == 0
    assert offered("tauro runs --filter 'metrics.a", 3) == {"metrics.accuracy"}


@pytest.mark.parametrize(
    ("shell", "at", "offered"),
    [
        ("zsh", "2", ["plain", "training", "_"]),
        ("fish", "tr", ["plain,training"]),
    ],
)
def test_other_shells_complete_the_same(project, shell, at, offered):
    env = {**os.environ, "_TAURO_COMPLETE": f"{shell}_complete", "COMP_WORDS": "tauro run tr", "COMP_CWORD": at}
    code = "from tauro_nb.cli.main import main; main()"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert shown.stdout.split() == offered


def test_a_sweep_prints_a_line_for_each_trial_and_then_the_table(project, capsys):
    assert tauro(["sweep", "training", "-p", "rate=0.25,0.5", "--maximize", "metrics.rate"]) == 0
    out, err = said(capsys)
    assert [line for line in out if not line.startswith("✓ training")][:4] == [
        "✓ trial 1 [1/2] rate=0.25: metrics.rate = 0.25, the best so far",
        "✓ trial 2 [2/2] rate=0.5: metrics.rate = 0.5, the best so far",
        "sweep training  [FINISHED]",
        out[-4],
    ]
    assert out[-1].split()[:4] == ["2", "FINISHED", "0.5", "0.5"]
    assert err == []


def test_a_sweep_whose_trials_all_fail_ends_with_1_and_an_unknown_metric_with_2(project, capsys):
    assert tauro(["sweep", "failing", "-p", "seed=1"]) == 2
    assert "no node that runs here has it" in said(capsys)[1][0]
    assert tauro(["sweep", "training", "-p", "rate=1,2", "--minimize", "acuracy"]) == 2
    out, err = said(capsys)
    assert err == ["UnknownName: no metric named 'acuracy'", "  fix: did you mean 'accuracy'?"]
    assert len([line for line in out if line.startswith("✓ trial")]) == 1
