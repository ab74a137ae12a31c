"""Executes the body of a cell so that tracebacks have the lines that a person sees, and sources can be found.

The body is compiled under the name of a cell, one line further down: the first line is the magic itself.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def functions_of(shell: InteractiveShell, body: str) -> dict[str, Callable[..., Any]]:
    """Execute `body` in the notebook's namespace, and return the functions that it defines, in its order.

    Raises
    ------
    SyntaxError
    Exception
        Whatever it raises.
    """
    empty = sum(1 for _ in itertools.takewhile(lambda line: not line.strip(), body.splitlines()))
    code = "\n" * (1 + empty) + shell.transform_cell(body)  # IPython drops empty lines at the top
    name = shell.compile.cache(code, shell.execution_count, raw_code=code)
    tree = shell.transform_ast(shell.compile.ast_parse(code, filename=name))
    exec(shell.compile(tree, name, "exec"), shell.user_global_ns, shell.user_ns)  # noqa: S102 - as any cell is
    defined = (one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    return {one: shell.user_ns[one] for one in dict.fromkeys(defined) if one in shell.user_ns}
