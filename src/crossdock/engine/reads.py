"""Steps that only read: finds, hydrates and polls. Not journalled, because asking again harms nobody."""

from __future__ import annotations

from typing import Any, TypeVar

from crossdock.core.connector import Pause, Steps
from crossdock.core.errors import ForAPerson, StoreError
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.exchange import DEADLINE_S, Exchanger

T = TypeVar("T")


class ReadFailed(Exception):
    """The platform did not let us read. `verdict` says how: Refused is for a person, the rest is for later."""

    def __init__(self, verdict: NotDone | Refused | Unknown) -> None:
        super().__init__(verdict.why)
        self.verdict = verdict


async def run_reads(
    context: Context, exchanger: Exchanger, connection: str, steps: Steps[T], what: str, deadline_s: float = DEADLINE_S
) -> T:
    """Drives the steps to their result, with `deadline_s` for each answer. Raises ReadFailed with the first verdict
    that is not Done, and ForAPerson where the steps stop by themselves; if that is a defect of the connector's code for
    `what`, its words say so."""
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
            if isinstance(step, Pause):
                await context.clock.sleep(step.wait_s)
                answer = None
                continue
            verdict = (await exchanger.send(connection, step, deadline_s=deadline_s)).verdict
        except StopIteration as stop:
            result: T = stop.value
            return result
        except (ForAPerson, StoreError):
            raise
        except Exception:
            raise ForAPerson(bug_in(what)) from None
        if not isinstance(verdict, Done | Items):
            raise ReadFailed(verdict)
        answer = verdict
