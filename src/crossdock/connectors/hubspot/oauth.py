"""HubSpot's OAuth: authorization code; access tokens live half an hour, the refresh token stays.

Source: HubSpot public API specification, OAuth 2026-03.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.core.connector import Call, OAuth, Steps
from crossdock.core.errors import CredentialError
from crossdock.core.secret import Credential
from crossdock.core.wire import Http

AUTHORIZE_URL = "https://app.hubspot.com/oauth/authorize"
AGAIN = "start again: crossdock connect CONNECTION"


class HubSpotOAuth(OAuth):
    scopes = (
        "oauth",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.deals.read",
        "crm.objects.deals.write",
        "crm.schemas.contacts.write",
        "crm.schemas.deals.write",
    )

    def __init__(self, settings: HubSpotSettings) -> None:
        self.authorize = f"{settings.base_url}/oauth/authorize" if settings.base_url else AUTHORIZE_URL
        self.token = f"{settings.api_url}/oauth/{settings.api_version}/token"

    def authorize_url(self, credential: Credential, redirect_uri: str, state: str, challenge: str) -> str:
        query = {
            "client_id": credential.get("client_id"),
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
        }
        return f"{self.authorize}?{urlencode(query)}"

    def redeem(
        self, credential: Credential, redirect_uri: str, verifier: str, callback: Mapping[str, str], now: float
    ) -> Steps[Credential]:
        """The token's answer names the account: `hub_id`."""
        if not callback.get("code"):
            said = callback.get("error_description") or callback.get("error") or "no code came back"
            raise CredentialError(f"HubSpot did not connect: {said[:200]}", hint=AGAIN)
        form = {"grant_type": "authorization_code", "code": callback["code"], "redirect_uri": redirect_uri}
        done = yield self._call("redeem", credential, form)
        fresh = renewed(credential, done.answer, now)
        hub_id = done.answer.get("hub_id")
        return Credential(fresh.secrets, fresh.expires_at, str(hub_id) if hub_id else credential.account)

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        if not credential.get("refresh_token"):
            raise CredentialError(
                "HubSpot does not accept the token, and there is no refresh token",
                hint="set a new access_token with crossdock secrets set CONNECTION, or crossdock connect CONNECTION",
            )
        form = {"grant_type": "refresh_token", "refresh_token": credential.get("refresh_token")}
        done = yield self._call("refresh", credential, form)
        return renewed(credential, done.answer, now)

    def _call(self, step: str, credential: Credential, form: Mapping[str, str]) -> Call:
        whole = {
            **form,
            "client_id": credential.get("client_id"),
            "client_secret": credential.get("client_secret"),
        }
        headers = (("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded"))
        return Call(step, Http("POST", self.token, headers, urlencode(whole).encode()))


def renewed(credential: Credential, answer: Any, now: float) -> Credential:
    """The refresh token that comes back is kept, should it ever differ."""
    if not isinstance(answer, Mapping) or not answer.get("access_token"):
        raise CredentialError("HubSpot answered without a token", hint=AGAIN)
    return credential.with_secrets(
        now + float(answer.get("expires_in") or 1800),
        access_token=str(answer["access_token"]),
        refresh_token=str(answer.get("refresh_token") or credential.get("refresh_token")),
    )
