"""A Shopify shop, configured: it brings in, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from crossdock.connectors.shopify.graphql import POINTS, Graph, budget_in, judge_graphql
from crossdock.connectors.shopify.maps import inbound_maps
from crossdock.connectors.shopify.oauth import ShopifyOAuth
from crossdock.connectors.shopify.reads import KINDS, ChangedRecords, ReadRecords
from crossdock.connectors.shopify.settings import ShopifySettings
from crossdock.connectors.shopify.webhook import ShopifyWebhook
from crossdock.core.connector import Call, ConnectionSettings, Connector, Steps
from crossdock.core.judge import judge_http
from crossdock.core.limits import AuthExpired, Budget, Limit
from crossdock.core.secret import Credential
from crossdock.core.verdict import NotDone, Refused, Verdict
from crossdock.core.wire import Http, Response, Wire


class ShopifyConnector(Connector):
    name = "shopify"
    title = "Shopify"
    settings_type = ShopifySettings
    secrets = ("client_id", "client_secret")

    def __init__(self, settings: ConnectionSettings) -> None:
        assert isinstance(settings, ShopifySettings)
        super().__init__(settings)
        self._settings = settings
        graph = Graph(settings.url, settings.api_version)
        self.limits = (
            Limit(POINTS, capacity=2000.0, per_s=100.0),
            Limit("requests", capacity=100.0, per_s=100.0, concurrency=settings.concurrency),
        )
        self.polls = {kind.plural: ChangedRecords(graph, kind) for kind in KINDS}
        self.hydrates = {kind.name: ReadRecords(graph, kind) for kind in KINDS}
        self.fetches = {kind.name: (kind.name, f"{kind.plural}/read") for kind in KINDS}
        self.webhook = ShopifyWebhook(settings.shop)
        self._oauth = ShopifyOAuth(settings)
        self.oauth = self._oauth
        self.maps = inbound_maps(settings.currency)

    def account(self, credential: Credential) -> str:
        """The shop's domain."""
        return self._settings.shop

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Http)
        return request.with_headers(("x-shopify-access-token", credential.get("access_token")))

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        if call.request.url != self._oauth.token:
            return judge_graphql(response, now)
        verdict = judge_http(response, now)
        if isinstance(verdict, NotDone) and response.status == 401:
            return Refused(verdict.why)
        return verdict

    def learn(self, call: Call, response: Response) -> Sequence[Budget | AuthExpired]:
        if call.request.url == self._oauth.token:
            return []
        if response.status == 401:
            return [AuthExpired("HTTP 401")]
        budget = budget_in(response)
        return [budget] if budget is not None else []

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        return self._oauth.refresh(credential, now)
