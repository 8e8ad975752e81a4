"""QuickBooks Online, configured."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from urllib.parse import quote

from crossdock.connectors.quickbooks.actions.customer import UpsertCustomer
from crossdock.connectors.quickbooks.actions.invoice import UpsertInvoice, VoidInvoice
from crossdock.connectors.quickbooks.actions.item import UpsertItem
from crossdock.connectors.quickbooks.actions.payment import RecordPayment
from crossdock.connectors.quickbooks.actions.refund import RecordRefund
from crossdock.connectors.quickbooks.api import REALM, Api
from crossdock.connectors.quickbooks.hydrate import ENTITIES, HydrateByQuery
from crossdock.connectors.quickbooks.judge import is_throttled, judge_quickbooks, not_let_in
from crossdock.connectors.quickbooks.oauth import IntuitOAuth
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.connectors.quickbooks.webhook import IntuitWebhook
from crossdock.core.connector import Call, ConnectionSettings, Connector, Steps
from crossdock.core.errors import CredentialError
from crossdock.core.judge import judge_http
from crossdock.core.limits import AuthExpired, Budget, Limit
from crossdock.core.secret import Credential
from crossdock.core.verdict import NotDone, Refused, Verdict
from crossdock.core.wire import Http, Response, Wire

BURST_SHARE = 0.2
"""Intuit counts calls in a window of a minute: what may burst is a fifth, and the rest flows, so that no window holds
more than it may."""


class QuickBooksConnector(Connector):
    name = "quickbooks"
    title = "QuickBooks Online"
    settings_type = QuickBooksSettings
    secrets = ("client_id", "client_secret")

    def __init__(self, settings: ConnectionSettings) -> None:
        assert isinstance(settings, QuickBooksSettings)
        super().__init__(settings)
        api = Api(settings.api_url)
        burst = max(settings.requests_per_minute * BURST_SHARE, 1.0)
        per_s = max(settings.requests_per_minute - burst, 1.0) / 60.0
        self.limits = (Limit("requests", burst, per_s, settings.concurrency),)
        made = (UpsertCustomer, UpsertItem, UpsertInvoice, VoidInvoice, RecordPayment, RecordRefund)
        self.actions = {action.name: action(api, settings) for action in made}
        self.hydrates = {name: HydrateByQuery(api, entity) for name, entity in ENTITIES.items()}
        self.webhook = IntuitWebhook()
        self._oauth = IntuitOAuth(settings)
        self.oauth = self._oauth
        self.maps = shipped_maps(settings.currency)

    def account(self, credential: Credential) -> str:
        """The company's realm id, which Intuit names when it is connected."""
        if not credential.account:
            raise CredentialError("QuickBooks is not connected yet", hint="crossdock connect CONNECTION")
        return credential.account

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Http)
        url = request.url.replace(REALM, quote(self.account(credential), safe=""), 1)
        signed = Http(request.method, url, request.headers, request.body)
        return signed.with_headers(("authorization", f"Bearer {credential.get('access_token')}"))

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        if call.request.url != self._oauth.token:
            return judge_quickbooks(call, response, now)
        verdict = judge_http(response, now)
        if isinstance(verdict, NotDone) and response.status == 401:
            return Refused(verdict.why)
        return verdict

    def learn(self, call: Call, response: Response) -> Sequence[Budget | AuthExpired]:
        """Intuit tells neither what is left of a minute nor how long to wait: who was told to wait has used it up."""
        if call.request.url == self._oauth.token:
            return []
        if is_throttled(response):
            return [Budget("requests", 0.0)]
        why = not_let_in(response)
        return [AuthExpired(why)] if why else []

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        return self._oauth.refresh(credential, now)


def shipped_maps(currency: str) -> dict[str, str]:
    """topic → jq program, and the bare entity for what an action's receipt holds."""
    folder = files("crossdock.connectors.quickbooks.maps")
    common = f'def home_currency: "{currency}";\n' + folder.joinpath("common.jq").read_text("utf-8")
    maps: dict[str, str] = {}
    for entity in ("customer", "invoice", "payment"):
        program = f"{common}\n{folder.joinpath(f'{entity}.jq').read_text('utf-8')}"
        topics = (entity, *(f"{entity}.{verb}" for verb in ("created", "updated", "emailed", "voided")))
        maps |= dict.fromkeys(topics, program)
    return maps
