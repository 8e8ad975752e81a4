"""Whether what comes in is accepted, said once when it changes."""

from __future__ import annotations

import structlog

from crossdock.engine.context import Context

log = structlog.get_logger("crossdock.hub")


def note(context: Context, refuses: str) -> None:
    """`refuses` says why nothing is accepted; "" = it is."""
    before, context.refuses = context.refuses, refuses
    if bool(before) != bool(refuses):
        log.warning("nothing more is accepted" if refuses else "what comes in is accepted again", why=refuses)
