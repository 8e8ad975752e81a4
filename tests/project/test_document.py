from decimal import Decimal

import pytest

from crossdock.core.errors import ProjectError
from crossdock.project.document import DEEPEST, MOST_NODES, Document

TEXT = """\
on: [order.created, order.updated]
where: '.status == "paid"'
map: |

  # a comment
  .customer
    | .email
each: true
rate: 0.130
big: 123456789012345678901234567890
"""


def said(text: str) -> str:
    with pytest.raises(ProjectError) as error:
        Document("flows/x.yaml", text)
    return str(error.value)


def test_values_are_plain_and_exact() -> None:
    data = Document("flows/x.yaml", TEXT).data
    assert data["on"] == ["order.created", "order.updated"]
    assert data["rate"] == Decimal("0.130")
    assert str(data["rate"]) == "0.130"
    assert data["big"] == 123456789012345678901234567890
    assert data["each"] is True


def test_dates_and_yes_stay_text() -> None:
    assert Document("x", "a: 2026-11-01\nb: yes\nc: off\nd: 12:30").data == {
        "a": "2026-11-01",
        "b": "yes",
        "c": "off",
        "d": "12:30",
    }


def test_every_key_and_value_has_its_place() -> None:
    document = Document("flows/x.yaml", TEXT)
    assert document.place(("on",)) == (1, 1)
    assert document.place(("on",), at_value=True) == (1, 5)
    assert document.place(("on", 1)) == (1, 21)
    assert document.place(("where",), at_value=True) == (2, 8)
    assert document.place(("where", "nothing", "there")) == (2, 1)


@pytest.mark.parametrize(
    ("path", "within", "place"),
    [
        (("map",), (3, 1), (6, 3)),  # line 3 of the block: `.customer`
        (("map",), (4, 5), (7, 7)),
        (("where",), (1, 1), (2, 9)),  # behind the quote
        (("on", 0), (1, 3), (1, 8)),
    ],
)
def test_a_place_inside_a_text_is_found_in_the_file(
    path: tuple[str | int, ...], within: tuple[int, int], place: tuple[int, int]
) -> None:
    assert Document("flows/x.yaml", TEXT).place_in_text(path, *within) == place


def test_a_key_that_is_there_twice_is_told_with_both_lines() -> None:
    found = said("to: out\naction: send\nto: in\n")
    assert "flows/x.yaml:3:1: `to` is here twice; the first is on line 1" in found


def test_all_twice_written_keys_are_told_in_one_run() -> None:
    assert said("a: 1\na: 2\nb: {c: 1, c: 2}\n").count("is here twice") == 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: b: c", "flows/x.yaml:1:5: not valid YAML: mapping values are not allowed"),
        ("a:\n\t- b", "flows/x.yaml:2:1: not valid YAML"),
        ("a: [1, 2", "not valid YAML"),
        ("a: @b", "put a text that starts with a sign in quotes"),
        ("a: *nobody", "undefined alias"),
        ("a: !!python/object:os.system x", "the tag tag:yaml.org,2002:python/object:os.system is not read here"),
        ("a: !secret x", "the tag !secret is not read here"),
        ("<<: {a: 1}", "`<<` is not read here"),
        ("? [a, b]\n: 1", "a key is a plain name"),
        ("a: " + "9" * 5000, "is no number that is read here"),
        ("a: 1e999999999", "is no number that is read here"),
        ("a: .nan", "is no number that is read here"),
        ("a: \x07", "not valid YAML"),
        ('a: "\\ud800"', "x.yaml:1:4: the character U+D800 does not belong in a text"),
        ('"\\ud800": 1', "x.yaml:1:1: the character U+D800 does not belong in a text"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_told_with_its_place(text: str, what: str) -> None:
    assert what in said(text)


def test_a_character_in_halves_is_that_character_as_in_json() -> None:
    assert Document("x", '{"\\ud83d\\ude00": "\\ud83d\\ude00"}').data == {"😀": "😀"}


def test_aliases_are_read_and_a_bomb_of_them_is_not() -> None:
    assert Document("x", "a: &one {b: 1}\nc: *one").data == {"a": {"b": 1}, "c": {"b": 1}}
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert f"more than {MOST_NODES:,} values once its aliases" in said(bomb)


def test_an_alias_of_itself_ends() -> None:
    assert "nested" in said("a: &a [*a]")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * 200 + "]" * 200, "1:66"),
        ("[" * 100_000, "1:65"),
        ("- " * 2000, "1:129"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(1000)), "65:65"),
    ],
)
def test_deep_nesting_is_refused_at_its_place_and_not_crashed_on(text: str, place: str) -> None:
    assert f"x.yaml:{place}: is nested more than {DEEPEST} deep" in said(text)
