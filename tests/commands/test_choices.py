from __future__ import annotations

import pytest

from tauro_nb.commands.choices import choices_of
from tauro_nb.errors import UsageError
from tauro_nb.pipeline.space import Range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50,100,200", [50, 100, 200]),
        ("4", [4]),
        ("null, 1e-3,true,rbf", [None, 0.001, True, "rbf"]),
        ("", [""]),
        ("'a,b',c", ["a,b", "c"]),
        ('"a,\\"b",c', ['a,"b', "c"]),
        ("'it''s, so',b", ["it's, so", "b"]),
        ("don't,won't", ["don't", "won't"]),
        ("[1, 2],[3]", [[1, 2], [3]]),
        ("[1, 2]", [[1, 2]]),
        ("{a: [1, 2], b: 'x,y'},null", [{"a": [1, 2], "b": "x,y"}, None]),
        ("a[1,b]2", ["a[1", "b]2"]),
        ("'1..2',3", ["1..2", 3]),
        ("0.1..0.9", Range(0.1, 0.9)),
        ("log:1e-4..1e-1", Range(1e-4, 1e-1, log=True)),
    ],
)
def test_choices_are_parted_by_commas_outside_quotes_and_brackets(text, expected):
    assert choices_of("key", text) == expected


@pytest.mark.parametrize("text", ["a,,b", "1,", "[1,2", "'a,b", "1..2,3", "5..1"])
def test_what_makes_no_sense_is_told(text):
    with pytest.raises(UsageError) as told:
        choices_of("key", text)
    assert told.value.fix
