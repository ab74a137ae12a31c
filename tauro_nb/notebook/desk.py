"""The kernel's desk: sessions that last, names bound in the notebook, progress as cards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tauro_nb.commands.desk import Desk
from tauro_nb.display import tier, watching
from tauro_nb.display.live.poller import poller
from tauro_nb.errors import UnknownName, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from tauro_nb.commands.listing import Listing
    from tauro_nb.session import Session


class KernelDesk(Desk):
    """Where the commands of one kernel work."""

    in_kernel = True
    cue = "%tauro"

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__()
        self._shell = shell
        self._bound: dict[str, object] = {}

    @property
    def session(self) -> Session:
        """The session that the command was given; from then on objects show themselves as its project's settings say.

        Raises
        ------
        DescriptorNotFound
        ConfigError
        """
        session = super().session
        notebook = session.context.settings.notebook
        tier.use(notebook.display)
        poller.update_hz = notebook.update_hz
        return session

    def milestone(self, text: str) -> None:
        """Print a line with a tick where there are no cards to tell it."""
        if not (watching.draws_cards() and self.session.context.settings.notebook.chart):
            self.say(f"✓ {text}")

    def say(self, text: str) -> None:
        """Print a line into the cell."""
        sys.stdout.write(f"{text}\n")

    def confirm(self, question: str) -> bool:
        """Ask in the cell; where no one can answer (nbclient, CI), the answer is no."""
        try:
            return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        except (EOFError, NotImplementedError):
            return False

    def variable(self, name: str) -> Any:
        """Return a variable of the notebook."""
        if name not in self._shell.user_ns:
            raise UnknownName.among("variable", name, (key for key in self._shell.user_ns if not key.startswith("_")))
        return self._shell.user_ns[name]

    def load(self, prefix: str) -> Session:
        """Bind `session`, `tracker` and `registry`; all of them, or none where one would hide another object."""
        session = self.reopen()
        start = f"{prefix}_" if prefix else ""
        names: dict[str, object] = {
            f"{start}session": session,
            f"{start}tracker": session.tracker,
            f"{start}registry": session.registry,
        }
        self._check_free(names)
        self._shell.push(names)
        self._bound.update(names)
        self.settle(session)
        return session

    def _check_free(self, names: dict[str, object]) -> None:
        space = self._shell.user_ns
        taken = [name for name in names if name in space and space[name] is not self._bound.get(name)]
        if taken:
            shown = ", ".join(f"{name} ({type(space[name]).__name__})" for name in taken)
            raise UsageError(
                f"the notebook already has {shown}; nothing was bound",
                fix="%tauro load ENV --as PREFIX binds PREFIX_session, PREFIX_tracker and PREFIX_registry",
            )

    def close(self) -> None:
        """Remove the names that are still what this desk bound, and forget its sessions and their settings."""
        tier.use("auto")
        for name, value in self._bound.items():
            if self._shell.user_ns.get(name) is value:
                self._shell.drop_by_id({name: value})
        self._bound.clear()
        super().close()

    def table(self, listing: Listing) -> pd.DataFrame:
        """Return it as a DataFrame, the value of the cell."""
        return listing.frame

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show a card for each run, or lines where there is no place for cards."""
        with watching.runs(self.milestone, self.say, cards=self.session.context.settings.notebook.chart):
            yield
