"""The GraphQL documents, fixed: what a request asks for is never put together from what came in."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_FRAGMENT = re.compile(r"^fragment (\w+) on .*?^\}\n", re.MULTILINE | re.DOTALL)
_SPREAD = re.compile(r"\.\.\.(?!\s*on\b)\s*(\w+)")


@cache
def document(name: str) -> str:
    """The operation in `<name>.graphql` with the fragments that it uses, and no others, as the API demands."""
    folder = files("crossdock.connectors.shopify.documents")
    fragments = {
        found[1]: found[0] for found in _FRAGMENT.finditer(folder.joinpath("fields.graphql").read_text("utf-8"))
    }
    operation = folder.joinpath(f"{name}.graphql").read_text("utf-8")
    used: dict[str, str] = {}
    waiting = _SPREAD.findall(operation)
    while waiting:
        spread = waiting.pop()
        if spread not in used:
            used[spread] = fragments[spread]
            waiting += _SPREAD.findall(fragments[spread])
    return "\n".join([operation, *(used[spread] for spread in sorted(used))])
