"""The shop's search: a query language over an index that runs behind the truth.

Lists (`orders`, `customers`, `products`) read the index, which lags writes by about a second; a read by id is
immediate. An unknown field raises no error: the term is ignored and a warning is returned beside the data.

Sources: the published schemas, `query` of orders and customers; recorded answers (warnings about unknown fields, the
lag).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

LAG_S = 1.0
_TOKEN = re.compile(r'\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>(?:[^\s()"\']|"[^"]*"|\'[^\']*\')+))')
_COMPARATORS: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    (">=", lambda left, right: left >= right),
    ("<=", lambda left, right: left <= right),
    (">", lambda left, right: left > right),
    ("<", lambda left, right: left < right),
)
FIELDS: Mapping[str, frozenset[str]] = {
    "order": frozenset(
        {
            "created_at",
            "current_total_price",
            "customer_id",
            "customer_name",
            "email",
            "financial_status",
            "fulfillment_status",
            "id",
            "name",
            "processed_at",
            "sku",
            "source_identifier",
            "status",
            "tag",
            "test",
            "total_price",
            "updated_at",
        }
    ),
    "customer": frozenset(
        {"created_at", "email", "first_name", "id", "last_name", "name", "orders_count", "phone", "tag", "updated_at"}
    ),
    "product": frozenset(
        {"created_at", "handle", "id", "product_type", "sku", "status", "tag", "title", "updated_at", "vendor"}
    ),
}
"""What a `query` may filter each kind by."""

_INSTANTS = frozenset({"created_at", "updated_at", "processed_at"})
_NUMBERS = frozenset({"id", "customer_id", "number", "orders_count", "total_price", "current_total_price"})


Test = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Search:
    """A compiled query: `matches` decides, `warnings` names the terms that were ignored."""

    matches: Test
    warnings: tuple[dict[str, Any], ...] = ()


def compile_query(query: str | None, fields: frozenset[str]) -> Search:
    """Terms are joined by AND unless OR stands between them; `-term` and `NOT term` negate; parentheses group."""
    if not query or not query.strip():
        return Search(lambda _: True)
    parser = _Parser(_tokens(query), fields)
    return Search(parser.disjunction(), tuple(parser.warnings))


def _tokens(query: str) -> list[str]:
    found, at = [], 0
    while match := _TOKEN.match(query, at):
        found.append(match.group().strip())
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[str], fields: frozenset[str]) -> None:
        self.tokens = tokens
        self.fields = fields
        self.warnings: list[dict[str, Any]] = []

    def disjunction(self) -> Test:
        branches = [self.conjunction()]
        while self.tokens and self.tokens[0].upper() == "OR":
            self.tokens.pop(0)
            branches.append(self.conjunction())
        return lambda terms: any(branch(terms) for branch in branches)

    def conjunction(self) -> Test:
        parts: list[Test] = []
        while self.tokens and self.tokens[0] != ")" and self.tokens[0].upper() != "OR":
            if self.tokens[0].upper() == "AND":
                self.tokens.pop(0)
                continue
            parts.append(self.term())
        return lambda terms: all(part(terms) for part in parts)

    def term(self) -> Test:
        token = self.tokens.pop(0)
        if token.upper() == "NOT" and self.tokens:
            inner = self.term()
            return lambda terms: not inner(terms)
        if token == "(":  # noqa: S105 - a word of the query language
            inner = self.disjunction()
            if self.tokens:
                self.tokens.pop(0)
            return inner
        if token.startswith("-") and len(token) > 1:
            inner = self.word(token[1:])
            return lambda terms: not inner(terms)
        return self.word(token)

    def word(self, token: str) -> Test:
        name, colon, value = token.partition(":")
        if not colon:
            text = _unquoted(token).lower()
            return lambda terms: any(text in str(part).lower() for part in _flat(terms.values()))
        if name not in self.fields:
            self.warnings.append(
                {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"}
            )
            return lambda _: True
        return _comparison(name, value)


def _comparison(name: str, value: str) -> Test:
    for sign, compare in _COMPARATORS:
        if value.startswith(sign):
            bound = _typed(name, _unquoted(value[len(sign) :]))
            return lambda terms: _safely(compare, terms.get(name), bound)
    wanted = _unquoted(value)
    if name in _INSTANTS or name in _NUMBERS:
        exact = _typed(name, wanted)
        return lambda terms: terms.get(name) == exact
    if wanted == "*":
        return lambda terms: terms.get(name) not in (None, "", ())
    prefix = wanted[:-1].lower() if wanted.endswith("*") else None
    choices = {choice.strip().lower() for choice in wanted.split(",")}

    def matches(terms: Mapping[str, Any]) -> bool:
        found = [str(part).lower() for part in _flat([terms.get(name)])]
        return any(part.startswith(prefix) if prefix is not None else part in choices for part in found)

    return matches


def _typed(name: str, text: str) -> float | Decimal | None:
    """The instant or number a bound means; None, which matches nothing, when it means neither."""
    try:
        if name in _INSTANTS:
            instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
            return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
        return Decimal(text)
    except (ValueError, InvalidOperation):
        return None


def _safely(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    return left is not None and right is not None and compare(left, right)


def _flat(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, tuple):
            found.extend(value)
        elif value is not None:
            found.append(value)
    return found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0] else text
