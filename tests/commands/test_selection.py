"""Runs as they are typed."""

from __future__ import annotations

import pytest

from tauro_nb.commands.selection import pick
from tauro_nb.errors import RunNotFound, UsageError


@pytest.fixture
def runs(tracker):
    """Four runs, oldest first; two are called `again`."""
    made = []
    for name in ("baseline", "again", "again", "deep"):
        with tracker.start_run(name) as run:
            made.append(run)
    return made


def names(picked):
    return [run.run_id[-4:] for run in picked]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["last:1"], ["run4"]),
        (["last:2"], ["run4", "run3"]),
        (["last:100"], ["run4", "run3", "run2", "run1"]),
        (["baseline"], ["run1"]),
        (["baseline", "last:1"], ["run1", "run4"]),
        (["last:2", "deep", "last:3"], ["run4", "run3", "run2"]),
    ],
)
def test_runs_come_in_the_order_of_the_words_each_once(tracker, runs, words, expected):
    assert names(pick(tracker, words)) == expected


def test_an_id_and_the_beginning_of_one_name_a_run(tracker, runs):
    second = runs[1].run_id
    assert names(pick(tracker, [second])) == ["run2"]
    assert names(pick(tracker, [second[:-2]])) == ["run2"]


def test_a_whole_id_is_never_ambiguous(tracker, runs):
    with tracker.start_run(runs[0].run_id):
        pass
    assert names(pick(tracker, [runs[0].run_id])) == ["run1"]


@pytest.mark.parametrize(("word", "count"), [("again", 2), ("2026", 4), ("", 4)])
def test_a_word_that_names_several_runs_is_refused_and_lists_them(tracker, runs, word, count):
    with pytest.raises(UsageError, match=f"names {count} runs") as told:
        pick(tracker, [word])
    assert str(told.value).count("-run") == count
    assert told.value.fix == "give one of these ids"


def test_of_very_many_runs_of_one_name_only_a_few_are_listed(tracker):
    for _ in range(8):
        with tracker.start_run("again"):
            pass
    with pytest.raises(UsageError, match="names 8 runs") as told:
        pick(tracker, ["again"])
    assert str(told.value).count("-run") == 5


@pytest.mark.parametrize("word", ["last:", "last:0", "last:-1", "last:x", "last:1.5", "last:²"])
def test_last_is_followed_by_how_many(tracker, runs, word):
    with pytest.raises(UsageError, match="how many runs") as told:
        pick(tracker, [word])
    assert told.value.fix == "last:10"


def test_a_word_that_names_no_run_says_what_lists_them(tracker, runs):
    with pytest.raises(RunNotFound, match="'nope'") as told:
        pick(tracker, ["baseline", "nope"])
    assert "tauro runs" in told.value.fix


def test_without_any_run_it_says_so(tracker):
    with pytest.raises(RunNotFound, match="no runs yet"):
        pick(tracker, ["last:1"])
