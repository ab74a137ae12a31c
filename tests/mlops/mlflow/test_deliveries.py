"""Exactly once in effect: whatever a server does at whichever request, it ends with what is here, once."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tauro_nb.errors import MirrorGone, MirrorRefused, MirrorUnreachable
from tauro_nb.mlops.mlflow.address import Address
from tauro_nb.mlops.mlflow.courier import Courier
from tauro_nb.mlops.mlflow.errand import Errand, Standing, Waiting
from tauro_nb.mlops.mlflow.newcomers import Newcomers
from tauro_nb.mlops.mlflow.office import Office
from tauro_nb.mlops.registry.registry import ModelRegistry
from tauro_nb.mlops.tracking.background import background
from tauro_nb.mlops.tracking.tracker import ExperimentTracker
from tauro_nb.store.local import LocalStore
from tauro_nb.store.memory import MemoryStore
from tauro_nb.store.protocol import Store
from tauro_nb.store.walk import walk


class FakeServer:
    """Keeps what it is told, points as often as they come; harms one request.

    Parameters
    ----------
    harm : int
        Which request is harmed, counted from 0; -1: none.
    before : bool
        Whether it is harmed before it is done, or afterwards: then its acknowledgement is lost.
    """

    def __init__(self, address: Address, harm: int = -1, *, before: bool = False) -> None:
        self.address = address
        self.harm, self.before = harm, before
        self.count = 0
        self.made: dict[str, SimpleNamespace] = {}
        self.models: dict[str, SimpleNamespace] = {}
        self.registered: dict[str, SimpleNamespace] = {}
        self.refused: set[str] = set()
        self._ids = itertools.count(1)

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name.startswith("_") or name == "shown" or not callable(found):
            return found

        def ask(*args: Any, **named: Any) -> Any:
            number, self.count = self.count, self.count + 1
            if number == self.harm and self.before:
                raise MirrorUnreachable("it is down")
            answer = found(*args, **named)
            if number == self.harm:
                raise MirrorUnreachable("its answer was lost")
            return answer

        return ask

    def place(self, experiment: str) -> str:
        return f"place of {experiment}"

    def find_runs(self, place: str, run_id: str) -> list[str]:
        return [key for key, run in self.made.items() if run.place == place and run.tags.get("tauro.run_id") == run_id]

    def create_run(self, place: str, name: str, started_ms: int, tags: dict[str, str]) -> str:
        key = f"there-{next(self._ids)}"
        info = SimpleNamespace(lifecycle_stage="active")
        self.made[key] = SimpleNamespace(
            place=place, name=name, tags=dict(tags), params={}, points=Counter(), status="RUNNING", files={}, info=info
        )
        return key

    def run(self, key: str) -> Any:
        return self.made[key]

    def log(self, key: str, *, params: Any = None, tags: Any = None, points: Any = (), model_id: Any = None) -> None:
        if key not in self.made:
            raise MirrorGone("no such run")
        run = self.made[key]
        assert len(points) <= 1_000
        assert len(params or ()) <= 100
        assert len(tags or ()) <= 100
        told = {*(params or ()), *(tags or ()), *(point.key for point in points)}
        if run.info.lifecycle_stage != "active" or told & self.refused:
            raise MirrorRefused("not like this")
        for name, value in (params or {}).items():
            if run.params.setdefault(name, value) != value:
                raise MirrorRefused("a parameter stays as it is")
        run.tags |= tags or {}
        if model_id is None:
            run.points.update((point.key, point.shown, point.at_ms, point.step) for point in points)
        else:
            self.models[model_id].metrics |= {point.key: point.shown for point in points}

    def set_inputs(self, key: str, datasets: Any) -> None:
        self.made[key].inputs = {each.name: each.digest for each in datasets}

    def known(self, key: str, points: Any) -> set[Any]:
        return {point for point in points if self.made[key].points[point.key, point.shown, point.at_ms, point.step]}

    def delete_tag(self, key: str, name: str) -> None:
        del self.made[key].tags[name]

    def rename_run(self, key: str, name: str) -> None:
        self.made[key].name = name

    def set_status(self, key: str, status: str, ended_ms: int | None) -> None:
        self.made[key].status = status

    def delete_run(self, key: str) -> None:
        self.made[key].info.lifecycle_stage = "deleted"

    def restore_run(self, key: str) -> None:
        self.made[key].info.lifecycle_stage = "active"

    def put_artifact(self, key: str, file: Path, folder: str) -> None:
        self.made[key].files[f"{folder}/{file.name}".lstrip("/")] = file.read_bytes()

    def find_logged_model(self, place: str, tag: str, value: str) -> str:
        return next((key for key, each in self.models.items() if each.place == place and each.tags[tag] == value), "")

    def create_logged_model(self, place: str, name: str, run_id: str | None, *, kind: str, tags: Any) -> str:
        if self.refused & {*tags}:
            raise MirrorRefused("no logged models")
        key = f"m-{next(self._ids)}"
        everything = {"tauro.model": "", "tauro.version_id": "", **tags}
        self.models[key] = SimpleNamespace(place=place, run=run_id, tags=everything, files={}, ready=False, metrics={})
        return key

    def put_model_file(self, model_id: str, file: Path, folder: str) -> None:
        self.models[model_id].files[f"{folder}/{file.name}".lstrip("/")] = file.read_bytes()

    def finish_logged_model(self, model_id: str, run_id: str | None) -> None:
        self.models[model_id].ready = True

    def open_model(self, name: str) -> None:
        self.registered.setdefault(name, SimpleNamespace(versions=[], aliases={}, text=""))

    def describe_model(self, name: str, text: str) -> None:
        self.registered[name].text = text

    def find_version(self, name: str, nonce: str) -> str:
        held = self.registered[name].versions
        return next((str(each.version) for each in held if each.tags["tauro.version_id"] == nonce), "")

    def create_version(self, name: str, model_id: str, run_id: str | None, tags: Any, description: str) -> str:
        held = self.registered[name].versions
        held.append(
            SimpleNamespace(version=len(held) + 1, model=model_id, tags=dict(tags), description=description, stage=None)
        )
        return str(len(held))

    def describe_version(self, name: str, version: str, text: str) -> None:
        self.registered[name].versions[int(version) - 1].description = text

    def tag_version(self, name: str, version: str, key: str, value: str | None) -> None:
        if key in self.refused:
            raise MirrorRefused("not such a tag")
        tags = self.registered[name].versions[int(version) - 1].tags
        tags.pop(key, None) if value is None else tags.update({key: value})

    def move_version(self, name: str, version: str, stage: str | None) -> None:
        self.registered[name].versions[int(version) - 1].stage = stage

    def set_alias(self, name: str, alias: str, version: str | None) -> None:
        aliases = self.registered[name].aliases
        aliases.pop(alias, None) if version is None else aliases.update({alias: version})

    def shown(self) -> Any:
        """Return all that is there, without what differs from time to time."""
        live = {key: run for key, run in self.made.items() if run.info.lifecycle_stage == "active"}
        assert len({run.name for run in live.values()}) == len(live), "a run is there twice"
        return (
            {run.name: (run.status, run.params, run.points, run.files, sorted(run.tags)) for run in live.values()},
            sorted(
                (sorted(each.files), each.ready, sorted(each.metrics.items()), bool(each.run))
                for each in self.models.values()
            ),
            {
                name: (each.aliases, each.text, [(v.stage, v.description, sorted(v.tags)) for v in each.versions])
                for name, each in self.registered.items()
            },
        )


ADDRESS = Address.of("http://mlflow.example")


def office_of(store: Store, server: FakeServer) -> Office:
    return Office(Errand(store=store, address=ADDRESS), server)  # type: ignore[arg-type]


def fill(store: Store, tmp_path: Path) -> list[Waiting]:
    """Log what has every kind of thing in it; return what changed."""
    tracker = ExperimentTracker(store)
    registry = ModelRegistry(store)
    (tmp_path / "a.txt").write_text("a")
    with tracker.start_run("parent", tags={"team": "risk"}) as run:
        run.log_params({f"p{number}": number for number in range(120)})
        for step in range(1_005):
            run.log_metric("loss", 1 / (step + 1))
        run.log_artifact(tmp_path / "a.txt", "sub")
        run.log_model({"w": 1}, "m.pkl")
    with tracker.start_run("kid", parent=run) as kid:
        kid.log_metric("x", 1.0)
    registry.register_model({"w": 1}, "churn", "first", {"auc": 0.9}, {"k": "v"}, run=run)
    registry.register_model({"w": 2}, "churn", metrics={"auc": 0.8})
    registry.promote("churn", 1)
    registry.set_alias("churn", 1, alias="champion")
    assert background.wait()  # who made the runs is found out there, and is delivered too
    return [
        Waiting(experiment=kid.experiment, run_id=kid.run_id),
        Waiting(experiment=run.experiment, run_id=run.run_id),
        Waiting(model="churn"),
    ]


def deliver(store: Store, server: FakeServer, changed: list[Waiting], *, rounds: int = 200) -> Courier:
    """Deliver until nothing waits; a failing request ends the process, and a new one goes on."""
    office = office_of(store, server)
    for each in changed:
        office.ledgers.announce(each)
    for _ in range(rounds):
        courier = Courier(office_of(store, server), lambda _: None)
        while True:
            courier.take()
            if not courier.round() or courier.trouble:
                break
            courier.hurry()
        if not office.ledgers.waiting():
            return courier
    raise AssertionError(f"it never ends: {courier.trouble}")


def test_a_request_that_fails_or_is_not_acknowledged_changes_nothing_in_the_end(tmp_path: Path) -> None:
    store = MemoryStore()
    changed = fill(store, tmp_path)
    undisturbed = FakeServer(ADDRESS)
    deliver(store, undisturbed, changed)
    wanted, requests = undisturbed.shown(), undisturbed.count
    (parent,) = [run for run in undisturbed.made.values() if run.name == "parent"]
    assert sum(parent.points.values()) == 1_005
    assert requests > 30
    for harm, before in itertools.product(range(requests), (True, False)):
        for key in list(walk(store, "logs/mlflow")):
            store.delete(key)
        server = FakeServer(ADDRESS, harm, before=before)
        deliver(store, server, changed)
        assert server.shown() == wanted, f"request {harm} was harmed {'before' if before else 'after'} it was done"


def test_ledgers_that_are_lost_double_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    changed = fill(store, tmp_path)
    server = FakeServer(ADDRESS)
    deliver(store, server, changed)
    wanted = server.shown()
    for entry in list((tmp_path / "store" / "logs" / "mlflow").rglob("*.json")):
        entry.write_bytes(b"{torn") if entry.stat().st_ino % 2 else entry.unlink()
    deliver(store, server, changed)
    assert server.shown() == wanted


def test_a_store_without_folders_is_copied_too(tmp_path: Path) -> None:
    store = MemoryStore()
    server = FakeServer(ADDRESS)
    deliver(store, server, fill(store, tmp_path))
    (parent,) = [run for run in server.made.values() if run.name == "parent"]
    assert parent.files["sub/a.txt"] == b"a"
    assert sum(parent.points.values()) == 1_005


def test_what_a_server_refuses_is_left_out_and_said_and_the_rest_is_there(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    tracker = ExperimentTracker(store)
    with tracker.start_run("run", tags={"bad": "x", "good": "y"}) as run:
        for step in range(50):
            run.log_metrics({"loss": float(step), "poison": float(step)})
        run.log_params({"evil": 1, "fine": 2})
    server = FakeServer(ADDRESS)
    server.refused = {"bad", "poison", "evil"}
    deliver(store, server, [Waiting(experiment=run.experiment, run_id=run.run_id)])
    (there,) = server.made.values()
    assert there.status == "FINISHED"
    assert there.params == {"fine": "2"}
    assert {key for key, *_ in there.points} == {"loss"}
    assert sum(there.points.values()) == 50
    assert there.tags["good"] == "y"
    for name in ("params.evil", "tags.bad", "metrics.poison"):
        assert name in there.tags["tauro.changed"]


def test_what_a_server_takes_in_the_end_is_no_longer_said_to_be_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with ExperimentTracker(store).start_run("run", tags={"bad": "x", "worse": "y"}) as run:
        run.log_model({"weights": [1]}, "m.pkl")
    ModelRegistry(store).register_model({"w": 1}, "churn", tags={"bad": "x"}, run=run)
    server = FakeServer(ADDRESS)
    server.refused = {"bad", "worse", "tauro.model", "tauro.version_id"}
    changed = [Waiting(experiment=run.experiment, run_id=run.run_id), Waiting(model="churn")]
    deliver(store, server, changed)
    ledgers = office_of(store, server).ledgers
    held = {*ledgers.run(run.experiment, run.run_id).changed, *ledgers.model("churn").changed}
    assert held == {"tags.bad", "tags.worse", "models.m.pkl", "v1"}

    server.refused = {"bad"}
    run.set_tags({"bad": "mended", "worse": "mended"})
    ModelRegistry(store).set_tags("churn", 1, {"other": "z"})
    deliver(store, server, changed)
    assert [*ledgers.run(run.experiment, run.run_id).changed] == ["tags.bad"]
    assert [*ledgers.model("churn").changed] == ["v1.tags.bad"]
    server.refused.clear()
    run.set_tag("bad", "again")
    ModelRegistry(store).set_tags("churn", 1, {"bad": "again"})
    deliver(store, server, changed)
    assert not ledgers.run(run.experiment, run.run_id).changed
    assert not ledgers.model("churn").changed
    (there,) = server.made.values()
    assert "tauro.changed" not in there.tags


def test_a_parameter_that_was_overwritten_stays_there_and_its_new_value_is_a_tag(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    run = ExperimentTracker(store).start_run("run")
    run.log_param("rate", 0.1)
    server = FakeServer(ADDRESS)
    office = office_of(store, server)
    office.ledgers.announce(Waiting(experiment=run.experiment, run_id=run.run_id))
    courier = Courier(office, lambda _: None)
    courier.take()
    courier.round()
    run.log_param("rate", 0.2, overwrite=True)
    run.end()
    deliver(store, server, [])
    (there,) = server.made.values()
    assert there.params == {"rate": "0.1"}
    assert there.tags["tauro.param.rate"] == "0.2"


def test_a_run_that_somebody_removed_there_for_good_is_brought_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with ExperimentTracker(store).start_run("run") as run:
        run.log_metric("loss", 1.0)
    server = FakeServer(ADDRESS)
    changed = [Waiting(experiment=run.experiment, run_id=run.run_id)]
    deliver(store, server, changed)
    server.made.clear()
    run.set_tag("late", "yes")
    deliver(store, server, changed)
    (there,) = server.made.values()
    assert there.tags["late"] == "yes"
    assert sum(there.points.values()) == 1


def test_one_thing_that_can_never_be_sent_keeps_nothing_else_from_being_sent(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    tracker = ExperimentTracker(store)
    runs = [tracker.start_run(f"run{number}") for number in range(6)]
    for run in runs:
        run.end()
    server = FakeServer(ADDRESS)
    usual = FakeServer.create_run

    def create_run(self: FakeServer, place: str, name: str, started_ms: int, tags: dict[str, str]) -> str:
        if name == "run0":
            raise MirrorUnreachable("500")
        return usual(self, place, name, started_ms, tags)

    office = office_of(store, server)
    for run in runs:
        office.ledgers.announce(Waiting(experiment=run.experiment, run_id=run.run_id))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeServer, "create_run", create_run)
        told: list[Standing] = []
        courier = Courier(office, told.append)
        for _ in range(30):
            courier.take()
            courier.round()
            courier.hurry()
    assert sorted(run.name for run in server.made.values()) == [f"run{number}" for number in range(1, 6)]
    assert (told[-1].left, "500" in told[-1].trouble) == (1, True)


def test_a_run_that_nobody_told_of_is_found_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    tracker = ExperimentTracker(store)
    first = tracker.start_run("first")
    newcomers = Newcomers(office_of(store, FakeServer(ADDRESS)).archive)

    def look() -> list[str]:
        newcomers._due_s = 0.0
        return [each.run_id for each in newcomers.look()]

    assert look() == [first.run_id]
    assert look() == []
    second = tracker.start_run("second", experiment="other: place")
    assert look() == [second.run_id]
    assert list(newcomers.look()) == [], "it does not look all the time"
    for run in (first, second):
        run.end()
