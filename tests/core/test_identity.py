"""Identities, and requests that stay as they were frozen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.core import json
from crossdock.core.effects import delivery_id, effect_id, effect_seed, provider_key
from crossdock.core.errors import NotJson
from crossdock.core.ids import PARTITIONS, digest, partition_of
from crossdock.core.secret import Credential, Secret
from crossdock.core.wire import Http

texts = st.text(max_size=20)


@given(st.lists(texts), st.lists(texts))
def test_different_parts_have_different_identities(left: list[str], right: list[str]) -> None:
    assert (digest(*left) == digest(*right)) == (left == right)


def test_nothing_and_the_word_for_it_differ() -> None:
    assert len({digest(None), digest("None"), digest(""), digest("-"), digest()}) == 5


@given(st.text())
def test_every_key_has_a_partition(key: str) -> None:
    assert 0 <= partition_of(key) < PARTITIONS


def test_partitions_never_change_because_positions_are_kept_by_them() -> None:
    assert [partition_of(key) for key in ("shopify:1", "shopify:2", "", "ü")] == [2, 24, 0, 21]


def test_a_provider_key_stays_through_retries_and_changes_with_a_revision() -> None:
    seed = effect_seed("flow", "event", "", 0)
    assert provider_key(effect_id(seed, "send"), 0) == provider_key(effect_id(seed, "send"), 0)
    assert provider_key(effect_id(seed, "send"), 0) != provider_key(effect_id(seed, "send"), 1)
    assert effect_id(seed, "send") != effect_id(effect_seed("flow", "event", "", 1), "send")
    assert delivery_id("flow", "event") != delivery_id("flow", "event", 1)


@given(st.binary(max_size=200), st.lists(st.tuples(texts, texts), max_size=4))
def test_a_thawed_request_is_the_frozen_one(body: bytes, headers: list[tuple[str, str]]) -> None:
    request = Http("POST", "https://api.example/v1?a=%20", tuple(headers), body)
    assert Http.thaw(request.freeze()) == request
    assert Http.thaw(request.freeze()).hash == request.hash


@pytest.mark.parametrize("text", ["12345678901234567890", "0.10", "-0.001", "92.660"])
def test_numbers_keep_their_digits(text: str) -> None:
    assert json.encode(json.decode(text)) == text.encode()


@pytest.mark.parametrize(
    "text", [b"NaN", b"Infinity", b"{", b"", b"\xff", b"[1,]", b"{'a':1}", b"[" * 100_000, b"1e999", b"[1e-99999]"]
)
def test_what_is_not_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(NotJson):
        json.decode(text)


def test_equal_values_have_equal_canonical_bytes() -> None:
    left: Any = {"b": Decimal("1.10"), "a": [1]}
    assert json.canonical(left) == json.canonical({"a": [1], "b": Decimal("1.10")})


def test_a_secret_never_prints_itself() -> None:
    credential = Credential({"access_token": Secret("s3cr3t")})
    for shown in (repr(credential), str(credential), f"{credential.secrets['access_token']}", repr(credential.secrets)):
        assert "s3cr3t" not in shown
