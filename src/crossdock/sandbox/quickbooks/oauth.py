"""Authorisation: code with optional PKCE, tokens that expire and rotate, revocation.

Sources: Intuit docs, "OAuth 2.0" (endpoints, form and Basic authentication, lifetimes, errors; the value of a
refresh token changes about every 24 hours and the one before stops working); intuit-oauth (discovery, revoke).
Unverified: PKCE is honoured when a challenge is sent; a code lives 5 minutes.
"""

import base64
import hashlib
import hmac
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from crossdock.sandbox.clock import SandboxClock
from crossdock.sandbox.http import JsonError, Reply, Request, Route
from crossdock.sandbox.simulator import SeedError

ACCESS_LIFE_S: Final = 3600
REFRESH_LIFE_S: Final = 8_726_400
HARD_LIFE_S: Final = 157_680_000
CODE_LIFE_S: Final = 300
DAY_S: Final = 86_400
SCOPES: Final = frozenset(
    {
        "com.intuit.quickbooks.accounting",
        "com.intuit.quickbooks.payment",
        "openid",
        "profile",
        "email",
        "phone",
        "address",
    }
)
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a refresh token gets a new value, in simulated seconds since it got the last, and how long the value
    before still works. `every_s` 0: at each refresh. QuickBooks: a day, no grace."""

    every_s: float = DAY_S
    grace_s: float = 0.0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Rotation":
        """Raises SeedError."""
        unknown = set(data) - {"every_s", "grace_s"}
        if unknown:
            raise SeedError(f"oauth: unknown field {sorted(unknown)[0]!r}; there are every_s, grace_s")
        every_s, grace_s = float(data.get("every_s", DAY_S)), float(data.get("grace_s", 0))
        if every_s < 0 or grace_s < 0:
            raise SeedError("oauth: every_s and grace_s are seconds from 0")
        return cls(every_s, grace_s)


@dataclass(slots=True)
class Grant:
    """What one consent gave. `dying`: refresh tokens already replaced, with the end of their grace."""

    scope: str
    refresh_token: str
    rotated_at: float
    refresh_ends_at: float
    hard_ends_at: float
    dying: dict[str, float] = field(default_factory=dict)
    access: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Code:
    redirect_uri: str
    scope: str
    ends_at: float
    challenge: str
    method: str


class Authority:
    """The authorisation server of one app and one company."""

    def __init__(self, realm_id: str, rng: random.Random, clock: SandboxClock) -> None:
        self.realm_id = realm_id
        self.clock = clock
        self._rng = rng
        self.client_id = self._secret("AB", 48)
        self.client_secret = self._secret("", 40)
        self.rotation = Rotation()
        self._codes: dict[str, Code] = {}
        self._grants: list[Grant] = []
        self.first = self._grant("com.intuit.quickbooks.accounting")
        self.first_access = self._access(self.first)

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/.well-known/openid_configuration/", self._discovery),
            Route("GET", "/.well-known/openid_sandbox_configuration/", self._discovery),
            Route("GET", "/connect/oauth2", self._authorize),
            Route("POST", "/oauth2/v1/tokens/bearer", self._token),
            Route("POST", "/v2/oauth2/tokens/revoke", self._revoke),
        ]

    def accepts(self, access_token: str) -> bool:
        """The token is known, alive and good for accounting."""
        now = self.clock()
        return any(
            grant.access.get(access_token, 0) > now and "com.intuit.quickbooks.accounting" in grant.scope.split()
            for grant in self._grants
        )

    def _discovery(self, request: Request) -> Reply:
        base = f"http://{request.header('host')}"
        return Reply.json(
            {
                "issuer": "https://oauth.platform.intuit.com/op/v1",
                "authorization_endpoint": f"{base}/connect/oauth2",
                "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
                "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
                "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
                "jwks_uri": f"{base}/op/v1/jwks",
                "response_types_supported": ["code"],
                "scopes_supported": sorted(SCOPES),
            }
        )

    def _authorize(self, request: Request) -> Reply:
        """Says yes for the user at once, and sends the browser back with code, state and realmId."""
        asked = request.query
        redirect_uri = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.client_id:
            return Reply.text("The client_id is unknown. Use the one that the sandbox printed.", 400)
        if urlsplit(redirect_uri).scheme not in ("http", "https"):
            return Reply.text("The redirect_uri query parameter value is invalid.", 400)
        scope, state = asked.get("scope", ""), asked.get("state", "")
        if asked.get("response_type") != "code" or not state or not SCOPES.issuperset(scope.split() or [""]):
            error = "invalid_scope" if state and asked.get("response_type") == "code" else "invalid_request"
            return self._back(redirect_uri, {"error": error, "state": state})
        method = asked.get("code_challenge_method", "plain")
        if asked.get("code_challenge") and method not in ("S256", "plain"):
            return self._back(redirect_uri, {"error": "invalid_request", "state": state})
        code = self._secret("AB1", 40)
        challenge = asked.get("code_challenge", "")
        self._codes[code] = Code(redirect_uri, scope, self.clock() + CODE_LIFE_S, challenge, method)
        return self._back(redirect_uri, {"code": code, "state": state, "realmId": self.realm_id})

    def _token(self, request: Request) -> Reply:
        if not self._is_client(request):
            return Reply.json({"error": "invalid_client"}, 401)
        if not request.header("content-type").startswith("application/x-www-form-urlencoded"):
            return _refused("invalid_request", "The body must be a form")
        form = request.form()
        match form.get("grant_type"):
            case "authorization_code":
                return self._exchange(form, request)
            case "refresh_token":
                return self._refresh(form, request)
        return _refused("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")

    def _exchange(self, form: dict[str, str], request: Request) -> Reply:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.ends_at <= self.clock():
            return _refused("invalid_grant", "Token invalid")
        if form.get("redirect_uri") != code.redirect_uri:
            return _refused("invalid_grant", "The redirect_uri is not the one of the authorization request")
        if code.challenge and not _proves(form.get("code_verifier", ""), code):
            return _refused("invalid_grant", "The code_verifier does not match the code_challenge")
        return self._tokens(self._grant(code.scope), request)

    def _refresh(self, form: dict[str, str], request: Request) -> Reply:
        token, now = form.get("refresh_token", ""), self.clock()
        for grant in self._grants:
            alive = now < min(grant.refresh_ends_at, grant.hard_ends_at)
            if alive and (token == grant.refresh_token or grant.dying.get(token, 0) > now):
                if token == grant.refresh_token and now - grant.rotated_at >= self.rotation.every_s:
                    grant.dying[token] = now + self.rotation.grace_s
                    grant.refresh_token = self._secret("RT1-", 36)
                    grant.rotated_at = now
                grant.refresh_ends_at = now + REFRESH_LIFE_S
                return self._tokens(grant, request)
        return _refused("invalid_grant", "Incorrect or invalid refresh token")

    def _tokens(self, grant: Grant, request: Request) -> Reply:
        """Lifetimes are told in real seconds, for a client that does not live at the sandbox's pace."""
        answer = {
            "token_type": "bearer",
            "access_token": self._access(grant),
            "expires_in": self._told(ACCESS_LIFE_S),
            "refresh_token": grant.refresh_token,
            "x_refresh_token_expires_in": self._told(REFRESH_LIFE_S),
        }
        if request.header("x-include-refresh-token-hard-expires-in") == "true":
            answer["x_refresh_token_hard_expires_in"] = self._told(grant.hard_ends_at - self.clock())
        return Reply.json(answer, headers={"cache-control": "no-store"})

    def _revoke(self, request: Request) -> Reply:
        """Either token ends the whole consent."""
        if not self._is_client(request):
            return Reply.json({"error": "invalid_client"}, 401)
        try:
            data = request.json()
        except JsonError:
            data = request.form()
        token = data.get("token", "") if isinstance(data, dict) else ""
        for grant in self._grants:
            if token and (token == grant.refresh_token or token in grant.access):
                self._grants.remove(grant)
                return Reply(200)
        return _refused("invalid_request", "Token invalid")

    def _is_client(self, request: Request) -> bool:
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        return hmac.compare_digest(request.header("authorization").encode(), f"Basic {pair}".encode())

    def _grant(self, scope: str) -> Grant:
        now = self.clock()
        grant = Grant(scope, self._secret("RT1-", 36), now, now + REFRESH_LIFE_S, now + HARD_LIFE_S)
        self._grants.append(grant)
        return grant

    def _access(self, grant: Grant) -> str:
        token = self._secret("eyJ", 120)
        grant.access[token] = self.clock() + ACCESS_LIFE_S
        return token

    def _back(self, redirect_uri: str, answer: dict[str, str]) -> Reply:
        joint = "&" if "?" in redirect_uri else "?"
        return Reply(302, b"", {"location": f"{redirect_uri}{joint}{urlencode(answer)}"})

    def _told(self, simulated_s: float) -> int:
        return max(1, int(simulated_s / self.clock.time_scale))

    def _secret(self, prefix: str, length: int) -> str:
        return prefix + "".join(self._rng.choices(_LETTERS, k=length))


def _proves(verifier: str, code: Code) -> bool:
    if code.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(verifier.encode(), code.challenge.encode())


def _refused(error: str, description: str) -> Reply:
    return Reply.json({"error": error, "error_description": description}, 400)
