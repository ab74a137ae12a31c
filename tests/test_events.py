import json
import os
import subprocess
import sys
import threading
import time

import pytest

from tauro_nb.errors import EventTimeout, StoreError, UnknownName
from tauro_nb.events import Event, EventEmitter, EventType, delivery
from tauro_nb.events.lines import JsonLines


@pytest.fixture
def emitter():
    return EventEmitter()


def event(kind=EventType.MODEL_REGISTERED, **data):
    return Event(type=kind, data=data)


def test_callbacks_hear_only_the_type_they_asked_for(emitter):
    heard = []
    emitter.on_event(event_type="MODEL_REGISTERED", callback=heard.append)
    emitter.emit(event(EventType.RUN_STARTED))
    emitter.emit(event(name="churn"))
    assert [item.data for item in heard] == [{"name": "churn"}]


def test_a_star_hears_all_in_order(emitter):
    heard = []
    emitter.on_event("*", lambda item: heard.append(item.type))
    for kind in (EventType.RUN_STARTED, EventType.RUN_ENDED, EventType.MODEL_REGISTERED):
        emitter.emit(event(kind))
    assert heard == ["RUN_STARTED", "RUN_ENDED", "MODEL_REGISTERED"]


def test_an_unknown_type_is_refused_with_the_nearest(emitter):
    with pytest.raises(UnknownName) as caught:
        emitter.on_event("MODEL_REGISTRED", print)
    assert caught.value.fix == "did you mean 'MODEL_REGISTERED'?"


def test_a_callback_that_raises_is_a_warning_and_the_next_is_still_called(emitter):
    heard = []

    def broken(_):
        raise ValueError("no")

    emitter.on_event("*", broken)
    emitter.on_event("*", heard.append)
    with pytest.warns(RuntimeWarning, match="broken for MODEL_REGISTERED raised ValueError: no"):
        emitter.emit(event())
    assert len(heard) == 1


def test_a_rerun_cell_replaces_its_callback(emitter):
    heard = []
    for _ in range(3):
        space = {"heard": heard}
        exec("def handler(event): heard.append(event.type)", space)
        emitter.on_event("*", space["handler"])
        exec("f = lambda event: heard.append('lambda')", space)
        emitter.on_event("*", space["f"])
    emitter.emit(event())
    assert sorted(heard) == ["MODEL_REGISTERED", "lambda"]


def test_closures_made_in_a_loop_are_different_callbacks(emitter):
    heard = []

    def make(i):
        def callback(_):
            heard.append(i)

        return callback

    for i in range(3):
        emitter.on_event("*", make(i))
    emitter.emit(event())
    assert heard == [0, 1, 2]


def test_methods_of_two_objects_are_different_callbacks(emitter):
    class Listener:
        def __init__(self):
            self.heard = 0

        def hear(self, event):
            self.heard += 1

    first, second = Listener(), Listener()
    Listener.hear.__qualname__ = "Listener.hear"  # as of a class that is not local to a function
    for listener in (first, second, second):
        emitter.on_event("RUN_ENDED", listener.hear)
    emitter.emit(Event(type=EventType.RUN_ENDED))
    assert (first.heard, second.heard) == (1, 1)


def test_a_closed_subscription_hears_nothing(emitter):
    heard = []
    with emitter.on_event("*", heard.append):
        emitter.emit(event())
    emitter.emit(event())
    assert len(heard) == 1


def test_a_subscription_can_end_while_an_event_is_delivered_on_another_thread(emitter):
    began, ended = threading.Event(), threading.Event()

    def waits(_):
        began.set()
        assert ended.wait(30)

    subscription = emitter.on_event("*", waits)
    telling = threading.Thread(target=emitter.emit, args=(event(),))
    telling.start()
    assert began.wait(30)
    ending = threading.Thread(target=lambda: (subscription.close(), emitter.on_event("*", print).close(), ended.set()))
    ending.start()
    ending.join(10)
    assert ended.is_set()
    telling.join(30)


def test_a_slow_callback_is_waited_for_once_and_hears_all_in_order_later(emitter):
    heard, quick, go_on = [], [], threading.Event()

    def slow(item):
        go_on.wait(30)
        heard.append(item.data["n"])

    subscription = emitter.on_event("*", slow)
    emitter.on_event("*", lambda item: quick.append(item.data["n"]))
    with pytest.warns(RuntimeWarning, match="slow takes longer than 0.5 s; it is no longer waited for"):
        emitter.emit(event(n=0))
    for n in range(1, 5):
        emitter.emit(event(n=n))
    assert (heard, quick) == ([], [0, 1, 2, 3, 4])
    assert emitter.troubles == {"failed": 0, "late": 1, "dropped": 0}
    subscription.close()
    go_on.set()
    emitter.settle(30)
    subscription.delivery.settle(time.monotonic() + 30)
    assert heard == [0, 1, 2, 3, 4]


def test_who_asked_first_is_told_first_however_long_that_takes(emitter):
    heard = []
    for number in range(3):
        emitter.on_event(
            "*", lambda item, number=number: (time.sleep(0.01 * (3 - number)), heard.append((item.data["n"], number)))
        )
    others = [threading.Thread(target=emitter.emit, args=(event(n=n),)) for n in range(3)]
    for each in others:
        each.start()
    for each in others:
        each.join()
    emitter.settle(30)
    for n in range(3):
        assert [number for event_number, number in heard if event_number == n] == [0, 1, 2]
    assert emitter.troubles["late"] == 0


def test_a_callback_is_not_late_for_another_that_was_told_before_it(emitter):
    go_on = threading.Event()
    heard = []
    emitter.on_event("*", lambda _: go_on.wait(30))
    emitter.on_event("*", heard.append)
    with pytest.warns(RuntimeWarning, match="takes longer than"):
        emitter.emit(event())
    emitter.emit(event())
    assert len(heard) == 2
    assert emitter.troubles["late"] == 1
    go_on.set()


def test_a_callback_that_keeps_raising_is_told_once_and_counted_each_time(emitter):
    def broken(_):
        raise SystemExit(3)

    emitter.on_event("*", broken)
    with pytest.warns(RuntimeWarning, match="broken for MODEL_REGISTERED raised SystemExit: 3"):
        emitter.emit(event())
    for _ in range(3):
        emitter.emit(event())
    assert emitter.troubles["failed"] == 4


def test_a_callback_far_behind_misses_the_oldest_events(emitter, monkeypatch):
    monkeypatch.setattr(delivery, "MOST_WAITING", 3)
    heard, began, go_on = [], threading.Event(), threading.Event()

    def behind(item):
        began.set()
        go_on.wait(30)
        heard.append(item.data["n"])

    emitter.on_event("*", behind)
    with pytest.warns(RuntimeWarning):
        emitter.emit(event(n=0))
    assert began.wait(30)
    for n in range(1, 4):
        emitter.emit(event(n=n))
    with pytest.warns(RuntimeWarning, match="is 3 events behind"):
        emitter.emit(event(n=4))
    emitter.emit(event(n=5))
    go_on.set()
    emitter.settle(30)
    assert heard == [0, 3, 4, 5]
    assert emitter.troubles["dropped"] == 2


def test_callbacks_may_emit_events_themselves(emitter):
    heard = []

    def promote(item):
        if item.type == "MODEL_REGISTERED":
            emitter.emit(event(EventType.MODEL_PROMOTED))

    emitter.on_event("*", promote)
    emitter.on_event("*", lambda item: heard.append(item.type))
    emitter.emit(event())
    emitter.settle(30)
    assert heard == ["MODEL_REGISTERED", "MODEL_PROMOTED"]
    assert emitter.troubles["late"] == 0


def test_what_belongs_to_one_thread_is_called_on_the_thread_that_emits(emitter):
    threads = []
    emitter.on_event("*", lambda _: threads.append(threading.current_thread()), inline=True)
    emitter.on_event("*", lambda _: threads.append(threading.current_thread().name.partition("<")[0]))
    emitter.emit(event())
    assert threading.current_thread() in threads
    assert any(isinstance(name, str) and name.startswith("tauro-events-") for name in threads)


def test_waiting_returns_the_next_event_of_the_type_or_says_that_none_came(emitter):
    emitter.emit(event(n=0))
    with pytest.raises(EventTimeout, match="no event MODEL_REGISTERED within"):
        emitter.wait_for("MODEL_REGISTERED", 0.01)
    assert emitter.wait_for("*", 0, since_ns=0).data == {"n": 0}
    telling = threading.Timer(0.05, lambda: (emitter.emit(event(EventType.RUN_STARTED)), emitter.emit(event(n=1))))
    telling.start()
    assert emitter.wait_for(EventType.MODEL_REGISTERED, timeout_s=30).data == {"n": 1}
    telling.join()
    with pytest.raises(UnknownName):
        emitter.wait_for("MODEL_REGISTRED", 1)


def test_events_go_to_a_file_as_lines_of_json_without_secrets(emitter, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_SERVICE_TOKEN", "dapi0123456789")
    path = tmp_path / "logs" / "events.jsonl"
    emitter.to_jsonl(path)
    with emitter.to_jsonl(path):  # once: the same file
        emitter.emit(
            Event(
                type=EventType.MODEL_PROMOTED,
                environment="prod",
                store="/data/store",
                at_ns=1_700_000_000_000_000_000,
                subject=object(),
                data={
                    "model": "churn",
                    "comment": "via https://bob:hunter2@host/x with dapi0123456789",
                    "metrics": {"auc": float("nan"), "tokens": 12},
                    "api_key": "k",
                    "nodes": ("a", "b"),
                },
            )
        )
    emitter.emit(event())
    (told,) = map(json.loads, path.read_text().splitlines())
    assert told == {
        "at": "2023-11-14T22:13:20+00:00",
        "type": "MODEL_PROMOTED",
        "environment": "prod",
        "store": "/data/store",
        "data": {
            "model": "churn",
            "comment": "via https://***@host/x with ***",
            "metrics": {"auc": "NaN", "tokens": 12},
            "api_key": "***",
            "nodes": ["a", "b"],
        },
    }


def test_a_file_may_take_the_events_of_one_store_alone(emitter, tmp_path):
    emitter.to_jsonl(tmp_path / "a.jsonl", store="a")
    for store in ("a", "b", None):
        emitter.emit(Event(type=EventType.RUN_ENDED, store=store))
    assert [json.loads(line)["store"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == ["a"]


def test_a_line_for_which_there_was_no_room_spoils_no_later_one(tmp_path):
    resource = pytest.importorskip("resource")
    lines = JsonLines.at(tmp_path / "events.jsonl", None)
    lines(event())
    whole = lines.path.stat().st_size
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 20, most))
    try:
        with pytest.raises(OSError, match="too large"):
            lines(event())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lines(event())
    lines(event())
    first, torn, *later = lines.path.read_bytes().splitlines()
    assert torn == first[:20]
    assert [json.loads(each)["type"] for each in later] == [json.loads(first)["type"]] * 2


def test_a_place_that_takes_no_events_is_refused_at_once(emitter, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="events cannot be written"):
        emitter.to_jsonl(tmp_path / "file" / "events.jsonl")


def test_a_late_callback_hears_the_last_events_before_the_process_ends():
    script = """
import time, warnings
from tauro_nb.events import Event, EventType, get_event_emitter
warnings.simplefilter("ignore")
get_event_emitter().on_event("*", lambda event: (time.sleep(0.7), print(event.type, flush=True)))
get_event_emitter().emit(Event(type=EventType.RUN_STARTED))
get_event_emitter().emit(Event(type=EventType.RUN_ENDED))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "RUN_STARTED\nRUN_ENDED\n", done.stderr


def test_where_no_thread_starts_any_more_callbacks_are_called_at_once(emitter, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    heard = []
    emitter.on_event("*", heard.append)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for n in range(2):
        emitter.emit(event(n=n))
    assert [item.data["n"] for item in heard] == [0, 1]


def test_the_history_keeps_events_without_their_live_objects(emitter):
    emitter.emit(Event(type=EventType.RUN_STARTED, subject=object(), data={"run_id": "a"}))
    (kept,) = emitter.history
    assert kept.data == {"run_id": "a"}
    assert kept.subject is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_while_a_callback_works_in_another_thread_can_emit():
    script = """
import os, threading
from tauro_nb.events import Event, EventType, get_event_emitter

emitter, began, go_on = get_event_emitter(), threading.Event(), threading.Event()
subscription = emitter.on_event("*", lambda _: (began.set(), go_on.wait(30)))
threading.Thread(target=emitter.emit, args=(Event(type=EventType.RUN_STARTED),)).start()
began.wait(30)
pid = os.fork()
if pid == 0:
    subscription.close()
    emitter.emit(Event(type=EventType.RUN_ENDED))
    os._exit(0)
print(os.waitpid(pid, 0)[1])
go_on.set()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "0\n", done.stderr
