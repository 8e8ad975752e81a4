"""The shop's token office: authorization codes, expiring tokens with rotating refresh tokens, client credentials.

An access token of the expiring kind lives an hour, its refresh token 90 days. A refresh replaces the refresh
token. The replaced one stays usable until its replacement is first used, at most 30 days after its own first
use and never beyond its 90 days, so that an answer lost on the way costs nothing (rule of 2026-08-28).
Client credentials give a day's token without a refresh token. Wording of refusals: unverified.

Sources: shopify.dev, "Offline access tokens", "Client credentials grant" and the changelog of August 2026; the
official JavaScript client, 15.0.0 (form fields, signed callback).
"""

import hashlib
import hmac
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ACCESS_S: Final = 3_600
REFRESH_S: Final = 90 * 86_400
REUSE_S: Final = 30 * 86_400
CLIENT_CREDENTIALS_S: Final = 86_399
CODE_S: Final = 600

Answer = dict[str, Any]


class OAuthError(Exception):
    """A refusal: HTTP status and OAuth error code."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": code, "error_description": description}


@dataclass
class RefreshToken:
    """One link of a chain: `parent` is the token it replaced, `spent` ends it for good."""

    scopes: str
    expires_at: float
    parent: str | None = None
    first_used_at: float | None = None
    spent: bool = False


@dataclass(frozen=True)
class Code:
    redirect_uri: str
    scopes: str
    expires_at: float


@dataclass
class TokenOffice:
    """`now` is simulated time throughout, so token life shrinks with the time scale."""

    client_id: str
    client_secret: str
    scopes: str
    rng: random.Random
    access: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)

    def scopes_of(self, token: str, now: float) -> frozenset[str] | None:
        """None for a token that is unknown or past its life."""
        found = self.access.get(token)
        if found is None or (found[1] is not None and now >= found[1]):
            return None
        return frozenset(filter(None, (scope.strip() for scope in found[0].split(","))))

    def issue_permanent(self) -> str:
        """The kind of token that a merchant makes in the admin for an own app: it never expires."""
        return self._new_access(self.scopes, None)

    def authorize(self, query: Mapping[str, str], shop: str, host: str, now: float, civil: float) -> dict[str, str]:
        """Query parameters to send the merchant back with; permission is always given. Raises OAuthError."""
        if query.get("client_id") != self.client_id:
            raise OAuthError(400, "invalid_request", "The app is not known: check client_id")
        if not query.get("redirect_uri"):
            raise OAuthError(400, "invalid_request", "redirect_uri is missing")
        code = f"{self.rng.getrandbits(128):032x}"
        self.codes[code] = Code(query["redirect_uri"], query.get("scope") or self.scopes, now + CODE_S)
        back = {"code": code, "host": host, "shop": shop, "timestamp": str(int(civil))}
        if query.get("state") is not None:
            back["state"] = query["state"]
        return back | {"hmac": self.signature(back)}

    def signature(self, parameters: Mapping[str, str]) -> str:
        """Hex HMAC-SHA256 over the other parameters, sorted and joined as `k=v&…`."""
        text = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name != "hmac")
        return hmac.new(self.client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def token(self, form: Mapping[str, Any], now: float) -> Answer:
        """Answers `POST /admin/oauth/access_token`. Raises OAuthError."""
        secret = str(form.get("client_secret", "")).encode()
        if form.get("client_id") != self.client_id or not hmac.compare_digest(secret, self.client_secret.encode()):
            raise OAuthError(401, "invalid_client", "Client authentication failed")
        match form.get("grant_type", "authorization_code" if "code" in form else None):
            case "authorization_code":
                return self._from_code(str(form.get("code")), str(form.get("expiring", "0")) == "1", now)
            case "refresh_token":
                return self._from_refresh(str(form.get("refresh_token")), now)
            case "client_credentials":
                access = self._new_access(self.scopes, now + CLIENT_CREDENTIALS_S)
                return {"access_token": access, "scope": self.scopes, "expires_in": CLIENT_CREDENTIALS_S}
        raise OAuthError(400, "unsupported_grant_type", "grant_type is missing or not supported")

    def _from_code(self, given: str, expiring: bool, now: float) -> Answer:
        code = self.codes.pop(given, None)
        if code is None or now >= code.expires_at:
            raise OAuthError(400, "invalid_request", "The authorization code was not found or was already used")
        if not expiring:
            return {"access_token": self._new_access(code.scopes, None), "scope": code.scopes}
        for old in self.refresh.values():
            old.spent = True
        return self._pair(code.scopes, None, now)

    def _from_refresh(self, given: str, now: float) -> Answer:
        token = self.refresh.get(given)
        if token is None or token.spent or now >= token.expires_at:
            raise OAuthError(400, "invalid_grant", "The refresh token is not valid any more")
        if token.first_used_at is not None and now >= token.first_used_at + REUSE_S:
            raise OAuthError(400, "invalid_grant", "The refresh token was replaced")
        if token.first_used_at is None:
            token.first_used_at = now
        if token.parent is not None:
            self.refresh[token.parent].spent = True
        for other in self.refresh.values():
            other.spent = other.spent or other.parent == given
        return self._pair(token.scopes, given, now)

    def _pair(self, scopes: str, parent: str | None, now: float) -> Answer:
        refresh = f"shprt_{self.rng.getrandbits(128):032x}"
        self.refresh[refresh] = RefreshToken(scopes, now + REFRESH_S, parent)
        return {
            "access_token": self._new_access(scopes, now + ACCESS_S),
            "scope": scopes,
            "expires_in": ACCESS_S,
            "refresh_token": refresh,
            "refresh_token_expires_in": REFRESH_S,
        }

    def _new_access(self, scopes: str, expires_at: float | None) -> str:
        token = f"shpat_{self.rng.getrandbits(128):032x}"
        self.access[token] = (scopes, expires_at)
        return token
