"""Consent, tokens and their rotation: intuit-oauth over a socket, and the rules by hand on a still clock."""

import asyncio
import base64
import hashlib
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.quickbooks import QuickBooksSimulator
from crossdock.sandbox.serve import Served, serve, serving

CALLBACK = "http://127.0.0.1:9/callback"
DAY_S = 86_400


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def served(clock: StillClock) -> Iterator[Served]:
    with serving([QuickBooksSimulator(seed=7, clock=clock)]) as (one,):
        yield one


@pytest.fixture
def auth(served: Served) -> Iterator[AuthClient]:
    keys = served.as_line()["credentials"]
    client = AuthClient(
        keys["client_id"],
        keys["client_secret"],
        CALLBACK,
        f"{served.url}/.well-known/openid_configuration/",
        refresh_token=keys["refresh_token"],
    )
    yield client
    client.close()


def consent(auth: AuthClient, **more: str) -> dict[str, str]:
    url = auth.get_authorization_url([Scopes.ACCOUNTING], state_token="s-1")
    answer = requests.get(url, params=more, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def read(served: Served, access_token: str, **headers: str) -> requests.Response:
    realm_id = served.as_line()["credentials"]["realm_id"]
    return requests.get(
        f"{served.url}/v3/company/{realm_id}/preferences",
        headers={"authorization": f"Bearer {access_token}", "accept": "application/json", **headers},
        timeout=5,
    )


def rotate(served: Served, **rule: float) -> None:
    assert requests.post(f"{served.admin}/seed", json={"oauth": rule}, timeout=5).status_code == 200


def test_a_consent_gives_a_code_and_the_code_tokens_once(served: Served, auth: AuthClient) -> None:
    back = consent(auth)
    assert back["state"] == "s-1"
    auth.get_bearer_token(back["code"], realm_id=back["realmId"])
    assert (auth.expires_in, auth.x_refresh_token_expires_in) == (3600, 8_726_400)
    assert read(served, auth.access_token).status_code == 200
    with pytest.raises(AuthClientError) as refused:
        auth.get_bearer_token(back["code"])
    assert refused.value.status_code == 400
    assert "invalid_grant" in str(refused.value.content)


def test_a_code_lives_five_minutes(auth: AuthClient, clock: StillClock) -> None:
    code = consent(auth)["code"]
    clock.advance(300)
    with pytest.raises(AuthClientError):
        auth.get_bearer_token(code)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"response_type": "token"}, "invalid_request"), ({"scope": "everything"}, "invalid_scope")],
)
def test_a_wrong_consent_is_sent_back_with_its_error(auth: AuthClient, change: dict[str, str], error: str) -> None:
    query = {"client_id": auth.client_id, "response_type": "code", "scope": "openid", "redirect_uri": CALLBACK}
    answer = requests.get(
        auth.auth_endpoint, params={**query, "state": "s", **change}, allow_redirects=False, timeout=5
    )
    assert f"error={error}" in answer.headers["location"]


def test_an_unknown_client_is_never_sent_anywhere(auth: AuthClient) -> None:
    answer = requests.get(auth.auth_endpoint, params={"client_id": "x", "redirect_uri": CALLBACK}, timeout=5)
    assert answer.status_code == 400


def test_a_challenge_must_be_met_by_its_verifier(auth: AuthClient) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def exchange(proof: str) -> int:
        back = consent(auth, code_challenge=challenge, code_challenge_method="S256")
        form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": CALLBACK}
        pair = (auth.client_id, auth.client_secret)
        answer = requests.post(auth.token_endpoint, data={**form, "code_verifier": proof}, auth=pair, timeout=5)
        return answer.status_code

    assert exchange(verifier) == 200
    assert exchange("w" * 43) == 400


def test_a_wrong_secret_is_no_client(auth: AuthClient) -> None:
    auth.client_secret = "wrong"
    with pytest.raises(AuthClientError) as refused:
        auth.refresh()
    assert (refused.value.status_code, "invalid_client" in str(refused.value.content)) == (401, True)


def test_an_access_token_dies_after_an_hour_in_lower_case(served: Served, auth: AuthClient, clock: StillClock) -> None:
    auth.refresh()
    clock.advance(3600)
    answer = read(served, auth.access_token)
    assert answer.status_code == 401
    assert answer.json()["fault"]["type"] == "AUTHENTICATION"
    assert "invalid_token" in answer.headers["www-authenticate"]


def test_the_refresh_token_keeps_its_value_for_a_day_and_then_changes(auth: AuthClient, clock: StillClock) -> None:
    first = auth.refresh_token
    auth.refresh()
    assert auth.refresh_token == first
    clock.advance(DAY_S)
    auth.refresh()
    assert auth.refresh_token != first
    with pytest.raises(AuthClientError) as refused:
        auth.refresh(refresh_token=first)
    assert "Incorrect or invalid refresh token" in str(refused.value.content)


def test_strict_rotation_gives_a_new_value_each_time(served: Served, auth: AuthClient) -> None:
    rotate(served, every_s=0)
    values = [auth.refresh_token]
    for _ in range(3):
        auth.refresh()
        values.append(auth.refresh_token)
    assert len(set(values)) == 4
    with pytest.raises(AuthClientError):
        auth.refresh(refresh_token=values[-2])


def test_with_grace_the_value_before_still_answers_with_the_newest(
    served: Served, auth: AuthClient, clock: StillClock
) -> None:
    rotate(served, every_s=0, grace_s=60)
    first = auth.refresh_token
    auth.refresh()
    newest = auth.refresh_token
    auth.refresh(refresh_token=first)
    assert auth.refresh_token == newest
    clock.advance(60)
    with pytest.raises(AuthClientError):
        auth.refresh(refresh_token=first)


def test_of_many_refreshes_at_once_under_strict_rotation_one_wins(served: Served, auth: AuthClient) -> None:
    rotate(served, every_s=0)
    form = {"grant_type": "refresh_token", "refresh_token": auth.refresh_token}
    statuses: list[int] = []

    def refresh() -> None:
        pair = (auth.client_id, auth.client_secret)
        statuses.append(requests.post(auth.token_endpoint, data=form, auth=pair, timeout=5).status_code)

    threads = [threading.Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7


def test_the_hundred_days_roll_with_each_refresh(auth: AuthClient, clock: StillClock) -> None:
    for _ in range(3):
        clock.advance(100 * DAY_S)
        auth.refresh()
    clock.advance(101 * DAY_S)
    with pytest.raises(AuthClientError):
        auth.refresh()


def test_the_hard_expiry_is_told_on_request(auth: AuthClient) -> None:
    answer = requests.post(
        auth.token_endpoint,
        data={"grant_type": "refresh_token", "refresh_token": auth.refresh_token},
        auth=(auth.client_id, auth.client_secret),
        headers={"x-include-refresh-token-hard-expires-in": "true"},
        timeout=5,
    )
    assert answer.json()["x_refresh_token_hard_expires_in"] == 157_680_000


def test_revoking_ends_the_whole_consent(served: Served, auth: AuthClient) -> None:
    auth.refresh()
    auth.revoke()
    assert read(served, auth.access_token).status_code == 401
    with pytest.raises(AuthClientError):
        auth.refresh()


def test_lifetimes_are_told_in_the_time_of_the_client() -> None:
    with serving([QuickBooksSimulator(seed=7)], time_scale=60) as (one,):
        keys: dict[str, Any] = one.as_line()["credentials"]
        form = {"grant_type": "refresh_token", "refresh_token": keys["refresh_token"]}
        pair = (keys["client_id"], keys["client_secret"])
        answer = requests.post(f"{one.url}/oauth2/v1/tokens/bearer", data=form, auth=pair, timeout=5)
    assert answer.json()["expires_in"] == 60


def test_xml_is_refused_plainly_and_every_answer_has_its_tid(served: Served) -> None:
    answer = read(served, served.as_line()["credentials"]["access_token"], accept="*/*")
    assert (answer.status_code, "Accept: application/json" in answer.text) == (406, True)
    assert answer.headers["intuit_tid"].startswith("1-")


def test_the_five_hundred_and_first_request_of_a_minute_is_throttled(served: Served, clock: StillClock) -> None:
    access_token = served.as_line()["credentials"]["access_token"]
    realm_id = served.as_line()["credentials"]["realm_id"]
    headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
    with requests.Session() as session:
        statuses = [
            session.get(f"{served.url}/v3/company/{realm_id}/preferences", headers=headers, timeout=5).status_code
            for _ in range(501)
        ]
    assert statuses == [200] * 500 + [429]
    refused = read(served, access_token)
    assert refused.json()["Fault"]["Error"][0]["code"] == "3001"
    assert "retry-after" not in refused.headers
    clock.advance(60)
    assert read(served, access_token).status_code == 200
    stats = requests.get(f"{served.admin}/stats", timeout=5).json()
    assert stats["throttles"] == 2


async def test_the_eleventh_request_at_once_is_throttled_until_others_leave() -> None:
    simulator = QuickBooksSimulator(seed=7)
    (one,) = await serve([simulator])
    keys = simulator.credentials()
    url = f"{one.url}/v3/company/{keys['realm_id']}/preferences"
    headers = {"authorization": f"Bearer {keys['access_token']}", "accept": "application/json"}
    simulator.faults = simulator.script(next=[{"kind": "timeout_after_commit", "match": "GET .*", "times": 10}])

    async with aiohttp.ClientSession(headers=headers) as client:

        async def status() -> int:
            async with client.get(url) as answer:
                return answer.status

        held = [asyncio.ensure_future(status()) for _ in range(10)]
        while simulator.stats()["faults"] != {"timeout_after_commit": 10}:
            async with client.get(f"{one.admin}/stats"):
                pass
        assert await status() == 429
        for waiting in held:
            waiting.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        while await status() == 429:
            pass
        assert await status() == 200
    await one.close()
