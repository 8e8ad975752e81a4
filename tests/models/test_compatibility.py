"""Within a major only additions."""

import copy

import pytest

from crossdock.models import breaking_changes, load_models

MODELS = load_models()
ORDER = MODELS.get("order").source
FULFILMENT = ORDER["properties"]["fulfillment_status"]["enum"]


def changed(*path, to=None, drop=False):
    new = copy.deepcopy(dict(ORDER))
    here = new
    for part in path[:-1]:
        here = here[part]
    if drop:
        del here[path[-1]]
    else:
        here[path[-1]] = to
    return new


@pytest.mark.parametrize("model", list(MODELS), ids=str)
def test_a_model_is_compatible_with_itself(model):
    assert breaking_changes(model.source, model.source) == []


@pytest.mark.parametrize(
    "new",
    [
        changed("properties", "gift", to={"type": "boolean"}),
        changed("properties", "lines", "items", "properties", "gift", to={"type": "boolean"}),
        changed("$defs", "address", "properties", "district", to={"type": "string"}),
        changed("properties", "fulfillment_status", "enum", to=[*FULFILMENT, "lost"]),
        changed("properties", "number", "maxLength", to=200),
        changed("properties", "number", "description", to="Other words."),
        changed("properties", "number", "x-classification", to="personal"),
    ],
)
def test_an_addition_is_compatible(new):
    assert breaking_changes(ORDER, new) == []


@pytest.mark.parametrize(
    ("new", "path"),
    [
        (changed("properties", "number", drop=True), "number"),
        (changed("properties", "lines", "items", "properties", "sku", drop=True), "lines.*.sku"),
        (changed("required", to=[*ORDER["required"], "email"]), "email"),
        (changed("required", to=ORDER["required"][1:]), ORDER["required"][0]),
        (changed("properties", "number", "type", to="integer"), "number"),
        (changed("properties", "number", "maxLength", to=10), "number"),
        (changed("properties", "number", "minLength", to=2), "number"),
        (changed("properties", "number", "pattern", to="^x"), "number"),
        (changed("properties", "fulfillment_status", "enum", to=["unfulfilled"]), "fulfillment_status"),
        (changed("properties", "fulfillment_status", "enum", drop=True), "fulfillment_status"),
        (changed("additionalProperties", drop=True), ""),
        (changed("$defs", "address", "properties", "city", "maxLength", to=5), "billing_address.city"),
        (changed("$defs", "email", "x-classification", drop=True), "email"),
    ],
)
def test_anything_else_needs_a_new_major(new, path):
    assert path in [violation.path for violation in breaking_changes(ORDER, new)]


def test_a_field_added_to_an_open_object_is_not_an_addition():
    old = {"type": "object", "properties": {}}
    new = {"type": "object", "properties": {"x": {"type": "string"}}}
    assert [violation.path for violation in breaking_changes(old, new)] == ["x"]


def test_a_schema_that_holds_itself_comes_to_an_end():
    old = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "n": {"type": "number"}},
        "additionalProperties": False,
    }
    new = {**old, "properties": {**old["properties"], "n": {"type": "string"}}}
    assert [violation.path for violation in breaking_changes(old, new)] == ["n", "next.n"]
