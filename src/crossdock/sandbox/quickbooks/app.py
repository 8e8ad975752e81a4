"""The QuickBooks Online accounting API of one company, as an ASGI app.

Source: Intuit docs, "REST API features": paths, envelopes, `intuit_tid`, `requestid`, operations as query
parameters. XML is not played: without `Accept: application/json`, where QuickBooks answers XML, this answers 406.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Final

from crossdock.sandbox.clock import SandboxClock
from crossdock.sandbox.http import Handler, JsonError, Reply, Request, Route
from crossdock.sandbox.quickbooks import answers, batch, books, notices, problems, query, seeding, setup
from crossdock.sandbox.quickbooks.company import Change, Company, Settings
from crossdock.sandbox.quickbooks.kinds import KINDS, Kind
from crossdock.sandbox.quickbooks.oauth import Authority, Rotation
from crossdock.sandbox.quickbooks.problems import FaultError
from crossdock.sandbox.quickbooks.throttle import Throttle
from crossdock.sandbox.simulator import Records, SeedError, Simulator
from crossdock.sandbox.webhooks import WebhookSender

COMPANY: Final = "/v3/company/{realm}"
AT_ONCE: Final = 10
REQUEST_ID_LENGTH: Final = 50
Changes = list[Change]
Answer = Callable[[Request], dict[str, Any]]
"""What goes into the envelope beside `time`. Raises FaultError."""


class QuickBooksSimulator(Simulator):
    """One app connected to one company. The company is Canadian (CAD, tax codes on lines) unless seeded otherwise."""

    name: ClassVar[str] = "quickbooks"
    faulty: ClassVar[tuple[str, ...]] = (r"\w+ /v3/.*",)

    def __init__(self, *, seed: int = 0, clock: SandboxClock | None = None) -> None:
        self._tids = random.Random(f"tid:{seed}")  # noqa: S311 - repeatable by design
        secrets = random.Random(f"quickbooks secrets:{seed}")  # noqa: S311 - of a sandbox
        realm_id = "".join(secrets.choices("123456789", k=16))
        self.authority = Authority(realm_id, secrets, clock or SandboxClock())
        self.verifier_token = "".join(secrets.choices("0123456789abcdef", k=36))
        super().__init__(seed=seed, clock=self.authority.clock)
        self.webhooks = WebhookSender(
            lambda webhook, _url, _now: notices.signature(self.verifier_token, webhook.body),
            notices.SCHEDULE_S,
            notices.TIMEOUT_S,
            self.rng,
            self.clock,
        )
        self._requests = Throttle(500)
        self._batches = Throttle(120)
        self._in_flight = 0
        self._open(Settings())

    def routes(self) -> list[Route]:
        return [
            *self.authority.routes(),
            Route("GET", f"{COMPANY}/query", self._guarded(self._query)),
            Route("POST", f"{COMPANY}/query", self._guarded(self._query)),
            Route("GET", f"{COMPANY}/cdc", self._guarded(self._changed)),
            Route("GET", f"{COMPANY}/preferences", self._guarded(self._preferences)),
            Route("GET", f"{COMPANY}/companyinfo/{{id}}", self._guarded(self._company_info)),
            Route("GET", f"{COMPANY}/{{entity}}/{{id}}", self._guarded(self._read)),
            Route("POST", f"{COMPANY}/batch", self._guarded(self._once(self._batch))),
            Route("POST", f"{COMPANY}/taxservice/taxcode", self._guarded(self._once(self._tax_service))),
            Route("POST", f"{COMPANY}/{{entity}}", self._guarded(self._once(self._write))),
        ]

    def credentials(self) -> dict[str, str]:
        """`access_token` and `refresh_token` are of a consent already given; `verifier_token` signs webhooks."""
        return {
            "client_id": self.authority.client_id,
            "client_secret": self.authority.client_secret,
            "realm_id": self.company.realm_id,
            "verifier_token": self.verifier_token,
            "access_token": self.authority.first_access,
            "refresh_token": self.authority.first.refresh_token,
        }

    def seed(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """`company`: settings, which open the books anew; `oauth`: {every_s, grace_s} of the rotation;
        `Vendor`: names; `TaxCode`: [{"Name", "Rates": {name: percent}}]; else records by entity, in order."""
        made: dict[str, Any] = {}
        try:
            if "company" in data:
                self._open(seeding.settings(data["company"]))
                made["company"] = asdict(self.company.settings)
            if "oauth" in data:
                self.authority.rotation = Rotation.of(data["oauth"])
                made["oauth"] = asdict(self.authority.rotation)
            with self.company.transaction():
                for name in data:
                    if name not in ("company", "oauth"):
                        made[name] = seeding.records(self.company, name, data[name])
        except FaultError as fault:
            raise SeedError(f"{fault.code} {fault.message}: {fault.detail}") from None
        self.company.changes.clear()
        return made

    def list(self, kind: str) -> Records:
        one = KINDS[kind.lower()]
        return [books.shown(self.company, one, record) for record in self.company.listed(one.name)]

    def reset(self) -> None:
        super().reset()
        self._open(self.company.settings)

    def notify(self, data: Mapping[str, Any]) -> int:
        """{"entity": "Customer", "id": "58", "verb": "updated"}: as if a user had done it."""
        kind = KINDS.get(str(data.get("entity", "")).lower())
        verb = str(data.get("verb", "updated"))
        if kind is None or kind.name not in notices.TOLD:
            raise SeedError(f"entity must be one of {', '.join(sorted(notices.TOLD))}")
        if verb not in ("created", "updated", "deleted", "merged", "voided", "emailed"):
            raise SeedError(f"there is no verb {verb!r}")
        return self._tell([Change(kind.name, str(data.get("id", "")), verb)])

    def set_clock(self, clock: SandboxClock) -> None:
        super().set_clock(clock)
        self.authority.clock = clock
        self.company.clock = clock

    def admit(self, request: Request) -> Reply | None:
        if not request.path.startswith("/v3/"):
            return None
        throttle = self._batches if request.path.endswith("/batch") else self._requests
        if self._in_flight >= AT_ONCE or not throttle.lets_in(self.clock()):
            return answers.throttled(self.company)
        self._in_flight += 1
        return None

    def leave(self, request: Request) -> None:
        if request.path.startswith("/v3/"):
            self._in_flight -= 1

    def refusal(self, status: int, request: Request) -> Reply:
        return answers.refusal(self.company, status)

    def finish(self, request: Request, reply: Reply) -> Reply:
        bits = f"{self._tids.getrandbits(128):032x}"
        return reply.with_headers({"intuit_tid": f"1-{bits[:8]}-{bits[8:]}"})

    def _open(self, settings: Settings) -> None:
        """New books: nothing in them but what a new company holds."""
        ids = random.Random(f"quickbooks ids:{self.random_seed}")  # noqa: S311 - repeatable by design
        self.company = Company(self.authority.realm_id, settings, self.clock, ids)
        setup.furnish(self.company)
        self._remembered: dict[str, dict[str, Any]] = {}

    def _guarded(self, answer: Answer) -> Handler:
        """Who asks, for whom, and in which format, before anything else."""

        def guarded(request: Request) -> Reply:
            token = request.header("authorization").removeprefix("Bearer ")
            if not self.authority.accepts(token):
                return answers.unauthenticated(self.company, token)
            if request.params["realm"] != self.company.realm_id:
                return answers.forbidden(self.company)
            if "application/json" not in request.header("accept"):
                return answers.no_xml()
            try:
                return Reply.json({**answer(request), "time": self.company.answered_at()})
            except FaultError as fault:
                return answers.fault(self.company, fault)

        return guarded

    def _once(self, write: Answer) -> Answer:
        """All or nothing, then webhooks; and the first answer again when its request id is repeated.

        Source: Intuit docs, "What is RequestId". Unverified: how long it is remembered (here until a reset), and
        that a refusal is not.
        """

        def once(request: Request) -> dict[str, Any]:
            request_id = request.query.get("requestid", "")
            if request_id in self._remembered:
                return self._remembered[request_id]
            if len(request_id) > REQUEST_ID_LENGTH:
                raise problems.wrong_length("requestid", REQUEST_ID_LENGTH, len(request_id))
            with self.company.transaction():
                answer = write(request)
            self._tell(self.company.changes)
            if request_id:
                self._remembered[request_id] = answer
            return answer

        return once

    def _query(self, request: Request) -> dict[str, Any]:
        text = request.query.get("query", "")
        if request.method == "POST":
            _check_type(request, "application/text", "text/plain")
            text = request.body.decode("utf-8", "replace")
        if not text.strip():
            raise problems.unparsable_query('Encountered "<EOF>"')
        response = query.run(self.company, text, lambda kind, record: books.shown(self.company, kind, record))
        return {"QueryResponse": response}

    def _write(self, request: Request) -> dict[str, Any]:
        kind, body = _kind(request), _body(request)
        match request.query.get("operation"), request.query.get("include"):
            case ("void", _) if kind.name != "Payment":
                done = books.void(self.company, kind, body)
            case ("update", "void") if kind.name == "Payment":
                done = books.void(self.company, kind, body)
            case "delete", _:
                done = books.delete(self.company, kind, body)
            case ((None | "update"), _):
                done = books.shown(self.company, kind, books.save(self.company, kind, body))
            case operation, _:
                raise problems.unsupported(f"{operation} of {kind.name}")
        return {kind.name: done}

    def _read(self, request: Request) -> dict[str, Any]:
        kind = _kind(request)
        record = self.company.get(kind.name, request.params["id"])
        return {kind.name: books.shown(self.company, kind, record)}

    def _batch(self, request: Request) -> dict[str, Any]:
        answer, changes = batch.batch(self.company, _body(request))
        self.company.changes[:] = changes
        return answer

    def _changed(self, request: Request) -> dict[str, Any]:
        asked = request.query
        return batch.changed_since(self.company, asked.get("entities", ""), asked.get("changedSince", ""))

    def _tax_service(self, request: Request) -> dict[str, Any]:
        return setup.serve_tax(self.company, _body(request))

    def _preferences(self, request: Request) -> dict[str, Any]:
        return {"Preferences": self.company.get("Preferences", "1")}

    def _company_info(self, request: Request) -> dict[str, Any]:
        return {"CompanyInfo": self.company.get("CompanyInfo", "1")}

    def _tell(self, changes: Changes) -> int:
        webhook = notices.notice(self.company, changes)
        changes.clear()
        if webhook is None or self.webhooks is None:
            return 0
        self.webhooks.queue(webhook)
        return 1


def _kind(request: Request) -> Kind:
    kind = KINDS.get(request.params["entity"])
    if kind is None:
        raise problems.unsupported(f"on {request.params['entity']}")
    return kind


def _body(request: Request) -> dict[str, Any]:
    _check_type(request, "application/json")
    try:
        body = request.json()
    except JsonError as error:
        raise problems.unknown_property(f"failed to parse json object: {error};") from None
    if not isinstance(body, dict):
        raise problems.unknown_property("failed to parse json object;", "must be an object")
    return body


def _check_type(request: Request, *allowed: str) -> None:
    given = request.header("content-type").partition(";")[0].strip().lower()
    if given not in allowed:
        raise FaultError(
            "500", "Unsupported Operation", f"Content-Type must be {allowed[0]}, not {given!r}", status=415
        )
