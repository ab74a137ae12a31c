"""``${secrets:scope/key}``: the secret where it is used, and nowhere else."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tauro_nb import confidential
from tauro_nb.config.interpolation import interpolate
from tauro_nb.config.loader import ContextLoader
from tauro_nb.errors import AccessDenied, ConfigError, KeyMissing
from tauro_nb.faces import answer
from tauro_nb.session import open_store

SECRET = "geheim&<0123>"
VAULT = {("team", "password"): SECRET, ("team", "number"): "0123", ("a b@c.d", "k-1_2.3"): "odd name"}


def read(scope: str, key: str) -> str:
    try:
        return VAULT[scope, key]
    except KeyError:
        raise KeyMissing(f"there is no {scope}/{key}", fix="make it") from None


def filled(value: Any) -> Any:
    problems: list[Any] = []
    content, whole = interpolate(value, {"A": "alpha"}, lambda *problem: problems.append(problem), read)
    assert not problems
    assert whole == []
    return content


def wrong(value: Any, secret: Callable[[str, str], str] | None = read) -> tuple[Any, ...]:
    problems: list[Any] = []
    content, _ = interpolate(value, {}, lambda *problem: problems.append(problem), secret)
    assert content == value
    (problem,) = problems
    return tuple(problem)


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    known = confidential._known
    confidential._known = ()
    yield
    confidential._known = known


@pytest.fixture
def project(tmp_path: Path) -> Callable[[str], Any]:
    def load(settings: str, secrets: Callable[[str, str], str] | None = read) -> Any:
        path = tmp_path / "settings.yaml"
        path.write_text(settings)
        return ContextLoader({}, secrets).load_from_paths({"global_settings_path": path}, "dev")

    return load


def test_a_secret_is_text_that_shows_what_was_written():
    value = filled("${secrets:team/password}")
    assert value == SECRET
    assert f"{value}" == SECRET
    assert repr(value) == "'${secrets:team/password}'"
    assert filled("${secrets:team/number}") == "0123"
    assert filled("${secrets:a b@c.d/k-1_2.3}") == "odd name"


def test_a_longer_text_with_a_secret_shows_the_whole_as_written():
    value = filled({"url": ["https://me:${secrets:team/password}@${A}/"]})["url"][0]
    assert value == f"https://me:{SECRET}@alpha/"
    assert repr(value) == "'https://me:${secrets:team/password}@${A}/'"


def test_copies_stay_secret_and_a_pickle_holds_the_reference_only():
    value = filled("${secrets:team/password}")
    assert copy.deepcopy({"k": value})["k"] is value
    data = pickle.dumps({"k": value})
    assert SECRET.encode() not in data
    assert b"secrets:team/password" in data


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("${secrets:team/none}", "the secret team/none cannot be read: there is no team/none"),
        ("${secrets:team}", "names no secret"),
        ("${secrets:team/a/b}", "names no secret"),
        ("${secrets:/}", "names no secret"),
        ("${secrets:team/password:-x}", "names no secret"),
        ("${secrets:team/password", "without its '}'"),
    ],
)
def test_what_is_no_secret_is_refused(value: str, what: str):
    keys, told, fix = wrong({"a": value})
    assert keys == ("a",)
    assert what in told
    assert fix


def test_every_missing_secret_is_told_with_file_key_and_name(project: Callable[..., Any]):
    with pytest.raises(ConfigError) as told:
        project(
            "db:\n  password: ${secrets:team/none}\n  user: ${secrets:other/none}\n  good: ${secrets:team/number}\n"
        )
    text = str(told.value)
    for told_of in (
        "settings.yaml: db.password: the secret team/none",
        "settings.yaml: db.user: the secret other/none",
    ):
        assert told_of in text
    assert "db.good" not in text


def test_a_workspace_that_does_not_answer_is_asked_once(project: Callable[..., Any]):
    asked = []

    def refuse(scope: str, key: str) -> str:
        asked.append(key)
        raise AccessDenied("not signed in", fix="sign in")

    with pytest.raises(ConfigError, match="not signed in"):
        project("a: ${secrets:team/one}\nb: ${secrets:team/two}\n", refuse)
    assert asked == ["one"]


def test_a_secret_of_a_typed_key_that_does_not_fit_is_not_told(project: Callable[..., Any]):
    with pytest.raises(ConfigError) as told:
        project("mlops:\n  model_retention_days: ${secrets:team/password}\n")
    assert SECRET not in str(told.value)
    assert "${secrets:team/password}" in str(told.value)


def test_no_representation_or_page_of_a_project_shows_a_secret(project: Callable[..., Any]):
    context = project(
        "mlops:\n  storage_path: x/${secrets:team/password}\ndb: {password: '${secrets:team/password}'}\n"
    )
    assert context.settings.own["db"]["password"] == SECRET
    assert context.settings.mlops.storage_path == f"x/{SECRET}"
    shown = [repr(context), repr(context.settings), repr(context.settings.own), *answer("bundle", context).values()]
    assert not [text for text in shown if SECRET in text or "geheim" in text]


def test_what_took_in_a_secret_is_kept_and_shown_without_it(project: Callable[..., Any], tmp_path: Path):
    password = project("password: ${secrets:team/password}\n").settings.own["password"]
    session = open_store(tmp_path / "store")

    def connect(run: Any) -> None:
        run.log_params({"password": password, "url": f"db://me:{password}@host", "deep": [{"p": password}]})
        run.set_tag("login", f"me:{password}")
        raise ConnectionError(f"cannot connect as me:{password}")

    run = session.tracker.start_run(run_name=f"with {password}")
    with pytest.raises(ConnectionError), run:
        connect(run)
    version = session.registry.register_model([1], "m", description=password, tags={"login": password})
    assert "${secrets:team/password}" in str(answer("bundle", version))
    assert run.params["password"] == "${secrets:team/password}"
    assert run.params["url"] == "db://me:***@host"
    found = session.tracker.search_runs()
    for text in (*answer("bundle", run).values(), *answer("bundle", found).values()):
        assert "geheim" not in text
    written = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert b"geheim" not in written
    assert b"cannot connect as me:***" in written


def test_an_error_of_ours_that_took_in_a_secret_shows_itself_without_it(project: Callable[..., Any]):
    password = project("password: ${secrets:team/password}\n").settings.own["password"]
    error = ConfigError(f"cannot open db://{password}", fix=f"not {password}")
    error.add_note(f"at {password}")
    assert "geheim" not in "".join(error._render_traceback_())


# --- where secrets come from


class Dbutils:
    """Stands for the object that a Databricks runtime puts into a notebook's namespace."""

    def __init__(self) -> None:
        self.secrets = SimpleNamespace(get=self._get)

    def _get(self, scope: str, key: str) -> str:
        if (scope, key) not in VAULT:
            raise ValueError(f"Secret does not exist with scope: {scope} and key: {key}\nat java.lang.Thread")
        return VAULT[scope, key]


def test_in_a_databricks_notebook_its_own_dbutils_is_asked(
    project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    monkeypatch.setattr(sys.modules["__main__"], "dbutils", Dbutils(), raising=False)
    assert project("p: ${secrets:team/password}\n", None).settings.own["p"] == SECRET
    with pytest.raises(ConfigError) as told:
        project("p: ${secrets:team/none}\n", None)
    assert "p: the secret team/none cannot be read: Secret does not exist" in str(told.value)
    assert "java" not in str(told.value)


def test_a_dbutils_of_the_user_s_own_elsewhere_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    from tauro_nb.store.databricks.notebook import ambient

    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "dbutils", Dbutils(), raising=False)
    assert ambient("dbutils") is None


def test_elsewhere_the_workspace_is_asked_through_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any):
    pytest.importorskip("databricks.sdk")
    from tauro_nb.testing.databricks_emulator import DatabricksEmulator

    caplog.set_level(logging.DEBUG)
    (tmp_path / "settings.yaml").write_text("p: ${secrets:team/password}\nq: x${secrets:team/password}\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    with DatabricksEmulator(tmp_path / "workspace") as emulator:
        emulator.put_secret("team", "password", SECRET)
        environ = {"DATABRICKS_HOST": emulator.host, "DATABRICKS_TOKEN": emulator.token}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

        def load() -> Any:
            paths = {"global_settings_path": tmp_path / "settings.yaml"}
            return ContextLoader(environ).load_from_paths(paths, "dev").settings.own

        own = load()
        assert own == {"p": SECRET, "q": f"x{SECRET}"}
        assert emulator.log.count("GET", "*/secrets/get") == 1
        assert pickle.loads(pickle.dumps(own)) == own
        emulator.fail("403", path="*/secrets/get")
        with pytest.raises(ConfigError) as told:
            load()
        assert "put-acl team" in json.dumps(told.value.problems)
        emulator.heal()
        (tmp_path / "settings.yaml").write_text("p: ${secrets:team/none}\n")
        with pytest.raises(ConfigError, match=r"settings.yaml: p: the secret team/none cannot be read") as missing:
            load()
        said = "".join(traceback.format_exception(missing.value)) + caplog.text
        assert emulator.token not in said
        assert "geheim" not in said
