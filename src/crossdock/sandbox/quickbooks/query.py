r"""The query language: `select * from Customer where Active = true orderby DisplayName startposition 1`.

Sources: Intuit docs, "Data queries" (operators = < > <= >= IN LIKE; AND only; `\'` in strings; startposition
from 1, maxresults up to 1000, 100 when not said; inactive names hidden unless Active is asked for); the notice
of 2025-11 (Id is not sortable); answers quoted in public repositories (wording of 4000 and 4001).
Unverified: LIKE ignores case and `=` does not.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NoReturn

from crossdock.sandbox.quickbooks import problems
from crossdock.sandbox.quickbooks.company import Company, Record
from crossdock.sandbox.quickbooks.kinds import KINDS, Kind

Value = str | Decimal | bool
_TIMES: Final = ("MetaData.CreateTime", "MetaData.LastUpdatedTime")
_TRANSACTION: Final = ("Id", "DocNumber", "TxnDate", "CustomerRef", "TotalAmt", "Balance", *_TIMES)
FILTERABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "Customer": (
        "Id",
        "DisplayName",
        "FullyQualifiedName",
        "GivenName",
        "MiddleName",
        "FamilyName",
        "CompanyName",
        "PrintOnCheckName",
        "PrimaryEmailAddr",
        "PrimaryEmailAddr.Address",
        "Active",
        "Balance",
        *_TIMES,
    ),
    "Item": ("Id", "Name", "FullyQualifiedName", "Sku", "Type", "Active", "UnitPrice", *_TIMES),
    "Account": ("Id", "Name", "FullyQualifiedName", "AccountType", "AccountSubType", "Active", *_TIMES),
    "Invoice": (*_TRANSACTION, "DueDate"),
    "CreditMemo": _TRANSACTION,
    "RefundReceipt": _TRANSACTION,
    "Payment": ("Id", "PaymentRefNum", "TxnDate", "CustomerRef", "TotalAmt", "UnappliedAmt", *_TIMES),
    "TaxCode": ("Id", "Name", "Active", *_TIMES),
    "TaxRate": ("Id", "Name", "Active", *_TIMES),
    "Term": ("Id", "Name", "Active", *_TIMES),
    "PaymentMethod": ("Id", "Name", "Active", *_TIMES),
    "CompanyInfo": ("Id", *_TIMES),
    "Preferences": ("Id", *_TIMES),
}
UNSORTABLE: Final = ("Id",)
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)"
    r"|(?P<sign><=|>=|=|<|>|\*|,|\(|\)))"
)


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(slots=True)
class Query:
    kind: Kind
    fields: tuple[str, ...] = ()
    """Empty: all of them."""
    count: bool = False
    conditions: list[Condition] = field(default_factory=list)
    order: list[tuple[str, bool]] = field(default_factory=list)
    """(field, descending)"""
    start: int = 1
    limit: int = 100

    def asked(self) -> Iterator[str]:
        """The fields that decide which records come and in which order."""
        yield from (condition.field for condition in self.conditions)
        yield from (name for name, _ in self.order)


def run(company: Company, text: str, show: Callable[[Kind, Record], Record]) -> dict[str, Any]:
    """The QueryResponse; `show` adds what is computed on reading. Raises FaultError: 4000, 4001."""
    query = parse(text)
    by_balance = any(name == "Balance" for name in query.asked())
    records = list(company.every(query.kind.name))
    if by_balance:
        records = [show(query.kind, record) for record in records]
    if not any(condition.field == "Active" for condition in query.conditions):
        records = [record for record in records if record.get("Active") is not False]
    found = [record for record in records if all(_holds(record, one) for one in query.conditions)]
    if query.count:
        return {"totalCount": len(found)}
    for name, descending in reversed(query.order):
        found.sort(key=lambda record: _sort_key(_value(record, name)), reverse=descending)
    page = found[query.start - 1 : query.start - 1 + query.limit]
    if not page:
        return {}
    if not by_balance:
        page = [show(query.kind, record) for record in page]
    return {
        query.kind.name: [_projected(record, query.fields) for record in page],
        "startPosition": query.start,
        "maxResults": len(page),
    }


def parse(text: str) -> Query:
    """Raises FaultError: 4000 for what is no query, 4001 for one that asks what can not be asked."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.strip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if not found or found.lastgroup is None:
                raise problems.unparsable_query(f"Encountered {text[position : position + 20]!r}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()
        self._at = 0

    def query(self) -> Query:
        self._expect("select")
        count, names = self._selection()
        self._expect("from")
        kind = KINDS.get(self._word().lower())
        if kind is None:
            raise problems.invalid_query(f"Entity {self._tokens[self._at - 1][1]} not found")
        query = Query(kind, tuple(_known(kind, name) for name in names), count)
        if self._take("where"):
            query.conditions.append(self._condition(kind))
            while self._take("and"):
                query.conditions.append(self._condition(kind))
        if self._take("orderby") or (self._take("order") and self._expect("by")):
            query.order.append(self._ordering(kind))
            while self._take(","):
                query.order.append(self._ordering(kind))
        if self._take("startposition"):
            query.start = self._whole("startposition", 1, 10**9)
        if self._take("maxresults"):
            query.limit = self._whole("maxresults", 1, 1000)
        if self._at < len(self._tokens):
            self._unexpected()
        return query

    def _selection(self) -> tuple[bool, list[str]]:
        if self._take("count"):
            for sign in "(*)":
                self._expect(sign)
            return True, []
        names = [self._column()]
        while self._take(","):
            names.append(self._column())
        return False, [] if "*" in names else names

    def _column(self) -> str:
        return "*" if self._take("*") else self._word()

    def _condition(self, kind: Kind) -> Condition:
        name = _queryable(kind, self._word())
        group, operator = self._next()
        if group == "word" and operator.lower() == "in":
            self._expect("(")
            values = [self._value()]
            while self._take(","):
                values.append(self._value())
            self._expect(")")
            return Condition(name, "in", tuple(values))
        if group == "word" and operator.lower() == "like":
            return Condition(name, "like", (self._value(),))
        if operator not in ("=", "<", ">", "<=", ">="):
            raise problems.unparsable_query(f'Encountered "{operator}" where an operator was expected')
        return Condition(name, operator, (self._value(),))

    def _ordering(self, kind: Kind) -> tuple[str, bool]:
        name = _queryable(kind, self._word())
        if name in UNSORTABLE:
            raise problems.invalid_query(f"property '{name}' is not sortable")
        if self._take("desc"):
            return name, True
        self._take("asc")
        return name, False

    def _value(self) -> Value:
        group, text = self._next()
        if group == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if group == "number":
            return Decimal(text)
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise problems.unparsable_query(f'Encountered "{text}" where a value was expected')

    def _whole(self, name: str, least: int, most: int) -> int:
        group, text = self._next()
        if group != "number" or not text.isdecimal():
            raise problems.unparsable_query(f'Encountered "{text}" after {name}')
        if not least <= int(text) <= most:
            raise problems.invalid_query(f"value {text} of {name} is out of range: {least} to {most}")
        return int(text)

    def _word(self) -> str:
        group, text = self._next()
        if group != "word":
            raise problems.unparsable_query(f'Encountered "{text}" where a name was expected')
        return text

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise problems.unparsable_query('Encountered "<EOF>"')
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        here = self._at < len(self._tokens) and self._tokens[self._at]
        if here and here[0] in ("word", "sign") and here[1].lower() == word:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> bool:
        if not self._take(word):
            self._unexpected()
        return True

    def _unexpected(self) -> NoReturn:
        text = self._tokens[self._at][1] if self._at < len(self._tokens) else "<EOF>"
        raise problems.unparsable_query(f'Encountered "{text}"')


def _known(kind: Kind, name: str) -> str:
    """A field that may be selected. Source: answers quoted in public repositories."""
    top = name.split(".")[0]
    always = ("Id", "SyncToken", "MetaData", *(field.split(".")[0] for field in FILTERABLE[kind.name]))
    if top not in always and top not in (kind.fields or {}):
        raise problems.invalid_query(f"Property {name} not found for Entity {kind.name}")
    return top


def _queryable(kind: Kind, name: str) -> str:
    if name in FILTERABLE[kind.name]:
        return name
    _known(kind, name)
    raise problems.invalid_query(f"property '{name}' is not queryable")


def _value(record: Record, name: str) -> Any:
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        return value.get("value", value.get("Address"))
    return value


def _holds(record: Record, condition: Condition) -> bool:
    actual = _value(record, condition.field)
    if actual is None:
        return False
    match condition.operator:
        case "in":
            return any(_compare(actual, value) == 0 for value in condition.values)
        case "like":
            return _like(str(actual), str(condition.values[0]))
    order = _compare(actual, condition.values[0])
    match condition.operator:
        case "=":
            return order == 0
        case "<":
            return order < 0
        case ">":
            return order > 0
        case "<=":
            return order <= 0
        case _:
            return order >= 0


def _compare(actual: Any, asked: Value) -> int:
    """-1, 0 or 1, in the type of what is stored. Raises 4001 where the two can not be compared."""
    left: Any = actual
    right: Any = asked
    try:
        if isinstance(actual, bool):
            right = asked if isinstance(asked, bool) else str(asked).lower() == "true"
        elif isinstance(actual, Decimal | int):
            right = Decimal(str(asked))
        elif re.match(r"\d{4}-\d{2}-\d{2}T", actual):
            left, right = _instant(actual), _instant(str(asked))
        else:
            right = str(asked)
    except (ValueError, ArithmeticError):
        raise problems.invalid_query(f"value {asked!r} can not be compared") from None
    return int(left > right) - int(left < right)


def _instant(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a date and time needs its offset")
    return moment.timestamp()


def _like(actual: str, pattern: str) -> bool:
    expression = ".*".join(re.escape(part) for part in pattern.split("%"))
    return re.fullmatch(expression, actual, re.IGNORECASE | re.DOTALL) is not None


def _sort_key(value: Any) -> tuple[bool, Any]:
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}T", value):
        value = _instant(value)
    return (value is not None, value if value is not None else 0)


def _projected(record: Record, fields: Iterable[str]) -> Record:
    names = set(fields)
    if not names:
        return record
    return {name: value for name, value in record.items() if name in names | {"domain", "sparse"}}
