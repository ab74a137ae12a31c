"""The columns that a terminal gives to a text, and tables that are made to fit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.display import text
from tauro_nb.display.data import Cell, Column, Page, Table
from tauro_nb.display.widths import cut, plain, width


@pytest.mark.parametrize(
    ("shown", "columns"),
    [
        ("plain", 5),
        ("e\u0301", 1),
        ("模型", 4),
        ("한국어", 6),
        ("👍", 2),
        ("👍🏽", 2),
        ("👩‍💻", 2),
        ("❤️", 2),
        ("👍️", 2),
        ("🇩🇪", 2),
        ("", 0),
    ],
)
def test_a_text_takes_the_columns_of_a_terminal(shown, columns):
    assert width(shown) == columns


@given(st.text(), st.integers(1, 30))
def test_a_cut_text_takes_no_more_than_its_room(shown, room):
    assert width(cut(plain(shown), room)) <= room


@given(st.text())
def test_a_plain_text_moves_no_cursor(shown):
    assert not set(plain(shown)) & {chr(c) for c in (*range(32), 127, *range(128, 160), 0x202E, 0x2028)}


def page(n_columns, name="a name that is rather long"):
    columns = (Column("run"), *(Column(f"m{i}", numeric=True) for i in range(n_columns)), Column("id", yields=0))
    row = (Cell(name), *(Cell("0.12345", kind="number") for _ in range(n_columns)), Cell("20261124-095036-3f98254d"))
    return Page("Runs", sections=(Table(columns, (row,)),))


@pytest.mark.parametrize("room", [60, 80, 120, 200])
@pytest.mark.parametrize("n_columns", [0, 1, 4, 30])
def test_a_table_fits_its_terminal_and_says_what_it_left_out(room, n_columns):
    shown = text.render(page(n_columns), room=room)
    assert all(width(line) <= room for line in shown.splitlines())
    assert "20261124-095036-3f98254d" in shown
    assert "0.12345" in shown or n_columns == 0
    left_out = n_columns - shown.count("0.12345")
    assert (left_out > 0) == ("no room for" in shown)


def test_texts_are_cut_before_a_column_is_left_out():
    shown = text.render(page(2), room=62)
    assert "a name that…" in shown or "a name that " in shown
    assert shown.count("0.12345") == 2


def test_what_yields_most_is_left_out_first():
    columns = (Column("run"), Column("when", yields=2), Column("f1"), Column("id", yields=0))
    table = Table(columns, (tuple(Cell("x" * 12) for _ in columns),))
    assert "no room for when" in text.render(Page("Runs", sections=(table,)), room=46)


def test_without_a_terminal_nothing_is_cut():
    assert "x" * 60 in text.render(page(30, name="x" * 60), room=math.inf)
