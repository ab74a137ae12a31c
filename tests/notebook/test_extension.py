"""The extension in every place where IPython is: what it brings, what it leaves behind, and beside whom it works."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest

pytestmark = pytest.mark.slow

STEPS = """
    import tauro_nb
    from names import WHO

    def numbers(count=3):
        return list(range(count))

    def train(numbers, run: tauro_nb.Run, rate: float = 0.5):
        run.log_metric("rate", rate)
        return WHO

    def broken(numbers):
        raise ZeroDivisionError("mine")
"""
NODES = {
    "numbers": {"outputs": "numbers"},
    "train": {"inputs": ["numbers"], "params": {"rate": 0.25}},
    "broken": {"inputs": ["numbers"]},
}
PIPELINES = {"training": ["numbers", "train"], "failing": ["numbers", "broken"]}


@pytest.fixture(scope="module")
def make(make_project_in, tmp_path_factory):
    def made(name):
        root = tmp_path_factory.mktemp(name)
        code = {"steps.py": STEPS, "names.py": f"WHO = {name!r}"}
        make_project_in(code, NODES, pipelines=PIPELINES, root=root)
        return root

    return made


@pytest.fixture(scope="module")
def project(make):
    return make("one")


def test_loading_imports_nothing_heavy(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run("import sys; before = set(sys.modules)\n%load_ext tauro_nb\nnew = set(sys.modules) - before")
    heavy = "('pandas', 'numpy', 'pyarrow', 'plotly', 'ipywidgets', 'anywidget', 'msgspec', 'yaml', 'sklearn', 'pdb')"
    assert kernel.run(f"sorted(new.intersection({heavy}))").value == "[]"
    assert "training" in kernel.complete("%tauro run ")["matches"]
    assert set(kernel.complete("%tauro run training --node ")["matches"]) == set(NODES)
    # a project that is not open is not opened for Tab
    assert kernel.run("[one for one in ('yaml', 'tauro_nb.session') if one in sys.modules]").value == "[]"


def test_unloading_leaves_nothing_behind_whatever_was_done(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run("%unload_ext json\n%config")  # makes IPython load its own lazy magics
    kernel.run(
        "import logging, sys, threading\nip = get_ipython()\nbefore = after = None\n"
        "def state():\n"
        "    return {\n"
        "        'magics': {kind: sorted(names) for kind, names in ip.magics_manager.magics.items()},\n"
        "        'classes': sorted(ip.magics_manager.registry),\n"
        "        'completers': [len(ip.Completer.custom_matchers), len(ip.Completer.matchers)],\n"
        "        'configurables': [type(one).__name__ for one in ip.configurables],\n"
        "        'logging': [logging.root.handlers, logging.getLogger('tauro_nb.nodes').handlers],\n"
        "        'threads': [t.name for t in threading.enumerate() if t.name[:9] in ('tauro-job', 'tauro-nb-')],\n"
        "        'events': {name: len(found) for name, found in ip.events.callbacks.items()},\n"
        "        'hooks': {name: str(value) for name, value in vars(ip.hooks).items()},\n"
        "        'transformers': [len(ip.input_transformers_post), len(ip.ast_transformers)],\n"
        "        'printers': [sorted(map(str, f.type_printers)) for f in ip.display_formatter.formatters.values()],\n"
        "        'names': sorted(name for name in ip.user_ns if not name.startswith('_')),\n"
        "        'path': list(sys.path),\n"
        "        'handlers': str(sys.excepthook),\n"
        "    }\n"
    )
    kernel.run("before = state()")
    for cell in (
        "%load_ext tauro_nb\n%load_ext tauro_nb\n%tauro load dev",
        "%tauro run training",
        "%tauro bind train",
        "%tauro dag training",
        "%tauro run failing",
        "%tauro",
    ):
        kernel.run(cell)
    assert kernel.run("%tauro node numbers").status == "ok"
    kernel.run("%config Tauro.display = 'text'\njob = %tauro run training --bg=process\njob.wait(60); del job")
    kernel.run("%unload_ext tauro_nb\nafter = state()")
    assert kernel.run("{key: (before[key], after[key]) for key in before if before[key] != after[key]}").value == "{}"
    assert kernel.run("%%tauro define train\ndef train(): ...").status == "error"
    assert kernel.run("%load_ext tauro_nb\n%tauro load dev").status == "ok"


def test_a_graph_has_the_states_of_the_last_run(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run("%load_ext tauro_nb\n%tauro load dev")
    assert "state" not in kernel.run("%tauro dag failing").value
    kernel.run("%tauro run failing")
    shown = kernel.run("%tauro dag")
    assert "data:image/svg+xml;base64," in shown.shown[0]["text/html"]
    assert [line.split() for line in shown.value.splitlines()[2:]] == [
        ["numbers", "FINISHED"],
        ["broken", "FAILED", "numbers"],
    ]
    assert kernel.run("%tauro dag training --svg graph.svg").value == "✓ graph.svg"
    assert (project / "graph.svg").read_text().startswith("<svg")
    assert "did you mean 'training'?" in kernel.run("%tauro dag trainin").error[2]


@pytest.mark.parametrize(
    ("code", "offered"),
    [
        ("%tauro run training -p ra", {"rate="}),
        ("%tauro run training -p train.", {"train.rate="}),
        ("%tauro run training -p @mi", {"@mine"}),
        ("%tauro run training -p unknown", {"unknown"}),
        ("%tauro run training --params-file st", {"steps.py"}),
        ("%tauro bind tr", {"train"}),
        ("%tauro dag tr", {"training"}),
        ("%tauro run training --bg=pro", {"--bg=process"}),
        ("%tauro run --env=d", {"--env=dev"}),
    ],
)
def test_tab_offers_what_may_be_given_and_no_names_of_python(start_kernel, project, code, offered):
    kernel = _kept(start_kernel, project)
    assert set(kernel.complete(code)["matches"]) == offered


def test_tab_offers_the_options_where_nothing_else_can_stand(start_kernel, project):
    assert {"--params-file", "--debug"} <= set(_kept(start_kernel, project).complete("%tauro retry ")["matches"])


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("two", r"two\ words"),
        (r"two\ w", r"two\ words"),
        ("'two w", "'two words"),
        ("'it'", r"it\'s"),
        ("'it", r"'it'\''s"),
        ('"two ', '"two words'),
    ],
)
def test_tab_writes_a_name_so_that_it_stays_one_word(start_kernel, project, typed, written):
    kernel = _kept(start_kernel, project)
    kernel.run("%%tauro define 'two words'\ndef f(): return 2")
    kernel.run('%%tauro define "it\'s"\ndef f(): return 2')
    line = f"%tauro bind {typed}"
    answer = kernel.complete(line)
    (match,) = answer["matches"]
    assert line[: answer["cursor_start"]] + match == f"%tauro bind {written}"


_kernels = {}


def _kept(start_kernel, project):
    if project not in _kernels:
        _kernels[project] = start_kernel(project)
        _kernels[project].run("%load_ext tauro_nb\n%tauro load dev\nmine = {'rate': 1}\nmint = 3")
    return _kernels[project]


def test_two_projects_work_in_one_kernel(start_kernel, project, make, tmp_path):
    other = make("two")
    kernel = start_kernel(tmp_path)
    kernel.run("%load_ext tauro_nb")
    assert kernel.run(f"%tauro load dev --project '{project}'").status == "ok"
    assert kernel.run(f"%tauro load dev --project '{other}' --as other").status == "ok"
    for _ in range(2):
        told = "(session.run('training').results['train'], other_session.run('training').results['train'])"
        assert kernel.run(told).value == "('one', 'two')"
    assert kernel.run("%tauro node train").value == "'two'"
    assert kernel.run(f"%tauro node train --project '{project}'").value == "'one'"


def test_in_a_namespace_like_that_of_databricks_all_stays_as_it_is(start_kernel, project):
    kernel = start_kernel(project)
    kernel.run("shown = []\nspark, dbutils, sc = object(), object(), object()\ndef display(*what): shown.append(what)")
    kernel.run("mine = (spark, dbutils, sc, display)\n%load_ext tauro_nb")
    assert kernel.run("%tauro load dev").status == "ok"
    reply = kernel.run("%tauro run training")
    assert reply.status == "ok", reply.error
    assert kernel.run("%tauro bind train").status == "ok"
    assert kernel.run("mine == (spark, dbutils, sc, display), shown").value == "(True, [])"


@pytest.mark.parametrize("program", ["IPython", "jupyter_console"])
def test_at_a_terminal_the_words_are_the_same(project, program):
    lines = (
        "%load_ext tauro_nb\n%tauro load dev\nr = %tauro run training\nprint('got', r.results['train'])\n%tauro dag\n"
    )
    plain = {"IPython": ["--simple-prompt", "--no-banner"], "jupyter_console": ["--simple-prompt"]}[program]
    done = subprocess.run(
        [sys.executable, "-m", program, *plain],
        input=lines + "exit\n" * 2,
        cwd=project,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "got one" in done.stdout, done.stderr
    assert "FINISHED" in done.stdout


def test_nbconvert_executes_a_notebook_and_keeps_the_pictures(project, tmp_path):
    book = nbformat.v4.new_notebook()
    for code in ("%load_ext tauro_nb\n%tauro load dev", "%tauro run training", "%tauro dag"):
        book.cells.append(nbformat.v4.new_code_cell(code))
    nbformat.write(book, project / "book.ipynb")
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--execute",
        "--to",
        "html",
        "--output-dir",
        str(tmp_path),
        "book.ipynb",
    ]
    subprocess.run(command, cwd=project, check=True, capture_output=True, timeout=180)
    page = (tmp_path / "book.html").read_text()
    assert "Graph of training: 2 nodes; 2 FINISHED" in page
    assert "Traceback" not in page
