"""Lineage tells how data reaches an output, and never too little of it."""

from __future__ import annotations

import pytest

from crossdock import jq


def lookup(table: str, key: object) -> object:
    return {"A": "zero"}.get(str(key), "none")


def flows(program: str) -> set[str]:
    found = jq.compile(program, functions={"lookup": lookup}, variables=["cfg"]).lineage()
    return {f"{line['output']} {line['how']} {line['source']}" for line in found.as_json()}


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("{mail: .customer.email}", {".mail copies .customer.email"}),
        ("{total: (.price * .n)}", {".total computes .price", ".total computes .n"}),
        ('.first + " " + .last', {". computes .first", ". computes .last"}),
        ("[.lines[] | {sku}]", {". keys shape of .lines", ".[].sku copies .lines[].sku"}),
        ("reduce .l[] as $x ({}; .[$x.k] = $x.v)",
         {". keys .l[].k", ". decides shape of .l", ".[] copies .l[].v"}),
        ("with_entries(.value |= tostring)", {". keys shape of .", ".[] computes .[]"}),
        ("[foreach .l[] as $x (0; . + 1; $x.n)]", {". keys shape of .l", ".[] copies .l[].n"}),
        ("def f(g): g | .x; {p: f(.a), q: f(.b)}", {".p copies .a.x", ".q copies .b.x"}),
        ("def r: if .next then .next | r else .name end; {name: r}", {".name copies parts of ."}),
        ('{rate: lookup("tax"; .code)}', {".rate computes .code", '.rate computes lookup("tax")'}),
        ("{p: .prices[$cfg.sku]}",
         {".p copies .prices[]", ".p computes shape of .prices", ".p computes .prices[]", ".p decides $cfg.sku",
          ".p[] copies .prices[]"}),
        (". as {a: $x, b: [$y]} | {$x, $y}", {".x copies .a", ".y copies .b[]"}),
        ('getpath(["a", "b"])', {". copies .a.b"}),
        ("pick(.a.b)", {".a.b copies .a.b"}),
        ("..", {". copies parts of ."}),
        ("keys", {". computes shape of ."}),
        (". | tojson | fromjson | .a", {". computes ."}),
        ("now | todate", set()),
    ],
)  # fmt: skip
def test_what_reaches_where(program: str, expected: set[str]) -> None:
    assert flows(program) == expected


@pytest.mark.parametrize(
    "program",
    [
        "del(.customer.email)",
        ".customer.email = null",
        ".customer.email |= empty",
        ".customer |= del(.email)",
        "delpaths([[\"customer\", \"email\"]])",
        "{id, customer: {name: .customer.name}}",
        "pick(.id, .customer.name)",
        "del(.customer | .email, .phone)",
        ".customer as {name: $n} | {n: $n}",
        "def redact(f): del(f); redact(.customer.email)",
        "del(.customer.email) | tojson",
        "{a: .customer.name, b: (if .customer.email then 1 else 2 end | 3)}",
    ],
)  # fmt: skip
def test_what_was_taken_out_does_not_arrive(program: str) -> None:
    lineage = jq.compile(program).lineage()
    assert not lineage.carriers((".", "customer", "email"))
    assert lineage.carriers((".", "customer", "name")) or "customer" not in program


@pytest.mark.parametrize(
    "program",
    [
        "del(.lines[].note)", "[.lines[] | del(.note)]", ".lines |= map(del(.note))", ".lines[].note = \"\"",
        "{lines: [.lines[] | {sku}]}", ".lines |= [.[] | {sku}]", ".lines[] |= {sku}", ".lines[] |= del(.note)",
    ],
)  # fmt: skip
def test_what_was_taken_out_of_each_line_does_not_arrive(program: str) -> None:
    lineage = jq.compile(program).lineage()
    assert not lineage.carriers((".", "lines", "0", "note"))
    assert lineage.carriers((".", "lines", "0", "sku"))


@pytest.mark.parametrize(
    "program",
    [
        "del(.customer[.field])", "del(.. | .email?)", "del(.customer | select(.old) | .email)", 
        "del(.lines[0].note) | .",
        "if .b then del(.customer.email) else . end", "del(.customer.email) , .", ". as $all | {x: $all}",
        "try del(.customer.email, .a[\"x\"]) catch .", "reduce .keys[] as $k (.; del(.[$k]))",
        "to_entries | from_entries", "del(.customer.email) + {customer}",
    ],
)  # fmt: skip
def test_what_was_perhaps_taken_out_may_arrive(program: str) -> None:
    assert jq.compile(program).lineage().carriers((".", "customer", "email"))


def test_a_decision_is_a_flow_of_its_own_kind() -> None:
    lineage = jq.compile('{tier: (if .customer.age > 64 then "senior" else "other" end), id}').lineage()
    assert [flow.how for flow in lineage.carriers((".", "customer", "age"), ["tier"])] == ["decides"]
    assert not lineage.carriers((".", "customer", "age"), ["id"])


@pytest.mark.parametrize(
    "program",
    [
        ".l[] | select(.ok) | 1", "first((.a | select(.ok)), 2)", "[.l[] | select(.ok)] | length", ".a.ok // 1",
        "try (if .a.ok then error(1) else 2 end) catch 3", "label $f | 1, (if .a.ok then break $f else empty end), 2",
        "(if .a.ok then error(1) else 2 end)?", "isempty(.a | select(.ok))", "any(.l[]; .ok)",
        "limit(if .a.ok then 1 else 2 end; 1, 2, 3)",
        "[label $f | (if .a.ok then break $f else empty end), error(1)]?",
        "try first((.a | select(.ok)), error(1)) catch 2",
        "(try error(.a.ok) catch .) | tostring", "reduce (.l[] | select(.ok)) as $x (0; . + 1)",
        "{(if .a.ok then \"x\" else \"y\" end): 1}", ".l | sort_by(.ok) | map(1)",
        ". as [$x] ?// $x | (if .a.ok then error(1) else 1 end)",
        "range(.a.ok | if . then 1 else 2 end)", ".a.ok and true", "[.l[].ok] | index(true)",
        "input_line_number? // .a.ok",
        "def f: if .a.ok then 1 else (.a.ok = true | f | . + 1) end; f", "until(.a.ok; .a.ok = true) | 1, .a.ok",
    ],
)  # fmt: skip
def test_every_kind_of_decision_shows(program: str) -> None:
    lineage = jq.compile(program).lineage()
    assert lineage.carriers((".", "a", "ok")) or lineage.carriers((".", "l", "0", "ok"))


def test_the_elements_of_a_sum_stand_behind_those_of_what_comes_before_them() -> None:
    lineage = jq.compile(".a + .b").lineage()
    assert lineage.carriers((".", "b", "0"), ["7"])
    assert not lineage.carriers((".", "a", "x"), ["y"])
    assert not jq.compile("{id} + .b").lineage().carriers((".", "b", "x"), ["y"])


def test_keys_that_come_from_data_are_a_flow_of_their_own_kind() -> None:
    (flow,) = jq.compile("{(.email): 1}").lineage().carriers((".", "email"))
    assert (flow.how, flow.target) == ("keys", ())


def test_a_program_too_large_to_follow_is_said_to_use_everything() -> None:
    deep = "def f0: .a; " + "".join(f"def f{i + 1}: f{i} | f{i}; " for i in range(30)) + "f30"
    lineage = jq.compile(deep, variables=["x"]).lineage()
    assert lineage.carriers((".", "anything", "at", "all"))
    assert lineage.carriers(("$x", "y"))


def test_it_is_told_in_the_words_of_jq() -> None:
    text = str(jq.compile('{mail: .customer["e mail"], n: (.lines | length)}').lineage())
    assert text.splitlines() == [
        '.mail  copies    .customer["e mail"]',
        ".n     computes  shape of .lines",
    ]
    assert str(jq.compile("1").lineage()) == "nothing of its input reaches an output"


def test_every_form_of_the_language_is_known() -> None:
    from crossdock.jq.generate.forms import FORMS
    from crossdock.jq.lineage import calls

    assert set(FORMS) - set(calls.FORMS) == set()
