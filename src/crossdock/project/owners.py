"""Whose word holds for a field: the connections that a project's models name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crossdock.core.errors import Problem
from crossdock.models import Models
from crossdock.models.violation import nearest
from crossdock.project.sources import Sources


def owner_problems(sources: Sources) -> list[Problem]:
    """Connections that there are not."""
    known = {*sources.connections, *(name.rpartition("/")[2].removesuffix(".yaml") for name in sources.broken)}
    problems: list[Problem] = []
    for model in sources.models:
        for owner in (model.owners or {}).values():
            if owner.connection not in known:
                meant = nearest(owner.connection, known)
                hint = f"did you mean `{meant}`?" if meant else f"there are: {', '.join(sorted(known)) or 'none'}"
                what = f"there is no connection `{owner.connection}`"
                problems.append(replace(owner.place, what=what, hint=hint))
    return problems


def owners_in(models: Models) -> Mapping[str, Mapping[str, str]]:
    """Model → field → connection, of the models whose files speak of owners."""
    return {
        model.name: {field: owner.connection for field, owner in model.owners.items()}
        for model in models
        if model.major == 1 and model.owners is not None
    }
