"""Programs that were once answered wrongly, each found by chance: by fuzzing, mostly."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock import jq


@pytest.mark.parametrize(
    ("program", "value", "expected"),
    [
        # a function defined inside another means that one's arguments, also after the other called itself
        ("def o(x): def r: x; [r, r]; o(o(.a))", {"a": 1}, [[[1, 1], [1, 1]]]),
        ("def o(x): def r: x; def s: [r, r]; s; o(o(.a))", 1, jq.RunError),
        ("walk((walk((last)))?)", {"a": 1, "b": [2]}, []),
        (
            "def h(g): def k: g | limit(2; def r: if last then . else (.[]? | r) end; r); k | k; h(.)",
            [[[1]]],
            [[[[1]]]],
        ),
        ("[.x[[paths]]?, .y.z]", {"x": 1, "y": 2}, jq.RunError),
        # texts within texts
        ('@base64 "\\("a")"', None, ["YQ=="]),
        ('@uri "\\("it\'s")\\("\\"")"', None, ["it%27s%22"]),
        # a question mark forgives the access before it, not what that is done to
        (".a.b?", 1, jq.RunError),
        (".a.b?", {"a": 1}, []),
        (".a?.b", 1, []),
        (".[error]?", {}, jq.RunError),
        (".x[.a:.b]?", {"x": [1, 2, 3], "a": 1, "b": 2}, [[2]]),
        ("[.x[:.b]?, .y[.b:]?]", {"x": [1, 2, 3], "b": 2, "y": 1}, [[[1, 2]]]),
        ("path(.a[.k]?)", {"k": "z"}, [["a", "z"]]),
        (".a[.k]? = 3", {"k": "z"}, [{"k": "z", "a": {"z": 3}}]),
        # nothing is iterated in null, also where it is a path; an object is a slice only with start and end
        ("path(.[])", None, jq.RunError),
        (".lines[].note = 1", {}, jq.RunError),
        ('.[{"a": 1}]', [1], jq.RunError),
        ('.[{"start": 1, "end": null}]', [1, 2], [[2]]),
        ('.[{"start": 0}] = [3]', [1], jq.RunError),
    ],
)
def test_it_stays_right(program: str, value: Any, expected: Any) -> None:
    compiled = jq.compile(program)
    if expected is jq.RunError:
        with pytest.raises(jq.RunError):
            compiled.all(value)
    else:
        assert compiled.all(value) == expected
