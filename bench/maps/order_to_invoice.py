from __future__ import annotations

from decimal import Decimal
from typing import Any

JMESPATH = """{
  DocNumber: name, TxnDate: created_at, CurrencyRef: {value: currency},
  CustomerRef: {value: to_string(customer.id), name: join(' ', [customer.first_name, customer.last_name])},
  BillEmail: {Address: email || contact_email},
  BillAddr: billing_address.{Line1: address1, City: city, CountrySubDivisionCode: province_code, PostalCode: zip,
    Country: country_code},
  ShipAddr: (shipping_address || billing_address).{Line1: address1, City: city, CountrySubDivisionCode: province_code,
    PostalCode: zip, Country: country_code},
  Line: line_items[?quantity > `0`].{
    DetailType: 'SalesItemLineDetail', Description: title, Amount: to_number(price),
    SalesItemLineDetail: {ItemRef: {value: sku || 'UNKNOWN'}, Qty: quantity, UnitPrice: to_number(price),
      TaxCodeRef: {value: taxable && 'TAX' || 'NON'}}},
  TxnTaxDetail: {TotalTax: sum(line_items[].tax_lines[].price.to_number(@))},
  PrivateNote: join('', ['Order ', name, ', paid in ', currency, ' by ', join(' and ', payment_gateway_names)])
}"""


def sample(lines: int) -> dict[str, Any]:
    address = {
        "first_name": "Ana", "last_name": "Ruiz", "address1": "12 Mill Lane", "address2": None, "city": "Ottawa",
        "province_code": "ON", "zip": "K1A 0B1", "country_code": "CA", "phone": "+16135550123",
    }  # fmt: skip
    return {
        "id": 450789469, "name": "#1001", "created_at": "2026-03-05T11:22:33-05:00", "currency": "CAD",
        "financial_status": "paid", "email": None, "contact_email": "ana@example.com", "total_price": "41.79",
        "customer": {"id": 207119551, "first_name": "Ana", "last_name": "Ruiz", "email": "ana@example.com"},
        "billing_address": address, "shipping_address": {**address, "address2": "Unit 4"},
        "payment_gateway_names": ["visa", "gift_card"],
        "line_items": [_line(number) for number in range(lines)],
        "shipping_lines": [{"id": 9001, "title": "Standard", "price": "5.99", "code": "STD", "tax_lines": []}],
    }  # fmt: skip


def _line(number: int) -> dict[str, Any]:
    return {
        "id": 866550311 + number, "title": f"Blue mug no. {number}", "variant_title": None if number % 3 else "large",
        "sku": None if number % 5 == 4 else f"MUG-{number:03}", "quantity": 0 if number % 7 == 6 else number % 3 + 1,
        "price": f"{19 + number}.{number * 7 % 100:02}", "taxable": number % 4 != 3, "vendor": "Kiln & Co.",
        "discount_allocations": [{"amount": "1.50"}] if number % 2 else [],
        "tax_lines": [{"title": "HST", "rate": "0.13", "price": f"2.{number % 100:02}"}],
    }  # fmt: skip


def amount(text: str | None) -> Any:
    return number(text or "0")


def number(text: str) -> Any:
    return int(text) if text.isdigit() else Decimal(text)


def address(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    found = {
        "Line1": given.get("address1"),
        "Line2": given.get("address2"),
        "City": given.get("city"),
        "CountrySubDivisionCode": given.get("province_code"),
        "PostalCode": given.get("zip"),
        "Country": given.get("country_code"),
    }
    return {key: value for key, value in found.items() if value is not None}


def invoice_line(line: dict[str, Any]) -> dict[str, Any]:
    price = amount(line.get("price"))
    discount = sum(amount(allocation.get("amount")) for allocation in line["discount_allocations"])
    return {
        "DetailType": "SalesItemLineDetail",
        "Description": ", ".join([part for part in (line.get("title"), line.get("variant_title")) if part is not None]),
        "Amount": price * line["quantity"] - discount,
        "SalesItemLineDetail": {
            "ItemRef": {"value": line.get("sku") or "UNKNOWN"},
            "Qty": line["quantity"],
            "UnitPrice": price,
            "TaxCodeRef": {"value": "TAX" if line.get("taxable") else "NON"},
        },
    }


def carriage_line(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "DetailType": "SalesItemLineDetail",
        "Description": line.get("title"),
        "Amount": amount(line.get("price")),
        "SalesItemLineDetail": {"ItemRef": {"value": "SHIPPING_ITEM_ID"}},
    }


def by_hand(order: dict[str, Any]) -> dict[str, Any]:
    currency = order.get("currency")
    customer = order["customer"]
    names = [name for name in (customer.get("first_name"), customer.get("last_name")) if name is not None]
    lines = [invoice_line(line) for line in order["line_items"] if line["quantity"] > 0]
    lines += [carriage_line(line) for line in order["shipping_lines"]]
    tax = sum(amount(tax.get("price")) for line in order["line_items"] for tax in line["tax_lines"])
    paid_by = " and ".join(order["payment_gateway_names"])
    return {
        "DocNumber": order["name"].removeprefix("#"),
        "TxnDate": order["created_at"][:10],
        "CurrencyRef": {"value": currency},
        "CustomerRef": {"value": str(customer["id"]), "name": " ".join(names)},
        "BillEmail": {"Address": order.get("email") or order.get("contact_email")},
        "BillAddr": address(order.get("billing_address")),
        "ShipAddr": address(order.get("shipping_address") or order.get("billing_address")),
        "Line": lines,
        "TxnTaxDetail": {"TotalTax": tax},
        "PrivateNote": f"Order {order['name']}, paid in {currency} by {paid_by}",
    }
