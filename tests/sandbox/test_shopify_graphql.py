"""The Admin GraphQL API as its callers meet it: shapes, errors, costs, limits, paging and lag."""

from collections.abc import Callable
from typing import Any

import pytest
from graphql import parse
from graphql.language import OperationDefinitionNode

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.shopify import ShopifySimulator
from crossdock.sandbox.shopify.cost import Meter
from crossdock.sandbox.shopify.execute import schema


class Client:
    """A bare GraphQL client."""

    def __init__(self, simulator: ShopifySimulator, door: Any) -> None:
        self.simulator = simulator
        self.door = door
        self.token = simulator.credentials()["access_token"]
        self.status = 0

    async def ask(self, query: str, version: str = "2026-01", **variables: Any) -> Any:
        return await self.post({"query": query, "variables": variables}, version)

    async def post(self, body: Any, version: str = "2026-01") -> Any:
        path = f"/admin/api/{version}/graphql.json"
        self.status, answer = await self.door.ask("POST", path, body, x_shopify_access_token=self.token)
        return answer


@pytest.fixture
def client(json_door: Callable[[ShopifySimulator], Any]) -> Client:
    simulator = ShopifySimulator(clock=StillClock())
    return Client(simulator, json_door(simulator))


def traded(client: Client, orders: int = 3) -> None:
    mug = {"do": "create_product", "ref": "mug", "title": "Mug", "variants": [{"sku": "MUG-1", "price": "20.00"}]}
    zoe = {"do": "create_customer", "ref": "zoe", "first_name": "Zoë", "last_name": "O'Brien", "email": "Z@Example.com"}
    changes: list[dict[str, Any]] = [mug, zoe]
    for number in range(orders):
        line = {"product": "mug", "quantity": number + 1}
        changes.append(
            {"do": "place_order", "ref": f"o{number}", "customer": "zoe", "lines": [line], "paid": number % 2 == 0}
        )
    client.simulator.seed({"changes": changes})


def gid(client: Client, ref: str, kind: str = "Order") -> str:
    return f"gid://shopify/{kind}/{client.simulator.shop.refs[ref]}"


def code(answer: Any) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


async def test_an_order_reads_at_once_by_id_and_later_in_a_search(client: Client) -> None:
    traded(client, 1)
    query = "query($id: ID!) { order(id: $id) { name totalPriceSet { shopMoney { amount currencyCode } } } }"
    one = await client.ask(query, id=gid(client, "o0"))
    assert one["data"]["order"]["totalPriceSet"]["shopMoney"] == {"amount": "20.0", "currencyCode": "CAD"}
    listed = "{ orders(first: 5) { nodes { name } } }"
    assert (await client.ask(listed))["data"]["orders"]["nodes"] == []
    client.simulator.clock.advance(1.5)  # type: ignore[attr-defined]
    assert (await client.ask(listed))["data"]["orders"]["nodes"] == [{"name": "#1001"}]


async def test_pages_by_updated_at_neither_repeat_nor_miss(client: Client) -> None:
    traded(client, 7)
    client.simulator.clock.advance(5)  # type: ignore[attr-defined]
    query = """query($after: String) {
      orders(first: 3, after: $after, sortKey: UPDATED_AT, query: "updated_at:>='2020-01-01T00:00:00Z'") {
        edges { cursor node { name } } pageInfo { hasNextPage endCursor } } }"""
    names, after = [], None
    while True:
        page = (await client.ask(query, after=after))["data"]["orders"]
        names += [edge["node"]["name"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert names == [f"#{1001 + number}" for number in range(7)]
    assert (await client.ask(query, after="nonsense"))["errors"][0]["message"] == "Malformed cursor"


async def test_search_terms_combine_and_an_unknown_one_only_warns(client: Client) -> None:
    traded(client, 4)
    client.simulator.clock.advance(5)  # type: ignore[attr-defined]

    async def names(terms: str) -> list[str]:
        answer = await client.ask("query($q: String) { orders(first: 9, query: $q) { nodes { name } } }", q=terms)
        return [node["name"] for node in answer["data"]["orders"]["nodes"]]

    assert await names("financial_status:paid") == ["#1001", "#1003"]
    assert await names("financial_status:paid AND name:#1003") == ["#1003"]
    assert await names("name:#1002 OR name:'#1003'") == ["#1002", "#1003"]
    assert await names("-financial_status:paid") == ["#1002", "#1004"]
    assert await names("(name:#1001 OR name:#1002) NOT status:cancelled email:z@example.com") == ["#1001", "#1002"]
    answer = await client.ask('{ orders(first: 9, query: "colour:red") { nodes { name } } }')
    assert len(answer["data"]["orders"]["nodes"]) == 4
    assert answer["extensions"]["search"][0]["warnings"][0]["code"] == "invalid_field"


async def test_a_refund_shows_lines_shipping_adjustments_and_payments(client: Client) -> None:
    traded(client, 3)
    client.simulator.seed(
        {"changes": [{"do": "refund_order", "order": "o2", "lines": [{"line": 0, "quantity": 1}], "amount": "25.00"}]}
    )
    query = """query($id: ID!) { order(id: $id) { currentTotalPriceSet { shopMoney { amount } } refunds {
      totalRefundedSet { shopMoney { amount } }
      refundLineItems(first: 5) { nodes { quantity restockType lineItem { sku } subtotalSet { shopMoney { amount } } } }
      orderAdjustments(first: 5) { nodes { reason amountSet { shopMoney { amount } } } }
      transactions(first: 5) { nodes { kind parentTransaction { kind } } } } } }"""
    order = (await client.ask(query, id=gid(client, "o2")))["data"]["order"]
    (refund,) = order["refunds"]
    assert refund["totalRefundedSet"]["shopMoney"]["amount"] == "25.0"
    assert refund["refundLineItems"]["nodes"][0]["lineItem"] == {"sku": "MUG-1"}
    assert refund["orderAdjustments"]["nodes"][0]["amountSet"]["shopMoney"]["amount"] == "-5.0"
    assert refund["transactions"]["nodes"] == [{"kind": "REFUND", "parentTransaction": {"kind": "SALE"}}]
    assert order["currentTotalPriceSet"]["shopMoney"]["amount"] == "35.0"


async def test_a_missing_order_is_null_and_a_wrong_id_is_an_error(client: Client) -> None:
    traded(client)
    missing = await client.ask('{ order(id: "gid://shopify/Order/1") { id } }')
    assert missing["data"] == {"order": None}
    assert "errors" not in missing
    wrong = await client.ask('{ order(id: "gid://shopify/Customer/1") { id } }')
    assert wrong["data"] == {"order": None}
    assert code(wrong) == "RESOURCE_NOT_FOUND"
    assert wrong["errors"][0]["path"] == ["order"]
    node = await client.ask(
        "query($id: ID!) { node(id: $id) { __typename ... on Order { name } } }", id=gid(client, "o1")
    )
    assert node["data"]["node"] == {"__typename": "Order", "name": "#1002"}


@pytest.mark.parametrize(
    ("query", "variables", "error"),
    [
        (
            "query Q { shop { colour } }",
            {},
            {
                "message": "Field 'colour' doesn't exist on type 'Shop'",
                "locations": [{"line": 1, "column": 18}],
                "path": ["query Q", "shop", "colour"],
                "extensions": {"code": "undefinedField", "typeName": "Shop", "fieldName": "colour"},
            },
        ),
        (
            "{ shop }",
            {},
            {
                "message": "Field must have selections (field 'shop' returns Shop but has no selections."
                " Did you mean 'shop { ... }'?)",
                "locations": [{"line": 1, "column": 3}],
                "path": ["query", "shop"],
                "extensions": {"code": "selectionMismatch", "nodeName": "field 'shop'", "typeName": "Shop"},
            },
        ),
        (
            "{ orders(first: 1, colour: 2) { nodes { id } } }",
            {},
            {
                "message": "Field 'orders' doesn't accept argument 'colour'",
                "locations": [{"line": 1, "column": 20}],
                "path": ["query", "orders", "colour"],
                "extensions": {
                    "code": "argumentNotAccepted",
                    "name": "orders",
                    "typeName": "Field",
                    "argumentName": "colour",
                },
            },
        ),
        (
            "{ order { id } }",
            {},
            {
                "message": "Field 'order' is missing required arguments: id",
                "locations": [{"line": 1, "column": 3}],
                "path": ["query", "order"],
                "extensions": {
                    "code": "missingRequiredArguments",
                    "className": "Field",
                    "name": "order",
                    "arguments": "id",
                },
            },
        ),
        (
            '{ orders(first: "two") { nodes { id } } }',
            {},
            {
                "message": "Argument 'first' on Field 'orders' has an invalid value (\"two\"). Expected type 'Int'.",
                "locations": [{"line": 1, "column": 3}],
                "path": ["query", "orders", "first"],
                "extensions": {
                    "code": "argumentLiteralsIncompatible",
                    "typeName": "Field",
                    "argumentName": "first",
                },
            },
        ),
        (
            "mutation M { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: {colour: 1})"
            " { userErrors { message } } }",
            {},
            {
                "message": "InputObject 'WebhookSubscriptionInput' doesn't accept argument 'colour'",
                "locations": [{"line": 1, "column": 84}],
                "path": ["mutation M", "webhookSubscriptionCreate", "webhookSubscription", "colour"],
                "extensions": {
                    "code": "argumentNotAccepted",
                    "name": "WebhookSubscriptionInput",
                    "typeName": "InputObject",
                    "argumentName": "colour",
                },
            },
        ),
        (
            "query Q($id: ID) { shop { name } }",
            {"id": "1"},
            {
                "message": "Variable $id is declared by Q but not used",
                "locations": [{"line": 1, "column": 9}],
                "path": ["query Q"],
                "extensions": {"code": "variableNotUsed", "variableName": "id"},
            },
        ),
        (
            "query Q { shop @idempotent(key: 1) { name } }",
            {},
            {
                "message": "Directive @idempotent is not defined",
                "locations": [{"line": 1, "column": 16}],
                "path": ["query Q", "shop"],
                "extensions": {"code": "undefinedDirective", "directiveName": "idempotent"},
            },
        ),
        (
            "query Q($id: ID!) { order(id: $id) { id } }",
            {},
            {
                "message": "Variable $id of type ID! was provided invalid value",
                "locations": [{"line": 1, "column": 9}],
                "extensions": {
                    "code": "INVALID_VARIABLE",
                    "value": None,
                    "problems": [{"path": [], "explanation": "Expected value to not be null"}],
                },
            },
        ),
        (
            "mutation M($w: WebhookSubscriptionInput!) {\n webhookSubscriptionCreate(topic: ORDERS_CREATE,"
            " webhookSubscription: $w) { userErrors { message } } }",
            {"w": {"colour": "red"}},
            {
                "message": "Variable $w of type WebhookSubscriptionInput! was provided invalid value for colour"
                " (Field is not defined on WebhookSubscriptionInput)",
                "locations": [{"line": 1, "column": 12}],
                "extensions": {
                    "code": "INVALID_VARIABLE",
                    "value": {"colour": "red"},
                    "problems": [
                        {"path": ["colour"], "explanation": "Field is not defined on WebhookSubscriptionInput"}
                    ],
                },
            },
        ),
        (
            "{\n  shop {",
            {},
            {
                "message": "syntax error, unexpected end of file at [2, 9]",
                "locations": [{"line": 2, "column": 9}],
                "extensions": {"code": "PARSE_ERROR"},
            },
        ),
    ],
    ids=lambda value: value["extensions"]["code"] if isinstance(value, dict) and "extensions" in value else "",
)
async def test_a_wrong_document_is_refused_in_the_platforms_words(
    client: Client, query: str, variables: dict[str, Any], error: dict[str, Any]
) -> None:
    answer = await client.ask(query, **variables)
    assert client.status == 200
    assert answer == {"errors": [error]}


async def test_a_token_without_a_scope_gets_null_and_a_reason(client: Client) -> None:
    traded(client)
    client.simulator.office.scopes = "read_orders"
    client.token = client.simulator.office.issue_permanent()
    answer = await client.ask("{ products(first: 1) { nodes { id } } }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"] == {
        "code": "ACCESS_DENIED",
        "documentation": "https://shopify.dev/api/usage/access-scopes",
        "requiredAccess": "`read_products` access scope.",
    }
    partial = await client.ask("query($id: ID!) { order(id: $id) { name customer { email } } }", id=gid(client, "o0"))
    assert partial["data"] == {"order": {"name": "#1001", "customer": None}}
    assert code(partial) == "ACCESS_DENIED"


async def test_orders_older_than_sixty_days_need_a_scope_of_their_own(client: Client) -> None:
    traded(client, 1)
    client.simulator.clock.advance(61 * 86_400)  # type: ignore[attr-defined]
    listed = "{ orders(first: 5) { nodes { name } } }"
    assert len((await client.ask(listed))["data"]["orders"]["nodes"]) == 1
    client.simulator.office.scopes = "read_orders"
    client.token = client.simulator.office.issue_permanent()
    assert (await client.ask(listed))["data"]["orders"]["nodes"] == []


async def test_an_unknown_token_gets_401_and_an_old_version_falls_forward(client: Client) -> None:
    await client.ask("{ shop { name } }", version="2021-10")
    assert client.door.headers["X-Shopify-API-Version"] == "2025-04"  # the clock stands at 1 January 2026
    await client.ask("{ shop { name } }", version="2026-01")
    assert client.door.headers["X-Shopify-API-Version"] == "2026-01"
    await client.ask("{ shop { name } }", version="2031-01")
    assert client.status == 404
    client.token = "shpat_unknown"
    answer = await client.ask("{ shop { name } }")
    assert client.status == 401
    assert answer == {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}


def requested(query: str, **variables: Any) -> int:
    document = parse(query)
    (operation,) = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return Meter(schema(), {}, variables).requested(operation)


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ orders(first: 250) { nodes { id } } }", 13),
        ("{ orders(first: 1) { nodes { id } } }", 3),
        ("{ customers(first: 5) { edges { cursor node { id } } pageInfo { endCursor } } }", 5),
        ("{ shop { name } }", 1),
        ("{ ordersCount { count } }", 10),
        (
            "{ order(id: 1) { lineItems(first: 50) { nodes { title } } shippingLines(first: 10) { nodes { title } }"
            " transactions { kind } refunds { note } totalPriceSet { shopMoney { amount } } } }",
            18,
        ),
        ("{ order(id: 1) { currentTaxLines { title } lineItems(first: 5) { nodes { taxLines { title } } } } }", 10),
        (
            "mutation { webhookSubscriptionCreate(topic: ORDERS_CREATE, webhookSubscription: {})"
            " { webhookSubscription { id } userErrors { message } } }",
            10,
        ),
    ],
)
def test_requested_costs_are_those_recorded_from_the_platform(query: str, cost: int) -> None:
    assert requested(query) == cost


async def test_the_difference_between_requested_and_actual_cost_is_given_back(client: Client) -> None:
    traded(client, 1)
    client.simulator.clock.advance(5)  # type: ignore[attr-defined]
    cost = (await client.ask("{ orders(first: 250) { nodes { id } } }"))["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (13, 3)
    assert cost["throttleStatus"] == {"maximumAvailable": 2000, "currentlyAvailable": 1997, "restoreRate": 100}


async def test_a_query_that_asks_too_much_is_refused_before_it_runs(client: Client) -> None:
    deep = "{ orders(first: 250) { nodes { lineItems(first: 250) { nodes { variant { product { id } } } } } } }"
    answer = await client.ask(
        deep.replace("variant { product { id } }", "variant { product { variants(first: 9) { nodes { id } } } }")
    )
    assert code(answer) == "MAX_COST_EXCEEDED"
    assert "data" not in answer
    assert answer["errors"][0]["message"].endswith("which exceeds the single query max cost limit (1000).")


async def test_a_query_that_is_nested_too_deeply_is_refused(client: Client) -> None:
    answer = await client.ask("{" + "a{" * 9_000 + "b" + "}" * 9_001)
    assert client.status == 200
    assert "data" not in answer


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"query": 1}', b'{"query": "{ shop { name } }", "variables": [1]}']
)
async def test_a_body_without_a_query_is_refused(client: Client, body: bytes) -> None:
    assert await client.post(body) == {"errors": {"query": "Required parameter missing or invalid"}}
    assert client.status == 400


async def test_an_empty_bucket_throttles_and_fills_with_time(client: Client) -> None:
    query = "{ orders(first: 250) { nodes { lineItems(first: 250) { nodes { variant { id } } } } } }"
    client.simulator.bucket.available = 100
    throttled = await client.ask(query)
    assert client.status == 200
    assert "data" not in throttled
    assert code(throttled) == "THROTTLED"
    cost = throttled["extensions"]["cost"]
    assert cost["actualQueryCost"] is None
    wait_s = (cost["requestedQueryCost"] - cost["throttleStatus"]["currentlyAvailable"]) / cost["throttleStatus"][
        "restoreRate"
    ]
    client.simulator.clock.advance(wait_s + 0.01)  # type: ignore[attr-defined]
    assert "data" in await client.ask(query)
    assert client.simulator.stats()["throttles"] == 1


async def test_subscriptions_are_made_once_listed_and_refused_with_reasons(client: Client) -> None:
    make = """mutation($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) {
      webhookSubscriptionCreate(topic: $t, webhookSubscription: $w) {
        webhookSubscription { id topic uri } userErrors { field message } } }"""

    async def made(uri: str) -> Any:
        answer = await client.ask(make, t="ORDERS_CREATE", w={"uri": uri, "format": "JSON"})
        return answer["data"]["webhookSubscriptionCreate"]

    first = await made("https://hub.example.com/hooks")
    assert first["webhookSubscription"]["topic"] == "ORDERS_CREATE"
    again = await made("https://hub.example.com/hooks")
    assert again["webhookSubscription"] is None
    assert again["userErrors"][0]["message"] == "Address for this topic has already been taken"
    ftp = await made("ftp://hub.example.com")
    for refused in (
        "http://hub.example.com",
        "https://shop.myshopify.com/x",
        f"https://hub.example.com/{'x' * 65_535}",
    ):
        assert (await made(refused))["webhookSubscription"] is None
    assert ftp["userErrors"] == [
        {"field": ["webhookSubscription", "callbackUrl"], "message": "Address protocol ftp:// is not supported"}
    ]
    listed = await client.ask("{ webhookSubscriptions(first: 10) { nodes { id } } }")
    assert [node["id"] for node in listed["data"]["webhookSubscriptions"]["nodes"]] == [
        first["webhookSubscription"]["id"]
    ]
    remove = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }"
    gone = await client.ask(remove, id=first["webhookSubscription"]["id"])
    assert (
        gone["data"]["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"] == first["webhookSubscription"]["id"]
    )
