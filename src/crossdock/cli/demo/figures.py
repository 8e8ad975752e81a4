"""The demo's one JSON line, and whether all is well."""

from __future__ import annotations

from typing import Any

from crossdock.cli.demo.check import Wrong, counted
from crossdock.cli.demo.play import Outcome


def figures(outcome: Outcome) -> dict[str, Any]:
    """What a machine reads. `unsettled` also counts what the hub did not bring to an end: a delivery that is still open
    or waits for a person, a message that it did not read or understand, a sum of its own that does not agree."""
    wrong = counted(outcome.findings)
    return {
        "orders": len(outcome.books.sales),
        "invoices": len(outcome.books.invoices),
        "payments": len(outcome.books.payments),
        "refunds": len(outcome.books.refunds),
        "contacts": len(outcome.books.contacts),
        "deals": len(outcome.books.deals),
        "duplicates_sent": outcome.webhooks["duplicates"],
        "faults": sum(sum(kinds.values()) for kinds in outcome.faults.values()),
        "crashes": outcome.crashes,
        "lost": wrong[Wrong.LOST],
        "doubled": wrong[Wrong.DOUBLED],
        "cents_off": wrong[Wrong.CENTS_OFF],
        "unsettled": wrong[Wrong.UNSETTLED] + unfinished(outcome),
        "seconds": round(outcome.seconds, 1),
    }


def unfinished(outcome: Outcome) -> int:
    standing = outcome.standing
    return standing.left + standing.for_a_person + sum(not one.agrees for one in outcome.sums)


def is_clean(outcome: Outcome) -> bool:
    said = figures(outcome)
    return not any(said[wrong] for wrong in Wrong)
