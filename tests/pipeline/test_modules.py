from __future__ import annotations

import importlib
import sys
import traceback

import pytest

from tauro_nb.errors import FunctionNotFound, PipelineError
from tauro_nb.pipeline import modules as open_projects
from tauro_nb.pipeline.modules import ProjectModules


@pytest.fixture(autouse=True)
def _alone():
    """Have no project open: a session that another test left open would stand on the path too."""
    for root in list(open_projects._opened):
        ProjectModules(root).close()


@pytest.fixture
def project(tmp_path):
    """Write modules below a root and return what speaks of them."""
    made = []

    def make(files, name="one") -> ProjectModules:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text, encoding="utf-8")
        made.append(ProjectModules(tmp_path / name))
        return made[-1]

    return make


def resolve(modules: ProjectModules, dotted: str):
    with modules.running():
        return modules.function(dotted, where="nodes.yaml: nodes.a.function")


def not_found(modules: ProjectModules, dotted: str) -> FunctionNotFound:
    with pytest.raises(FunctionNotFound) as told:
        resolve(modules, dotted)
    assert str(told.value).startswith("nodes.yaml: nodes.a.function: ")
    return told.value


FILES = {
    "pipelines/ml/train_model.py": (
        "import json\nfrom os.path import join\nclass Model:\n    @staticmethod\n    def fit(): return 'fitted'\n"
        "def train_and_register(): return 'trained'\nLIMIT = 3\n"
    ),
    "plain.py": "def f(): return 1\n",
}


def test_functions_are_found_in_namespace_packages_modules_and_classes(project):
    modules = project(FILES)
    assert resolve(modules, "pipelines.ml.train_model.train_and_register")() == "trained"
    assert resolve(modules, "plain.f")() == 1
    assert resolve(modules, "pipelines.ml.train_model.Model.fit")() == "fitted"
    assert resolve(modules, "json.dumps")(1) == "1"


@pytest.mark.parametrize(
    ("dotted", "message", "fix"),
    [
        ("pipelines.ml.train_model.train_and_regster", "no function", "did you mean 'train_and_register'?"),
        ("pipelines.ml.trian_model.f", "no module 'trian_model' in the package pipelines.ml", "'train_model'"),
        ("plian.f", "no module 'plian' in ", "did you mean 'plain'?"),
        ("pipelines.ml.train_model.LIMIT", "is a int, not a function", "there are"),
        ("plain", "is not the path of a function", "package.module.function"),
        ("plain..f", "is not the path of a function", "package.module.function"),
    ],
)
def test_a_function_that_is_not_there_is_told_with_a_near_name(project, dotted, message, fix):
    error = not_found(project(FILES), dotted)
    assert message in str(error)
    assert fix in error.fix


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import no_such_package_here", ModuleNotFoundError),
        ("import broken.missing", ModuleNotFoundError),
        ("from json import no_such_name", ImportError),
        ("def f(:", SyntaxError),
        ("1 / 0", ZeroDivisionError),
        ("raise SystemExit(1)", SystemExit),
    ],
)
def test_what_a_module_raises_is_its_own_exception_with_a_note(project, code, kind):
    modules = project({"broken.py": f"{code}\ndef f(): ..."})
    with pytest.raises(kind) as told:
        resolve(modules, "broken.f")
    assert not isinstance(told.value, FunctionNotFound)
    assert told.value.__notes__ == ["while broken.f was imported (nodes.yaml: nodes.a.function)"]


def test_a_module_written_after_a_failed_look_up_is_found(project, tmp_path):
    modules = project({"plain.py": ""})
    not_found(modules, "later.f")
    (tmp_path / "one" / "later.py").write_text("def f(): return 2", encoding="utf-8")
    assert resolve(modules, "later.f")() == 2


def test_two_projects_do_not_see_each_others_modules(project):
    one = project({"shared/steps.py": "def f(): return 'one'", "only_one.py": "def g(): ..."})
    two = project({"shared/steps.py": "def f(): return 'two'"}, name="two")
    of_one = resolve(one, "shared.steps.f")
    resolve(one, "only_one.g")
    assert resolve(two, "shared.steps.f")() == "two"
    assert "only_one" not in sys.modules
    assert "no module 'only_one'" in str(not_found(two, "only_one.g"))
    assert resolve(one, "shared.steps.f") is of_one
    assert set(one.loaded()) == {"shared", "shared.steps", "only_one"}
    assert set(two.loaded()) == {"shared", "shared.steps"}


def test_the_root_is_on_the_path_while_it_is_open(project, tmp_path):
    one, two = project({"only_one.py": ""}), project({"only_two.py": ""}, name="two")
    before = list(sys.path)
    one.open()
    assert sys.path == [str(tmp_path / "one"), *before]
    importlib.import_module("only_one")
    two.open()
    assert sys.path == [str(tmp_path / "two"), *before]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("only_one")
    two.close()
    assert sys.path == [str(tmp_path / "one"), *before]
    assert importlib.import_module("only_one").__file__ == str(tmp_path / "one" / "only_one.py")
    one.close()
    assert sys.path == before


def test_one_root_may_be_open_twice(project, tmp_path):
    before = list(sys.path)
    modules = project({"only_one.py": ""})
    modules.open()
    ProjectModules(tmp_path / "one").open()
    modules.close()
    assert sys.path == [str(tmp_path / "one"), *before]
    modules.close()
    assert sys.path == before


def test_a_project_that_runs_is_not_put_aside_by_another(project):
    one = project({"only_one.py": "def f(): ...", "both.py": "def f(): ..."})
    two, three = project({"only_two.py": "def f(): ..."}, name="two"), project({"both.py": ""}, name="three")
    with one.running():
        one.function("only_one.f", where="")
        assert resolve(two, "only_two.f")
        assert "only_one" in sys.modules
        with pytest.raises(PipelineError, match="modules of the same names: both"):
            resolve(three, "both.f")
    assert resolve(two, "only_two.f")
    assert "only_one" not in sys.modules


def test_modules_of_the_library_itself_and_of_installed_packages_stay(project, tmp_path):
    site = "venv/lib/python3/site-packages"
    one = project({f"{site}/installed_here.py": "", "plain.py": "def f(): ..."})
    two = project({"plain.py": "def f(): ..."}, name="two")
    sys.path.append(str(tmp_path / "one" / site))
    try:
        importlib.import_module("installed_here")
        resolve(one, "plain.f")
        resolve(two, "plain.f")
        assert "installed_here" in sys.modules
        assert "tauro_nb.errors" in sys.modules
    finally:
        sys.path.remove(str(tmp_path / "one" / site))
        del sys.modules["installed_here"]


def test_a_module_that_fails_shows_the_users_lines_alone(make_project):
    from tauro_nb.pipeline.executor import PipelineExecutor

    context = make_project("def helper():\n    return 1 / 0\nhelper()\ndef a(): ...", {"a": {}})
    with pytest.raises(ZeroDivisionError) as told:
        PipelineExecutor(context).run_pipeline("p")
    names = [frame.name for frame in traceback.extract_tb(told.value.__traceback__)]
    assert names[-2:] == ["<module>", "helper"]
    assert names[1:-2] == ["run_pipeline", "run_plan", "_prepared", "raise_problems"]
