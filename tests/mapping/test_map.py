"""A map as a whole: what it gives, what it may call, and what a person is told when it fails."""

from decimal import Decimal

import pytest

from crossdock import jq
from crossdock.core.errors import ProjectError
from crossdock.core.flow import MapFailed
from crossdock.core.keys import EntityKeys
from crossdock.mapping.functions import FUNCTIONS
from crossdock.mapping.map import EmptyOutput, MapError, compile_map
from crossdock.mapping.tables import Table, Tables

TABLES = Tables([Table("tax_codes", {"HST": "5"})])
EXAMPLES = [(function, *example) for function in FUNCTIONS for example in function.examples]


def problems(source: str, **options) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        compile_map(source, name="maps/x.jq", **options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("function", "source", "output"), EXAMPLES, ids=lambda value: getattr(value, "name", None))
def test_every_example_of_a_function_is_true(function, source, output):
    compiled = compile_map(source, name="example", tables=TABLES, key_of=EntityKeys("shop"))
    assert function.name in source
    assert compiled.run(None) == [jq.loads(output.encode())]


def test_the_same_input_gives_the_same_outputs_and_numbers_keep_their_digits():
    compiled = compile_map("{id, price, seen: now}", name="maps/x.jq")
    given = {"id": 12345678901234567890, "price": Decimal("1.10")}
    first, second = (compiled.run(given, now=1793715164.0) for _ in range(2))
    assert first == second
    assert jq.dumps(first[0]).startswith(b'{"id":12345678901234567890,"price":1.10,')


def test_variables_are_declared_and_given_with_each_run():
    compiled = compile_map("$needs.customer", name="maps/x.jq", variables=("needs",))
    assert compiled.one({}, needs={"customer": "58"}) == "58"
    assert "$neds is not defined; did you mean $needs?" in problems("$neds", variables=("needs",))[0]


def test_one_output_is_one_and_none_is_a_fault_and_never_a_filter():
    compiled = compile_map(".[]", name="maps/x.jq")
    assert compiled.one([7]) == 7
    assert compiled.each([7, 8]) == [7, 8]
    assert compiled.run([]) == []
    for wanted in (compiled.one, compiled.each):
        with pytest.raises(EmptyOutput, match="where"):
            wanted([])
    with pytest.raises(MapError, match="made 2 outputs"):
        compiled.one([7, 8])


def test_a_failed_run_is_told_with_its_line_and_where_in_the_input():
    compiled = compile_map('{\n  total: money(.total; "EUR")\n}', name="maps/x.jq")
    with pytest.raises(MapFailed) as caught:
        compiled.run({"total": "1,299"})
    assert str(caught.value).startswith('maps/x.jq:2:10: money: "1,299" may mean thousands or decimals')
    assert str(caught.value).endswith("(in the input: .total)")
    assert isinstance(caught.value, MapError)
    assert (caught.value.line, caught.value.column) == (2, 10)


def test_a_map_may_catch_what_cannot_be_read():
    compiled = compile_map('(phone(.; "CA")? // "none"), (try country(.) catch "no country")', name="maps/x.jq")
    assert compiled.run("call me") == ["none", "no country"]


@pytest.mark.parametrize("source", ["def f: f; f", "[limit(1000000000; repeat(1))]", "reduce range(1e12) as $i (0; .)"])
def test_a_map_without_end_is_stopped_and_the_next_run_is_well(source):
    compiled = compile_map(f"if . == 1 then {source} else . end", name="maps/x.jq", budget=jq.Budget(steps=100_000))
    with pytest.raises(MapError, match="stopped"):
        compiled.run(1)
    assert compiled.run(2) == [2]


@pytest.mark.parametrize(
    "source",
    [
        "def f: f; f",
        "last(range(1e12))",
        "[limit(1e12; repeat(1))]",
        "while(true; . + 0.1)",
        '"x" | until(false; . + .)',
    ],
)
def test_without_being_told_how_much_a_map_may_use_it_keeps_nobody_waiting(source):
    with pytest.raises(MapError, match=r"limit: (2,000,000 steps|1 s|16,777,216 bytes)"):
        compile_map(source, name="maps/x.jq").run(1)


def test_an_output_of_any_size_is_stopped():
    compiled = compile_map(
        "[range(200)] | [.[] | $text]", name="maps/x.jq", variables=("text",), budget=jq.Budget(output_bytes=10_000)
    )
    with pytest.raises(MapError, match="too large"):
        compiled.run(None, text="x" * 1000)


def test_an_error_on_one_of_a_thousand_leaves_the_others_alone():
    compiled = compile_map('money(.; "EUR").amount', name="maps/x.jq")
    done, failed = [], []
    for index in range(1000):
        try:
            done += compiled.run("x" if index == 500 else index)
        except MapError as error:
            failed.append(error)
    assert (len(done), len(failed)) == (999, 1)


def test_an_entity_that_is_linked_already_has_the_key_it_is_linked_to():
    keys = EntityKeys("shopify")
    compiled = compile_map('{order: {key: entity_key("order"; .order_id)}}', name="maps/x.jq", key_of=keys)
    assert compiled.one({"order_id": 531}) == {"order": {"key": "shopify:531"}}
    assert keys.asked == {("order", "531")}
    keys.known["order", "531"] = "hubspot:77"
    assert compiled.one({"order_id": 531}) == {"order": {"key": "hubspot:77"}}


def test_nothing_has_no_key_and_never_the_key_none():
    compiled = compile_map('entity_key("order"; .order_id)', name="maps/x.jq", key_of=EntityKeys("shopify"))
    assert compiled.run({"order_id": None}) == [None]
    for wrong in (True, {}, [], Decimal("1.5")):
        with pytest.raises(MapError):
            compiled.run({"order_id": wrong})
    with pytest.raises(MapError, match="what comes in"):
        compile_map('entity_key("order"; 1)', name="maps/x.jq").run(None)


def test_all_problems_of_a_program_are_told_in_one_run_with_their_places():
    assert [line.partition("\n")[0] for line in problems("mony(1; 2),\nlokup(1; 2)")] == [
        "maps/x.jq:1:1: mony/2 is not defined; did you mean money?",
        "maps/x.jq:2:1: lokup/2 is not defined; did you mean lookup?",
    ]


def test_a_function_given_too_few_or_too_many_arguments_is_told_before_it_runs():
    assert problems("def f: phone(.; 1; 2); money(.total), f, f", tables=TABLES) == [
        "maps/x.jq:1:8: phone was given 3 arguments; it is phone(text[; country])",
        "maps/x.jq:1:24: money was given 1 argument; it is money(amount; currency[; mark])",
    ]


def test_a_table_that_is_not_there_is_told_before_it_runs():
    assert problems('lookup("tax_code"; .code)', tables=TABLES) == [
        'maps/x.jq:1:8: there is no table "tax_code"; did you mean "tax_codes"?'
    ]
