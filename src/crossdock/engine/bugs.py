"""A defect in a connector's code is told to the operator, and stops one delivery instead of the hub."""

from __future__ import annotations

import traceback

LONGEST_WORDS = 300


def bug_in(what: str, *, words: bool = True) -> str:
    """Of the exception being handled: its kind, its place and, at some length, its words. The words may quote the value
    that was at fault: without them where that could be a secret."""
    lines = traceback.format_exc().strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    where = places[-1].removeprefix("File ").replace('"', "") if places else ""
    said = lines[-1][:LONGEST_WORDS] if words else lines[-1].partition(":")[0]
    return f"the connector's code for {what} failed: {said} ({where})"
