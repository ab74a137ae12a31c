"""What is printed while a pipeline runs where there are no cards: the tutorial's lines."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

from tauro_nb.display import live, watching
from tauro_nb.display.progress import ProgressLines, duration
from tauro_nb.events import Event, EventType, get_event_emitter
from tauro_nb.session import open_session

STEPS = """
    from tauro_nb import ExperimentTracker, Run

    def first(run: Run):
        run.log_metric("x", 1.0)

    def second(tracker: ExperimentTracker):
        for name in ("one", "two"):
            with tracker.start_run(name):
                pass

    def broken():
        raise ZeroDivisionError("mine")

    def after():
        pass
"""


@pytest.fixture
def session(make_project, tmp_path):
    nodes = {"first": {}, "second": {}, "broken": {}, "after": {"dependencies": ["broken"]}}
    make_project(STEPS, nodes, pipelines={"good": ["first", "second"], "bad": ["first", "broken", "after"]})
    opened = open_session(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def lines():
    """What was printed; a tick before what went well."""
    return []


@pytest.fixture
def watch(lines):
    return lambda **how: watching.runs(lambda text: lines.append(f"✓ {text}"), lines.append, **how)


@pytest.mark.parametrize("cards", [True, False])
def test_each_line_is_printed_when_it_has_come_true(session, lines, watch, cards):
    with watch(cards=cards):
        session.run("good")
    assert lines[:3] == [
        "✓ Starting execution...",
        f"✓ first {'.' * 34} [1/2]",
        f"✓ second {'.' * 33} [2/2]",
    ]
    assert re.fullmatch(r"✓ Pipeline completed in \d+\.\d seconds", lines[3])
    assert len(lines) == 4


def test_a_node_that_fails_and_what_is_skipped_have_no_tick(session, lines, watch):
    with watch(), pytest.raises(ZeroDivisionError):
        session.run("bad")
    assert lines[2:] == [
        f"✗ broken {'.' * 33} [2/3] failed",
        f"- after {'.' * 34} [3/3] skipped",
    ]


def test_a_single_node_has_its_line(session, lines, watch):
    with watch():
        session.node("first")
    assert any(line.startswith("✓ first ") for line in lines)


def test_after_the_block_nothing_is_printed(session, lines, watch):
    with watch():
        pass
    session.run("good")
    assert lines == []


def test_an_error_in_the_block_ends_the_watching(session, lines, watch):
    with pytest.raises(ValueError, match="of the block"), watch():
        raise ValueError("of the block")
    session.run("good")
    assert lines == []


def test_two_watchers_hear_the_same(session):
    heard = [], []
    emitter = get_event_emitter()
    first, second = (ProgressLines(each.append, each.append) for each in heard)
    with emitter.on_event("*", first), emitter.on_event("*", second):
        session.run("good")
    assert heard[0] == heard[1] != []


def test_a_long_name_keeps_its_place_in_the_line(lines):
    say = ProgressLines(lines.append, lines.append)
    data = {"node": "n" * 60, "position": 1, "total": 2, "status": "INTERRUPTED"}
    say(Event(type=EventType.NODE_ENDED, data=data))
    assert lines == [f"✗ {'n' * 60}  [1/2] interrupted"]


@pytest.mark.parametrize("kind", [EventType.RUN_STARTED, EventType.MODEL_REGISTERED, EventType.NODE_STARTED])
def test_other_events_have_no_line(lines, kind):
    ProgressLines(lines.append, lines.append)(Event(type=kind))
    assert lines == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0 seconds"),
        (0.44, "0.4 seconds"),
        (9.94, "9.9 seconds"),
        (9.96, "10 seconds"),
        (45.2, "45 seconds"),
        (119.4, "119 seconds"),
        (119.6, "2 min 0 s"),
        (200, "3 min 20 s"),
        (7_199.4, "119 min 59 s"),
        (7_500, "2 h 5 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_a_duration_is_said_as_a_person_does(seconds, said):
    assert duration(seconds) == said


def test_no_module_of_the_live_views_hides_a_name_of_their_package():
    for module in pkgutil.iter_modules(live.__path__):
        importlib.import_module(f"{live.__name__}.{module.name}")
    assert {name: callable(getattr(live, name)) for name in live.__all__} == dict.fromkeys(live.__all__, True)
