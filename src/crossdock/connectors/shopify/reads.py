"""What changed, and how it looks now.

A poll only asks which records changed since its cursor; a hydrate reads them whole. So a page is cheap, an order with
many lines needs no special page, and a webhook that does not tell enough is completed in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from crossdock.connectors.shopify.graphql import Graph
from crossdock.core import json
from crossdock.core.connector import Call, Hydrate, Page, Part, PartId, Poll, Steps

PAGE = 100
POLL_POINTS = 11.0
MORE_POINTS = 40.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record: `order` is read by nodes of type `Order`, its polled page is called `orders`."""

    name: str
    points: float
    """what one read of a batch asks for; a list of records counts as its dearest"""

    @property
    def type(self) -> str:
        return self.name.capitalize()

    @property
    def plural(self) -> str:
        return f"{self.name}s"


KINDS = (Kind("order", 76.0), Kind("customer", 3.0), Kind("product", 10.0))


class ChangedRecords(Poll):
    """Reads ids by `updated_at`, oldest first. The cursor is the newest instant of the rounds that are through, and
    inside a round Shopify's page cursor, which fits only the query that it was given for."""

    every_s = 300.0
    overlap_s = 120.0

    def __init__(self, graph: Graph, kind: Kind) -> None:
        self.name = kind.plural
        self._graph = graph
        self._kind = kind

    def read(self, cursor: Any, now: float) -> Steps[Page]:
        state = cursor if isinstance(cursor, Mapping) else {"since": now}
        since, after = float(state["since"]), state.get("after")
        query = f"updated_at:>='{_instant(since - self.overlap_s)}'"
        call = self._graph.ask(
            f"poll:{self.name}",
            f"changed_{self.name}",
            {"query": query, "first": PAGE, "after": after},
            POLL_POINTS,
        )
        done = yield call
        page = done.answer[self.name]
        nodes, info = page["nodes"], page["pageInfo"]
        newest = max([float(state.get("newest", since)), *(_seconds(node["updatedAt"]) for node in nodes)])
        parts = [self._part(node) for node in nodes]
        if info["hasNextPage"]:
            return Page(parts, {"since": since, "newest": newest, "after": info["endCursor"]}, more=True)
        return Page(parts, {"since": newest})

    def _part(self, node: Mapping[str, Any]) -> Part:
        remote_id, updated = str(node["legacyResourceId"]), str(node["updatedAt"])
        return Part(
            identity=f"poll:{self._kind.name}:{remote_id}:{updated}",
            topic=f"{self.name}/read",
            order_hint=f"{self._kind.name}/{remote_id}",
            body=json.encode({"id": remote_id, "updated_at": updated}),
            hydrate=self._kind.name,
            remote_id=remote_id,
        )


class ReadRecords(Hydrate):
    """Reads whole records, a batch in one request; what does not fit its first page is read on."""

    batch_size = 10

    def __init__(self, graph: Graph, kind: Kind) -> None:
        self.name = kind.name
        self._graph = graph
        self._kind = kind

    def fetch(self, parts: Mapping[PartId, str]) -> Steps[Mapping[PartId, Any]]:
        ids = [f"gid://shopify/{self._kind.type}/{remote_id}" for remote_id in sorted(set(parts.values()))]
        done = yield self._graph.ask(
            f"hydrate:{self.name}", f"{self._kind.plural}_by_id", {"ids": ids}, self._kind.points
        )
        records = {}
        for node in done.answer["nodes"]:
            if node:
                record = yield from self._whole(dict(node))
                records[str(record["legacyResourceId"])] = record
        return {part: records[remote_id] for part, remote_id in parts.items() if remote_id in records}

    def _whole(self, record: dict[str, Any]) -> Steps[dict[str, Any]]:
        if "variants" in record:
            record["variants"] = yield from self._rest(record["id"], record["variants"], "more_variants", "product")
        if "lineItems" in record:
            record["lineItems"] = yield from self._rest(record["id"], record["lineItems"], "more_lines", "order")
        if "refunds" in record:
            refunds = []
            for refund in record["refunds"]:
                lines = yield from self._rest(
                    refund["id"], refund["refundLineItems"], "more_refund_lines", "refund", "refundLineItems"
                )
                refunds.append({**refund, "refundLineItems": lines})
            record["refunds"] = refunds
        return record

    def _rest(self, gid: str, first: Mapping[str, Any], name: str, root: str, field: str = "") -> Steps[dict[str, Any]]:
        """A connection with all of its nodes."""
        field = field or {"product": "variants", "order": "lineItems"}[root]
        nodes, info, page = list(first["nodes"]), first["pageInfo"], 1
        while info["hasNextPage"]:
            page += 1
            call: Call = self._graph.ask(
                f"{name}:{gid}:{page}", name, {"id": gid, "after": info["endCursor"]}, MORE_POINTS
            )
            done = yield call
            more = (done.answer[root] or {}).get(field)
            if not more:
                break
            nodes += more["nodes"]
            info = more["pageInfo"]
        return {"nodes": nodes}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(max(seconds, 0.0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
