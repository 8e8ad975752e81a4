"""The functions that maps have beyond jq's own: names, arguments, what they do, with examples that the tests run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from crossdock.mapping.normalisers import country, money, phone, text, time
from crossdock.mapping.normalisers.unreadable import Unreadable, shown
from crossdock.mapping.tables import Tables

EntityKey = Callable[[str, str], str]
"""(model, remote id at the platform that the input comes from) → the entity's key"""


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    call: Callable[..., Any]
    group: str
    examples: tuple[tuple[str, str], ...]
    """(jq expression, its output as JSON)"""
    given: Literal["tables", "keys"] | None = None
    """what of the project `call` gets first, ahead of what the map passes"""

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.call).parameters.values())[1 if self.given else 0 :]

    @property
    def arities(self) -> range:
        """How many arguments it takes: the last ones may have defaults."""
        must = sum(each.default is each.empty for each in self._parameters)
        return range(must, len(self._parameters) + 1)

    @property
    def signature(self) -> str:
        """`money(amount; currency[; mark])`"""
        names = [each.name for each in self._parameters]
        must = self.arities.start
        return f"{self.name}({'; '.join(names[:must])}{''.join(f'[; {each}]' for each in names[must:])})"

    @property
    def description(self) -> str:
        return inspect.getdoc(self.call) or ""


def lookup(tables: Tables, table: object, key: object) -> Any:
    """The row of a reference table. A key without a row follows the table's rule: refuse, a default, or the key."""
    return tables.lookup(table, key)


def entity_key(key_of: EntityKey | None, model: object, remote_id: object) -> str | None:
    """The hub's key of another entity, from the id that the platform gives it: to fill a `{key: …}` reference.

    An entity that is linked to one that the hub knows has that one's key; any other is `<connection>:<id>`.
    Null stays null. Only in the maps of what comes in.
    """
    if key_of is None:
        raise Unreadable("entity_key works in the maps of what comes in: elsewhere, events hold the keys already")
    if remote_id is None or remote_id == "":
        return None
    if not isinstance(model, str) or isinstance(remote_id, bool) or not isinstance(remote_id, int | str):
        raise Unreadable(f"entity_key wants a model and an id, not {shown(model)} and {shown(remote_id)}")
    return key_of(model, str(remote_id))


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "money",
        money.money,
        "Money",
        (
            ('"1,299.00" | money(.; "EUR")', '{"amount":"1299.00","currency":"EUR"}'),
            ('19.9 | money(.; "cad")', '{"amount":"19.90","currency":"CAD"}'),
            ('money("1.299"; "EUR"; ",")', '{"amount":"1299.00","currency":"EUR"}'),
            ('money(null; "EUR")', "null"),
        ),
    ),
    Function(
        "price",
        money.price,
        "Money",
        (('price("0.00450"; "EUR")', '{"amount":"0.0045","currency":"EUR"}'),),
    ),
    Function(
        "money_round",
        money.money_round,
        "Money",
        (('money_round(1861.075; "USD")', '{"amount":"1861.08","currency":"USD"}'),),
    ),
    Function(
        "money_add",
        money.money_add,
        "Money",
        (('money("1.10"; "EUR") | money_add(.; .)', '{"amount":"2.20","currency":"EUR"}'),),
    ),
    Function(
        "money_sub",
        money.money_sub,
        "Money",
        (('money_sub(money(1; "EUR"); money(3; "EUR"))', '{"amount":"-2.00","currency":"EUR"}'),),
    ),
    Function(
        "money_sum",
        money.money_sum,
        "Money",
        (
            ('[0.1, 0.2] | map(money(.; "EUR")) | money_sum(.; "EUR")', '{"amount":"0.30","currency":"EUR"}'),
            ('money_sum([]; "JPY")', '{"amount":"0","currency":"JPY"}'),
        ),
    ),
    Function(
        "money_negate",
        money.money_negate,
        "Money",
        (('money_negate(money(8; "CAD"))', '{"amount":"-8.00","currency":"CAD"}'),),
    ),
    Function(
        "money_times",
        money.money_times,
        "Money",
        (('money_times(price("128.350"; "USD"); 14.5)', '{"amount":"1861.08","currency":"USD"}'),),
    ),
    Function(
        "money_allocate",
        money.money_allocate,
        "Money",
        (('[money_allocate(money(10; "EUR"); [1, 1, 1])[].amount]', '["3.34","3.33","3.33"]'),),
    ),
    Function("money_sign", money.money_sign, "Money", (('money_sign(money("-0.01"; "EUR"))', "-1"),)),
    Function("money_minor", money.money_minor, "Money", (('money_minor(money(19.9; "EUR"))', "1990"),)),
    Function(
        "money_from_minor",
        money.money_from_minor,
        "Money",
        (('money_from_minor(1990; "eur")', '{"amount":"19.90","currency":"EUR"}'),),
    ),
    Function(
        "phone",
        phone.phone,
        "People and places",
        (
            ('phone("(514) 555-0100"; "CA")', '"+15145550100"'),
            ('phone("+44 20 7946 0018")', '"+442079460018"'),
            ('(phone("call me"; "CA")? // null)', "null"),
        ),
    ),
    Function(
        "country",
        country.country,
        "People and places",
        (('["Deutschland", "GBR", "uk", null] | map(country(.))', '["DE","GB","GB",null]'),),
    ),
    Function(
        "instant",
        time.instant,
        "Time",
        (
            ('instant("2026-11-03T09:12:43-05:00")', '"2026-11-03T14:12:43Z"'),
            ('instant("2026-11-03 09:12:43"; "America/Toronto")', '"2026-11-03T14:12:43Z"'),
            ("instant(1793715164123)", '"2026-11-03T14:12:44.123Z"'),
        ),
    ),
    Function(
        "date_in",
        time.date_in,
        "Time",
        (('date_in("2026-11-04T03:00:00Z"; "America/Toronto")', '"2026-11-03"'),),
    ),
    Function("day", time.day, "Time", (('day("3.11.2026"; "dmy")', '"2026-11-03"'),)),
    Function("day_add", time.day_add, "Time", (('day_add("2026-11-03"; 30)', '"2026-12-03"'),)),
    Function(
        "text_clean",
        text.text_clean,
        "Text",
        ((r'"  Cafe\u0301\u0000 " | text_clean(.)', '"Café"'), ('text_clean("  ")', "null")),
    ),
    Function("text_line", text.text_line, "Text", ((r'"Ada\n Byron" | text_line(.)', '"Ada Byron"'),)),
    Function("cut", text.cut, "Text", (('cut("Shop order #2044"; 10)', '"Shop order"'),)),
    Function("lookup", lookup, "The hub", (('lookup("tax_codes"; "HST")', '"5"'),), "tables"),
    Function(
        "entity_key",
        entity_key,
        "The hub",
        (('{order: {key: entity_key("order"; 5310000000123)}}', '{"order":{"key":"shop:5310000000123"}}'),),
        "keys",
    ),
)
"""In the order of the documentation."""


def callables(tables: Tables, key_of: EntityKey | None = None) -> dict[str, Callable[..., Any]]:
    """Every function by name, bound to a project's tables and a connection's keys, as the jq compiler takes them."""
    given = {"tables": tables, "keys": key_of}
    return {
        function.name: partial(function.call, given[function.given]) if function.given else function.call
        for function in FUNCTIONS
    }
