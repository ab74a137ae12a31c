"""What the types of `schema` mean in plain words, and what lies below a key of them."""

from __future__ import annotations

import re
from typing import Any

from msgspec import inspect

from tauro_nb.config.origins import Keys


def alternatives(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """Return the types that a value of `kind` may have, itself where it is no union."""
    plain = kind.type if isinstance(kind, inspect.Metadata) else kind
    return plain.types if isinstance(plain, inspect.UnionType) else (kind,)


def choices(kind: inspect.Type) -> tuple[str, ...]:
    """Return the texts that `kind` allows, where it allows certain ones only."""
    if isinstance(kind, inspect.Metadata):
        return tuple((kind.extra or {}).get("choices", ()))
    return tuple(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ()


def describe(kind: inspect.Type) -> str:
    """Return what is expected: "a whole number above 0", "one of 'local', 'databricks'"."""
    if isinstance(kind, inspect.UnionType):
        told = [describe(each) for each in kind.types if not isinstance(each, inspect.NoneType)]
        return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra or {}).get("expected") or describe(kind.type))
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(map(repr, kind.values))}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _number(kind)
    if isinstance(kind, inspect.VarTupleType):
        return f"a list of {_plural(kind.item_type)}"
    if isinstance(kind, inspect.DictType) and not isinstance(kind.value_type, inspect.AnyType):
        return f"a mapping of names to {_plural(kind.value_type)}"
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return "a mapping"
    return {inspect.StrType: "text", inspect.BoolType: "true or false"}.get(type(kind), "any value")


def fits(kind: inspect.Type, value: Any) -> bool:
    """Return whether `value`, no container, is one of `kind`."""
    if isinstance(kind, inspect.UnionType):
        return any(fits(each, value) for each in kind.types)
    if isinstance(kind, inspect.Metadata):
        return fits(kind.type, value)
    if isinstance(kind, inspect.LiteralType):
        return value in kind.values
    if isinstance(kind, inspect.StrType):
        return (
            isinstance(value, str)
            and len(value) >= (kind.min_length or 0)
            and bool(re.search(kind.pattern or "", value))
        )
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _is_number(kind, value)
    return isinstance(kind, inspect.AnyType) or (isinstance(kind, inspect.NoneType) and value is None)


def accepts_text(kind: inspect.Type, keys: Keys) -> bool:
    """Return whether the value under `keys` of a `kind` may be a text of one's own choice."""
    below = [kind]
    for key in keys:
        below = [inner for outer in below for each in alternatives(outer) for inner in _under(each, key)]
    flat = [plain for each in below for plain in alternatives(each)]
    return any(_is_text(each) for each in flat)


def _is_text(kind: inspect.Type) -> bool:
    return isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, inspect.StrType | inspect.LiteralType)


def _under(kind: inspect.Type, key: Any) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        return [field.type for field in kind.fields if field.encode_name == key]
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, inspect.VarTupleType) and isinstance(key, int):
        return [kind.item_type]
    return [kind] if isinstance(kind, inspect.AnyType) else []


def _is_number(kind: inspect.IntType | inspect.FloatType, value: Any) -> bool:
    allowed = int if isinstance(kind, inspect.IntType) else int | float
    return (
        isinstance(value, allowed)
        and not isinstance(value, bool)
        and (kind.gt is None or value > kind.gt)
        and (kind.ge is None or value >= kind.ge)
        and (kind.le is None or value <= kind.le)
    )


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    words = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    bounds = []
    if kind.gt is not None:
        bounds.append(f"above {kind.gt:g}")
    if kind.ge is not None:
        bounds.append(f"at least {kind.ge:g}")
    if kind.le is not None:
        bounds.append(f"at most {kind.le:,g}" if kind.le < 10_000 else f"at most {int(kind.le):,}")
    return " ".join((words, ", ".join(bounds))).strip()


def _plural(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata) and "plural" in (kind.extra or {}):
        return str((kind.extra or {})["plural"])
    return {inspect.StrType: "texts", inspect.StructType: "mappings"}.get(type(kind), describe(kind))
