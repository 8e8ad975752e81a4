"""Maps that read what their input cannot have are found before they run."""

import pytest

from crossdock.mapping.check import check_map
from crossdock.mapping.map import compile_map
from crossdock.models import Schema, load_models

ORDER = load_models().get("order")


def told(source: str, shape=ORDER) -> list[str]:
    return [str(problem) for problem in check_map(compile_map(source, name="maps/x.jq"), shape)]


@pytest.mark.parametrize(
    "source",
    [
        ".",
        "{number, total: .total.amount}",
        "[.lines[] | {sku, tax: [.tax[].amount.currency]}]",
        ".lines[0].sku, .lines[-1].title",
        ".customer.key as $key | {key: $key}",
        ".tags[]",
        ".total[]",
        ".total | keys",
        '"order"',
        "{surprise: 1} | .surprise",
        ".lines | map(.quantity) | add",
        ".billing_address // .shipping_address | .city",
        ". as $order | $order.lines[].sku",
    ],
)
def test_a_map_that_reads_fields_of_the_model_has_no_problem(source):
    assert told(source) == []


def test_a_misspelt_field_is_told_with_its_place_and_the_one_that_was_meant():
    assert told("{\n  number,\n  lines: [.lines[] | {skuu}],\n  mail: .emial\n}") == [
        'maps/x.jq:3:23: reads .lines[].skuu, which its input cannot have\n    did you mean "sku"?',
        'maps/x.jq:4:9: reads .emial, which its input cannot have\n    did you mean "email"?',
    ]


def test_a_field_that_resembles_none_is_told_with_those_there_are():
    (problem,) = told(".total.zzz")
    assert problem.endswith("it has: amount, currency")


def test_a_field_of_a_plain_value_is_told():
    assert told(".number.text") == ["maps/x.jq:1:1: reads .number.text, which its input cannot have"]


def test_a_function_that_serves_two_places_is_a_warning():
    (problem,) = told("def called: .title // .name; .name, (.lines[] | called)")
    assert "warning: reads .lines[].name" in problem


def test_an_open_part_of_a_schema_may_hold_anything():
    properties = {"known": {"type": "string"}, "open": {"type": "object"}, "any": {}}
    schema = Schema({"type": "object", "properties": properties, "additionalProperties": False})
    assert told(".known, .open.x.y[0], .any.x", schema) == []
    assert len(told(".unknown", schema)) == 1
