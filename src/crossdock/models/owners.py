"""Whose word holds, field by field, for a model that several systems change.

```yaml
extends: customer
owner: {tax_id: quickbooks, phone: hubspot}    # of any other field the newest change holds
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crossdock.core.errors import Problem, ProjectError
from crossdock.models.files import Document
from crossdock.models.violation import nearest

WORD = "owner"


@dataclass(frozen=True, slots=True)
class Owner:
    connection: str
    place: Problem
    """where it is said: a problem without words"""


def parted(document: Document) -> tuple[dict[str, Any], Any]:
    """(the schema or extension, what the file says of owners or None)."""
    said = {name: value for name, value in document.data.items() if name != WORD}
    return said, document.data.get(WORD)


def owners_of(document: Document, said: Any, model: Mapping[str, Any]) -> Mapping[str, Owner]:
    """Raises ProjectError. Whether there are such connections, the project knows."""
    if not isinstance(said, Mapping):
        hint = "as in `owner: {tax_id: quickbooks}`; `owner: {}` where the newest change of every field is to hold"
        raise ProjectError([document.problem((WORD,), "should name a connection for each field", hint)])
    problems: list[Problem] = []
    fields = model.get("properties", {})
    owners: dict[str, Owner] = {}
    for name, connection in said.items():
        path = (WORD, name)
        if name not in fields:
            meant = nearest(name, fields)
            hint = f"did you mean `{meant}`?" if meant else f"it has: {', '.join(sorted(fields))}"
            problems.append(document.problem(path, f"the model has no field `{name}` at its top", hint))
        elif not isinstance(connection, str):
            problems.append(document.problem(path, "should be the name of a connection"))
        else:
            owners[name] = Owner(connection, document.problem(path, ""))
    if problems:
        raise ProjectError(problems)
    return owners
