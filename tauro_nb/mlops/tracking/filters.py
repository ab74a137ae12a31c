"""The filter grammar of runs and of versions of models, which is MLflow's: from text to conditions, and back.

::

    filter     =  [ condition { AND condition } ]
    condition  =  field ( compare value | [ NOT ] IN "(" value { "," value } ")" | IS [ NOT ] NULL )
    compare    =  "=" | "!=" | "<" | "<=" | ">" | ">=" | LIKE | ILIKE
    field      =  ( "metrics." | "params." | "tags." | "attributes." ) name  |  attribute
    name       =  plain | `quoted` | "quoted"
    value      =  number | 'quoted' | "quoted"

Keywords are read in any case; a quote within quotes is doubled. A plain name is everything up to a space, comma,
parenthesis, quote or comparison sign: ``metrics.val/loss`` needs no quotes. MLflow's other spellings of the prefixes
are taken too. Beyond MLflow, a parameter compares with a number as a number, ``IN`` goes with every field, times may be
written as ISO text, and ``= nan`` finds what is NaN.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

import msgspec

from tauro_nb.errors import FilterError, nearest

Section = Literal["metrics", "params", "tags", "attributes"]
Value = str | float

SECTIONS: dict[str, Section] = {
    "metrics": "metrics",
    "metric": "metrics",
    "params": "params",
    "param": "params",
    "parameters": "params",
    "parameter": "params",
    "tags": "tags",
    "tag": "tags",
    "attributes": "attributes",
    "attribute": "attributes",
    "attr": "attributes",
    "run": "attributes",
}

ATTRIBUTES = {
    "run_id": "text",
    "run_name": "text",
    "experiment": "text",
    "status": "text",
    "user_id": "text",
    "parent_id": "text",
    "start_time": "time",
    "end_time": "time",
    "duration_s": "number",
}
"""Every attribute of a run, and what it compares with. Times are milliseconds since the epoch, as in MLflow."""

VERSION_ATTRIBUTES = {
    "name": "text",
    "version": "number",
    "stage": "text",
    "alias": "text",
    "flavor": "text",
    "description": "text",
    "created_at": "time",
    "run_id": "text",
    "experiment": "text",
    "user": "text",
    "size_bytes": "number",
}
"""Every attribute of a version of a model."""


class Searched(msgspec.Struct, frozen=True):
    """What a filter is written for."""

    attributes: Mapping[str, str]
    aliases: Mapping[str, str]
    """Other names of attributes."""
    example: str
    """One of them."""


RUNS = Searched(
    ATTRIBUTES,
    {"created": "start_time", "experiment_name": "experiment", "name": "run_name", "user": "user_id"},
    "start_time",
)
VERSIONS = Searched(
    VERSION_ATTRIBUTES,
    {
        "aliases": "alias",
        "created": "created_at",
        "creation_timestamp": "created_at",
        "experiment_name": "experiment",
        "model_name": "name",
        "registered": "created_at",
        "user_id": "user",
        "version_number": "version",
    },
    "stage",
)

_KINDS = {**ATTRIBUTES, **VERSION_ATTRIBUTES}
_COMPARE = ("=", "!=", "<", "<=", ">", ">=")
_MATCH = ("LIKE", "ILIKE")
_OPERATORS: dict[str, tuple[str, ...]] = {
    "number": _COMPARE,
    "time": _COMPARE,
    "text": ("=", "!=", *_MATCH),
    "any": (*_COMPARE, *_MATCH),
}

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*")
      | (?P<tick>`(?:[^`]|``)*`)
      | (?P<sign><=|>=|!=|<>|==|=|<|>)
      | (?P<mark>[(),])
      | (?P<word>[^\s'"`<>=!(),]+)
      | (?P<rest>.+)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)
_EXAMPLE = "write it like: metrics.accuracy > 0.9 and params.model = 'svm'"


class Field(msgspec.Struct, frozen=True):
    """What a condition or an order looks at."""

    section: Section
    name: str

    @property
    def kind(self) -> str:
        """What it compares with: "number", "time", "text", or "any" (text and numbers)."""
        if self.section == "attributes":
            return _KINDS[self.name]
        return {"metrics": "number", "params": "any", "tags": "text"}[self.section]

    def __str__(self) -> str:
        if self.section == "attributes":
            return self.name
        plain = _TOKEN.fullmatch(self.name)
        shown = self.name if plain and plain.lastgroup == "word" else f"`{self.name.replace('`', '``')}`"
        return f"{self.section}.{shown}"


class Condition(msgspec.Struct, frozen=True):
    """One comparison; a filter is several, which must all hold."""

    field: Field
    operator: str
    """``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``LIKE``, ``ILIKE``, ``[NOT] IN`` or ``IS [NOT] NULL``."""
    value: Value | tuple[Value, ...] | None = None
    """Several for ``IN``, none for ``NULL``."""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.field} {self.operator}"
        if isinstance(self.value, tuple):
            return f"{self.field} {self.operator} ({', '.join(map(_spelled, self.value))})"
        return f"{self.field} {self.operator} {_spelled(self.value)}"


class Order(msgspec.Struct, frozen=True):
    """One key to sort by."""

    field: Field
    descending: bool = False


def parse_filter(text: str, searched: Searched = RUNS) -> tuple[Condition, ...]:
    """Read a filter of runs, or of what else is `searched`.

    Raises
    ------
    FilterError
        With the place, what stands there and what was expected.
    """
    reader = _Reader(text, "filter", searched)
    conditions: list[Condition] = []
    while not reader.at_end:
        if conditions:
            reader.take_keyword("AND", "AND or the end")
        conditions.append(_condition(reader))
    return tuple(conditions)


def parse_orders(order_by: str | Iterable[str] | None, searched: Searched = RUNS) -> list[Order]:
    """Read ``order_by``: fields, each with nothing, ASC or DESC after it.

    Raises
    ------
    FilterError
    """
    if order_by is None or isinstance(order_by, str):
        order_by = [order_by] if order_by else []
    if not isinstance(order_by, Iterable):
        raise FilterError(f"order_by={order_by!r} is no list of orders", fix='write it like: ["metrics.accuracy DESC"]')
    return [_order(each, searched) for each in order_by]


def _order(text: str, searched: Searched) -> Order:
    reader = _Reader(text, "order", searched)
    field = reader.take_field()
    descending = reader.keyword == "DESC"
    if reader.keyword in ("ASC", "DESC"):
        reader.advance()
    if not reader.at_end:
        raise reader.expected("ASC, DESC or the end")
    return Order(field, descending)


def _condition(reader: _Reader) -> Condition:
    field = reader.take_field()
    if reader.keyword == "IS":
        reader.advance()
        negated = reader.keyword == "NOT"
        if negated:
            reader.advance()
        reader.take_keyword("NULL", "NULL" if negated else "NULL or NOT NULL")
        return Condition(field, "IS NOT NULL" if negated else "IS NULL")
    if reader.keyword in ("IN", "NOT"):
        negated = reader.keyword == "NOT"
        reader.advance()
        if negated:
            reader.take_keyword("IN", "IN")
        return Condition(field, "NOT IN" if negated else "IN", reader.take_values(field.kind))
    allowed = _OPERATORS[field.kind]
    operator = reader.keyword or {"==": "=", "<>": "!="}.get(reader.sign, reader.sign)
    if operator not in allowed:
        raise reader.expected(f"one of {', '.join(allowed)}, IN, NOT IN, IS NULL")
    reader.advance()
    kind = "text" if operator in _MATCH else field.kind
    if kind == "any" and operator[0] in "<>":
        kind = "number"
    return Condition(field, operator, reader.take_value(kind))


class _Reader:
    """The tokens of one text, and where the reading stands."""

    def __init__(self, text: str, what: str, searched: Searched) -> None:
        if not isinstance(text, str):
            raise FilterError(f"{what} {text!r} is a {type(text).__name__}, not text", fix=_EXAMPLE)
        self._text = text
        self._what = what
        self._searched = searched
        self._tokens = [found for found in _TOKEN.finditer(text) if found.lastgroup != "space"]
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place >= len(self._tokens)

    @property
    def keyword(self) -> str:
        return self._now("word").upper()

    @property
    def sign(self) -> str:
        return self._now("sign")

    def advance(self) -> None:
        self._place += 1

    def take_keyword(self, name: str, expected: str) -> None:
        if self.keyword != name:
            raise self.expected(expected)
        self.advance()

    def take_field(self) -> Field:
        word = self._now("word")
        prefix, dot, name = word.partition(".")
        if not word:
            example = self._searched.example
            raise self.expected(f"a field such as metrics.accuracy, params.model, tags.team or {example}")
        if not dot:
            return self._attribute(word)
        section = SECTIONS.get(prefix.lower())
        if section is None:
            fix = nearest(prefix, SECTIONS)
            raise self.expected("a field that begins with metrics., params., tags. or attributes.", fix=fix)
        if section == "attributes":
            return self._attribute(name)
        self.advance()
        return Field(section, name or self._take_quoted())

    def take_value(self, kind: str) -> Value:
        text, word = self._now("text"), self._now("word")
        if text and kind != "number":
            value: Value | None = _unquoted(text) if kind != "time" else _milliseconds(_unquoted(text))
        elif kind != "text" and _NUMBER.fullmatch(word):
            value = float(word)
        else:
            value = None
        if value is None:
            raise self.expected(
                {
                    "number": "a number",
                    "text": "a text in quotes",
                    "any": "a number, or a text in quotes",
                    "time": "milliseconds since the epoch, or a time such as '2026-11-24 06:00'",
                }[kind]
            )
        self.advance()
        return value

    def take_values(self, kind: str) -> tuple[Value, ...]:
        if self._now("mark") != "(":
            raise self.expected("( and a list of values")
        found = []
        while True:
            self.advance()
            found.append(self.take_value(kind))
            mark = self._now("mark")
            if mark not in (",", ")") or not mark:
                raise self.expected(", or )")
            if mark == ")":
                self.advance()
                return tuple(found)

    def expected(self, what: str, *, fix: str | None = None) -> FilterError:
        if self.at_end:
            return FilterError(f"{self._what} {self._text!r}: it ends where {what} is expected", fix=fix or _EXAMPLE)
        token = self._tokens[self._place]
        shown = token[0] if len(token[0]) <= 40 else f"{token[0][:37]}..."
        return FilterError(
            f"{self._what} {self._text!r}: character {token.start() + 1} is {shown!r} where {what} is expected",
            fix=fix or _EXAMPLE,
        )

    def _attribute(self, name: str) -> Field:
        known = self._searched.attributes
        name = self._searched.aliases.get(name.lower(), name.lower())
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise self.expected(
                "an attribute, or a field that begins with metrics., params. or tags.",
                fix=f"did you mean {close[0]!r}?" if close else f"write metrics.{name}, params.{name} or tags.{name}",
            )
        self.advance()
        return Field("attributes", name)

    def _take_quoted(self) -> str:
        name = _unquoted(self._now("tick") or self._now("text"))
        if not name:
            raise self.expected("a name, in `backticks` if it has spaces")
        self.advance()
        return name

    def _now(self, kind: str) -> str:
        if self.at_end or self._tokens[self._place].lastgroup != kind:
            return ""
        return self._tokens[self._place][0]


def _unquoted(token: str) -> str:
    return token[1:-1].replace(token[0] * 2, token[0]) if token else ""


def _milliseconds(text: str) -> float | None:
    """Milliseconds since the epoch of an ISO date or time, UTC unless it says otherwise; None if it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _spelled(value: Value) -> str:
    return repr(value) if isinstance(value, float) else "'" + value.replace("'", "''") + "'"
