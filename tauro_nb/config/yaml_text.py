"""YAML as PyYAML's safe loader reads it (YAML 1.1), with some mistakes refused instead of passed over.

``1e-3`` is a number, as in YAML 1.2 and Python: YAML 1.1 asks for a point before the `e` and a sign behind it, and
takes it for text otherwise.

A key written twice in one mapping, a scalar whose value does not exist (``2024-13-45``), aliases that contain
themselves or unfold into more than a project can mean, and the tags for sets and ordered mappings: each is an error
with line and column.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from tauro_nb.config.problems import DEEPEST

_MOST_NODES = 1_000_000

_MERGE = "tag:yaml.org,2002:merge"

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, with errors of values placed, and a bound on nesting: without it libyaml's overruns the stack.

    PyYAML calls the two methods around every node that it composes; what they are for, resolvers of paths, is not used.
    """

    depth = 0

    def descend_resolver(self, *_: Any) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"more than {DEEPEST} levels of nesting")

    def ascend_resolver(self) -> None:
        self.depth -= 1


def _placed(tag: str) -> None:
    construct = yaml.SafeLoader.yaml_constructors[tag]

    def checked(loader: Any, node: Any) -> Any:
        try:
            return construct(loader, node)
        except (ValueError, OverflowError) as error:
            raise ConstructorError(None, None, f"no such value: {error}", node.start_mark) from error

    _Loader.add_constructor(tag, checked)


for _kind in ("int", "float", "timestamp"):
    _placed(f"tag:yaml.org,2002:{_kind}")


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z"), list("-+.0123456789")
)


def _refused(_: Any, node: Any) -> Any:
    raise ConstructorError(None, None, f"the tag {node.tag.rpartition(':')[2]!r} is not read here", node.start_mark)


for _kind in ("omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _refused)


def parse(text: str) -> Any:
    """Return the one document in `text`, None where there is none.

    Raises
    ------
    yaml.YAMLError
        With `problem` and `problem_mark` in nearly all cases; see `placed`.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def scalar(text: str) -> Any:
    """Return what `text` means when it stands alone as a value; the text itself where it is no scalar."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        return loader.construct_document(node) if isinstance(node, yaml.ScalarNode) else text
    except yaml.YAMLError:
        return text
    finally:
        loader.dispose()


def placed(error: yaml.YAMLError) -> tuple[str, str]:
    """Return where (``line 3, column 7``, or nothing) and what of an error of `parse`."""
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return place, getattr(error, "problem", None) or str(error)


def around(text: str, error: yaml.YAMLError) -> str:
    """Return the lines of `text` from where the construct that failed begins to where it fails."""
    end = getattr(error, "problem_mark", None)
    start = getattr(error, "context_mark", None) or end
    return "\n".join(text.splitlines()[start.line : end.line + 1]) if start is not None and end is not None else ""


def _check(root: Any) -> None:
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        if id(node) in open_nodes:
            raise ConstructorError(None, None, "an alias that contains itself", node.start_mark)
        if id(node) in sizes:
            return sizes[id(node)]
        if isinstance(node, yaml.ScalarNode):
            return 1
        open_nodes.add(id(node))
        total = 1
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                    if (key.tag, key.value) in seen:
                        raise ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
                    seen.add((key.tag, key.value))
                total += size(key) + size(value)
        else:
            total += sum(map(size, node.value))
        open_nodes.discard(id(node))
        if total > _MOST_NODES:
            raise ConstructorError(None, None, f"more than {_MOST_NODES:,} values", node.start_mark)
        sizes[id(node)] = total
        return total

    size(root)
