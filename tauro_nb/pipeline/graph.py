"""From a pipeline's list of nodes to a plan: who runs before whom, and why.

A node runs after the nodes that write what it reads, and after those that its ``dependencies`` name. Beyond that the
order is the one of the pipeline's own list. Nothing here looks at functions or files.
"""

from __future__ import annotations

import graphlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import msgspec

from tauro_nb.config.context import Context
from tauro_nb.config.schema import NodeConfig
from tauro_nb.errors import ConfigError, GraphCycle, TauroError, UnknownName, UsageError, nearest
from tauro_nb.faces import Shown


class Edge(msgspec.Struct, frozen=True):
    """`before` has to be finished when `after` starts."""

    before: str
    after: str
    dataset: str | None
    """What the one writes and the other reads; None where only ``dependencies`` says so."""


class Plan(Shown, msgspec.Struct, frozen=True, dict=True):
    """The nodes that are to run, in an order that holds, and the edges between them."""

    pipeline: str
    nodes: tuple[str, ...]
    edges: tuple[Edge, ...] = ()
    writers: Mapping[str, tuple[str, ...]] = {}
    """Nodes of the whole pipeline that write a dataset, also those that this plan leaves out."""

    def __contains__(self, name: object) -> bool:
        return name in self.predecessors

    @cached_property
    def predecessors(self) -> dict[str, tuple[str, ...]]:
        """Nodes directly before each node."""
        found: dict[str, dict[str, None]] = {name: {} for name in self.nodes}
        for edge in self.edges:
            found[edge.after][edge.before] = None
        return {name: tuple(before) for name, before in found.items()}

    @cached_property
    def successors(self) -> dict[str, tuple[str, ...]]:
        """Nodes directly after each node."""
        found: dict[str, dict[str, None]] = {name: {} for name in self.nodes}
        for edge in self.edges:
            found[edge.before][edge.after] = None
        return {name: tuple(after) for name, after in found.items()}

    @cached_property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """Nodes by the length of the longest path that leads to them; those of one level could run at once."""
        depth: dict[str, int] = {}
        for name in self.nodes:
            depth[name] = max((depth[before] + 1 for before in self.predecessors[name]), default=0)
        rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for name in self.nodes:
            rows[depth[name]].append(name)
        return tuple(map(tuple, rows))

    def downstream(self, name: str) -> set[str]:
        """Return `name` and all nodes that come after it."""
        return _reach(name, self.successors)

    def upstream(self, name: str) -> set[str]:
        """Return `name` and all nodes that come before it."""
        return _reach(name, self.predecessors)

    def keep(self, wanted: Iterable[str]) -> Plan:
        """Return the part of this plan that has only the nodes `wanted`.

        A node that came after another by way of one that is left out still does.
        """
        wanted = set(wanted)
        edges = {edge: None for edge in self.edges if edge.before in wanted and edge.after in wanted}
        for name in wanted:
            for before in self._across(name, wanted):
                if not any(edge.before == before and edge.after == name for edge in edges):
                    edges[Edge(before, name, None)] = None
        return Plan(self.pipeline, tuple(name for name in self.nodes if name in wanted), tuple(edges), self.writers)

    def _across(self, name: str, wanted: set[str]) -> set[str]:
        """Return the nearest of `wanted` before `name` on the paths that lead through nodes left out."""
        found: set[str] = set()
        seen: set[str] = set()
        todo = [before for before in self.predecessors[name] if before not in wanted]
        while todo:
            gone = todo.pop()
            if gone in seen:
                continue
            seen.add(gone)
            for before in self.predecessors[gone]:
                (found.add if before in wanted else todo.append)(before)
        return found

    def select(
        self, nodes: Iterable[str] | None = None, *, from_node: str | None = None, to_node: str | None = None
    ) -> Plan:
        """Return a slice.

        Parameters
        ----------
        nodes : iterable of str, optional
            Only these.
        from_node : str, optional
            This node and what comes after it.
        to_node : str, optional
            This node and what comes before it. With `from_node`: what lies on a path between the two.

        Raises
        ------
        UnknownName
            A node that this pipeline does not have.
        UsageError
            `nodes` together with one of the others, or nothing is left.
        """
        if nodes is not None:
            if from_node is not None or to_node is not None:
                raise UsageError(
                    "nodes= and from_node= or to_node= are given together",
                    fix="give a list of nodes, or where to begin and end",
                )
            if isinstance(nodes, str):
                nodes = (nodes,)
            wanted = {self._known(name) for name in nodes}
            if not wanted:
                raise UsageError(f"pipeline {self.pipeline!r}: nodes= is empty", fix="name nodes, or leave nodes= out")
            return self.keep(wanted)
        wanted = set(self.nodes)
        if from_node is not None:
            wanted &= self.downstream(self._known(from_node))
        if to_node is not None:
            wanted &= self.upstream(self._known(to_node))
        if not wanted:
            raise UsageError(
                f"pipeline {self.pipeline!r}: no node lies between {from_node!r} and {to_node!r}",
                fix=f"{to_node!r} does not come after {from_node!r}; the order is {', '.join(self.nodes)}",
            )
        return self.keep(wanted)

    def _known(self, name: str) -> str:
        if name not in self:
            raise UnknownName.among("node", name, self.nodes, where=f"pipeline {self.pipeline!r}")
        return name


def plan(context: Context, pipeline: str) -> Plan:
    """Order the nodes of `pipeline`.

    A dependency that names a node which exists but is not in this pipeline asks for nothing.

    Raises
    ------
    UnknownName
        No such pipeline.
    ConfigError
        The pipeline or a dependency names a node that does not exist, two nodes write one dataset: all such problems.
    GraphCycle
        Nodes wait for each other; the message has the path.
    """
    if pipeline not in context.pipelines:
        raise UnknownName.among("pipeline", pipeline, context.pipelines)
    names = context.pipelines[pipeline].nodes
    problems = _problems(context, pipeline, names)
    if problems:
        raise ConfigError.of((error.message, error.fix) for error in problems)
    return order(pipeline, names, context.nodes, where=context.where("pipelines", pipeline))


def order(pipeline: str, names: Sequence[str], configs: Mapping[str, NodeConfig], *, where: str = "") -> Plan:
    """Order `names`, all of which `configs` has.

    Raises
    ------
    GraphCycle
        Nodes wait for each other.
    """
    writers: dict[str, tuple[str, ...]] = {}
    for name in names:
        for dataset in written(configs[name]):
            writers[dataset] = (*writers.get(dataset, ()), name)
    members = set(names)
    edges = dict.fromkeys(
        Edge(writer, name, dataset)
        for name in names
        for dataset in read(configs[name])
        for writer in writers.get(dataset, ())
    )
    edges |= dict.fromkeys(
        Edge(before, name, None) for name in names for before in configs[name].dependencies if before in members
    )
    return Plan(pipeline, tuple(_sorted(names, edges, where or f"pipeline {pipeline!r}")), tuple(edges), writers)


def read(node: NodeConfig) -> tuple[str, ...]:
    """Return the datasets that a node reads, in the order of its inputs."""
    return tuple(node.inputs.values()) if isinstance(node.inputs, Mapping) else node.inputs


def written(node: NodeConfig) -> tuple[str, ...]:
    """Return the datasets that a node writes, in the order of its outputs."""
    if node.outputs is None:
        return ()
    if isinstance(node.outputs, str):
        return (node.outputs,)
    return tuple(node.outputs.values()) if isinstance(node.outputs, Mapping) else node.outputs


def _sorted(names: Sequence[str], edges: Iterable[Edge], where: str) -> Iterable[str]:
    """Yield each node when all before it are out, the one first that comes first in `names`."""
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter(dict.fromkeys(names, ()))
    for edge in edges:
        sorter.add(edge.after, edge.before)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise _cycle(error.args[1], edges, where) from None
    position = {name: index for index, name in enumerate(names)}
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (position[name], name))
        _, name = heapq.heappop(ready)
        sorter.done(name)
        yield name


def _cycle(path: Sequence[str], edges: Iterable[Edge], where: str) -> GraphCycle:
    reasons = {(edge.before, edge.after): edge.dataset for edge in edges}
    text = path[0]
    for before, after in pairwise(path):
        dataset = reasons.get((before, after))
        text += f" -> {after}" + (f" (reads {dataset!r})" if dataset else " (dependencies)")
    return GraphCycle(
        f"{where}: {'a node waits for itself' if len(path) == 2 else 'nodes wait for each other'}: {text}",
        fix="take one of these inputs or dependencies away",
    )


def _problems(context: Context, pipeline: str, names: Sequence[str]) -> list[TauroError]:
    where = context.where("pipelines", pipeline, "nodes")
    if not names:
        return [ConfigError(f"{where}: this pipeline has no nodes", fix=nearest("", context.nodes) or "define a node")]
    found: list[TauroError] = [
        UnknownName.among("node", name, context.nodes, where=where) for name in names if name not in context.nodes
    ]
    found += [
        ConfigError(f"{where}: node {name!r} stands here twice", fix="name it once")
        for name, count in Counter(names).items()
        if count > 1
    ]
    known = [name for name in dict.fromkeys(names) if name in context.nodes]
    writers: dict[str, str] = {}
    for name in known:
        config = context.nodes[name]
        for before in config.dependencies:
            if before not in context.nodes:
                found.append(
                    UnknownName.among("node", before, context.nodes, where=context.where("nodes", name, "dependencies"))
                )
        for dataset in written(config):
            other = writers.setdefault(dataset, name)
            appends = dataset in context.outputs and context.outputs[dataset].write_mode == "append"
            if other != name and not appends:
                found.append(
                    ConfigError(
                        f"{context.where('nodes', name, 'outputs')}: {name!r} and {other!r} both write {dataset!r}",
                        fix="give one of them another name, or the dataset write_mode: append",
                    )
                )
    return found


def _reach(name: str, neighbours: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(neighbours[name])
    return found
