"""``%tauro reload``: read the project's modules and files anew."""

from __future__ import annotations

from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb


@verb("reload")
def command(desk: Desk) -> None:
    """Read all modules and files of the project anew, edited or not.

    Every run takes up what was edited by itself.
    """
    desk.demand_kernel("reload", "a shell reads everything anew with each command")
    if not desk.session.reload(force=True):
        desk.say("✓ configuration read anew; no module of the project is imported yet")
