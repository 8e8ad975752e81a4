"""What a person reads when data does not fit."""

import datetime

import pytest

from crossdock.models import Schema, SchemaError, load_models

ORDER = load_models().get("order")
EXAMPLE = ORDER.source["examples"][0]


def told(data, model=ORDER):
    return model.problems(data)


def test_a_misspelt_field_names_the_one_that_was_meant():
    line = {**EXAMPLE["lines"][0], "Sku": "MUG-1"}
    assert told({**EXAMPLE, "lines": [line]}) == ['lines.0.Sku: is not a field here; did you mean "sku"?']


def test_a_status_that_is_new_to_the_model_is_named_with_the_choices():
    (line,) = told({**EXAMPLE, "financial_status": "partially_voided"})
    assert line.startswith('financial_status: "partially_voided" should be one of pending, ')
    assert line.endswith('did you mean "partially_paid"?')


def test_a_wrong_type_is_told_in_words():
    assert told({**EXAMPLE, "number": 2044}) == ["number: should be text, not a number"]
    assert told({**EXAMPLE, "lines": {}}) == ["lines: should be a list, not an object"]


def test_a_message_never_repeats_a_classified_value():
    for data in (
        {**EXAMPLE, "email": "not an address"},
        {**EXAMPLE, "total": {"amount": "ninety", "currency": "not an address"}},
        {**EXAMPLE, "billing_address": {"country": "not an address"}},
        {**EXAMPLE, "note": "not an address" * 1000},
    ):
        lines = told(data)
        assert lines
        assert "ninety" not in str(lines)
        assert "not an address" not in str(lines)


def test_a_thousand_faults_are_told_in_twenty_lines():
    line = {"id": 1}
    assert len(told({**EXAMPLE, "lines": [line] * 1000})) == 20


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), {1: 2}, {"number": b"x"}, float("nan"), None, [], "text"])
def test_what_is_no_json_object_is_a_violation_and_no_crash(value):
    assert told(value)


def test_depth_without_end_is_a_violation_and_no_crash():
    deep: dict = {}
    here = deep
    for _ in range(100_000):
        here["number"] = {}
        here = here["number"]
    assert told(deep) == ["the whole value: is nested too deeply"]


def test_an_action_may_bring_a_schema_of_its_own():
    schema = Schema(
        {"type": "object", "properties": {"text": {"type": "string", "maxLength": 3}}, "required": ["text"]}
    )
    assert told({"text": "abc"}, schema) == []
    assert told({"text": "abcd"}, schema) == ['text: "abcd" breaks the rule maxLength of 3']
    assert told({}, schema) == ["text: is missing"]


@pytest.mark.parametrize(
    "source",
    [
        {"type": "strin"},
        {"type": "string", "pattern": "(a"},
        {"type": "string", "pattern": "(a)\\1"},
        {"$ref": "http://127.0.0.1:9/x"},
    ],
)
def test_a_schema_that_cannot_judge_is_refused_and_nothing_is_fetched(source):
    with pytest.raises(SchemaError):
        Schema(source)


def test_a_pattern_runs_in_linear_time():
    schema = Schema({"type": "string", "pattern": "^(a+)+$"})
    assert schema.validate("a" * 50_000 + "b")
