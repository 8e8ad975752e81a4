"""Any webhook in, any REST call out: a platform that needs no connector of its own."""

from __future__ import annotations

import base64
from math import inf
from typing import Any
from urllib.parse import urlsplit

from crossdock.connectors.http.action import RestAction
from crossdock.connectors.http.paths import MISSING, as_text, at
from crossdock.connectors.http.settings import ActionSettings, HttpSettings, Success
from crossdock.connectors.http.webhook import HttpWebhook
from crossdock.core.connector import Call, ConnectionSettings, Connector
from crossdock.core.errors import CredentialError, NotJson
from crossdock.core.judge import judge_http
from crossdock.core.limits import Limit
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Refused, Unknown, Verdict
from crossdock.core.wire import Http, Response, Wire

AUTH_SECRETS = {"none": (), "bearer": ("token",), "basic": ("username", "password"), "header": ("api_key",)}


class HttpConnector(Connector):
    name = "http"
    title = "Any webhook in, any REST call out"
    settings_type = HttpSettings

    def __init__(self, settings: ConnectionSettings) -> None:
        assert isinstance(settings, HttpSettings)
        super().__init__(settings)
        self._settings = settings
        self.secrets = AUTH_SECRETS[settings.auth.kind]
        per_second = settings.per_second or inf
        self.limits = (Limit("requests", per_second, per_second, settings.concurrency),)
        if settings.webhook is not None:
            self.webhook = HttpWebhook(settings.webhook)
            if settings.webhook.signature.scheme != "none":
                self.secrets = (*self.secrets, self.webhook.secret)
        base_url = settings.base_url
        if base_url is not None:
            described = settings.actions or {"send": ActionSettings(path="/")}
            self.actions = {
                name: RestAction(name, action, base_url, settings.headers) for name, action in described.items()
            }

    def account(self, credential: Credential) -> str:
        """The host, for the hub knows no more of whose data it is; "webhooks" where nothing is called."""
        return urlsplit(self._settings.base_url).netloc if self._settings.base_url else "webhooks"

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Http)
        auth = self._settings.auth
        missing = [name for name in AUTH_SECRETS[auth.kind] if not credential.get(name)]
        if missing:
            raise CredentialError(
                f"the secret {missing[0]} is not set", hint=f"crossdock secrets set CONNECTION {missing[0]}"
            )
        match auth.kind:
            case "bearer":
                return request.with_headers(("authorization", f"Bearer {credential.get('token')}"))
            case "basic":
                pair = f"{credential.get('username')}:{credential.get('password')}".encode()
                return request.with_headers(("authorization", f"Basic {base64.b64encode(pair).decode()}"))
            case "header":
                return request.with_headers((auth.header, credential.get("api_key")))
        return request

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        action = self.actions.get(call.step.partition(".")[0].partition(":")[0])
        verdict = judge_http(response, now)
        if not isinstance(action, RestAction):
            return verdict
        if call.effect is None and response.status == 404:
            return Done(None)
        if call.effect is None:
            return verdict
        return _by_rule(action.settings.success, response, verdict)


def _by_rule(success: Success, response: Response, verdict: Verdict) -> Verdict:
    """The settings' own rule over the default table: more may be done, and no 2xx is believed that denies it."""
    status = response.status
    accepted = status in success.statuses or ("2xx" in success.statuses and 200 <= status < 300)
    if not accepted:
        if 200 <= status < 300:
            return Refused(f"HTTP {status} is not among the statuses that mean success")
        return verdict
    if isinstance(verdict, Unknown) and 200 <= status < 300:
        return verdict
    answer = verdict.answer if isinstance(verdict, Done) else _body(response)
    for path, wanted in success.equals.items():
        said = at(answer, path)
        if not _same(said, wanted):
            found = "nothing" if said is MISSING else repr(as_text(said) or said)[:80]
            return Refused(f"HTTP {status}, but the answer says {found} at {path!r} and not {wanted!r}")
    return Done(answer)


def _body(response: Response) -> Any:
    try:
        return response.json() if "json" in response.media_type else None
    except NotJson:
        return None


def _same(said: Any, wanted: object) -> bool:
    if said is MISSING:
        return False
    if isinstance(wanted, bool) or wanted is None:
        return said is wanted
    return not isinstance(said, bool) and as_text(said) == str(wanted)
