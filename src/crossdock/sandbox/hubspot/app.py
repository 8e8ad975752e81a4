"""The ASGI application: routes in both spellings, tokens and scopes, limits, webhooks, and the admin door's part.

Sources: HubSpot's public API specification and HubSpot docs, "Versioning": paths, the two spellings of one route, and
dated versions; "Scopes".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from crossdock.sandbox.http import Handler, Reply, Request, Route, encode_json
from crossdock.sandbox.hubspot import definitions, events, links, objects, shapes
from crossdock.sandbox.hubspot.answers import Refusal, missing_scopes, not_found, too_many, unauthenticated
from crossdock.sandbox.hubspot.limits import Limits
from crossdock.sandbox.hubspot.oauth import OAuthError, TokenOffice
from crossdock.sandbox.hubspot.objects import Call
from crossdock.sandbox.hubspot.portal import Portal
from crossdock.sandbox.hubspot.schema import TYPE_IDS
from crossdock.sandbox.simulator import Records, SeedError, Simulator
from crossdock.sandbox.webhooks import Webhook, WebhookSender

VERSIONS: Final = frozenset({"2026-03", "2026-09"})
APP_ID: Final = 1_160_452
_TEXT: Final = "crm.{area}.{kind}.{verb}"

Answer = Callable[[Call], Reply]


class HubSpotSimulator(Simulator):
    """One portal with one app: contacts, companies and deals. Version 3 and the dated paths are the same handlers."""

    name: ClassVar[str] = "hubspot"
    faulty: ClassVar[tuple[str, ...]] = (r"\w+ /crm/.*",)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.portal_id = 62_515_000 + self.rng.randrange(1000)
        self.office = TokenOffice(
            client_id=_uuid(self.rng.getrandbits(128)),
            client_secret=_uuid(self.rng.getrandbits(128)),
            portal_id=self.portal_id,
            rng=self.rng,
        )
        self.private_token = self.office.issue_private()
        self.portal = Portal(self.portal_id)
        self.limits = Limits()
        self.webhooks = WebhookSender(self._sign, events.RETRY_S, events.TIMEOUT_S, self.rng, self.clock)

    def routes(self) -> Iterable[Route]:
        yield from self._object_routes("/crm/v3/objects/{kind}")
        yield from self._link_routes(
            "/crm/v4/objects/{kind}/{id}/associations", "/crm/v4/associations/{kind}/{end}/batch"
        )
        yield from self._definition_routes("/crm/v3/properties/{kind}", "/crm/v3/pipelines/{kind}")
        yield from self._link_routes(
            "/crm/objects/{version}/{kind}/{id}/associations", "/crm/associations/{version}/{kind}/{end}/batch"
        )
        yield from self._object_routes("/crm/objects/{version}/{kind}")
        yield from self._definition_routes("/crm/properties/{version}/{kind}", "/crm/pipelines/{version}/{kind}")
        yield Route("GET", "/oauth/authorize", self._authorize)
        yield Route("POST", "/oauth/v1/token", self._token)
        yield Route("POST", "/oauth/{version}/token", self._token)
        yield Route("POST", "/oauth/{version}/token/introspect", self._introspect)
        yield Route("POST", "/oauth/{version}/token/revoke", self._revoke)

    def _object_routes(self, base: str) -> Iterable[Route]:
        one = f"{base}/{{id:path}}"  # the value of a unique property may hold slashes
        for verb in ("create", "update", "upsert", "archive"):
            yield self._route("POST", f"{base}/batch/{verb}", "write", objects.batch(verb))
        yield self._route("POST", f"{base}/batch/read", "read", objects.batch("read"))
        yield self._route("POST", f"{base}/search", "read", objects.find)
        yield self._route("POST", f"{base}/merge", "write", objects.merge)
        yield self._route("GET", base, "read", objects.page)
        yield self._route("POST", base, "write", objects.create)
        yield self._route("GET", one, "read", objects.read)
        yield self._route("PATCH", one, "write", objects.update)
        yield self._route("DELETE", one, "write", objects.archive)

    def _link_routes(self, one: str, many: str) -> Iterable[Route]:
        yield self._route("PUT", f"{one}/default/{{end}}/{{other}}", "write", links.set_default)
        yield self._route("PUT", f"{one}/{{end}}/{{other}}", "write", links.set_labelled)
        yield self._route("DELETE", f"{one}/{{end}}/{{other}}", "write", links.remove)
        yield self._route("GET", f"{one}/{{end}}", "read", links.read)
        yield self._route("POST", f"{many}/associate/default", "write", links.batch_default)
        yield self._route("POST", f"{many}/create", "write", links.batch_create)
        yield self._route("POST", f"{many}/archive", "write", links.batch_archive)
        yield self._route("POST", f"{many}/read", "read", links.batch_read)

    def _definition_routes(self, properties: str, pipelines: str) -> Iterable[Route]:
        yield self._route("GET", properties, "read", definitions.properties, "schemas")
        yield self._route("POST", properties, "write", definitions.create_property, "schemas")
        yield self._route("GET", f"{properties}/{{name}}", "read", definitions.property_, "schemas")
        yield self._route("DELETE", f"{properties}/{{name}}", "write", definitions.archive_property, "schemas")
        yield self._route("GET", pipelines, "read", definitions.pipelines)
        yield self._route("GET", f"{pipelines}/{{pipeline}}", "read", definitions.pipeline)

    def _route(self, method: str, path: str, verb: str, answer: Answer, area: str = "objects") -> Route:
        return Route(method, path, self._handler(verb, answer, area))

    def _handler(self, verb: str, answer: Answer, area: str) -> Handler:
        """Checks version, token and scope, answers, and tells the webhooks what changed."""

        def handle(request: Request) -> Reply:
            try:
                if request.params.get("version", "2026-03") not in VERSIONS:
                    raise not_found()
                kind = shapes.kind_of(request.params["kind"])
                self._check_token(request, _TEXT.format(area=area, kind=kind, verb=verb))
                reply = answer(Call(self.portal, kind, request, self.clock.civil(), self.clock()))
            except Refusal as refusal:
                reply = Reply.json(refusal.body(self._correlation_id()), refusal.status)
            self._announce("INTEGRATION")
            return reply

        return handle

    def _check_token(self, request: Request, scope: str) -> None:
        grant = self.office.access.get(_bearer(request))
        if grant is None:
            raise unauthenticated()
        if grant.is_over(self.clock()):
            raise unauthenticated(expired=True)
        if scope not in grant.scopes and scope.replace(".read", ".write") not in grant.scopes:
            raise missing_scopes([scope])

    def admit(self, request: Request) -> Reply | None:
        if not request.path.startswith("/crm/"):
            return None
        policy = self.limits.admit(self.clock(), search=_is_search(request))
        if policy is None:
            return None
        return Reply.json(too_many(policy, self._correlation_id()), 429)

    def finish(self, request: Request, reply: Reply) -> Reply:
        """Searches carry no rate-limit headers."""
        headers = {"x-hubspot-correlation-id": self._correlation_id()}
        if request.path.startswith("/crm/") and not _is_search(request):
            grant = self.office.access.get(_bearer(request))
            headers |= self.limits.headers(self.clock.time_scale, daily=grant is not None and not grant.oauth)
        return reply.with_headers(headers)

    def refusal(self, status: int, request: Request) -> Reply:
        if status == 429:
            policy = "SECONDLY" if _is_search(request) else "TEN_SECONDLY_ROLLING"
            return Reply.json(too_many(policy, self._correlation_id()), 429)
        body = {"status": "error", "message": "internal error", "correlationId": self._correlation_id()}
        return Reply.json(body, status)

    def not_found(self, request: Request) -> Reply:
        return Reply.json(not_found().body(self._correlation_id()), 404)

    def credentials(self) -> dict[str, str]:
        return {
            "portal_id": str(self.portal_id),
            "app_id": str(APP_ID),
            "client_id": self.office.client_id,
            "client_secret": self.office.client_secret,
            "access_token": self.private_token,
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """`{"contacts": [{"email": …}, …], "companies": […], "deals": […]}`; returns the ids in the same order."""
        made: dict[str, Any] = {}
        for kind, records in data.items():
            if kind not in TYPE_IDS or not isinstance(records, list):
                raise SeedError(f"lists of {', '.join(TYPE_IDS)} can be seeded, not {kind!r}")
            made[kind] = [self._made(kind, number, properties) for number, properties in enumerate(records)]
        self.portal.events.clear()
        return made

    def _made(self, kind: str, number: int, properties: Any) -> str:
        now = self.clock.civil()
        try:
            values = self.portal.checked(kind, shapes.fields(properties, tuple(properties)), None, now)
        except (Refusal, TypeError) as error:
            raise SeedError(f"{kind}[{number}]: {getattr(error, 'message', error)}") from None
        return str(self.portal.create(kind, values, now, self.clock()).id)

    def notify(self, data: Mapping[str, Any]) -> int:
        """A person at work in the portal: `{"kind", "id", "properties" | "archive": true | "merge": id}`."""
        now = self.clock.civil()
        try:
            kind = shapes.kind_of(str(data.get("kind")))
            record = self.portal.get(kind, str(data.get("id")))
            if "merge" in data:
                self.portal.merge(kind, record, self.portal.get(kind, str(data["merge"])), now, self.clock())
            elif data.get("archive"):
                self.portal.archive(kind, record, now, self.clock())
            else:
                values = self.portal.checked(kind, shapes.values(data), record, now)
                self.portal.update(kind, record, values, now, self.clock())
        except Refusal as refusal:
            raise SeedError(refusal.message) from None
        return self._announce("CRM_UI")

    def list(self, kind: str) -> Records:
        """contacts, companies, deals: every property, and the ids linked to each; archived ones too."""
        if kind not in TYPE_IDS:
            raise KeyError(kind)
        return [
            {
                "id": str(record.id),
                "properties": dict(record.values),
                "archived": record.archived_at is not None,
                "associations": shapes.associated(self.portal, kind, record, (end for end in TYPE_IDS if end != kind)),
            }
            for record in self.portal.of(kind).values()
        ]

    def reset(self) -> None:
        super().reset()
        self.portal = Portal(self.portal_id)
        self.limits = Limits()

    def _announce(self, source: str) -> int:
        """Sends what happened since the last time, in arrays of up to a hundred; returns how many arrays."""
        happened, self.portal.events = self.portal.events, []
        assert self.webhooks is not None
        if self.webhooks.target is None:
            return 0
        chunks = events.chunked(events.lines(happened, self.portal_id, APP_ID, source, self.rng))
        headers = {"content-type": "application/json;charset=UTF-8"}
        for chunk in chunks:
            webhook_id = f"{self.rng.getrandbits(64):016x}"
            self.webhooks.queue(Webhook(webhook_id, encode_json(chunk), headers, numbered=events.numbered(chunk)))
        return len(chunks)

    def _sign(self, webhook: Webhook, url: str, civil: float) -> Mapping[str, str]:
        """Anew for each attempt: the timestamp is part of it, in milliseconds."""
        timestamp_ms = round(civil * 1000)
        return {
            "x-hubspot-request-timestamp": str(timestamp_ms),
            "x-hubspot-signature-v3": events.signature(self.office.client_secret, url, webhook.body, timestamp_ms),
        }

    def _authorize(self, request: Request) -> Reply:
        try:
            back = self.office.authorize(dict(request.query), self.clock())
        except OAuthError as error:
            return Reply.json(error.body, 400)
        target = request.query["redirect_uri"]
        return Reply(302, headers={"location": f"{target}{'&' if '?' in target else '?'}{urlencode(back)}"})

    def _token(self, request: Request) -> Reply:
        try:
            granted = self.office.token(request.form(), self.clock())
        except OAuthError as error:
            return Reply.json(error.body, 400)
        told_s = int(granted["expires_in"] / self.clock.time_scale) or 1
        return Reply.json(granted | {"expires_in": told_s})

    def _introspect(self, request: Request) -> Reply:
        return Reply.json(self.office.introspect(request.form().get("token", ""), self.clock()))

    def _revoke(self, request: Request) -> Reply:
        try:
            self.office.revoke(request.form())
        except OAuthError as error:
            return Reply.json(error.body, 400)
        return Reply(204)

    def _correlation_id(self) -> str:
        return _uuid(self.rng.getrandbits(128))


def _is_search(request: Request) -> bool:
    return request.path.endswith("/search")


def _bearer(request: Request) -> str:
    kind, _, token = request.header("authorization").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _uuid(bits: int) -> str:
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
