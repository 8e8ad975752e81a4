"""Search over the lagging index: filter groups, one sort, pages by offset. What it shows is what the index knows.

Source: HubSpot docs, "Search the CRM" (operators, 5 groups, 6 filters each and 18 in all, one sort, pages of 200,
10,000 results, an index that runs behind).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from crossdock.sandbox.hubspot.answers import invalid
from crossdock.sandbox.hubspot.portal import Portal
from crossdock.sandbox.hubspot.schema import DEFAULTS, Property

MAX_GROUPS: Final = 5
MAX_FILTERS: Final = 6
MAX_ALL_FILTERS: Final = 18
MAX_RESULTS: Final = 10_000
MAX_PAGE: Final = 200

Hit = Mapping[str, Any]


def search(portal: Portal, kind: str, asked: Mapping[str, Any], now: float) -> tuple[list[Hit], int, int | None]:
    """(hits of the page, total, offset of the next page). `now` is simulated time. Raises Refusal."""
    definitions = portal.catalogue.properties[kind]
    groups = _groups(asked, definitions)
    limit, offset = _number(asked, "limit", 10), _number(asked, "after", 0)
    if not 0 < limit <= MAX_PAGE:
        raise invalid(f"limit must be from 1 to {MAX_PAGE}")
    if offset + limit > MAX_RESULTS:
        raise invalid(f"Search returns at most {MAX_RESULTS} results: after + limit is too large")
    text = str(asked.get("query") or "").lower()
    hits = [
        hit
        for hit in portal.index.seen(kind, now)
        if _meets(hit["values"], groups, definitions) and _speaks_of(hit["values"], kind, text)
    ]
    by, descending = _sort(asked, definitions)
    hits.sort(key=lambda hit: (_order(definitions[by], hit["values"].get(by)), hit["id"]), reverse=descending)
    page = hits[offset : offset + limit]
    following = offset + limit
    return page, len(hits), following if following < len(hits) else None


def _number(asked: Mapping[str, Any], name: str, otherwise: int) -> int:
    try:
        return int(asked.get(name) or otherwise)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be an integer") from None


def _groups(asked: Mapping[str, Any], definitions: Mapping[str, Property]) -> list[list[Mapping[str, Any]]]:
    groups = [group.get("filters", []) for group in asked.get("filterGroups") or () if isinstance(group, dict)]
    if len(groups) > MAX_GROUPS or any(len(group) > MAX_FILTERS for group in groups):
        raise invalid(f"At most {MAX_GROUPS} filter groups of at most {MAX_FILTERS} filters are allowed")
    if sum(len(group) for group in groups) > MAX_ALL_FILTERS:
        raise invalid(f"At most {MAX_ALL_FILTERS} filters are allowed")
    for condition in (condition for group in groups for condition in group):
        name, operator = condition.get("propertyName"), condition.get("operator")
        if name not in definitions:
            raise invalid(f"There was a problem with the request: property {name!r} does not exist")
        if operator not in OPERATORS:
            raise invalid(f"There was a problem with the request: operator {operator!r} is not allowed")
    return groups


def _sort(asked: Mapping[str, Any], definitions: Mapping[str, Property]) -> tuple[str, bool]:
    sorts = asked.get("sorts") or []
    if len(sorts) > 1:
        raise invalid("Only one sort is allowed")
    if not sorts:
        return "hs_object_id", False
    one = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": str(sorts[0]).lstrip("-")}
    name = str(one.get("propertyName"))
    if name not in definitions:
        raise invalid(f"Sort property {name!r} does not exist")
    return name, one.get("direction") == "DESCENDING" or sorts[0] == f"-{name}"


def _meets(
    values: Mapping[str, str], groups: list[list[Mapping[str, Any]]], definitions: Mapping[str, Property]
) -> bool:
    """Groups are OR-ed, the filters of a group AND-ed; no group means everything."""
    return not groups or any(
        all(_holds(values, one, definitions[one["propertyName"]]) for one in group) for group in groups
    )


def _holds(values: Mapping[str, str], condition: Mapping[str, Any], definition: Property) -> bool:
    value = values.get(definition.name)
    return OPERATORS[condition["operator"]](definition, value, condition)


def _speaks_of(values: Mapping[str, str], kind: str, text: str) -> bool:
    return not text or any(text in values.get(name, "").lower() for name in DEFAULTS[kind])


def _order(definition: Property, value: str | None) -> tuple[int, Any]:
    """Missing first, then by the property's own order."""
    return (0, 0) if value is None else (1, _typed(definition, value))


def _typed(definition: Property, text: Any) -> Any:
    """Numbers as numbers, instants as milliseconds, the rest as lower-case text."""
    words = str(text)
    if definition.type in {"datetime", "date"}:
        if words.lstrip("-").isdigit():
            return Decimal(words)
        try:
            instant = datetime.fromisoformat(words.replace("Z", "+00:00"))
        except ValueError:
            raise invalid(f"{words!r} is not a date that {definition.name} can be compared with") from None
        return Decimal(round(instant.timestamp() * 1000))
    if definition.type == "number":
        try:
            return Decimal(words)
        except InvalidOperation:
            raise invalid(f"{words!r} is not a number that {definition.name} can be compared with") from None
    return words.lower()


def _compared(definition: Property, value: str | None, condition: Mapping[str, Any]) -> int | None:
    """-1, 0, 1 as the stored value is below, equal to or above the given one; None where there is no value."""
    if value is None:
        return None
    left, right = _typed(definition, value), _typed(definition, condition.get("value", ""))
    return int(left > right) - int(left < right)


def _among(definition: Property, value: str | None, condition: Mapping[str, Any]) -> bool:
    """IN: the given values of a text property must be lower case (unverified)."""
    if value is None:
        return False
    return any(_typed(definition, value) == _typed(definition, one) for one in condition.get("values") or ())


def _between(definition: Property, value: str | None, condition: Mapping[str, Any]) -> bool:
    if value is None:
        return False
    low, high = condition.get("value", ""), condition.get("highValue", "")
    return bool(_typed(definition, low) <= _typed(definition, value) <= _typed(definition, high))


def _contains(value: str | None, condition: Mapping[str, Any]) -> bool:
    """By word; `*` at either end widens a word to a part of one."""
    if value is None:
        return False
    token = str(condition.get("value", "")).lower()
    words = value.lower().replace(";", " ").replace("@", " ").replace(",", " ").split()
    bare = token.strip("*")
    if "*" in token:
        return any(bare in word for word in (*words, value.lower()))
    return bare in words or bare == value.lower()


OPERATORS: Final[Mapping[str, Callable[[Property, str | None, Mapping[str, Any]], bool]]] = {
    "EQ": lambda definition, value, condition: _compared(definition, value, condition) == 0,
    "NEQ": lambda definition, value, condition: _compared(definition, value, condition) not in (0, None),
    "LT": lambda definition, value, condition: _compared(definition, value, condition) == -1,
    "LTE": lambda definition, value, condition: _compared(definition, value, condition) in (-1, 0),
    "GT": lambda definition, value, condition: _compared(definition, value, condition) == 1,
    "GTE": lambda definition, value, condition: _compared(definition, value, condition) in (0, 1),
    "BETWEEN": _between,
    "IN": _among,
    "NOT_IN": lambda definition, value, condition: value is not None and not _among(definition, value, condition),
    "HAS_PROPERTY": lambda _, value, __: value is not None,
    "NOT_HAS_PROPERTY": lambda _, value, __: value is None,
    "CONTAINS_TOKEN": lambda _, value, condition: _contains(value, condition),
    "NOT_CONTAINS_TOKEN": lambda _, value, condition: not _contains(value, condition),
}
