"""HubSpot, configured."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from crossdock.connectors.hubspot.actions.contact import UpsertContact
from crossdock.connectors.hubspot.actions.deal import UpsertDeal
from crossdock.connectors.hubspot.api import Api
from crossdock.connectors.hubspot.hydrate import ReadRecords
from crossdock.connectors.hubspot.judge import budgets_in, judge_hubspot
from crossdock.connectors.hubspot.oauth import HubSpotOAuth
from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.connectors.hubspot.webhook import HubSpotWebhook
from crossdock.core.connector import Call, ConnectionSettings, Connector, Steps
from crossdock.core.errors import CredentialError
from crossdock.core.judge import judge_http
from crossdock.core.limits import AuthExpired, Budget, Limit
from crossdock.core.secret import Credential
from crossdock.core.verdict import NotDone, Refused, Verdict
from crossdock.core.wire import Http, Response, Wire

_TOLD = ("creation", "propertyChange", "merge", "restore")
_MODELS = {"contact": "contacts", "deal": "deals"}


class HubSpotConnector(Connector):
    name = "hubspot"
    title = "HubSpot"
    settings_type = HubSpotSettings

    def __init__(self, settings: ConnectionSettings) -> None:
        assert isinstance(settings, HubSpotSettings)
        super().__init__(settings)
        self._settings = settings
        api = Api(settings.api_url, settings.api_version)
        window = float(settings.requests_per_10_s)
        self.limits = (Limit("requests", capacity=window, per_s=window / 10.0, concurrency=settings.concurrency),)
        self.actions = {action.name: action(api, settings) for action in (UpsertContact, UpsertDeal)}
        self.hydrates = {name: ReadRecords(api, kind, name) for name, kind in _MODELS.items()}
        self.webhook = HubSpotWebhook()
        self._oauth = HubSpotOAuth(settings)
        self.oauth = self._oauth
        folder = files("crossdock.connectors.hubspot.maps")
        self.maps = {
            f"{name}.{change}": folder.joinpath(f"{name}.jq").read_text("utf-8") for name in _MODELS for change in _TOLD
        }

    def account(self, credential: Credential) -> str:
        """The Hub ID, which OAuth tells; with a static token the settings do."""
        account = credential.account or self._settings.portal
        if not account:
            raise CredentialError(
                "nobody says which HubSpot account this is",
                hint="set `portal` to its Hub ID in the connection's settings, or crossdock connect CONNECTION",
            )
        return account

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Http)
        return request.with_headers(("authorization", f"Bearer {credential.get('access_token')}"))

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        if call.request.url != self._oauth.token:
            return judge_hubspot(call, response, now, self._settings.key_property)
        verdict = judge_http(response, now)
        if isinstance(verdict, NotDone) and response.status == 401:
            return Refused(verdict.why)
        return verdict

    def learn(self, call: Call, response: Response) -> Sequence[Budget | AuthExpired]:
        if call.request.url == self._oauth.token:
            return []
        if response.status == 401:
            return [AuthExpired("HTTP 401")]
        return budgets_in(response)

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        return self._oauth.refresh(credential, now)
