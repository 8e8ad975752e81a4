"""What a hub is handed: compiled, bound and resolved for one environment."""

# ruff: noqa: E501 - a mistake and what is said of it read best side by side

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from crossdock.core.flow import MapFailed
from crossdock.core.retry import RetryPolicy
from crossdock.project import Checked, check_project, load_landscape, load_project

Check = Callable[..., Checked]
Write = Callable[[Mapping[str, str | None]], Path]

FLOW = "on: [deal.created, deal.updated]\nto: out\naction: put_deal\n"


def test_a_flow_has_what_its_file_says(write: Write) -> None:
    flows = load_landscape(
        write(
            {
                "flows/deals.yaml": FLOW + "retry: {attempts: 3, first_delay: 500ms, max_delay: 1h}\ntimeout: 5s\n"
                "on_dead: skip\nfrom: 2026-11-01\nin_flight: 7\ncollapse: none\n"
                "needs: {other: {key: .order.key, model: deal, within: 2h}}\n",
                "flows/plain.yaml": FLOW,
            }
        )
    ).flows
    flow = flows["deals"]
    assert flow.on == {"deal.created", "deal.updated"}
    assert (flow.retry, flow.deadline_s, flow.on_dead, flow.in_flight) == (RetryPolicy(3, 0.5, 3600.0), 5.0, "skip", 7)
    assert flow.begin == 1793491200.0
    assert flow.collapse == "none"
    (need,) = flow.needs
    assert (need.name, need.model, need.within_s, need.then) == ("other", "deal", 7200.0, "hold")
    assert need.key.run({"order": {"key": "shop:1"}}) == ["shop:1"]
    plain = flows["plain"]
    assert (plain.map, plain.where, plain.input, plain.begin, plain.collapse) == (None, None, None, "now", "latest")


def test_a_filter_a_map_and_a_need_read_the_event_and_are_given_what_they_name(write: Write) -> None:
    landscape = load_landscape(
        write(
            {
                "flows/deals.yaml": FLOW + 'where: .stage == "won"\nneeds: {deal: {key: $event.key, within: 1m}}\n'
                'map: |\n  {name: "\\(.name) \\($needs.deal) \\($event.key)", stage: "won"}\n',
                "flows/plain.yaml": FLOW,
            }
        )
    )
    flow = landscape.flows["deals"]
    assert flow.where is not None
    assert flow.map is not None
    assert flow.where.run({"stage": "won"}) == [True]
    event = {"key": "shop:1"}
    assert flow.needs[0].key.run({}, event=event) == ["shop:1"]
    assert flow.map.run({"name": "A"}, needs={"deal": "9"}, event=event) == [{"name": "A 9 shop:1", "stage": "won"}]
    assert flow.input is not None
    assert flow.input.problems({"name": "A"}) == ["stage: is missing"]


def test_a_map_that_fails_says_where_in_the_project(write: Write) -> None:
    landscape = load_landscape(
        write({"flows/deals.yaml": FLOW + "map: |\n  {\n    name: (.name | ltrimstr(1) | tonumber)\n  }\n"})
    )
    flow = landscape.flows["deals"]
    assert flow.map is not None
    with pytest.raises(MapFailed, match=r"^flows/deals\.yaml:6:"):
        flow.map.run({"name": "x"})
    inlet = (
        load_landscape(write({"flows/deals.yaml": FLOW, "maps/deal.jq": '{model: "deal",\n data: (.id | error)}'}))
        .connections["in"]
        .inlets["deal"]
    )
    with pytest.raises(MapFailed, match=r"^maps/deal\.jq:2:"):
        inlet.map.run({"id": "x"})


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([], "made no output"),
        ([{"id": 1}], "every output is {item"),
        ([1], "every output is {item"),
        ([{"item": "", "input": 1}], "key is text or a whole number"),
        ([{"item": True, "input": 1}], "key is text or a whole number"),
        ([{"item": "1", "input": 1}, {"item": 1, "input": 2}], "two items have the key '1'"),
    ],
)
def test_items_are_told_apart_or_refused(write: Write, outputs: list[object], said: str) -> None:
    flow = "on: deal.created\nto: out\naction: send\neach: true\nmap: '.notes[]'\n"
    run = load_landscape(write({"flows/deals.yaml": flow})).flows["deals"].map
    assert run is not None
    assert run.run({"notes": [{"item": 1, "input": {"a": 1}}]}) == [{"item": 1, "input": {"a": 1}}]
    with pytest.raises(MapFailed, match=said):
        run.run({"notes": outputs})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"flows/deals.yaml": FLOW + "map: |\n  .name\n    | nme(1)\n"}, "flows/deals.yaml:6:7: nme/1 is not defined"),
        ({"flows/deals.yaml": FLOW + "where: (.a\n"}, "flows/deals.yaml:4:"),
        ({"flows/deals.yaml": FLOW + "where: '.a == foo'\n"}, "flows/deals.yaml:4:15: foo/0 is not defined"),
        ({"flows/deals.yaml": FLOW + "needs: {deal: {key: $nobody}}\n"}, "flows/deals.yaml:4:21: $nobody is not defined"),
        ({"maps/deal.jq": "{model: 1,\n  x: $event}"}, "maps/deal.jq:2:6: $event is not defined"),
        ({"maps/deal.jq": "."}, None),
    ],
)  # fmt: skip
def test_a_program_that_does_not_compile_is_told_at_its_place(
    check: Check, files: dict[str, str], said: str | None
) -> None:
    if said is None:
        assert check(files).problems == ()
        return
    (problem,) = check(files).errors
    assert str(problem).startswith(said)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"flows/deals.yaml": FLOW + "where: .stag == 1\n"},
            'flows/deals.yaml:4:8: reads .stag, which its input cannot have\n    did you mean "stage"?',
        ),
        (
            {"flows/deals.yaml": FLOW + "map: |\n  {\n    name: .customer.nme\n  }\n"},
            "flows/deals.yaml:6:11: reads .customer.nme",
        ),
        ({"flows/deals.yaml": FLOW + "map: to.jq\n", "maps/to.jq": "{name,\n a: .x}"}, "maps/to.jq:2:5: reads .x,"),
        ({"flows/deals.yaml": FLOW + "needs: {deal: {key: .order.kee}}\n"}, "flows/deals.yaml:4:21: reads .order.kee"),
    ],
)
def test_a_program_that_reads_a_field_the_model_lacks_is_told(check: Check, files: dict[str, str], said: str) -> None:
    (problem,) = check(files).errors
    assert str(problem).startswith(said)


def test_a_flow_of_two_models_may_read_the_fields_of_either(check: Check) -> None:
    flow = "on: [deal.created, order.created]\nto: out\naction: put_deal\n"
    checked = check({"flows/deals.yaml": flow + "map: '{name: (.name // .number), stage: \"won\"}'\n"})
    assert checked.errors == ()
    (problem,) = check({"flows/deals.yaml": flow + "map: '{name: .sku, stage: \"won\"}'\n"}).errors
    assert "reads .sku" in problem.what


def test_two_mistakes_in_two_programs_are_both_told(check: Check) -> None:
    checked = check({"flows/deals.yaml": FLOW + "where: foo\nmap: '{a: bar}'\n", "maps/deal.jq": "baz"})
    assert [problem.file for problem in checked.errors] == ["maps/deal.jq", "flows/deals.yaml", "flows/deals.yaml"]


def test_inbound_maps_name_entities_by_their_connection(write: Write) -> None:
    program = '{model: "deal", verb: "created", id: .id, data: {order: {key: entity_key("order"; .order)}}}'
    connection = load_landscape(write({"maps/deal.jq": program})).connections["in"]
    inlet = connection.inlets["deal"]
    (event,) = inlet.map.run({"id": 1, "order": 7})
    assert event["data"]["order"]["key"] == "in:7"
    assert inlet.keys.asked == {("order", "7")}
    inlet.keys.known["order", "7"] = "shop:99"
    (event,) = inlet.map.run({"id": 1, "order": 7})
    assert event["data"]["order"]["key"] == "shop:99"


def test_a_connectors_own_maps_are_compiled_and_one_may_be_replaced(write: Write) -> None:
    shop = "connector: shopify\nsettings: {shop: a.myshopify.com, currency: CAD}\npolls: {orders: 30s, products: off}\n"
    files = {"connections/shop.yaml": shop + "maps: {orders/create: own.jq, '*': own.jq}\n", "maps/own.jq": "."}
    connection = load_landscape(write(files)).connections["shop"]
    assert connection.inlets["orders/create"].map.run({"a": 1}) == [{"a": 1}]
    assert "*" in connection.inlets
    assert "customers/create" in connection.inlets
    assert connection.polls["orders"] == 30.0
    assert "products" not in connection.polls
    assert connection.polls["customers"] == connection.connector.polls["customers"].every_s


def test_an_environment_lays_its_own_over_the_connections(write: Write) -> None:
    hub = """\
name: trial
listen: {port: 8000}
egress: {allow: ["10.0.0.0/8"]}
environments:
  sandbox:
    listen: {host: 0.0.0.0}
    public_url: https://hub.example.com/
    egress: {allow: ["localhost:9001"]}
    connections:
      out: {settings: {base_url: "http://localhost:9001", actions: {put_deal: {path: /trial}}}, account: trial}
      in: {public_url: "https://elsewhere.example.com/x"}
  production: {store: "postgresql://hub@db.example.com/hub"}
"""
    folder = write({"crossdock.yaml": hub})
    sandbox, production = load_project(folder, "sandbox"), load_project(folder)
    out = sandbox.landscape.connections["out"].connector.actions["put_deal"]
    assert out.settings.path == "/trial"  # type: ignore[attr-defined]
    assert out.settings.idempotency_header == "Idempotency-Key"  # type: ignore[attr-defined]
    assert sandbox.landscape.connections["out"].public_url == "https://hub.example.com/hooks/out"
    assert sandbox.landscape.connections["in"].public_url == "https://elsewhere.example.com/x"
    assert sandbox.accounts == {"out": "trial"}
    assert sandbox.hub.store == "sqlite:.crossdock/sandbox.db"
    assert (sandbox.hub.host, sandbox.hub.port) == ("0.0.0.0", 8420)
    assert sandbox.hub.egress_allow == ("10.0.0.0/8", "localhost:9001")
    assert production.hub.store == "postgresql://hub@db.example.com/hub"
    assert (production.hub.port, production.hub.public_url, production.accounts) == (8000, "", {})
    assert production.landscape.connections["in"].public_url == ""


def test_a_mistake_in_an_override_is_told_in_the_file_that_holds_it(check: Check) -> None:
    hub = "name: x\nenvironments:\n  sandbox:\n    connections:\n      out: {settings: {concurrency: 0, colour: red}}\n"
    checked = check({"crossdock.yaml": hub}, "sandbox")
    assert [(problem.file, problem.line, problem.column) for problem in checked.errors] == [
        ("crossdock.yaml", 5, 37),
        ("crossdock.yaml", 5, 40),
    ]
    assert check({}, "production").errors == ()


def test_settings_of_the_caller_win(write: Write) -> None:
    over = {"out": {"base_url": "http://127.0.0.1:9"}}
    landscape = load_landscape(write({}), overrides=over)
    connector = landscape.connections["out"].connector
    assert connector.settings.base_url == "http://127.0.0.1:9"  # type: ignore[attr-defined]


def test_how_long_a_connection_waits_for_an_answer_is_in_seconds(write: Write) -> None:
    shop = "connector: shopify\nsettings: {shop: a.myshopify.com, currency: CAD}\n"
    files = {"connections/patient.yaml": shop, "connections/hasty.yaml": shop + "timeout: 500ms\n"}
    connections = load_landscape(write(files)).connections
    assert (connections["patient"].deadline_s, connections["hasty"].deadline_s) == (30.0, 0.5)


def test_a_connection_without_webhooks_has_none(write: Write) -> None:
    shop = "connector: shopify\nsettings: {shop: a.myshopify.com, currency: CAD}\nwebhook: false\n"
    assert load_landscape(write({"connections/shop.yaml": shop})).connections["shop"].connector.webhook is None


def test_every_model_of_the_project_is_there_and_retention_is_in_seconds(write: Write) -> None:
    model = (
        "$id: thing@1\ntype: object\nproperties: {a: {type: string, description: A.}}\nadditionalProperties: false\n"
    )
    hub = "name: x\nretention: {effects: 365d, payloads: 30d}\n"
    landscape = load_landscape(write({"models/thing.yaml": model, "crossdock.yaml": hub}))
    assert {"thing", "order", "deal"} <= set(landscape.models)
    assert landscape.models["thing"].problems({"a": 1}) == ["a: should be text, not a number"]
    day = 86_400.0
    assert landscape.retention_s == {
        "payloads": 30 * day,
        "messages": 90 * day,
        "events": 90 * day,
        "effects": 365 * day,
    }


def test_check_tells_what_each_flow_promises_and_why(check: Check) -> None:
    files = {"flows/deals.yaml": FLOW, "flows/loose.yaml": "on: deal.created\nto: out\naction: send\n"}
    checked = check(files)
    deals, loose = checked.reports
    assert (deals.name, deals.file, deals.to, deals.action) == ("deals", "flows/deals.yaml", "out", "put_deal")
    assert deals.guarantee == "once: the platform answers a repeat with its first result"
    assert "out is given a key with each request and remembers it for 1d" in deals.why
    assert loose.guarantee.startswith("at most once: an unknown outcome is held")
    again = check({**files, "flows/loose.yaml": "on: deal.created\nto: out\naction: send\non_unknown: resend\n"})
    assert again.reports[1].guarantee.startswith("at least once")


def test_flows_that_are_well_are_reported_beside_one_that_is_not(check: Check) -> None:
    checked = check({"flows/wrong.yaml": FLOW + "where: foo\n"})
    assert [report.name for report in checked.reports] == ["deals"]
    assert checked.project is None


def test_checking_a_project_leaves_no_trace_in_it(write: Write) -> None:
    folder = write({})
    before = sorted(folder.rglob("*"))
    check_project(folder)
    assert sorted(folder.rglob("*")) == before
