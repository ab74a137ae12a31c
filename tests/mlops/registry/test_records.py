from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.mlops import encoding
from tauro_nb.mlops.registry.records import Act, EventRecord, State, replay
from tauro_nb.store.memory import MemoryStore

STAGES = ["Staging", "Production", "Archived", None]


def event(sequence: int, act: Act, version: int, stage: str | None, alias: str) -> EventRecord:
    return EventRecord(sequence=sequence, nonce="n", at_ns=sequence, act=act, version=version, stage=stage, alias=alias)


acts = st.lists(
    st.tuples(
        st.sampled_from([act for act in Act if act is not Act.REGISTERED]),
        st.integers(1, 5),
        st.sampled_from(STAGES),
        st.sampled_from(["champion", "rival"]),
    ),
    max_size=30,
).map(lambda rows: [event(number, *row) for number, row in enumerate(rows, 1)])


@given(acts)
def test_no_order_of_acts_puts_two_versions_where_one_belongs(events: list[EventRecord]) -> None:
    held = list(replay(State(), events).stages.values())
    assert held.count("Production") <= 1
    assert held.count("Staging") <= 1


@given(acts, st.integers(0, 30))
def test_replaying_in_two_goes_comes_to_the_same(events: list[EventRecord], at: int) -> None:
    assert replay(replay(State(), events[:at]), events[at:]) == replay(State(), events)


@given(acts)
def test_an_event_reads_as_it_was_written(events: list[EventRecord]) -> None:
    store = MemoryStore()
    for each in events:
        store.put("event", encoding.encode(each))
        assert encoding.read(store, "event", EventRecord) == each


def test_replaying_leaves_the_state_before_as_it_was() -> None:
    before = replay(State(), [event(1, Act.PROMOTED, 1, "Production", "")])
    replay(before, [event(2, Act.PROMOTED, 2, "Production", "")])
    assert before.stages == {1: "Production"}
