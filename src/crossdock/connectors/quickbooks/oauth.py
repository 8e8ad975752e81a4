"""Intuit's OAuth 2.0: authorization code, and refresh tokens whose value changes about once a day.

Source: developer.intuit.com, OAuth 2.0; intuit-oauth 1.2.6.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Call, OAuth, Steps
from crossdock.core.errors import CredentialError
from crossdock.core.secret import Credential
from crossdock.core.wire import Http

SCOPE = "com.intuit.quickbooks.accounting"
AUTHORIZE_URL = "https://appcenter.intuit.com/connect/oauth2"
TOKEN_URL = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105 - an address


class IntuitOAuth(OAuth):
    scopes = (SCOPE,)

    def __init__(self, settings: QuickBooksSettings) -> None:
        base = settings.base_url
        self.authorize = f"{base}/connect/oauth2" if base else AUTHORIZE_URL
        self.token = f"{base}/oauth2/v1/tokens/bearer" if base else TOKEN_URL

    def authorize_url(self, credential: Credential, redirect_uri: str, state: str, challenge: str) -> str:
        query = {
            "client_id": credential.get("client_id"),
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.authorize}?{urlencode(query)}"

    def redeem(
        self, credential: Credential, redirect_uri: str, verifier: str, callback: Mapping[str, str], now: float
    ) -> Steps[Credential]:
        """The callback names the company: `realmId`."""
        realm = callback.get("realmId", "")
        if not callback.get("code") or not realm:
            said = callback.get("error_description") or callback.get("error") or "no code and company came back"
            raise CredentialError(
                f"Intuit did not connect: {said[:200]}", hint="start again: crossdock connect CONNECTION"
            )
        form = {
            "grant_type": "authorization_code",
            "code": callback["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        done = yield self._call("redeem", credential, form)
        fresh = renewed(credential, done.answer, now)
        return Credential(fresh.secrets, fresh.expires_at, realm)

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        if not credential.get("refresh_token"):
            raise CredentialError("QuickBooks is not connected yet", hint="crossdock connect CONNECTION")
        form = {"grant_type": "refresh_token", "refresh_token": credential.get("refresh_token")}
        done = yield self._call("refresh", credential, form)
        return renewed(credential, done.answer, now)

    def _call(self, step: str, credential: Credential, form: Mapping[str, str]) -> Call:
        pair = f"{credential.get('client_id')}:{credential.get('client_secret')}".encode()
        headers = (
            ("accept", "application/json"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", f"Basic {base64.b64encode(pair).decode()}"),
        )
        return Call(step, Http("POST", self.token, headers, urlencode(form).encode()))


def renewed(credential: Credential, answer: Any, now: float) -> Credential:
    """The credential with the tokens of an answer; every answer brings the refresh token to use from now on."""
    if not isinstance(answer, Mapping) or not answer.get("access_token"):
        raise CredentialError("Intuit answered without a token", hint="connect again: crossdock connect CONNECTION")
    return credential.with_secrets(
        now + float(answer.get("expires_in") or 3600),
        access_token=str(answer["access_token"]),
        refresh_token=str(answer.get("refresh_token") or credential.get("refresh_token")),
    )
