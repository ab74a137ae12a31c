from __future__ import annotations

import operator
import os

import pytest

from tauro_nb.testing.processes import in_processes


def test_each_process_is_its_own_and_answers_in_order() -> None:
    assert in_processes(3, operator.mul, 10) == [0, 10, 20]


def test_what_one_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        in_processes(2, operator.floordiv, 0)


def test_a_process_that_dies_is_reported() -> None:
    with pytest.raises(RuntimeError, match="ended with 0"):
        in_processes(1, os._exit)


def test_what_the_work_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert in_processes(1, print) == [None]
    assert capfd.readouterr().err == "0\n"
