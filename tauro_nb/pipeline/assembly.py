"""From prepared nodes to the steps and the report of one execution."""

from __future__ import annotations

import functools
import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tauro_nb.config.context import Context
from tauro_nb.io import spark
from tauro_nb.io.catalog import Catalog
from tauro_nb.mlops.scope import Scope
from tauro_nb.pipeline.binding import Binding
from tauro_nb.pipeline.graph import Plan, written
from tauro_nb.pipeline.injection import Helper
from tauro_nb.pipeline.preparation import Prepared
from tauro_nb.pipeline.report import NodeReport, PipelineReport
from tauro_nb.pipeline.steps import Step
from tauro_nb.wiring import Services


def assemble(
    working: Services,
    context: Context,
    chosen: Plan,
    prepared: Mapping[str, Prepared],
    params: Mapping[str, Any],
    *,
    execution_id: str | None = None,
    within: Scope | None = None,
) -> tuple[PipelineReport, dict[str, Step]]:
    """Return the report and, in the order of `chosen`, the steps of one execution of it.

    Parameters
    ----------
    prepared : mapping of node to Prepared
        Has all nodes of `chosen`.
    params : mapping
        What the caller gave, for the report.
    execution_id : str, optional
        Default: one that nobody has.
    within : Scope, optional
        What the execution is a part of: its run and labels.
    """
    within = within or Scope()
    execution_id = execution_id or uuid.uuid4().hex
    steps: dict[str, Step] = {}
    for position, name in enumerate(chosen.nodes, start=1):
        node = prepared[name]
        binding = node.binding
        steps[name] = Step(
            name,
            position,
            context.nodes[name],
            node.function,
            fixed={**binding.params, **_helpers(working, context, name, binding)},
            run_parameters=[parameter for parameter, helper in binding.helpers if helper is Helper.RUN],
            data=binding.data,
            positional=binding.positional,
            report=NodeReport(name, dict(binding.data), written(context.nodes[name]), node.given),
            scope=Scope(
                environment=context.environment,
                pipeline=chosen.pipeline,
                node=name,
                execution_id=execution_id,
                code=working.defined[name].source if name in working.defined else None,
                inputs=functools.partial(_fingerprints, working.catalog, [dataset for _, dataset in binding.data]),
                run=within.run,
                labels=within.labels,
            ),
            where=functools.partial(context.where, "nodes", name, "outputs"),
        )
    report = PipelineReport(
        chosen,
        {name: step.report for name, step in steps.items()},
        environment=context.environment,
        execution_id=execution_id,
        params=dict(params),
        started_at_ns=time.time_ns(),
    )
    return report, steps


def _helpers(working: Services, context: Context, name: str, binding: Binding) -> dict[str, Any]:
    """Return the helpers that are the same throughout; a run is started when the node is."""
    found: dict[str, Any] = {}
    for parameter, helper in binding.helpers:
        match helper:
            case Helper.TRACKER:
                found[parameter] = working.tracker
            case Helper.REGISTRY:
                found[parameter] = working.registry
            case Helper.CONTEXT:
                found[parameter] = context
            case Helper.CATALOG:
                found[parameter] = working.catalog
            case Helper.LOGGER:
                found[parameter] = logging.getLogger(f"tauro_nb.nodes.{name}")
            case Helper.SPARK:
                found[parameter] = spark.session() if spark.is_installed() else None
            case Helper.RUN:
                pass
    return found


def _fingerprints(catalog: Catalog, datasets: Iterable[str]) -> dict[str, dict[str, Any]]:
    found = {dataset: catalog.fingerprint(dataset) for dataset in datasets}
    return {dataset: fingerprint.to_dict() for dataset, fingerprint in found.items() if fingerprint is not None}
