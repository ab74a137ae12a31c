"""``%config Tauro``: how objects show themselves in this kernel, and what is asked before it is done.

What was chosen here, or in IPython's own configuration (``c.Tauro.display = "html"``), wins; then the environment
variable ``TAURO_DISPLAY``; then the block ``notebook:``, with the same keys, of the project that ``%tauro`` works in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, Float, TraitError, validate
from traitlets.config import Config, Configurable

from tauro_nb.display import tier

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from tauro_nb.config.schema import NotebookSettings

_FASTEST_HZ = 5.0


class Tauro(Configurable):
    """How %tauro shows things, and what it asks."""

    # these names are those of `NotebookSettings`, and the class is called as ``%config`` is to know it
    display = Enum(
        tier.TIERS,
        default_value="auto",
        help="The form in which objects show themselves: a live view, script-free HTML, text, or the best that the "
        "front end can show. Wins over TAURO_DISPLAY and over notebook.display of the project.",
    ).tag(config=True)
    update_hz = Float(_FASTEST_HZ, help="How often a live view asks for news, a second: more than 0, at most 5.").tag(
        config=True
    )
    chart = Bool(True, help="Whether %tauro run shows cards; else lines.").tag(config=True)
    confirm = Bool(
        True, help="Whether what cannot be taken back, and the buttons of live tables, ask before they act."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(parent=shell)
        self._shell, self._configured = shell, dict(shell.config[type(self).__name__])
        if self.chosen:
            self._apply()

    @property
    def chosen(self) -> set[str]:
        """What was set by ``%config``, or in IPython's configuration; the rest follows the project."""
        return set(self.config[type(self).__name__])

    def update_config(self, config: Config) -> None:
        """Take what ``%config`` sets; it is in force at once."""
        super().update_config(config)
        self._apply()

    def follow(self, settings: NotebookSettings) -> None:
        """Take over what a project asks for, but for what was chosen."""
        tier.use(settings.display)
        for name in set(settings.__struct_fields__) - self.chosen:
            setattr(self, name, getattr(settings, name))
        self._apply()
        self.display = tier.current()  # the environment variable may have had its say

    def reset(self) -> None:
        """Leave everything as it was before there were preferences."""
        # IPython itself notes in its configuration what ``%config`` sets, for any class, and wrong values too
        self._shell.config.pop(type(self).__name__, None)
        if self._configured:
            self._shell.config[type(self).__name__] = Config(self._configured)
        tier.use("auto")
        tier.pin(None)
        self.update_hz, self.confirm = _FASTEST_HZ, True
        self._tell_live_views()

    @validate("update_hz")
    def _checked_hz(self, proposal: Any) -> float:
        value: float = proposal["value"]
        if not 0 < value <= _FASTEST_HZ:
            raise TraitError(f"Tauro.update_hz = {value:g}: a live view asks more than 0 and at most 5 times a second")
        return value

    def _apply(self) -> None:
        tier.pin(self.display if "display" in self.chosen else None)
        self._tell_live_views()

    def _tell_live_views(self) -> None:
        from tauro_nb.display.live.grid import questions
        from tauro_nb.display.live.poller import poller

        poller.update_hz = self.update_hz
        questions.are_asked = self.confirm
