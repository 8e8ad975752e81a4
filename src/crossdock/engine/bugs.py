"""A defect in a connector's code is told to the operator, and stops one delivery instead of the hub."""

from __future__ import annotations

import traceback


def bug_in(what: str) -> str:
    """Of the exception being handled: its kind, its words and its place; none of the data it was about."""
    lines = traceback.format_exc().strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    where = places[-1].removeprefix("File ").replace('"', "") if places else ""
    return f"the connector's code for {what} failed: {lines[-1]} ({where})"
