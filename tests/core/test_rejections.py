"""A genuine sender is told what to look at; a forger learns nothing that the platform does not document itself."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from crossdock.core.connector import Inbound, Rejected
from crossdock.core.secret import Secret
from crossdock.core.signatures import Basic, Hmac, KeyHeader, Scheme, StandardWebhooks, sign, verify

NOW = 1_793_715_164.0
REQUEST = Inbound("POST", "https://hub.example/hooks/in", {"webhook-id": "m1"}, b'{"id": 1}')
TIMED = Hmac("X-Sig", "hex", signed="{timestamp}.{body}", timestamp_header="X-Time")
KEEPS = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ANOTHERS = Secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")


def rejected(scheme: Scheme, headers: Mapping[str, str], civil: float = NOW) -> Rejected:
    found = verify(scheme, replace(REQUEST, headers={**REQUEST.headers, **headers}), [KEEPS], civil)
    assert found is not None
    return found


def signed_by_another(scheme: Scheme) -> Mapping[str, str]:
    return sign(scheme, REQUEST, ANOTHERS, NOW)


@pytest.mark.parametrize(
    ("scheme", "headers", "words"),
    [
        (TIMED, {}, ["x-sig is not there", "hmac-sha256-hex of {timestamp}.{body}"]),
        (TIMED, {"x-sig": "00"}, ["x-time is not there"]),
        (TIMED, signed_by_another(TIMED), ["x-sig does not fit", "hmac-sha256-hex of {timestamp}.{body}"]),
        (StandardWebhooks(), {}, ["webhook-id, webhook-timestamp and webhook-signature"]),
        (StandardWebhooks(), signed_by_another(StandardWebhooks()), ["webhook-signature does not fit"]),
        (Basic("hub"), {}, ["authorization is not there"]),
        (Basic("hub"), signed_by_another(Basic("hub")), ["name and password"]),
        (KeyHeader("X-Api-Key"), {}, ["x-api-key is not there"]),
        (KeyHeader("X-Api-Key"), signed_by_another(KeyHeader("X-Api-Key")), ["x-api-key"]),
    ],
)
def test_what_was_checked_is_said_and_nothing_of_what_would_have_fitted(
    scheme: Scheme, headers: Mapping[str, str], words: list[str]
) -> None:
    found = rejected(scheme, headers)
    assert all(word in found.detail for word in words)
    right = sign(scheme, REQUEST, KEEPS, NOW)
    secrets = [KEEPS.reveal(), *(value for name, value in right.items() if "time" not in name)]
    assert not any(secret in found.detail for secret in secrets)


def test_a_clock_that_is_off_is_said() -> None:
    found = rejected(TIMED, sign(TIMED, REQUEST, KEEPS, NOW), civil=NOW + 1000)
    assert (found.reason, "300 s away from the hub's clock" in found.detail) == ("clock", True)


def test_a_hook_without_a_secret_says_so() -> None:
    found = verify(TIMED, REQUEST, [], NOW)
    assert found is not None
    assert "no secret is kept" in found.detail
