"""A customer in the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.connectors.quickbooks import text
from crossdock.connectors.quickbooks.api import Api, quoted, record_of, rows
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Action, Call, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson


class UpsertCustomer(Action):
    """Makes a customer, or brings one up to date.

    In:     `customer`.
    Out:    the customer's Id and SyncToken.
    Finds:  by e-mail address, by the hub's mark; by name only where the phone agrees too, or the post code of who has
            neither e-mail address nor phone.
    Errors: 6240 (the name is taken, perhaps by a vendor) is not done: the next request adds the shop's id to the name.
            5010 is not done: the record is read again. A DisplayName is set once and then left to the bookkeeper.
    Source: QuickBooks Online API, Customer; DisplayName is unique over customers, vendors and employees.
    """

    name = "upsert_customer"
    model = "customer"
    input = "customer"
    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)
    match = ("e-mail address", "name with phone or post code")
    whole_state = True
    finds = True
    echo = "customer"

    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        receipt = yield from (self._update(item) if item.remote_id else self._create(item))
        return {item.id: receipt}

    def _create(self, item: Outbound) -> Steps[Receipt]:
        """Most names are free, so the first request does not ask; a later revision knows that this one was not."""
        suffix = text.short_id(item.key) if item.revision else ""
        body = {
            "DisplayName": text.display_name(item.input["name"], suffix),
            **self._fields(item.input),
            "Notes": text.private_note(item.input.get("notes", ""), f"From {item.key}", item.marker),
        }
        request = self._api.save("Customer", body, item.provider_key("customer"))
        done = yield Call("customer", request, EffectClass.NATIVE_KEY, (item.id,))
        note = f"the name was taken, so it is called {body['DisplayName']!r}" if suffix else ""
        return receipt_of(record_of(done.answer, "Customer"), note)

    def _update(self, item: Outbound) -> Steps[Receipt]:
        if item.input.get("guest"):
            return Receipt(item.remote_id, item.remote_version, note="a guest is known already: left as it is")
        token = item.remote_version
        if item.revision or not token:
            found = yield Call("customer.read", self._api.read("Customer", item.remote_id))
            if found.answer is None:
                raise ForAPerson(f"customer {item.remote_id} is gone from QuickBooks; link its key to another one")
            token = str(record_of(found.answer, "Customer")["SyncToken"])
        body = {"Id": item.remote_id, "SyncToken": token, "sparse": True, **self._fields(item.input)}
        request = self._api.save("Customer", body, item.provider_key("customer"))
        done = yield Call("customer", request, EffectClass.NATIVE_KEY, (item.id,))
        return receipt_of(record_of(done.answer, "Customer"))

    def _fields(self, customer: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "GivenName": text.clean(customer.get("first_name", ""), text.NAME_PART),
            "FamilyName": text.clean(customer.get("last_name", ""), text.NAME_PART),
            "CompanyName": text.clean(customer.get("company", ""), text.NAME_PART),
        }
        email, phone = customer.get("email", ""), customer.get("phone", "")
        if email and len(email) <= text.EMAIL:
            fields["PrimaryEmailAddr"] = {"Address": email}
        if phone:
            fields["PrimaryPhone"] = {"FreeFormNumber": text.cut(phone, text.PHONE)}
        if customer.get("addresses"):
            fields["BillAddr"] = address(customer["addresses"][0])
        if self._settings.multicurrency and customer.get("currency"):
            fields["CurrencyRef"] = {"value": customer["currency"]}
        return {name: value for name, value in fields.items() if value}

    def find(self, item: Outbound) -> Steps[Found | None]:
        email = item.input.get("email", "")
        if email:
            done = yield Call(
                "customer.by_email", self._api.select("Customer", f"PrimaryEmailAddr LIKE {quoted(email)}")
            )
            found = _by_email(rows(done.answer, "Customer"), item, email)
            if found is not None:
                return found
        name = text.display_name(item.input["name"])
        named = f"DisplayName LIKE {quoted(_no_wildcards(name) + '%')}"
        done = yield Call("customer.by_name", self._api.select("Customer", named))
        return _by_name(rows(done.answer, "Customer"), item, name)


def _no_wildcards(name: str) -> str:
    return name.split("%", 1)[0]


def _by_email(hits: Sequence[Mapping[str, Any]], item: Outbound, email: str) -> Found | None:
    """One customer with this address is the one. Of several, the one with the mark or the very name."""
    hits = [hit for hit in hits if _email_of(hit) == email.lower()]
    marked = [hit for hit in hits if text.marked(hit.get("Notes"), item.marker)]
    name = text.display_name(item.input["name"]).lower()
    named = [hit for hit in hits if str(hit.get("DisplayName", "")).lower() == name]
    for group in (marked, hits if len(hits) == 1 else named):
        if len(group) == 1:
            return Found(receipt_of(group[0]), why="the e-mail address agrees")
    if not hits:
        return None
    others = tuple(str(hit["Id"]) for hit in hits[1:])
    return Found(
        receipt_of(hits[0]), certain=False, others=others, why=f"{len(hits)} customers have this e-mail address"
    )


def _by_name(hits: Sequence[Mapping[str, Any]], item: Outbound, name: str) -> Found | None:
    """A name alone names two people as easily as one: it counts only with the mark, the phone or the post code. What
    the hub made for somebody else, or what has another phone, is another person, be the rest as it may."""
    for hit in hits:
        if text.marked(hit.get("Notes"), item.marker):
            return Found(receipt_of(hit), why="the hub's mark agrees")
    for hit in hits:
        same_name = str(hit.get("DisplayName", "")).lower() == name.lower()
        other_email = _email_of(hit) and item.input.get("email") and _email_of(hit) != item.input["email"].lower()
        if same_name and not other_email and not text.bears_a_mark(hit.get("Notes")) and _same_place(hit, item.input):
            return Found(receipt_of(hit), why="name and phone or post code agree")
    return None


def _email_of(hit: Mapping[str, Any]) -> str:
    return str((hit.get("PrimaryEmailAddr") or {}).get("Address") or "").strip().lower()


def _same_place(hit: Mapping[str, Any], customer: Mapping[str, Any]) -> bool:
    """The phone decides where both have one. The post code does only for a record that has no address of mail or phone
    to know its owner by: in one street live two of a name."""
    phone = _digits((hit.get("PrimaryPhone") or {}).get("FreeFormNumber"))
    if len(phone) >= 7:
        return _digits(customer.get("phone")).endswith(phone[-9:])
    if _email_of(hit):
        return False
    code = _squeezed((hit.get("BillAddr") or {}).get("PostalCode"))
    return bool(code) and any(_squeezed(place.get("postal_code")) == code for place in customer.get("addresses", ()))


def _digits(value: object) -> str:
    return "".join(char for char in str(value or "") if char.isdecimal())


def _squeezed(value: object) -> str:
    return "".join(str(value or "").split()).upper()


def address(place: Mapping[str, Any]) -> dict[str, str]:
    """An address as QuickBooks words it: lines are free text."""
    lines = [place.get(name) for name in ("name", "company", "line1", "line2")]
    said = {f"Line{position}": text.cut(line, 500) for position, line in enumerate(filter(None, lines), 1)}
    for field, name in (
        ("City", "city"),
        ("CountrySubDivisionCode", "region_code"),
        ("PostalCode", "postal_code"),
        ("Country", "country"),
    ):
        if place.get(name):
            said[field] = place[name]
    return said


def receipt_of(record: Mapping[str, Any], note: str = "") -> Receipt:
    return Receipt(str(record["Id"]), str(record.get("SyncToken", "")), record, note=note)
