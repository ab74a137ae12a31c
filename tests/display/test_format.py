import math

import numpy as np
import pytest

from tauro_nb.display import format as fmt


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.96041234, "0.9604"),
        (0.96, "0.96"),
        (12345.67, "12,346"),
        (5000, "5,000"),
        (1.23456e-7, "1.235e-07"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (np.int64(7), "7"),
        (np.float32(0.25), "0.25"),
        (10**12, "1e+12"),
    ],
)
def test_numbers_have_four_significant_digits(value, shown):
    assert fmt.short_number(value) == shown


def test_the_full_value_of_a_shortened_number_is_in_its_title():
    assert fmt.number(0.96041234).title == "0.96041234"
    assert fmt.number(0.5).title == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0123, "12 ms"), (3.44, "3.4 s"), (125, "2 min 5 s"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h"), (None, "")],
)
def test_durations(seconds, shown):
    assert fmt.duration(seconds) == shown


@pytest.mark.parametrize(("count", "shown"), [(512, "512 B"), (1_400, "1.4 kB"), (2_100_000, "2.1 MB"), (0, "0 B")])
def test_sizes(count, shown):
    assert fmt.size(count) == shown


def test_a_long_text_is_cut_and_its_title_has_more_of_it():
    cell = fmt.text("x" * 10_000)
    assert len(cell.text) == fmt.LONGEST
    assert len(cell.title) == fmt.LONGEST_TITLE


def test_any_json_value_can_be_shown():
    assert fmt.value({"a": [1, None]}).text == '{"a": [1, null]}'
    assert fmt.value(True).text == "true"
    assert fmt.value("text").text == "text"
