"""Shopify's OAuth: authorization code, expiring offline tokens whose refresh token is replaced at each use.

Source: shopify.dev, Authorization code grant, Offline access tokens.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from crossdock.connectors.shopify.settings import ShopifySettings
from crossdock.core import json
from crossdock.core.connector import Call, OAuth, Steps
from crossdock.core.errors import CredentialError
from crossdock.core.secret import Credential
from crossdock.core.wire import Http

CALLBACK_TOLERANCE_S = 300.0
AGAIN = "start again: crossdock connect CONNECTION"


class ShopifyOAuth(OAuth):
    scopes = ("read_orders", "read_customers", "read_products")

    def __init__(self, settings: ShopifySettings) -> None:
        self._shop = settings.shop
        self._url = settings.url
        self.token = f"{settings.url}/admin/oauth/access_token"

    def authorize_url(self, credential: Credential, redirect_uri: str, state: str, challenge: str) -> str:
        query = {
            "client_id": credential.get("client_id"),
            "scope": ",".join(self.scopes),
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{self._url}/admin/oauth/authorize?{urlencode(query)}"

    def redeem(
        self, credential: Credential, redirect_uri: str, verifier: str, callback: Mapping[str, str], now: float
    ) -> Steps[Credential]:
        """The callback is signed with the client secret; it must be fresh and name this shop."""
        self._check(credential, callback, now)
        done = yield self._call("redeem", credential, {"code": callback["code"], "expiring": "1"})
        fresh = renewed(credential, done.answer, now)
        return Credential(fresh.secrets, fresh.expires_at, self._shop)

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        if not credential.get("refresh_token"):
            raise CredentialError(
                f"{self._shop} does not accept the access token any more, and there is no refresh token",
                hint="set a new access_token with crossdock secrets set CONNECTION, or crossdock connect CONNECTION",
            )
        form = {"grant_type": "refresh_token", "refresh_token": credential.get("refresh_token")}
        done = yield self._call("refresh", credential, form)
        return renewed(credential, done.answer, now)

    def _check(self, credential: Credential, callback: Mapping[str, str], now: float) -> None:
        text = "&".join(f"{name}={value}" for name, value in sorted(callback.items()) if name != "hmac")
        secret = credential.get("client_secret")
        expected = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
        given = callback.get("hmac", "")
        if not secret or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise CredentialError("the answer did not come from Shopify: its signature does not fit", hint=AGAIN)
        stamp = callback.get("timestamp", "")
        if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp[:15]) - now) > CALLBACK_TOLERANCE_S:
            raise CredentialError("Shopify's answer is too old, or a clock is wrong", hint=AGAIN)
        if callback.get("shop") != self._shop:
            raise CredentialError(
                f"Shopify connected another shop than {self._shop}", hint="log in to that shop, then " + AGAIN
            )
        if not callback.get("code"):
            raise CredentialError("Shopify's answer holds no code", hint=AGAIN)

    def _call(self, step: str, credential: Credential, form: Mapping[str, str]) -> Call:
        body = {
            "client_id": credential.get("client_id"),
            "client_secret": credential.get("client_secret"),
            **form,
        }
        headers = (("accept", "application/json"), ("content-type", "application/json"))
        return Call(step, Http("POST", self.token, headers, json.encode(body)))


def renewed(credential: Credential, answer: Any, now: float) -> Credential:
    """A token without an end never expires: the kind that merchants make for their own apps."""
    if not isinstance(answer, Mapping) or not answer.get("access_token"):
        raise CredentialError("Shopify answered without a token", hint=AGAIN)
    life_s = answer.get("expires_in")
    values = {"access_token": str(answer["access_token"])}
    if answer.get("refresh_token"):
        values["refresh_token"] = str(answer["refresh_token"])
    return credential.with_secrets(now + float(life_s) if life_s else None, **values)
