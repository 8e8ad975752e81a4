"""What careless or hostile clients send, and what a client that retries with one request id gets through faults."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from crossdock.sandbox.clock import StillClock
from crossdock.sandbox.faults import FaultKind
from crossdock.sandbox.quickbooks import QuickBooksSimulator
from crossdock.sandbox.serve import Served, serving

HST = {"value": "5"}
SHIPPING = {"value": "SHIPPING_ITEM_ID"}


class Api:
    def __init__(self, served: Served) -> None:
        keys = served.as_line()["credentials"]
        self.admin = served.admin
        self.company = f"{served.url}/v3/company/{keys['realm_id']}"
        self.session = requests.Session()
        self.session.headers.update({"authorization": f"Bearer {keys['access_token']}", "accept": "application/json"})

    def post(self, path: str, body: Any, kind: str = "application/json") -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.session.post(f"{self.company}/{path}", data, headers={"content-type": kind}, timeout=1)

    def code(self, path: str, body: Any) -> str:
        answer = self.post(path, body)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["Fault"]["Error"][0]["code"])

    def seed(self, data: Any) -> requests.Response:
        return requests.post(f"{self.admin}/seed", json=data, timeout=5)

    def listed(self, kind: str) -> Any:
        return requests.get(f"{self.admin}/list/{kind}", timeout=5).json()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving([QuickBooksSimulator(seed=7, clock=StillClock())]) as (one,):
        yield one


@pytest.fixture
def api(served: Served) -> Iterator[Api]:
    """New books, a new minute of requests and a token that is alive."""
    one = Api(served)
    assert one.seed({"company": {}}).status_code == 200
    assert isinstance(served.simulator.clock, StillClock)
    served.simulator.clock.advance(60)
    tokens = requests.post(
        f"{served.url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": served.as_line()["credentials"]["refresh_token"]},
        auth=(served.as_line()["credentials"]["client_id"], served.as_line()["credentials"]["client_secret"]),
        timeout=5,
    ).json()
    one.session.headers["authorization"] = f"Bearer {tokens['access_token']}"
    yield one
    one.session.close()


def line(amount: Any, **detail: Any) -> dict[str, Any]:
    return {
        "DetailType": "SalesItemLineDetail",
        "Amount": amount,
        "SalesItemLineDetail": {"ItemRef": SHIPPING, "TaxCodeRef": HST, **detail},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"DisplayName": "a"',
        b'{"DisplayName": NaN}',
        b'{"DisplayName": "\xff"}',
        b"[" * 100_000,
        b'{"DisplayName": {"a": 1}}',
        b'{"DisplayName": true}',
        b'{"DisplayName": "a", "PrimaryEmailAddr": "a@example.com"}',
        b'{"DisplayName": "a", "BillAddr": {"Street": "x"}}',
        b'{"DisplayName": "a", "Active": "perhaps"}',
    ],
)
def test_a_body_that_is_no_customer_is_refused_with_2010(api: Api, body: bytes) -> None:
    assert api.code("customer", body) == "2010"
    assert api.listed("customer") == []


@pytest.mark.parametrize("amount", ["1e999", "-1e999", 10**11, "12.345", "1,299.00", True, [], "Infinity"])
def test_an_amount_that_is_no_money_is_refused(api: Api, amount: Any) -> None:
    ada = api.post("customer", {"DisplayName": "Ada"}).json()["Customer"]["Id"]
    body = {"CustomerRef": {"value": ada}, "Line": [line(amount)]}
    raw = json.dumps(body).replace('"1e999"', "1e999").replace('"-1e999"', "-1e999").encode()
    assert api.code("invoice", raw) in ("2010", "6000")


def test_the_largest_numbers_keep_their_cents(api: Api) -> None:
    ada = api.post("customer", {"DisplayName": "Ada"}).json()["Customer"]["Id"]
    body = {"CustomerRef": {"value": ada}, "Line": [line(99999999999.99, TaxCodeRef={"value": "2"})]}
    assert "99999999999.99" in api.post("invoice", body).text
    body["Line"] = [line(1, Qty=99999999999, UnitPrice="99999999999.9")]
    assert api.code("invoice", body) == "6070"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("unicorn", {}, "500"),
        ("taxcode", {"Name": "x"}, "500"),
        ("customer?operation=void", {"Id": "1", "SyncToken": "0"}, "500"),
        ("customer?operation=frobnicate", {"Id": "1", "SyncToken": "0"}, "500"),
        ("payment?operation=void", {"Id": "1", "SyncToken": "0"}, "500"),
        ("invoice?operation=void", {"Id": "1", "SyncToken": "0"}, "610"),
        ("customer", {"DisplayName": "a", "SalesTermRef": {"value": "99"}}, "2500"),
        ("customer", {"DisplayName": "a", "ParentRef": {"value": "99"}}, "2500"),
        ("customer?requestid=" + "x" * 51, {"DisplayName": "a"}, "2050"),
        ("invoice", {"CustomerRef": {"value": "1"}}, "2500"),
        ("invoice", {"Line": []}, "2020"),
        ("payment", {"TotalAmt": 1}, "2020"),
        ("batch", {"BatchItemRequest": [{}] * 31}, "6000"),
        ("item", {"Name": "a", "IncomeAccountRef": {"value": "8"}}, "6000"),
        ("account", {"Name": "Chequing", "AccountType": "Bank"}, "6240"),
    ],
)
def test_what_can_not_be_done_is_refused_by_its_code(api: Api, path: str, body: Any, code: str) -> None:
    assert api.code(path, body) == code


def test_a_body_of_another_type_is_refused(api: Api) -> None:
    assert api.post("customer", b"<Customer/>", "application/xml").status_code == 415
    assert api.post("query", b"select * from Customer", "application/json").status_code == 415


def test_prices_that_include_tax_add_up_to_what_the_buyer_paid(api: Api) -> None:
    api.seed({"company": {"country": "GB", "currency": "GBP"}})
    ada = api.post("customer", {"DisplayName": "Ada"}).json()["Customer"]["Id"]
    body = {"CustomerRef": {"value": ada}, "GlobalTaxCalculation": "TaxInclusive"}
    assert api.code("invoice", {**body, "Line": [line(8.33)]}) == "6000"
    made = api.post("invoice", {**body, "Line": [line(8.33, TaxInclusiveAmt=10)]}).json()["Invoice"]
    assert (made["TotalAmt"], made["TxnTaxDetail"]["TotalTax"]) == (10, 1.67)


def test_two_rates_inside_one_price_leave_one_net(api: Api) -> None:
    ada = api.post("customer", {"DisplayName": "Ada"}).json()["Customer"]["Id"]
    body = {"CustomerRef": {"value": ada}, "GlobalTaxCalculation": "TaxInclusive"}
    body["Line"] = [line(100, TaxInclusiveAmt=114.98, TaxCodeRef={"value": "6"})]
    made = api.post("invoice", body).json()["Invoice"]
    assert made["TotalAmt"] == 114.98
    assert sorted(one["Amount"] for one in made["TxnTaxDetail"]["TaxLine"]) == [5, 9.98]


def test_tax_that_is_sent_per_rate_is_kept_and_must_have_a_rate_to_go_to(api: Api) -> None:
    ada = api.post("customer", {"DisplayName": "Ada"}).json()["Customer"]["Id"]
    body: dict[str, Any] = {"CustomerRef": {"value": ada}, "Line": [line(100, TaxCodeRef={"value": "6"})]}
    lines = api.post("invoice", body).json()["Invoice"]["TxnTaxDetail"]["TaxLine"]
    lines[0]["Amount"], lines[1]["Amount"] = 5.01, 9.96
    body["TxnTaxDetail"] = {"TaxLine": lines}
    made = api.post("invoice", body).json()["Invoice"]
    assert [one["Amount"] for one in made["TxnTaxDetail"]["TaxLine"]] == [5.01, 9.96]
    assert made["TotalAmt"] == 114.97
    assert api.code("invoice", {**body, "TxnTaxDetail": {"TotalTax": 1, "TaxLine": lines}}) == "6000"
    zero = {**body, "Line": [line(100, TaxCodeRef={"value": "3"})]}
    assert api.code("invoice", zero) == "2500"
    assert api.code("invoice", {**zero, "TxnTaxDetail": {"TotalTax": 1}}) == "6000"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"company": {"colour": "red"}}, "unknown field 'colour'"),
        ({"company": {"multicurrency": "yes"}}, "bool"),
        ({"company": {"time_zone": "Mars/Olympus"}}, "no time zone"),
        ({"company": {"book_close_date": "soon"}}, "YYYY-MM-DD"),
        ({"oauth": {"every": 1}}, "unknown field 'every'"),
        ({"Unicorn": []}, "there is no 'Unicorn'"),
        ({"Customer": {"DisplayName": "Ada"}}, "an array is needed"),
        ({"TaxCode": [{"Name": "x", "Rates": {"y": "much"}}]}, "percentages"),
    ],
)
def test_a_seed_that_can_not_be_is_refused_with_its_field(api: Api, data: Any, says: str) -> None:
    answer = api.seed(data)
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_one_request_id_makes_one_invoice_through_every_fault(api: Api) -> None:
    ada = api.post("customer", {"DisplayName": "Ada"}).json()["Customer"]["Id"]
    rates = dict.fromkeys([kind.value for kind in FaultKind], 0.06)
    requests.post(f"{api.admin}/faults", json={"seed": 3, "rates": rates}, timeout=5)
    for number in range(40):
        body = {"DocNumber": f"S{number}", "CustomerRef": {"value": ada}, "Line": [line(10 + number)]}
        while not booked(api, f"invoice?requestid=order-{number}", body):
            pass
    injected = requests.post(f"{api.admin}/faults", json={}, timeout=5).json()["injected"]
    assert set(injected) == {kind.value for kind in FaultKind}
    invoices = api.listed("invoice")
    assert sorted(one["DocNumber"] for one in invoices) == sorted(f"S{number}" for number in range(40))


def booked(api: Api, path: str, body: Any) -> bool:
    try:
        answer = api.post(path, body)
        return answer.status_code == 200 and "Invoice" in answer.json()
    except (requests.RequestException, ValueError):
        return False
