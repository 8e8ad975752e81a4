"""Programs that nobody wrote: nothing but our own errors, what jq itself answers, and no flow that lineage left out.

CROSSDOCK_FUZZ is the number of programs for each test, which are then other ones each time; nightly, a million.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import jq as libjq
from crossdock import jq

EXAMPLES = int(os.environ.get("CROSSDOCK_FUZZ", "600"))
FUZZED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="CROSSDOCK_FUZZ" not in os.environ,
)
SEEDS = st.binary(min_size=4, max_size=120)
BUDGET = jq.Budget(steps=20_000, wall_s=5, value_bytes=1 << 16, output_bytes=1 << 18)


def parts(text: str) -> tuple[str, ...]:
    """What stands two spaces or a line apart."""
    return tuple(re.split(r"\s{2,}|\n", text.strip()))


class Maker:
    """A program or value out of bytes: each decides one choice, and where they end the simplest is taken."""

    LEAVES = parts(r"""
        .  .a  .b  .l  .a.b  .l[]  .[]  .l[0]  1  0  "a"  null  true  false  []  {}  empty  ..  keys  length  type
        not  add  tostring  tojson  to_entries  reverse  sort  unique  min  max  first  last  flatten  any  all
        [paths]  transpose  [tostream]  ascii_downcase  values  error  explode  trim  abs  toarray  @json  @text
        @csv  @base64  from_entries  implode  numbers  scalars  -1  "b"  floor  recurse  fromjson  [leaf_paths]
        ["a", "b"]  tonumber  isvalid(.a)  ascii  (1, 2)  ("a", "b")  [1, [2]]  {"a": 1}  utf8bytelength  @html  @uri
        ltrimstr("a")  [.[]?]  keys_unsorted  input  has("a")  combinations  infinite  min_by(.a)
        getpath(["a", "b"])  tojson | fromjson  isempty(.a)  env  todate  splits("a")
    """)
    PATHS = parts(r"""
        .  .a  .b  .l[]  .[]  .l[0]  .a.b  ..  .l[1:]  .[0]  .["a", "b"]  .a?  .l[]?.a  first(.l[])
        getpath(["a", "b"])  paths  .[-1]  last(.[]?)  limit(1; .[]?)  .a // .b
    """)
    FORMS = parts(r"""
        E | E  E, E  [E]  {a: E}  {a: E, b: E}  {(E): E}  if E then E else E end  E // E  E?  (E).a?  V E as $v | V E
        E as [$v, $w] | V E  E as {a: $v, b: [$w]} | V E  E as [$v] ?// $v | V E  E + E  reduce E as $v (E; V E)
        foreach E as $v (E; V E; V E)  foreach E as $v (E; V E)  try E catch E  E == E  label $f | B E  def f: E; F E
        def f(g): E | g; f(E), f(E)  def f($p): [$p, E]; f(E)  path(P)  P |= E  P = E  P += E  P //= E  del(P)
        del(P, P)  getpath(E)  setpath(["a"]; E)  setpath(E; E)  E - E  with_entries(E)  map(E)  select(E)
        map_values(E)  sort_by(E)  group_by(E)  unique_by(E)  E * E  first(E)  last(E)  limit(2; E)  limit(E; E)
        isempty(E)  any(E; E)  all(E; E)  walk(E)  E and E  "x\(E)y"  E[E]?  .[E]?  E[E:E]?  -(E)  E or E
        INDEX(E; E)  IN(E)  pick(P)  [paths(E)]  E < E  has(E)  contains(E)  index(E)  join(E)  @base64 "\(E)"
        delpaths([path(P)])  skip(1; E)  E / E  def r: if E then E else (.[]? | r) end; r  recurse(P; E)  [.[]? | E]
        P |= (E | select(E))  E % E  def r($n): if $n > 2 then E else E | r($n + 1) end; r(0)
        def h(g): def k: g | E; k | k; h(E)  range(E)
        def q(x): if isempty(x) then 1 else q(x | select(E) | empty) end; q(E)  [limit(3; repeat(E))]  P |= empty
        [range(0; E)]  add(E)  nth(1; E)  until(E; E)  ltrimstr(E)  split(E)  test("a")  to_entries[] | E  paths(E)
        inside(E)  tojson, E  fromstream(tostream)  getpath(path(P))  error(E)  to_entries | map(E)  P |= {a: E}
        (P | select(E)) |= E  (P | select(E)) = E  del(P | select(E))  delpaths(E)  toarray | E
        reduce (P | [.]) as [$v] (E; V E)  [P, P] | sort_by(E)  min_by(E), max_by(E)  .[E] = E  .[E] |= E
        label $f | foreach E as $v (E; V E; if E then ., break $f else . end)  E as $v | def f: V E; F E
        map(E) | add  [.[]? | {(E): E}?] | add  debug(E)  splits(E)  flatten(E)  [E] | transpose?  E != E
    """)
    KEYS = ("a", "b", "l", "k", "a b", "")
    SCALARS = (None, True, False, 0, 1, 2, -1, "a", "b", "", "ab", 3)

    def __init__(self, seed: bytes, *, extra: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> None:
        self.bytes = iter(seed)
        self.forms = tuple(form for form in self.FORMS + extra if not any(word in form for word in without))
        self.leaves = tuple(leaf for leaf in self.LEAVES if not any(word in leaf for word in without))
        self.paths = tuple(path for path in self.PATHS if not any(word in path for word in without))

    def pick(self, options: tuple[Any, ...]) -> Any:
        byte = next(self.bytes, 0)
        if len(options) > 200:
            byte = byte * 256 + next(self.bytes, 0)
        return options[byte % len(options)]

    def program(self, depth: int = 4, names: tuple[str, ...] = ()) -> str:
        if depth == 0 or self.pick((False, True, True)) is False:
            return str(self.pick((*names, *self.leaves) if names and self.pick((False, True)) else self.leaves))
        return self.form(self.pick(self.forms), depth, names)

    def form(self, form: str, depth: int, names: tuple[str, ...]) -> str:
        text, inside = "", names
        i = 0
        while i < len(form):
            mark, alone = form[i], not (form[i - 1 : i].isalnum() or form[i + 1 : i + 2].isalnum())
            if mark == "V" and alone:  # the variables that are bound before it may be used in the next
                inside = (*names, *(name for name in ("$v", "$w") if f"{name}" in form[:i]))
            elif mark == "B" and alone:
                inside = (*names, "break $f")
            elif mark == "F" and alone:
                inside = (*names, "f")
            elif mark == "E" and alone:
                text += f"({self.program(depth - 1, inside)})"
                inside = names
            elif mark == "P" and alone:
                text += f"({self.pick(self.paths)})"
            else:
                text += mark
            i += 1
        return text

    def value(self, depth: int = 3) -> Any:
        kind = self.pick(("scalar", "object", "array", "object")) if depth else "scalar"
        if kind == "object":
            return {self.pick(self.KEYS): self.value(depth - 1) for _ in range(self.pick((3, 2, 1, 0)))}
        if kind == "array":
            return [self.value(depth - 1) for _ in range(self.pick((2, 1, 3, 0)))]
        return self.pick(self.SCALARS)

    def record(self) -> dict[str, Any]:
        """An input that the paths of the programs fit."""
        return {"a": self.value(2), "b": self.value(1), "l": [self.value(2) for _ in range(self.pick((2, 3, 1)))]}


def compiled(text: str, **given_: Any) -> jq.Program:
    """The program; the test is over where it is refused for the one reason that a program of ours may be."""
    try:
        return jq.compile(text, budget=BUDGET, **given_)
    except jq.CompileError as error:
        told = error.message
    assume("as object key" not in told)
    pytest.fail(f"{text!r} is refused: {told}")


def outcome(program: jq.Program, value: Any, **variables: Any) -> list[Any] | None:
    """The outputs; None where there is an error, which must be one of ours."""
    try:
        outputs = program.all(value, **variables)
    except jq.RunError as error:
        told = str(error)
    except jq.BudgetExceeded:
        return None
    else:
        for output in outputs:
            jq.dumps(output)
        return outputs
    assert "internal error" not in told
    return None


def same(a: Any, b: Any) -> bool:
    return not list(differences(a, b, ()))


def differences(a: Any, b: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if type(a) is dict and type(b) is dict:
        for key in {**a, **b}:
            if key in a and key in b:
                yield from differences(a[key], b[key], (*path, key))
            else:
                yield (*path, key)
    elif type(a) is list and type(b) is list:
        for i in range(max(len(a), len(b))):
            if i < len(a) and i < len(b):
                yield from differences(a[i], b[i], (*path, str(i)))
            else:
                yield (*path, str(i))
    elif type(a) is bool or type(b) is bool or a is None or b is None or type(a) in (str, list, dict):
        if a is not b and (type(a) is not type(b) or a != b):
            yield path
    elif type(b) in (str, list, dict) or (a != b and not (a != a and b != b)):
        yield path


# -- nothing but our own errors


@given(SEEDS)
@FUZZED
@pytest.mark.timeout(0 if EXAMPLES > 2_000 else 120)
def test_a_program_gives_outputs_or_an_error_of_ours(seed: bytes) -> None:
    maker = Maker(seed)
    program = compiled(maker.program())
    for value in (maker.record(), maker.value()):
        outcome(program, value)


@given(SEEDS, st.data())
@FUZZED
@pytest.mark.timeout(0 if EXAMPLES > 2_000 else 120)
def test_a_damaged_program_is_refused_or_runs(seed: bytes, data: Any) -> None:
    text = Maker(seed).program()
    at = data.draw(st.integers(0, len(text)))
    inserted = data.draw(
        st.sampled_from(
            ("", "(", ")", "]", "|", '"', "\\", "$", "as", "end", "?//", "@x", "\x00", ".", "#", "1e999", "é")
        )
    )
    damaged = text[:at] + inserted + text[at + data.draw(st.integers(0, 3)) :]
    try:
        program = jq.compile(damaged, budget=BUDGET)
    except jq.CompileError as refused:
        error = refused
    else:
        outcome(program, Maker(seed).record())
        return
    assert 1 <= error.line <= damaged.count("\n") + 1
    assert "beyond this compiler" not in str(error)


@given(st.text(max_size=60))
@FUZZED
@pytest.mark.timeout(0 if EXAMPLES > 2_000 else 120)
def test_any_text_is_refused_or_compiles(text: str) -> None:
    with contextlib.suppress(jq.CompileError):
        jq.compile(text)
    with contextlib.suppress(jq.CompileError):
        jq.compile(jq.dumps(text).decode() + " | .")


# -- what jq itself answers

UNLIKE = parts("""
    /  recurse  ..  infinite  debug  input  env  until  repeat  todate  range  implode  @uri  tojson  floor
    ltrimstr(E)  combinations  E * E  leaf_paths  keys_unsorted  walk  limit(E  flatten(E  last(.[]?)  toarray
    isvalid  ascii  entries  reverse  getpath  ]?  paths(E  abs  index(  {(E)  catch  reduce  foreach
""")
"""Endless in a library that cannot be stopped, or with an answer that is documented to be another one."""
ONE_START = ("reduce E as $v (.; V E)", "foreach E as $v (null; V E; V E)", "foreach E as $v (.; V E)")
"""From the second start on, libjq runs the source of a loop on null."""


@given(SEEDS)
@FUZZED
@pytest.mark.timeout(0 if EXAMPLES > 2_000 else 120)
def test_jq_itself_gives_the_same_outputs(seed: bytes) -> None:
    maker = Maker(seed, without=UNLIKE)
    maker.forms += ONE_START
    text = maker.program(3)
    value = maker.record()
    ours = outcome(compiled(text), value)
    if ours is None:
        return
    try:
        theirs = libjq.compile(text).input_value(value).all()
    except ValueError as error:
        pytest.fail(f"{text!r} on {value!r}: we gave {ours!r}, jq says {error}")
    assert same(ours, theirs), f"{text!r} on {value!r}: {ours!r}, jq: {theirs!r}"


# -- no flow left out


def lookup(table: str, key: object) -> object:
    return {"a": 1, "b": [1], "1": {"a": "a"}}.get(str(key))


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if type(value) in (dict, list) and value:
        for key, item in value.items() if type(value) is dict else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def changed(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if type(value) is dict else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@given(SEEDS, st.data())
@FUZZED
@pytest.mark.timeout(0 if EXAMPLES > 2_000 else 120)
def test_what_is_not_in_the_lineage_of_an_output_does_not_change_it(seed: bytes, data: Any) -> None:
    maker = Maker(seed, extra=('lookup("t"; E)', "$cfg", "$cfg.a", "E | $cfg | E"))
    text = maker.program()
    program = compiled(text, variables=["cfg"], functions={"lookup": lookup})
    given_ = {".": maker.record(), "$cfg": maker.value(1)}
    before = outcome(program, given_["."], cfg=given_["$cfg"])
    if before is None:
        return
    lineage = program.lineage()
    reads = program.reads()
    for _ in range(4):
        root = data.draw(st.sampled_from((".", ".", "$cfg")))
        leaf = data.draw(st.sampled_from(list(leaves(given_[root]))))
        new = data.draw(st.sampled_from(("z", 7, None, False, [], {"a": 5}, ["q", "r"], 0, "", {"b": {"a": 1}})))
        other = {**given_, root: changed(given_[root], leaf, new)}
        after = outcome(program, other["."], cfg=other["$cfg"])
        if after is None:
            continue
        source = (root, *map(str, leaf))
        told = f"{text!r}: {source} is now {new!r}; {given_!r} gave {before!r} and now {after!r}; lineage is\n{lineage}"
        if any(flow.target == () for flow in lineage.carriers(source)):
            continue
        assert len(before) == len(after), told
        for one, two in zip(before, after, strict=True):
            for path in differences(one, two, ()):
                assert lineage.carriers(source, path), f"at {path}: {told}"
        if root == "." and not same(before, after):
            assert any(covers(read, tuple(map(str, leaf))) for read in reads), f"reads {sorted(reads)}: {told}"


def covers(read: str, leaf: tuple[str, ...]) -> bool:
    keys = () if read == "." else tuple(read.split("."))
    return all(a in ("*", b) for a, b in zip(keys, leaf, strict=False))


def test_the_comparison_can_tell() -> None:
    assert same({"a": [1, math.nan]}, {"a": [1, math.nan]})
    assert not same([1], [True])
    assert list(differences({"a": [1, 2]}, {"a": [1], "b": 0}, ())) == [("a", "1"), ("b",)]
