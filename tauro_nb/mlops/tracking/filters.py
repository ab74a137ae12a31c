"""The filter grammar of `search_runs`, which is MLflow's: from text to conditions, and back.

::

    filter     =  [ condition { AND condition } ]
    condition  =  field ( compare value | [ NOT ] IN "(" value { "," value } ")" | IS [ NOT ] NULL )
    compare    =  "=" | "!=" | "<" | "<=" | ">" | ">=" | LIKE | ILIKE
    field      =  ( "metrics." | "params." | "tags." | "attributes." ) name  |  attribute
    name       =  plain | `quoted` | "quoted"
    value      =  number | 'quoted' | "quoted"

Keywords are read in any case; a quote within quotes is doubled. A plain name is everything up to a space, comma,
parenthesis, quote or comparison sign: ``metrics.val/loss`` needs no quotes. MLflow's other spellings of the prefixes are
taken too. Beyond MLflow, a parameter compares with a number as a number, and times are also taken as ISO text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NoReturn

import msgspec

from tauro_nb.errors import FilterError, nearest

Section = Literal["metrics", "params", "tags", "attributes"]
Value = str | float

SECTIONS: dict[str, Section] = {
    "metrics": "metrics", "metric": "metrics",
    "params": "params", "param": "params", "parameters": "params", "parameter": "params",
    "tags": "tags", "tag": "tags",
    "attributes": "attributes", "attribute": "attributes", "attr": "attributes", "run": "attributes",
}  # fmt: skip

ATTRIBUTES = (
    "run_id",
    "run_name",
    "experiment",
    "status",
    "start_time",
    "end_time",
    "duration_s",
    "user_id",
    "parent_id",
)
NUMERIC_ATTRIBUTES = frozenset({"start_time", "end_time", "duration_s"})
"""Times are milliseconds since the epoch, as in MLflow."""
_ALIASES = {"created": "start_time", "experiment_name": "experiment", "name": "run_name", "user": "user_id"}

_ORDERED = ("=", "!=", "<", "<=", ">", ">=")
_TEXTUAL = ("=", "!=", "LIKE", "ILIKE")

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*")
      | (?P<tick>`(?:[^`]|``)*`)
      | (?P<sign><=|>=|!=|<>|==|=|<|>)
      | (?P<mark>[(),])
      | (?P<word>[^\s'"`<>=!(),]+)""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)


class Field(msgspec.Struct, frozen=True):
    """What a condition or an order looks at."""

    section: Section
    name: str

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
    """``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``LIKE``, ``ILIKE``, ``IN``, ``NOT IN``, ``IS NULL``, ``IS NOT NULL``."""
    value: Value | tuple[Value, ...] | None = None

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


def parse_filter(text: str) -> tuple[Condition, ...]:
    """Read a filter.

    Raises
    ------
    FilterError
        With the place, what stands there and what was expected.
    """
    reader = _Reader(text, "filter")
    conditions = []
    while not reader.at_end:
        if conditions:
            reader.keyword("AND")
        conditions.append(_condition(reader))
    return tuple(conditions)


def format_filter(conditions: Iterable[Condition]) -> str:
    """Write conditions as the text that `parse_filter` reads as the same."""
    return " AND ".join(map(str, conditions))


def parse_order(text: str) -> Order:
    """Read one entry of ``order_by``: a field, then nothing, ASC or DESC.

    Raises
    ------
    FilterError
    """
    reader = _Reader(text, "order")
    field = reader.field()
    descending = reader.word.upper() == "DESC"
    if not reader.at_end:
        if reader.word.upper() not in ("ASC", "DESC"):
            reader.expected("ASC, DESC or the end")
        reader.advance()
    if not reader.at_end:
        reader.expected("the end")
    return Order(field, descending)


def _condition(reader: _Reader) -> Condition:
    field = reader.field()
    numeric = field.section == "metrics" or (field.name in NUMERIC_ATTRIBUTES and field.section == "attributes")
    allowed = _ORDERED if numeric or field.section == "params" else _TEXTUAL
    word = reader.word.upper()
    if word == "IS":
        reader.advance()
        negated = reader.word.upper() == "NOT"
        if negated:
            reader.advance()
        reader.keyword("NULL")
        return Condition(field, "IS NOT NULL" if negated else "IS NULL")
    if word in ("IN", "NOT"):
        reader.advance()
        if word == "NOT":
            reader.keyword("IN")
        return Condition(field, "NOT IN" if word == "NOT" else "IN", reader.values(field))
    operator = {"==": "=", "<>": "!="}.get(reader.sign, reader.sign) or word
    if field.section == "params" and operator in ("LIKE", "ILIKE"):
        allowed = _TEXTUAL
    if operator not in allowed:
        reader.expected(
            f"{', '.join(allowed if field.section != 'params' else (*_ORDERED, 'LIKE', 'ILIKE'))}, IN, NOT IN or IS"
        )
    reader.advance()
    value = reader.value(field, text_only=operator in ("LIKE", "ILIKE"), number_only=operator[0] in "<>")
    return Condition(field, operator, value)


class _Reader:
    """The tokens of one text, and where the reading stands."""

    def __init__(self, text: str, kind: str) -> None:
        self._text = text
        self._kind = kind
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                self._tokens.append(("bad", text[at:], at))
                break
            if found.lastgroup != "space":
                self._tokens.append((found.lastgroup or "", found[0], at))
            at = found.end()
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place >= len(self._tokens)

    @property
    def word(self) -> str:
        return self._now("word")

    @property
    def sign(self) -> str:
        return self._now("sign")

    def advance(self) -> None:
        self._place += 1

    def keyword(self, name: str) -> None:
        if self.word.upper() != name:
            self.expected(name if name != "AND" else "AND or the end")
        self.advance()

    def field(self) -> Field:
        word, at = self.word, self._at()
        if not word:
            self.expected("a field such as metrics.accuracy, params.model, tags.team or start_time")
        self.advance()
        prefix, dot, name = word.partition(".")
        if not dot:
            return Field("attributes", self._attribute(word, at))
        section = SECTIONS.get(prefix.lower())
        if section is None:
            self._fail(
                at, word, "a field that begins with metrics., params., tags. or attributes.", nearest(prefix, SECTIONS)
            )
        if not name:
            name = self._quoted()
        if section == "attributes":
            return Field(section, self._attribute(name, at))
        return Field(section, name)

    def value(self, field: Field, *, text_only: bool = False, number_only: bool = False) -> Value:
        numeric = field.section == "metrics" or (field.section == "attributes" and field.name in NUMERIC_ATTRIBUTES)
        is_time = numeric and field.name in ("start_time", "end_time") and field.section == "attributes"
        takes_number = (numeric or field.section == "params") and not text_only
        takes_text = not numeric and not (number_only and field.section == "params")
        text = self._now("text")
        if text and (takes_text or is_time):
            held = text[1:-1].replace(text[0] * 2, text[0])
            if is_time:
                from tauro_nb.mlops.tracking.times import milliseconds

                moment = milliseconds(held)
                if moment is None:
                    self.expected("a time such as '2026-11-24 06:00', or milliseconds since the epoch")
                self.advance()
                return moment
            self.advance()
            return held
        if takes_number and _NUMBER.fullmatch(self.word):
            number = float(self.word)
            self.advance()
            return number
        wanted = " or ".join(
            name
            for name, holds in (
                ("a number", takes_number),
                ("a text in quotes", takes_text),
                ("a time in quotes", is_time),
            )
            if holds
        )
        self.expected(wanted)

    def values(self, field: Field) -> tuple[Value, ...]:
        if self._now("mark") != "(":
            self.expected("(")
        found = []
        while True:
            self.advance()
            found.append(self.value(field))
            if self._now("mark") == ")":
                self.advance()
                return tuple(found)
            if self._now("mark") != ",":
                self.expected(", or )")

    def expected(self, what: str) -> NoReturn:
        found = self._tokens[self._place][1] if not self.at_end else ""
        self._fail(self._at(), found, what, None)

    def _quoted(self) -> str:
        for kind in ("tick", "text"):
            if token := self._now(kind):
                held = token[1:-1].replace(token[0] * 2, token[0])
                if held:
                    self.advance()
                    return held
        self.expected("a name, in `backticks` where it has spaces")

    def _attribute(self, name: str, at: int) -> str:
        name = _ALIASES.get(name.lower(), name.lower())
        if name not in ATTRIBUTES:
            self._fail(
                at,
                name,
                "an attribute, or a field that begins with metrics., params. or tags.",
                nearest(name, ATTRIBUTES),
            )
        return name

    def _now(self, kind: str) -> str:
        if self.at_end or self._tokens[self._place][0] != kind:
            return ""
        return self._tokens[self._place][1]

    def _at(self) -> int:
        return len(self._text) if self.at_end else self._tokens[self._place][2]

    def _fail(self, at: int, found: str, expected: str, fix: str | None) -> NoReturn:
        raise FilterError(
            f"{self._kind} {self._text!r}, character {at + 1}: expected {expected}, found {found[:40]!r}"
            if found
            else f"{self._kind} {self._text!r}, at its end: expected {expected}",
            fix=fix or "write it like: metrics.accuracy > 0.9 and params.model = 'svm'",
        )


def _spelled(value: Value) -> str:
    if isinstance(value, str):
        return f"'{value.replace(chr(39), chr(39) * 2)}'"
    return f"{value!r}"
