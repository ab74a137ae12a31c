"""The kernel's desk: sessions that last, names bound in the notebook, progress as cards."""

from __future__ import annotations

import keyword
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from tauro_nb.commands.desk import Desk
from tauro_nb.display import tier
from tauro_nb.errors import UnknownName, UsageError
from tauro_nb.pipeline.frames import without_our_end

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from tauro_nb.commands.listing import Listing
    from tauro_nb.notebook.preferences import Tauro
    from tauro_nb.pipeline.jobs import Around, Job
    from tauro_nb.pipeline.reloading import Reloaded
    from tauro_nb.session import Session


class KernelDesk(Desk):
    """Where the commands of one kernel work."""

    in_kernel = True
    cue = "%tauro"

    def __init__(self, shell: InteractiveShell, preferences: Tauro) -> None:
        super().__init__()
        self._shell = shell
        self._preferences = preferences
        self.cell: str | None = None
        """What stands below the command that is being executed; None where it is one line."""
        self._bound: dict[str, Callable[[], object]] = {}

    @property
    def session(self) -> Session:
        """The session that the command was given; from then on objects show themselves as its project's settings say.

        Raises
        ------
        DescriptorNotFound
        ConfigError
        """
        session = super().session
        self._preferences.follow(session.context.settings.notebook)
        session.on_reload = self._reloaded
        return session

    @property
    def is_loaded(self) -> bool:
        """Whether ``%tauro load`` has bound a session that is still there."""
        return self.home is not None and any(map(self._is_ours, self._bound))

    def milestone(self, text: str) -> None:
        """Print a line with a tick where there are no cards to tell it."""
        from tauro_nb.display import watching

        if not (watching.draws_cards() and self._preferences.chart):
            self.say(f"✓ {text}")

    def say(self, text: str) -> None:
        """Print a line into the cell."""
        sys.stdout.write(f"{text}\n")

    def confirm(self, question: str) -> bool:
        """Ask in the cell, unless that is not wanted; where no one can answer (nbclient, CI), the answer is no."""
        if not self._preferences.confirm:
            return True
        try:
            return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        except (EOFError, NotImplementedError):
            return False

    def variable(self, name: str) -> Any:
        """Return a variable of the notebook."""
        if name not in self._shell.user_ns:
            raise UnknownName.among("variable", name, self._own())
        return self._shell.user_ns[name]

    def mappings(self) -> list[str]:
        """Return the names of the notebook's own dicts and other mappings."""
        return [name for name in self._own() if isinstance(self._shell.user_ns[name], Mapping)]

    def _own(self) -> list[str]:
        """Return the names of the notebook that IPython did not bring along."""
        space, hidden = self._shell.user_ns, self._shell.user_ns_hidden
        return [name for name in space if not name.startswith("_") and name not in hidden]

    def load(self, prefix: str) -> Session:
        """Bind `session`, `tracker` and `registry`; all of them, or none where one would hide another object."""
        session = self.reopen()
        start = f"{prefix}_" if prefix else ""
        names = {
            f"{start}session": session,
            f"{start}tracker": session.tracker,
            f"{start}registry": session.registry,
        }
        self.bind(
            names, otherwise="%tauro load ENV --as PREFIX binds PREFIX_session, PREFIX_tracker and PREFIX_registry"
        )
        self.settle(session)
        return session

    def bind(self, names: Mapping[str, object], *, otherwise: str) -> None:
        """Bind names in the notebook; one is free that is unbound, or still what this desk bound."""
        odd = [name for name in names if not name.isidentifier() or keyword.iskeyword(name)]
        if odd:
            raise UsageError(f"{odd[0]!r} is no name of Python", fix="--as PREFIX, a word of letters, digits and _")
        space = self._shell.user_ns
        taken = [
            name
            for name, value in names.items()
            if name in space and space[name] is not value and not self._is_ours(name)
        ]
        if taken:
            shown = ", ".join(f"{name} ({type(space[name]).__name__})" for name in taken)
            raise UsageError(f"the notebook already has {shown}; nothing was bound", fix=otherwise)
        new = {name: value for name, value in names.items() if space.get(name) is not value or self._is_ours(name)}
        self._shell.push(new)
        self._bound.update({name: _reference(value) for name, value in new.items()})

    def cell_functions(self) -> tuple[Mapping[str, Callable[..., Any]], str]:
        """Execute the cell below the command in the notebook's namespace."""
        if self.cell is None:
            raise UsageError("define takes the cell below it", fix="%%tauro define NODE, and the function under it")
        from tauro_nb.notebook.cells import functions_of

        return functions_of(self._shell, self.cell), self.cell

    def debug(self, frames: TracebackType) -> None:
        """Open IPython's debugger; it asks by way of the front end.

        Raises
        ------
        UsageError
            The front end takes no answers, as when a notebook is executed as a whole.
        """
        debugger = self._shell.debugger_cls()
        debugger.reset()
        try:
            debugger.interaction(None, without_our_end(frames))
        except NotImplementedError:
            raise UsageError(
                "the debugger asks what to do, and this front end takes no answers",
                fix="open the notebook in JupyterLab, or another front end with a field for input",
            ) from None

    def _reloaded(self, what: Reloaded) -> None:
        """Tell what was read anew, and let names of the notebook that stand for it follow.

        A function or class follows that was imported under the name that its module has for it.
        """
        self.say(f"↻ {what}")
        space = self._shell.user_ns
        for old, new in what.modules.values():
            if new is None:
                continue
            ours = {id(value): name for name, value in vars(old).items() if _is_from(value, old) and hasattr(new, name)}
            for name, value in list(space.items()):
                if value is old:
                    space[name] = new
                elif ours.get(id(value)) is not None:
                    space[name] = getattr(new, ours[id(value)])

    def _is_ours(self, name: str) -> bool:
        """Whether a name is still bound to what this desk bound it to."""
        space = self._shell.user_ns
        return name in self._bound and name in space and space[name] is self._bound[name]()

    def close(self) -> None:
        """Remove the names that are still what this desk bound, and forget its sessions and their settings."""
        self._preferences.reset()
        for name in filter(self._is_ours, self._bound):
            self._shell.drop_by_id({name: self._shell.user_ns[name]})
        self._bound.clear()
        super().close()

    def table(self, listing: Listing) -> pd.DataFrame:
        """Return it as a DataFrame, the value of the cell."""
        return listing.frame

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[int, int, str], object]]:
        """Show a bar in the cell, which is gone when it is done."""
        from tauro_nb.display.progress import Bar

        if tier.deterministic():
            yield lambda *_: None
            return
        with Bar(title, sys.stdout) as bar:
            yield bar

    def beside(self) -> Around:
        """Return what shows a job as `watching` does, and how it ended, in the cell that starts it."""
        from tauro_nb.display import watching
        from tauro_nb.display.jobs import ending

        chart = self._preferences.chart
        in_lines = not (chart and watching.draws_cards())

        @contextmanager
        def around(job: Job) -> Iterator[None]:
            with watching.runs(lambda text: self.say(f"✓ {text}") if in_lines else None, self.say, cards=chart):
                yield
            self.say(ending(job))

        return around

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show a card for each run, or lines where there is no place for cards."""
        from tauro_nb.display import watching

        with watching.runs(self.milestone, self.say, cards=self._preferences.chart):
            yield


def _is_from(value: object, module: ModuleType) -> bool:
    """Whether a function or class was defined in `module`."""
    return isinstance(value, type | FunctionType) and value.__module__ == module.__name__


def _reference(value: object) -> Callable[[], object]:
    """Return what gives `value` back without keeping it alive, where its kind allows that."""
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value
