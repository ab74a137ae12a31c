import os
import subprocess
import sys
import threading

import pytest

from tauro_nb.errors import UnknownName
from tauro_nb.events import Event, EventEmitter, EventType


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
