"""From plain values to the structs of `schema`, with every problem told, not only the first.

`msgspec` converts an entry in one step. Only where it refuses is the entry walked, type beside value, to name each key
that is wrong, what stands there and what should.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Container
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from tauro_nb.config.expected import accepts_text, alternatives, choices, describe, fits
from tauro_nb.config.origins import Keys, lookup
from tauro_nb.config.problems import bounded, found
from tauro_nb.config.section import Section
from tauro_nb.errors import nearest
from tauro_nb.kinds import known

T = TypeVar("T", bound=msgspec.Struct)


def build(kind: type[T], content: Any, section: Section, keys: Keys) -> T | None:
    """Return the `kind` that `content`, found under `keys` of `section`, means; None after noting what is wrong."""
    info = _info(kind)
    content = _settled(info, content, section, keys)
    try:
        return msgspec.convert(_without_nulls(info, content), known(kind))
    except msgspec.ValidationError as error:
        before = len(section.problems)
        _diagnose(info, _without_nulls(info, content), section, keys)
        if len(section.problems) == before and not any(place[: len(keys)] == keys for place in section.unfilled):
            section.wrong(keys, bounded(str(error), 160), f"write {describe(info)}")
        return None


@functools.cache
def _info(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


def _scalar(text: str) -> Any:
    from tauro_nb.config.yaml_text import scalar

    return scalar(text)


def _settled(info: inspect.Type, content: Any, section: Section, keys: Keys) -> Any:
    """Read whole references as scalars, where their keys do not want text; an empty one is nothing everywhere."""
    for place in section.whole.get(keys[0], ()) if keys else ():
        inner = place[len(keys) :]
        if inner and not (accepts_text(info, inner) and lookup(content, inner)):
            content = _replaced(content, inner, _scalar(lookup(content, inner)))
    return content


def settle_own(content: dict[Any, Any], section: Section, typed: Container[str]) -> dict[Any, Any]:
    """Read whole references as scalars, but for those below the keys that are `typed`."""
    for key, places in section.whole.items():
        for place in places if key not in typed else ():
            content = _replaced(content, place, _scalar(lookup(content, place)))
    return content


def _replaced(tree: Any, keys: Keys, value: Any) -> Any:
    if not keys:
        return value
    copy = tree.copy()
    copy[keys[0]] = _replaced(tree[keys[0]], keys[1:], value)
    return copy


def _without_nulls(info: inspect.Type, value: Any) -> Any:
    """Drop the keys that have nothing after them: they count as absent."""
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        kinds = _kinds(info.cls)
        return {
            key: _without_nulls(kinds[key], item) if isinstance(item, dict | list) and key in kinds else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(info, inspect.UnionType):
        for each in info.types:
            value = _without_nulls(each, value)
    if isinstance(info, inspect.VarTupleType) and isinstance(value, list):
        return [_without_nulls(info.item_type, item) for item in value]
    return value


@functools.cache
def _kinds(struct: type) -> dict[str, inspect.Type]:
    info = _info(struct)
    return {each.encode_name: each.type for each in info.fields} if isinstance(info, inspect.StructType) else {}


def _diagnose(info: inspect.Type, value: Any, section: Section, keys: Keys, default: Any = msgspec.NODEFAULT) -> None:
    for each in alternatives(info):
        if isinstance(each, inspect.StructType) and isinstance(value, dict):
            return _diagnose_struct(each, value, section, keys)
        if isinstance(each, inspect.DictType) and isinstance(value, dict):
            for key, item in value.items():
                if is_name(key, section, keys):
                    _diagnose(each.value_type, item, section, (*keys, key))
            return None
        if isinstance(each, inspect.VarTupleType) and isinstance(value, list | tuple):
            for index, item in enumerate(value):
                _diagnose(each.item_type, item, section, (*keys, index))
            return None
    if keys not in section.unfilled and not fits(info, value):
        section.wrong(
            keys,
            f"found {section.found(value, keys)}, expected {describe(info)}",
            _mend(info, section.as_written(value, keys), default),
        )
    return None


def _diagnose_struct(info: inspect.StructType, value: dict[Any, Any], section: Section, keys: Keys) -> None:
    fields = {each.encode_name: each for each in info.fields}
    for key, item in value.items():
        if key in fields:
            _diagnose(fields[key].type, item, section, (*keys, key), fields[key].default)
        elif is_name(key, section, keys):
            section.wrong((*keys, key), "unknown key", nearest(key, fields) or "remove it")
    for each in info.fields:
        if each.required and each.encode_name not in value:
            section.wrong((*keys, each.encode_name), "missing", f"add it: {describe(each.type)}")


def is_name(key: Any, section: Section, keys: Keys) -> bool:
    """Return whether `key` can name something; note it if it cannot."""
    if isinstance(key, str) and key:
        return True
    if key == "":
        section.wrong((*keys, key), "a key that is empty", "give it a name")
    else:
        fix = "put it in quotes"
        if isinstance(key, bool):
            fix += ": YAML reads a bare yes, no, on or off as a boolean"
        section.wrong((*keys, key), f"the key {found(key)} is no text", fix)
    return False


def _mend(info: inspect.Type, written: Any, default: Any) -> str:
    """Return what to do about a value of the wrong type; `written` as the files have it."""
    kinds = alternatives(info)
    allowed = [text for each in kinds for text in choices(each)]
    if allowed and isinstance(written, str):
        return nearest(written, allowed) or ""
    if accepts_text(info, ()) and isinstance(written, bool):
        return "put it in quotes: YAML reads a bare yes, no, on or off as a boolean"
    if accepts_text(info, ()) and isinstance(written, int | float | dt.date):
        return "put it in quotes"
    if isinstance(written, str) and written and fits(info, _scalar(written)):
        return "take the quotes off"
    if isinstance(written, str) and any(isinstance(each, inspect.VarTupleType) for each in kinds):
        return f"write a list: [{bounded(written, 60)}]"
    return f"write {describe(info)}" + _or_default(default)


def _or_default(default: Any) -> str:
    if default is msgspec.NODEFAULT:
        return ""
    told = str(default).lower() if isinstance(default, bool) else str(default)
    return ", or remove the key" + (f" (default: {told})" if isinstance(default, int | float) else "")
