"""What is done inside the kernel of a notebook that is run as a test: noting its runs, and handing over its variables.

It leaves no name in the notebook.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tauro_nb.events import Event, get_event_emitter

if TYPE_CHECKING:
    from tauro_nb.store.protocol import Store

_made: list[tuple[Store, str]] = []
"""The runs that were started in this kernel, and by its jobs."""


def begin() -> None:
    """Note the runs that are started from now on."""
    get_event_emitter().on_event("RUN_STARTED", _note, inline=True)


def end(path: str) -> None:
    """Write the variables and the runs to a file, each by itself: one that cannot be pickled stops no other."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    hidden = shell.user_ns_hidden
    variables = {
        name: _packed(value)
        for name, value in shell.user_ns.items()
        if not name.startswith("_") and name not in hidden and not isinstance(value, ModuleType)
    }
    runs = [(run_id, _packed(store)) for store, run_id in _made]
    with Path(path).open("wb") as file:
        pickle.dump((variables, runs), file)


def _note(event: Event) -> None:
    if event.subject is not None:
        _made.append((event.subject.store, event.data["run_id"]))


def _packed(value: Any) -> bytes | str:
    """Return the value pickled, or, as text, why that cannot be."""
    try:
        try:
            import cloudpickle
        except ImportError:
            return pickle.dumps(value)
        return bytes(cloudpickle.dumps(value))
    except Exception as error:  # noqa: BLE001 - the value is the user's, and so is what pickling it does
        return f"{type(error).__name__}: {error}"
