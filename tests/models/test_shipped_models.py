"""Every shipped model keeps the promises that maps and destinations build on."""

from decimal import Decimal

import pytest

from crossdock.core.json import decode, encode
from crossdock.models import load_models
from crossdock.models.bundle import shared_definitions
from crossdock.models.registry import SHIPPED
from crossdock.models.rules import broken_rules

MODELS = load_models()
EXAMPLES = [(model, example) for model in MODELS for example in model.source["examples"]]


def without(data: dict, name: str) -> dict:
    return {key: value for key, value in data.items() if key != name}


def test_the_shipped_models_are_the_ones_that_the_documentation_names():
    assert [model.id for model in MODELS] == [f"{name}@1" for name in SHIPPED]


@pytest.mark.parametrize("model", list(MODELS), ids=str)
def test_a_shipped_model_obeys_the_rules_for_own_models(model):
    assert list(broken_rules(model.source)) == []


@pytest.mark.parametrize("model", list(MODELS), ids=str)
def test_every_field_says_what_it_is(model):
    silent = [path for path, field in model.fields().items() if not field.description and "*" not in path]
    assert silent == []


@pytest.mark.parametrize(("model", "example"), EXAMPLES, ids=str)
def test_the_example_of_a_model_is_valid_after_a_trip_through_json(model, example):
    assert model.validate(decode(encode(example))) == []


@pytest.mark.parametrize(("model", "example"), EXAMPLES, ids=str)
def test_a_field_that_the_model_does_not_know_is_refused(model, example):
    assert [violation.path for violation in model.validate({**example, "surprise": 1})] == ["surprise"]


@pytest.mark.parametrize(("model", "example"), EXAMPLES, ids=str)
def test_a_required_field_may_be_neither_absent_nor_null(model, example):
    for name in model.source["required"]:
        for data in (without(example, name), {**example, name: None}):
            assert [(v.path, v.message) for v in model.validate(data)] == [(name, "is missing")]


@pytest.mark.parametrize(("model", "example"), EXAMPLES, ids=str)
def test_an_optional_field_that_is_null_says_the_same_as_an_absent_one(model, example):
    for name in model.source["properties"].keys() - set(model.source["required"]):
        data = {**example, name: None}
        assert model.validate(data) == []
        assert model.canonical(data) == without(example, name)


@pytest.mark.parametrize("number", [4, Decimal("0.250"), Decimal("4"), 2**80])
def test_quantities_are_exact_numbers_of_any_kind(number):
    order = MODELS.get("order").source["examples"][0]
    line = {**order["lines"][0], "quantity": number}
    assert MODELS.get("order").validate({**order, "lines": [line]}) == []


@pytest.mark.parametrize("amount", ["1,299.00", "19.", ".5", "1e3", "", "NaN", " 1", "+1", 19.99, Decimal("19.99"), 20])
def test_money_is_decimal_text_and_nothing_else(amount):
    order = MODELS.get("order").source["examples"][0]
    found = MODELS.get("order").validate({**order, "total": {"amount": amount, "currency": "CAD"}})
    assert [violation.path for violation in found] == ["total.amount"]


@pytest.mark.parametrize(
    "instant",
    ["2026-11-03T09:12:44-05:00", "2026-11-03T09:12:44", "2026-11-03", "2026-02-30T00:00:00Z", "2026-11-03t09:12:44z"],
)
def test_an_instant_is_real_and_in_utc(instant):
    order = MODELS.get("order").source["examples"][0]
    found = MODELS.get("order").validate({**order, "placed_at": instant})
    assert {violation.path for violation in found} == {"placed_at"}


@pytest.mark.parametrize(
    ("path", "classes"),
    [
        ("number", set()),
        ("email", {"personal"}),
        ("customer.key", {"personal"}),
        ("billing_address.city", {"personal"}),
        ("lines.*.unit_price.amount", {"financial"}),
        ("lines", {"financial"}),
        ("lines.0.sku", set()),
        ("note", {"personal"}),
        ("", {"personal", "financial"}),
    ],
)
def test_a_field_is_of_every_class_that_it_inherits_or_holds(path, classes):
    assert MODELS.get("order").classification(path) == classes


def test_the_shared_lists_of_codes_hold_each_code_once():
    for name in ("country", "currency"):
        codes = shared_definitions()[name]["enum"]
        assert len(codes) == len(set(codes))
        assert codes == sorted(codes)


def amount(data: dict, name: str) -> Decimal:
    return Decimal(data[name]["amount"]) if name in data else Decimal(0)


@pytest.mark.parametrize("example", MODELS.get("order").source["examples"])
def test_an_order_adds_up_to_the_cent_as_its_description_says(example):
    for line in example["lines"]:
        assert amount(line, "total") == line["quantity"] * amount(line, "unit_price") - amount(line, "discount")
    for way in example["shipping_lines"]:
        assert amount(way, "total") == amount(way, "price") - amount(way, "discount")
    parts = ("shipping_total", "tip_total", "duty_total", "rounding")
    tax = Decimal(0) if example["taxes_included"] else amount(example, "tax_total")
    lines = sum(amount(line, "total") for line in example["lines"])
    assert amount(example, "total") == lines + tax + sum(amount(example, part) for part in parts)


@pytest.mark.parametrize("name", ["invoice", "refund"])
def test_a_document_adds_up_to_the_cent_as_its_description_says(name):
    for example in MODELS.get(name).source["examples"]:
        total = amount(example, "total" if name == "invoice" else "amount")
        lines = sum(amount(line, "amount") for line in example["lines"])
        extras = amount(example, "shipping") + amount(example, "adjustment")
        assert total == lines + extras + amount(example, "tax_total")
