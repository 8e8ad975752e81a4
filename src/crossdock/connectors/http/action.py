"""Any REST call out, as its settings describe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from crossdock.connectors.http.paths import MISSING, as_text, at, fill, put
from crossdock.connectors.http.settings import ActionSettings
from crossdock.core import json
from crossdock.core.connector import Action, Call, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson
from crossdock.core.wire import Http

MARK = "{hub.marker}"
"""The template of what only the hub itself can have written."""


class RestAction(Action):
    """One call for one input.

    In:     what `input` says: a model's instance, or any JSON value.
    Out:    the id and the version at the paths that the settings name.
    Errors: what the settings' `success` does not accept is refused (4xx, or a 2xx that denies it)
            or unknown (5xx).
    Source: the project's connection file.
    """

    def __init__(self, name: str, settings: ActionSettings, base_url: str, headers: Mapping[str, str]) -> None:
        self.name = name
        self.settings = settings
        self.model = settings.model
        self.input = settings.input
        self.effects = effects_of(settings)
        self.key_retention_s = settings.remembers_hours * 3600.0
        self.whole_state = settings.whole_state
        self.finds = settings.find is not None
        self.links = settings.method != "GET"
        if settings.find is not None:
            self.settle_s = settings.find.settle
            self.match = tuple(settings.find.match)
        self._base_url = base_url
        self._headers = {**headers, **settings.headers}

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        receipts: dict[ItemId, Receipt] = {}
        for item in items:
            step = self.name if len(items) == 1 else f"{self.name}:{item.id}"
            done = yield Call(step, self._request(item, step), self.effects[0], (item.id,))
            receipts[item.id] = self._receipt(done.answer, item.remote_id)
        return receipts

    def find(self, item: Outbound) -> Steps[Found | None]:
        find = self.settings.find
        assert find is not None, "finds is False"
        look = partial(_look, item)
        url = self._base_url + fill(find.path, look, _quoted)
        done = yield Call(f"{self.name}.find", Http("GET", url, self._heads(item)))
        if done.answer is None:
            return None
        hits = [done.answer] if find.items is None else at(done.answer, find.items)
        if not isinstance(hits, list):
            raise ForAPerson(f"the answer to {find.path} has no list at {find.items!r}")
        wanted = {path: fill(template, look, str) for path, template in find.match.items()}
        agreeing = [hit for hit in hits if all(_agrees(at(hit, path), text) for path, text in wanted.items())]
        marks = [path for path, template in find.match.items() if template == MARK]
        marked = [hit for hit in hits if any(_agrees(at(hit, path), wanted[path]) for path in marks)]
        named = [(as_text(at(hit, find.id)), hit) for hit in agreeing or marked]
        if not named:
            return None
        if any(not remote_id for remote_id, _ in named):
            raise ForAPerson(f"a hit of {find.path} has no id at {find.id!r}")
        (remote_id, hit), *more = named
        receipt = Receipt(remote_id, self._version(hit), hit)
        others = tuple(other for other, _ in more)
        if agreeing:
            return Found(receipt, certain=not more, others=others, why=", ".join(wanted))
        differing = ", ".join(path for path, text in wanted.items() if not _agrees(at(hit, path), text))
        return Found(receipt, certain=False, others=others, why=f"it bears the hub's mark, but differs in {differing}")

    def _request(self, item: Outbound, step: str) -> Http:
        settings = self.settings
        update = settings.update if item.remote_id else None
        method, path = (update.method, update.path) if update else (settings.method, settings.path)
        url = self._base_url + fill(path, partial(_look, item), _quoted)
        headers = list(self._heads(item))
        if settings.idempotency_header is not None:
            headers.append((settings.idempotency_header, item.provider_key(step)))
        if settings.body == "none" or method in {"GET", "DELETE"}:
            return Http(method, url, tuple(headers))
        value = at(item.input, settings.body or "")
        if value is MISSING:
            raise ForAPerson(f"the input has nothing at {settings.body!r}, which is to be the body")
        if settings.marker is not None:
            value = put(value, settings.marker, item.marker)
        if settings.encoding == "form":
            headers.append(("content-type", "application/x-www-form-urlencoded"))
            return Http(method, url, tuple(headers), _form(value))
        headers.append(("content-type", "application/json"))
        return Http(method, url, tuple(headers), json.encode(value))

    def _heads(self, item: Outbound) -> tuple[tuple[str, str], ...]:
        said = {name: fill(value, partial(_look, item), _plain) for name, value in self._headers.items()}
        return (("accept", "application/json"), *said.items())

    def _receipt(self, answer: Any, known_id: str) -> Receipt:
        """Raises ForAPerson where the id is needed and is not there: without it the next change would make another. A
        request that names the record itself needs none."""
        settings = self.settings
        remote_id = as_text(at(answer, settings.id)) or known_id
        asked_for = settings.update is not None or "id" in settings.model_fields_set
        if not remote_id and asked_for and not settings.upsert:
            raise ForAPerson(f"it was done, but the answer has no id at {settings.id!r}: adopt the record that it made")
        return Receipt(remote_id, self._version(answer), answer)

    def _version(self, record: Any) -> str:
        return as_text(at(record, self.settings.version)) if self.settings.version is not None else ""


def effects_of(settings: ActionSettings) -> tuple[EffectClass, ...]:
    """In order of use: a key that the platform remembers, then writing the same record, then looking."""
    classes = [
        *([EffectClass.NATIVE_KEY] if settings.idempotency_header is not None else []),
        *([EffectClass.UPSERT] if settings.upsert or settings.method == "GET" else []),
        *([EffectClass.LOOKUP] if settings.find is not None else []),
    ]
    return tuple(classes) or (EffectClass.NONE,)


def _look(item: Outbound, name: str) -> Any:
    match name:
        case "hub.key":
            return item.key
        case "hub.marker":
            return item.marker
        case "hub.remote_id":
            return item.remote_id
    if name.startswith("hub.needs."):
        return item.needs.get(name.removeprefix("hub.needs."), MISSING)
    return at(item.input, name)


def _quoted(text: str) -> str:
    if text in {".", ".."}:
        raise ForAPerson(f"{text!r} cannot be a part of a path")
    return quote(text, safe="")


def _plain(text: str) -> str:
    if any(char in text for char in "\r\n\0"):
        raise ForAPerson("a value with a line break cannot be a header")
    return text


def _agrees(said: Any, wanted: str) -> bool:
    """Numbers agree by value, so 92.660 is 92.66; everything else by its text."""
    text = as_text(said)
    if text == wanted:
        return True
    try:
        return Decimal(text) == Decimal(wanted)
    except InvalidOperation:
        return False


def _form(value: Any) -> bytes:
    if not isinstance(value, Mapping):
        raise ForAPerson("a form is made from an object")
    pairs = [(name, as_text(said)) for name, said in value.items() if said is not None]
    for name, said in value.items():
        if isinstance(said, dict | list):
            raise ForAPerson(f"a form cannot hold the object or list at {name!r}; let the map flatten it")
    return urlencode(pairs).encode()
