"""Joanna's shop over a simulated life of hers: what its maps make of every order agrees with the shop's own books."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from crossdock.connectors.quickbooks.actions.invoice import read_invoice
from crossdock.core.flow import Flow
from crossdock.core.json import decode, encode
from crossdock.project import Project, load_project
from crossdock.project.templates import write_template
from crossdock.sandbox.catalogue import make
from crossdock.sandbox.shopify.trade import trade

ORDERS = 120
NOTHING = Decimal(0)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("shop")
    write_template("shop", folder)
    return load_project(folder)


@pytest.fixture(scope="module")
def sales(project: Project) -> Sequence[tuple[Any, Any, Any]]:
    """(the order's data, what $event says of it, the shop's own entry) of every order, as it stands at the end."""
    simulator = make("shopify", seed=5)
    life = trade(ORDERS, seed=5)
    simulator.seed({"changes": list(life.setup)})
    for step in life.steps:
        simulator.seed({"changes": [step.change]})
    books = {str(entry["id"]): entry for entry in simulator.list("books")}
    inlet = project.landscape.connections["shopify"].inlets["orders/updated"]
    found = []
    for record in decode(encode(simulator.list("orders"))):
        (order,) = (event for event in inlet.map.run(record) if event["model"] == "order")
        data = decode(encode(order["data"]))
        assert project.landscape.models["order"].problems(data) == []
        found.append((data, {"key": f"shopify:{order['id']}"}, books[order["id"]]))
    return found


def made(flow: Flow, data: Any, event: Any) -> Any:
    """What the action is given, or None where the flow does not take the event."""
    assert flow.where is not None
    assert flow.map is not None
    assert flow.input is not None
    if flow.where.run(data, event=event) != [True]:
        return None
    (output,) = flow.map.run(data, event=event, needs={})
    assert flow.input.problems(output) == []
    return output


def money(value: Any) -> Decimal:
    return Decimal(value["amount"]) if value else NOTHING


def test_every_order_becomes_an_invoice_over_what_was_billed_to_the_cent(
    project: Project, sales: Sequence[tuple[Any, Any, Any]]
) -> None:
    settings: Any = project.landscape.connections["quickbooks"].connector.settings
    booked = 0
    for data, event, entry in sales:
        invoice = made(project.landscape.flows["order-to-invoice"], data, event)
        assert (invoice is None) == entry["test"]
        if invoice is None:
            continue
        booked += 1
        called_off = entry["cancelled"] and not entry["payments"]
        assert called_off or money(invoice["total"]) == Decimal(entry["billed"]), entry["name"]
        lines = sum((money(line["amount"]) for line in invoice["lines"]), NOTHING)
        assert lines + (NOTHING if data["taxes_included"] else money(invoice["tax_total"])) == money(invoice["total"])
        assert sum((money(line.get("tax_amount")) for line in invoice["lines"]), NOTHING) == money(invoice["tax_total"])
        assert read_invoice(invoice, settings).total == money(invoice["total"])
        assert not any(line.kind == "rounding" for line in read_invoice(invoice, settings).lines)
        assert invoice["order"] == {"key": event["key"]}
    assert booked > ORDERS // 2


def test_an_invoice_is_voided_just_where_the_order_was_called_off_before_it_was_paid(
    project: Project, sales: Sequence[tuple[Any, Any, Any]]
) -> None:
    flow, voided = project.landscape.flows["order-to-void"], 0
    assert flow.where is not None
    for data, event, entry in sales:
        called_off = entry["cancelled"] and not any(Decimal(part["amount"]) for part in entry["payments"])
        takes = flow.where.run(data, event=event) == [True]
        assert takes == (called_off and not entry["test"]), entry["name"]
        voided += takes
        assert flow.needs[0].key.run(data, event=event) == [event["key"]]
    assert voided


def test_a_deal_is_worth_what_the_shop_kept_and_lost_where_that_came_to_nothing(
    project: Project, sales: Sequence[tuple[Any, Any, Any]]
) -> None:
    stages = set()
    for data, event, entry in sales:
        deal = made(project.landscape.flows["order-to-deal"], data, event)
        if deal is None:
            assert entry["test"]
            continue
        assert money(deal["amount"]) == Decimal(entry["current"]), entry["name"]
        paid = sum((Decimal(part["amount"]) for part in entry["payments"]), NOTHING)
        back = sum((Decimal(part["amount"]) for part in entry["given_back"]), NOTHING)
        assert (deal["stage"] == "lost") == (entry["cancelled"] or (bool(paid) and back >= paid)), entry["name"]
        stages.add(deal["stage"])
    assert stages == {"won", "lost", "committed"}
