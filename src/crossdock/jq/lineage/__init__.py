"""Where each part of a program's outputs comes from: the program followed on places instead of values."""

from __future__ import annotations

from crossdock.jq.lineage.report import Flow, How, Lineage, everything, report
from crossdock.jq.lineage.trace import traced
from crossdock.jq.syntax import Node

__all__ = ["Flow", "How", "Lineage", "lineage"]


def lineage(tree: Node, variables: tuple[str, ...]) -> Lineage:
    """The flows from the input, the variables and the lent functions to the outputs of a program."""
    found = traced(tree, variables)
    return everything(variables) if found is None else report(found[1])
