"""What fills each parameter of a node's function: a dataset, a helper, a parameter, or its own default.

All of it is decided before anything runs, and everything that is wrong with a node is told at once.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.config.schema import NodeConfig
from tauro_nb.errors import InjectionError, TauroError, UnknownName, UsageError, nearest
from tauro_nb.pipeline.injection import Helper, Parameter, Signature

_HINTED = "ExperimentTracker, ModelRegistry, Run, Catalog, Context, logging.Logger"


class Binding(msgspec.Struct, frozen=True):
    """How one function is called."""

    data: tuple[tuple[str, str], ...]
    """Parameter and the dataset that fills it."""
    helpers: tuple[tuple[str, Helper], ...]
    params: Mapping[str, Any]
    positional: tuple[str, ...]
    """Parameters that have no name outside of the function, in order."""


def bind(
    context: Context, name: str, signature: Signature, given: Mapping[str, Any], problems: list[TauroError]
) -> Binding:
    """Decide what fills the parameters of node `name`, and add what is wrong to `problems`.

    Parameters
    ----------
    given : mapping
        What the caller of the pipeline gave for this node; it wins over the node's own ``params``.
    """
    node = context.nodes[name]
    data = _data(context, name, node, signature, problems)
    helpers = {
        one.name: one.helper for one in signature.parameters.values() if one.helper is not None and one.name not in data
    }
    params = {**copy.deepcopy(node.params), **given}

    def place(key: str) -> str:
        if key in given:
            return f"parameter {key!r} of node {name!r}"
        return context.where("nodes", name, "params" if key in params else "inputs", key)

    for key in params:
        if key in data or key in helpers:
            by = f"the dataset {data[key]!r}" if key in data else f"its type hint {helpers[key].value}"
            problems.append(InjectionError(f"{place(key)}: {by} fills {key!r} already", fix="drop one of the two"))
    filled = {*data, *helpers, *params}
    unfilled = [one for one in signature.parameters.values() if one.required and one.name not in filled]
    if not signature.takes_any:
        strange = [key for key in {**data, **params} if key not in signature.parameters]
        for key in strange:
            meant = _meant(key, unfilled, alone=len(strange) == len(unfilled) == 1)
            if meant is not None:
                unfilled.remove(meant)
            free = [one for one in signature.parameters if one not in data and one not in helpers]
            problems.append(
                InjectionError(
                    f"{place(key)}: {node.function} has no parameter {key!r}",
                    fix=(f"did you mean {meant.name!r}?" if meant else nearest(key, free))
                    or f"drop it: {node.function} has no parameters that are not filled by other means",
                )
            )
    problems += [_unfilled(context, name, node, one) for one in unfilled]
    return Binding(
        tuple(data.items()),
        tuple(helpers.items()),
        params,
        tuple(one.name for one in signature.parameters.values() if one.positional_only and one.name in filled),
    )


def _data(
    context: Context, name: str, node: NodeConfig, signature: Signature, problems: list[TauroError]
) -> dict[str, str]:
    if isinstance(node.inputs, Mapping):
        return dict(node.inputs)
    free = [one.name for one in signature.parameters.values() if one.helper is None]
    if len(node.inputs) > len(free):
        problems.append(
            InjectionError(
                f"{context.where('nodes', name, 'inputs')}: {len(node.inputs)} inputs, and {node.function} has "
                f"{len(free)} {'parameter' if len(free) == 1 else 'parameters'} for them",
                fix=f"add a parameter for {node.inputs[len(free)]!r}, or write inputs as a mapping",
            )
        )
    return dict(zip(free, node.inputs, strict=False))


def _meant(key: str, unfilled: list[Parameter], *, alone: bool) -> Parameter | None:
    """Return the parameter that is unfilled because its name was written as `key`."""
    if alone:
        return unfilled[0]
    close = difflib.get_close_matches(key, [one.name for one in unfilled], n=1)
    return next((one for one in unfilled if one.name in close), None)


def _unfilled(context: Context, name: str, node: NodeConfig, one: Parameter) -> InjectionError:
    helper = next((helper for helper in Helper if _resembles(one.name, helper)), None)
    if helper is not None:
        home, _, kind = helper.value.rpartition(".")
        fix = f"hint it: `{one.name}: {kind}`, with `from {home or 'tauro_nb'} import {kind}`"
    elif one.name in context.inputs:
        fix = f"add `{one.name}: {one.name}` under nodes.{name}.inputs"
    else:
        fix = (
            f"name a dataset for it under nodes.{name}.inputs, a value under nodes.{name}.params or with "
            f"-p {name}.{one.name}=..., give it a default, or hint it with one of {_HINTED}"
        )
    return InjectionError(
        f"{context.where('nodes', name)}: nothing fills the parameter {one.name!r} of {node.function}", fix=fix
    )


def _resembles(name: str, helper: Helper) -> bool:
    return len(name) > 2 and helper.value.rpartition(".")[2].lower().endswith(name.lower().replace("_", ""))


def distribute(
    given: Mapping[str, Any], signatures: Mapping[str, Signature], context: Context, problems: list[TauroError]
) -> dict[str, dict[str, Any]]:
    """Sort the caller's parameters by node.

    ``node.key`` goes to that node and wins over ``key``, which goes to each node whose function or ``params`` name it,
    and only where none does to those with ``**kwargs``.

    Parameters
    ----------
    signatures : mapping of node to Signature
        The nodes that are to run.
    """
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise UsageError(f"params={given!r} does not give names with values", fix='write params={"epochs": 5}')
    shares: dict[str, dict[str, Any]] = {name: {} for name in signatures}
    named: dict[str, dict[str, Any]] = {name: {} for name in signatures}
    for key, value in given.items():
        node = max((name for name in signatures if key.startswith(f"{name}.")), key=len, default=None)
        if node is not None:
            named[node][key[len(node) + 1 :]] = value
            continue
        takers = [
            name for name, one in signatures.items() if key in one.parameters or key in context.nodes[name].params
        ]
        takers = takers or [name for name, one in signatures.items() if one.takes_any]
        for name in takers:
            shares[name][key] = value
        if not takers:
            problems.append(_untaken(key, signatures))
    return {name: {**shares[name], **named[name]} for name in signatures}


def _untaken(key: str, signatures: Mapping[str, Signature]) -> UnknownName:
    known = {
        one.name for signature in signatures.values() for one in signature.parameters.values() if one.helper is None
    }
    if "." in key:
        node = key.partition(".")[0]
        return UnknownName(
            f"parameter {key!r}: no node {node!r} runs here", fix=nearest(node, signatures) or "no node runs here"
        )
    return UnknownName(
        f"parameter {key!r}: no node that runs here has it",
        fix=nearest(key, sorted(known)) or "none of these nodes takes a parameter",
    )
