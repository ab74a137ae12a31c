from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tauro_nb.errors import FilterError
from tauro_nb.mlops.tracking.filters import (
    ATTRIBUTES,
    Condition,
    Field,
    Order,
    parse_filter,
    parse_orders,
)

ACCURACY = Field("metrics", "accuracy")


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("", []),
        ("  ", []),
        ("metrics.accuracy > 0.9", [Condition(ACCURACY, ">", 0.9)]),
        ("metric.accuracy>=.9", [Condition(ACCURACY, ">=", 0.9)]),
        ("metrics.accuracy<-1e-3", [Condition(ACCURACY, "<", -0.001)]),
        ("metrics.accuracy < inf", [Condition(ACCURACY, "<", float("inf"))]),
        ('metrics."accuracy" == 1', [Condition(ACCURACY, "=", 1.0)]),
        ("metrics.`accuracy` <> 1", [Condition(ACCURACY, "!=", 1.0)]),
        ("metrics.`val ``loss``` <= 1", [Condition(Field("metrics", "val `loss`"), "<=", 1.0)]),
        ("metrics.val/loss <= 1", [Condition(Field("metrics", "val/loss"), "<=", 1.0)]),
        ("params.model = 'it''s'", [Condition(Field("params", "model"), "=", "it's")]),
        ('parameters.model != "svm"', [Condition(Field("params", "model"), "!=", "svm")]),
        ("params.depth > 3", [Condition(Field("params", "depth"), ">", 3.0)]),
        ("tags.team LIKE '%a_' ", [Condition(Field("tags", "team"), "LIKE", "%a_")]),
        ("tag.team ilike '%A'", [Condition(Field("tags", "team"), "ILIKE", "%A")]),
        ("tags.mlflow.runName = 'x'", [Condition(Field("tags", "mlflow.runName"), "=", "x")]),
        ("attributes.run_id IN ('a', \"b\")", [Condition(Field("attributes", "run_id"), "IN", ("a", "b"))]),
        ("run_id not in ('a')", [Condition(Field("attributes", "run_id"), "NOT IN", ("a",))]),
        ("params.depth IN (3, '4')", [Condition(Field("params", "depth"), "IN", (3.0, "4"))]),
        ("tags.team is null", [Condition(Field("tags", "team"), "IS NULL")]),
        ("tags.team IS NOT NULL", [Condition(Field("tags", "team"), "IS NOT NULL")]),
        ("attr.Status = 'FAILED'", [Condition(Field("attributes", "status"), "=", "FAILED")]),
        ("start_time > 1664067852747", [Condition(Field("attributes", "start_time"), ">", 1664067852747.0)]),
        ("created >= '1970-01-02'", [Condition(Field("attributes", "start_time"), ">=", 86_400_000.0)]),
        ("end_time < '1970-01-01T01:00+01:00'", [Condition(Field("attributes", "end_time"), "<", 0.0)]),
        (
            "metrics.accuracy > 0.9 and params.model = 'a and b' AND tags.x = ''",
            [
                Condition(ACCURACY, ">", 0.9),
                Condition(Field("params", "model"), "=", "a and b"),
                Condition(Field("tags", "x"), "=", ""),
            ],
        ),
    ],
)
def test_a_filter_is_read_as_mlflow_reads_it(text: str, conditions: list[Condition]) -> None:
    assert parse_filter(text) == tuple(conditions)


@pytest.mark.parametrize(
    ("text", "at", "found", "expected"),
    [
        ("metrics.accuracy", None, "", "one of =, !="),
        ("metrics.accuracy >", None, "", "a number"),
        ("metrics.accuracy > 'high'", 20, "'high'", "a number"),
        ("metrics.accuracy > 0.9 OR tags.a = 'b'", 24, "OR", "AND or the end"),
        ("metrics.accuracy > 0.9 and", None, "", "a field"),
        ("metrics.accuracy > 0.9 tags.a = 'b'", 24, "tags.a", "AND"),
        ("metrics.accuracy LIKE 'x'", 18, "LIKE", "one of"),
        ("metrics.accuracy ~ 3", 18, "~", "one of"),
        ("metrics. = 1", 10, "=", "a name"),
        ("metrics.val loss > 1", 13, "loss", "one of"),
        ("params.model = svm", 16, "svm", "text in quotes"),
        ("params.model < 'svm'", 16, "'svm'", "a number"),
        ("params.model LIKE 3", 19, "3", "a text in quotes"),
        ("params.model = 'svm", 16, "'svm", "text in quotes"),
        ("tags.a > 'b'", 8, ">", "one of =, !=, LIKE, ILIKE"),
        ("tags.a = 3", 10, "3", "a text in quotes"),
        ("tags.a IN 'b'", 11, "'b'", "("),
        ("tags.a IN ()", 12, ")", "a text"),
        ("tags.a IN ('b' 'c')", 16, "'c'", ", or )"),
        ("tags.a IN ('b',", None, "", "a text"),
        ("tags.a IS 'b'", 11, "'b'", "NULL"),
        ("tags.a NOT LIKE 'b'", 12, "LIKE", "IN"),
        ("accuracy > 0.9", 1, "accuracy", "an attribute"),
        ("metric_s.accuracy > 0.9", 1, "metric_s.accuracy", "metrics., params."),
        ("attributes.nonsense = 'x'", 1, "attributes.nonsense", "an attribute"),
        ("start_time > 'yesterday'", 14, "'yesterday'", "milliseconds"),
        ("(metrics.a > 1)", 1, "(", "a field"),
        ("metrics.a > 1; drop", 13, "1;", "a number"),
        ("metrics.a > 1_0", 13, "1_0", "a number"),
    ],
)
def test_a_wrong_filter_says_where_and_what_was_expected(text: str, at: int | None, found: str, expected: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    message = str(caught.value)
    assert expected in message.rpartition(" where ")[2]
    assert "it ends" in message if at is None else f"character {at} is {found!r}" in message
    assert caught.value.fix
    assert isinstance(caught.value, ValueError)


def test_a_misspelled_prefix_or_attribute_gets_its_mend() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("metrcs.accuracy > 1")
    assert caught.value.fix == "did you mean 'metrics'?"
    with pytest.raises(FilterError) as caught:
        parse_filter("run_nam = 'x'")
    assert caught.value.fix == "did you mean 'run_name'?"


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("metrics.accuracy", Order(ACCURACY)),
        ("metrics.accuracy ASC", Order(ACCURACY)),
        ("metrics.`val loss` desc", Order(Field("metrics", "val loss"), descending=True)),
        ("attributes.start_time DESC", Order(Field("attributes", "start_time"), descending=True)),
        ("start_time", Order(Field("attributes", "start_time"))),
    ],
)
def test_an_order_is_a_field_and_a_direction(text: str, order: Order) -> None:
    assert parse_orders([text]) == [order]


@pytest.mark.parametrize("text", ["", "metrics.a DOWN", "metrics.a DESC, metrics.b", "a", "metrics.a > 1"])
def test_a_wrong_order_is_refused(text: str) -> None:
    with pytest.raises(FilterError, match="order"):
        parse_orders([text])


names = st.text(min_size=1) | st.text(string.ascii_letters + "./-_ `'\"", min_size=1)
texts = st.text()
numbers = st.floats(allow_nan=False).map(float)
fields = st.builds(Field, st.sampled_from(["metrics", "params", "tags"]), names) | st.builds(
    Field, st.just("attributes"), st.sampled_from(sorted(ATTRIBUTES))
)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    field = draw(fields)
    values = {"number": numbers, "time": numbers, "text": texts, "any": numbers | texts}[field.kind]
    operator = draw(st.sampled_from(["=", "!=", "<", ">=", "LIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"]))
    if operator.startswith("IS"):
        return Condition(field, operator)
    if operator.endswith("IN"):
        return Condition(field, operator, tuple(draw(st.lists(values, min_size=1, max_size=4))))
    if operator in ("<", ">="):
        return Condition(
            field, operator if field.kind != "text" else "=", draw(texts if field.kind == "text" else numbers)
        )
    if operator == "LIKE":
        number = field.kind in ("number", "time")
        return Condition(field, "=" if number else "LIKE", draw(numbers if number else texts))
    return Condition(field, operator, draw(values))


@given(st.lists(conditions(), max_size=4))
def test_what_is_written_is_read_as_the_same(wanted: list[Condition]) -> None:
    assert parse_filter(" AND ".join(map(str, wanted))) == tuple(wanted)


@given(st.text() | st.text("metrics.params tags'\"`<>=!(),and in like null 0123456789"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        parse_filter(text)
