"""The JSON pair is exact and strict."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock import jq


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a":{"b":1,"b":2}}', "duplicate key 'b' in .a at line 1, column 13"),
        ('{"a":[{"x":1},{"y":1,"y":2,"z" :3}]}', "duplicate key 'y' in .a[1]"),
        ('{"a":1,"\\u0061":2}', "duplicate key 'a'"),
        ('{"k":"\\u003a","a":1,"a":2}', "duplicate key 'a'"),
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ("[1,]", "unexpected ']'"),
        ("{'a':1}", "expected a key in double quotes"),
        ("01", "invalid number"),
        ("1.", "invalid number"),
        ("", "the text ends where a value is expected"),
        ('{"a":1', "expected a comma or the end of the object"),
        ('"a\nb"', "control characters in strings must be escaped"),
        ("1 2", "unexpected text after the JSON value"),
        ("[" + "1" * 5000 + "]", "number too long"),
        ('{"a":' + "9" * 4301 + "}", "number too long"),
        ("1e9999999999999999999", "number too long"),
        ("[" * 10_001 + "]" * 10_001, "Exceeds depth limit"),
        ("[" * 100_000, "Exceeds depth limit"),
        ('{"a":' * 100_000, "Exceeds depth limit"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(jq.JsonError) as caught:
        jq.loads(text.encode())
    assert problem in str(caught.value)
    assert "line" in str(caught.value)


@pytest.mark.parametrize("data", [b'"\xff"', b'"a\xed\xa0\x80"', b"\xff\xfe1\x00", b'{"a":"\xc3"}'])
def test_invalid_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(jq.JsonError, match="invalid UTF-8"):
        jq.loads(data)


def test_an_escaped_lone_surrogate_becomes_the_replacement_character() -> None:
    assert jq.loads(b'["\\ud800", "\\udc00x", "\\ud83d\\ude00"]') == ["\ufffd", "\ufffdx", "\U0001f600"]
    assert jq.dumps(["\ud800"]).decode()


def test_a_byte_order_mark_is_skipped() -> None:
    assert jq.loads(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_the_last_duplicate_wins_where_it_is_asked_for() -> None:
    assert jq.loads(b'{"a":1,"a":2}', duplicates="last") == {"a": 2}


def test_deep_but_permitted_nesting_is_read_and_written() -> None:
    text = b"[" * 9_999 + b"]" * 9_999
    assert jq.dumps(jq.loads(text)) == text


def test_colons_in_strings_do_not_hide_or_make_duplicates() -> None:
    text = '{"a:b":"c:d","e" : ":::","f":{"g":"\\":"}}'
    assert jq.loads(text) == {"a:b": "c:d", "e": ":::", "f": {"g": '":'}}


def test_numbers_are_ints_and_decimals() -> None:
    value = jq.loads(b"[1, -5, 1.0, 1e2, 12345678901234567890123]")
    assert [type(v) for v in value] == [int, int, Decimal, Decimal, int]


def test_what_is_not_json_cannot_be_written() -> None:
    for value in (object(), {"a": object()}, [1, {"b": [test_numbers_are_ints_and_decimals]}], {None: 1}):
        with pytest.raises(jq.RunError, match="not JSON"):
            jq.dumps(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(values)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    assert jq.loads(jq.dumps(value)) == value
    assert jq.compile("tojson | fromjson").first(value) == value


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789.eE+-\\untrufalse \n', max_size=60))
def test_any_bytes_are_a_value_or_a_json_error(data: bytes | str) -> None:
    with contextlib.suppress(jq.JsonError):
        assert jq.dumps(jq.loads(data))
