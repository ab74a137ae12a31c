"""``%tauro retry``: go on with a pipeline that did not finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tauro_nb.commands import params as parameters
from tauro_nb.commands.desk import Desk
from tauro_nb.commands.verb import verb

if TYPE_CHECKING:
    from tauro_nb.pipeline.report import PipelineReport


@verb("retry")
@parameters.options
def command(desk: Desk, params: dict[str, Any]) -> PipelineReport:
    """Run what did not finish of the last pipeline, with the parameters that it was given.

    What its finished nodes made is reused.
    """
    desk.demand_kernel("retry", "tauro run PIPELINE --from NODE")
    session = desk.session
    with desk.watching():
        return session.retry(params)
