"""A project's own models and extensions, and what is said when they are wrong."""

from pathlib import Path

import pytest

from crossdock.core.errors import ProjectError
from crossdock.models import UnknownModel, load_models

OWN = """\
$id: shipment@1
title: Shipment
type: object
properties:
  order: {$ref: common.yaml#/$defs/reference}
  parcels:
    type: array
    description: What is on the road.
    items: {$ref: '#/$defs/parcel'}
required: [order]
additionalProperties: false
$defs:
  parcel:
    type: object
    properties:
      sent_to: {$ref: common.yaml#/$defs/address}
      weight_grams: {type: number, description: Weight.}
    additionalProperties: false
"""


def project(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_models(folder)
    return [str(problem) for problem in caught.value.problems]


def test_a_model_of_ones_own_uses_the_shared_definitions(tmp_path):
    shipment = load_models(project(tmp_path, shipment=OWN)).get("shipment")
    parcel = {"sent_to": {"country": "CA"}, "weight_grams": 12}
    assert shipment.validate({"order": {"key": "shopify:1"}, "parcels": [parcel]}) == []
    assert shipment.problems({"order": {"key": "shopify:1"}, "parcels": [{"sent_to": {"country": "Canada"}}]})
    assert shipment.classification("parcels") == {"personal"}


def test_an_extension_adds_optional_fields_at_any_depth(tmp_path):
    extension = (
        "extends: order\n"
        "properties:\n"
        "  gift_message: {type: string, description: On the card.}\n"
        "  lines: {items: {properties: {cut: {type: string, description: Cut in., x-classification: personal}}}}\n"
    )
    order = load_models(project(tmp_path, order=extension)).get("order")
    example = order.source["examples"][0]
    line = {**example["lines"][0], "cut": "Ada"}
    assert order.validate({**example, "gift_message": "Hello", "lines": [line]}) == []
    assert order.validate(example) == []
    assert order.classification("lines.*.cut") == {"personal"}


def test_an_extension_changes_nothing_for_other_projects(tmp_path):
    load_models(project(tmp_path, order="extends: order\nproperties:\n  x: {type: string, description: X.}\n"))
    assert "x" not in load_models().get("order").fields()


def test_a_project_without_models_has_the_shipped_ones(tmp_path):
    assert load_models(tmp_path / "models").names == load_models().names


def test_an_unknown_model_names_the_one_that_was_meant():
    models = load_models()
    with pytest.raises(UnknownModel, match='did you mean "customer"'):
        models.get("custommer")
    with pytest.raises(UnknownModel, match="order has major 1"):
        models.get("order", 2)


ADDS = "extends: order\nproperties:\n  "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\n", "2:1: not valid YAML"),
        ("- 1\n", "1:1: should be a mapping"),
        ("title: X\n", "1:1: say what this is"),
        ("title: X\n$id: Ship ment\n", "2:1: say what this is"),
        ("title: X\n$id: order@1\n", '2:1: the model "order@1" exists already'),
        ("extends: oder\n", '1:1: there is no model "oder@1" to extend\n    did you mean "order"?'),
        ("$id: x@1\ntype: array\n", "1:1: a model is an object"),
        ("$id: x@1\ntype: objct\nproperties: {}\n", '2:1: there is no type "objct"; did you mean "object"?'),
        ("$id: x@1\ntype: object\npropertis: {}\n", '3:1: `propertis` says nothing here; did you mean "properties"?'),
        ("extends: order\nrequired: [x]\n", "2:1: an extension may have"),
        (ADDS + "total: {type: string, description: X.}\n", '3:3: the model has a field "total"'),
        (ADDS + "total: {properties: {x: {type: string}}}\n", '3:3: "total" is a shared definition'),
        (ADDS + "lines: {maxItems: 3, items: {}}\n", "3:11: the model says what this is"),
        (ADDS + "x: {type: string}\n", '3:3: "x" has no description'),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path, text, expected):
    assert problems(project(tmp_path, x=text))[0].startswith(f"models/x.yaml:{expected}")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{type: number, description: Weight.}", "{type: number}", '"weight_grams" has no description'),
        ("{type: number, description: Weight.}", "{description: Weight.}", '"weight_grams" has no type'),
        ("type: number", "type: [number, 'null']", "null is no value in a model"),
        ("type: number", "type: numer", 'there is no type "numer"; did you mean "number"?'),
        ("type: number", "type: decimal", 'there is no type "decimal"; there are: string, number'),
        ("type: number", "tpye: number", '`tpye` says nothing here; did you mean "type"?'),
        ("description: Weight.", "descripton: Weight.", '`descripton` says nothing here; did you mean "description"?'),
        ("type: number", "type: number, colour: red", "`colour` says nothing here; what is only for people is"),
        ("type: number", "type: string, format: date_time", 'no format "date_time"; did you mean "date-time"?'),
        ("required: [order]", "requird: [order]", '`requird` says nothing here; did you mean "required"?'),
        ("required: [order]", "required: [odrer]", '"odrer" is required, and is no field here; did you mean "order"?'),
        ("additionalProperties: false\n$", "additionalPropertys: false\n$", "`additionalPropertys` says nothing here"),
        ("type: number", "type: number, x-classification: secret", "`x-classification` is one of"),
        ("common.yaml#/$defs/address", "common.yaml#/$defs/adress", 'no definition "adress"; did you mean "address"?'),
        ("'#/$defs/parcel'", "'#/$defs/parsel'", 'no definition "parsel"; did you mean "parcel"?'),
        ("'#/$defs/parcel'", "'https://example.com/x'", "nothing else is looked up"),
        ("required: [order]\nadditionalProperties: false\n", "", "say `additionalProperties: false`"),
    ],
)
def test_a_rule_broken_by_an_own_model_is_told_with_its_line(tmp_path, old, new, expected):
    (problem,) = problems(project(tmp_path, shipment=OWN.replace(old, new)))
    assert expected in problem
    assert problem.startswith("models/shipment.yaml:")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("properties: 3", "`properties` should be names, with a schema for each"),
        ("properties: {lines: {items: {properties: [3]}}}", "`properties` should be names, with a schema for each"),
        ("properties: {gift: 3}", "should be a schema"),
        ("properties: {lines: {items: [3]}}", "should be a schema"),
        ("$defs: {gift: 3}", "should be a schema"),
        ("properties: {gift: {anyOf: 3, description: G.}}", "`anyOf` should be a list of schemas"),
        ("properties: {gift: {anyOf: [3], description: G.}}", "should be a schema"),
        ("properties: {gift: {enum: 3, description: G.}}", "`enum` should be a list"),
    ],
)
def test_what_is_of_another_kind_is_told_with_its_line_alone_and_in_an_extension(tmp_path, wrong, expected):
    folder = project(tmp_path, gift=f"$id: gift@1\ntype: object\n{wrong}\n", order=f"extends: order\n{wrong}\n")
    first, second, *others = problems(folder)
    assert first.startswith("models/gift.yaml:3:")
    assert second.startswith("models/order.yaml:2:")
    assert expected in second
    assert not others


@pytest.mark.parametrize(("field", "where"), [("lines", "go into its `items`"), ("number", "add your field beside it")])
def test_an_extension_of_what_has_no_fields_is_told_where_they_go(tmp_path, field, where):
    gift = "{properties: {gift: {type: string, description: G.}}}"
    (problem,) = problems(project(tmp_path, order=f"extends: order\nproperties:\n  {field}: {gift}\n"))
    assert problem.startswith("models/order.yaml:3:")
    assert problem.endswith(f"this has no fields of its own; {where}")


def test_an_extension_of_items_names_fields(tmp_path):
    (problem,) = problems(project(tmp_path, order="extends: order\nproperties: {lines: {items: true}}\n"))
    assert problem == "models/order.yaml:2:22: should be a schema"


@pytest.mark.parametrize("wrong", ["[3, {a: 1}]", "3", "{a: 1}"])
def test_what_is_required_is_named(tmp_path, wrong):
    (problem,) = problems(project(tmp_path, shipment=OWN.replace("[order]", wrong)))
    assert problem.startswith("models/shipment.yaml:10:")


def test_all_problems_of_all_files_are_told_in_one_run(tmp_path):
    found = problems(project(tmp_path, a="title: A\n", b="extends: order\nproperties: {x: {}, y: {}}\n"))
    assert [line.partition(":")[0] for line in found] == ["models/a.yaml"] + ["models/b.yaml"] * 4
